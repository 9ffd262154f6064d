package planning

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// A programme whose hours are too short for it goes short of hours, whatever credit is
// there: to top up would not help.
func TestAProgrammeWithoutRoomIsNotSaidToWantCredit(t *testing.T) {
	b := newBench(t, false, loads.Document{
		ID: "washer", Name: "Washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: 90 * time.Minute, Need: &loads.NeedDocument{Runs: 1},
	})
	b.rules.RunOutOver = 14 * 24 * time.Hour
	b.Learn(b.habits(b.now.AddDate(0, 0, -14), b.now))
	b.left = 500 * units.One
	brief := b.brief(b.now)
	hour := units.Slot{Start: b.now, Len: time.Hour}
	brief.Loads[0].Requests = []loads.Request{{
		Load: "washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: 90 * time.Minute, Time: 90 * time.Minute, Runs: 1, By: hour.End(), Spans: []units.Slot{hour},
	}}
	plan := b.planOf(brief)
	i := slices.IndexFunc(plan.Short, func(s Shortfall) bool { return s.Load == "washer" })
	if i < 0 || plan.Short[i].Cause != ShortOfHours {
		t.Fatalf("an hour is left for 90 minutes: %+v", plan.Short)
	}
}

// Instalments of a debt are taken from the credit whatever is used: it ends sooner by
// what they would have paid for.
func TestInstalmentsOfADebtBringTheEndOfTheCreditNearer(t *testing.T) {
	b := newBench(t, false)
	b.rules.RunOutOver = 14 * 24 * time.Hour
	b.Learn(b.habits(b.now.AddDate(0, 0, -14), b.now))
	b.left = 100 * units.One
	brief := b.brief(b.now)
	without := b.planOf(brief).RunOut.Mid.Sub(b.now)
	midnight := units.NextLocalMidnight(b.now, b.rules.Zone)
	brief.Dues = []Due{{midnight, 25 * units.One}, {midnight.AddDate(0, 0, 13), 25 * units.One}}
	with := b.planOf(brief).RunOut.Mid.Sub(b.now)
	if part := with.Hours() / without.Hours(); part < 0.7 || part > 0.9 {
		t.Errorf("a quarter of the credit falls due: it lasts %s and not %s", with, without)
	}
}

// What falls due once a month is not taken to fall due each week beyond what is seen.

// followed is what the darkness in a single future costs.
func followed(left float64, cost []float64, friendly []bool, buys int) float64 {
	n := len(cost)
	w := way{cost: cost, chance: make([]float64, n), buys: slices.Repeat([]float64{4}, n)}
	a := &ahead{paths: []way{w}, friendly: friendly, near: n, day: 4, perStep: 1 / (levelStep * 4), levels: []uint8{0, 1}}
	for i := range cost {
		a.at = append(a.at, begin().Add(time.Duration(i)*farStep))
		a.long, a.soon = append(a.long, 0.25), append(a.soon, math.Exp2(-float64(i)/4))
		var p [levels]float64
		w.chance[i] = 1 // nothing is bought,
		if i == buys {  // but then
			w.chance[i], p = 0, [levels]float64{1, 1}
		}
		a.prob = append(a.prob, p)
	}
	dark, _ := a.judge(left, laid{})
	return dark
}

func TestADarknessIsAsLongAsItIs(t *testing.T) {
	none := make([]bool, 6)
	for _, c := range []struct {
		situation string
		cost      []float64
		friendly  []bool
		costs     bool
	}{
		{"dark from the second step to the fifth", []float64{1, 1, 1, 1, 1, 1}, none, true},
		{"what would be fed in then does not end it", []float64{1, 1, 1, -9, 1, 1}, none, true},
		{"friendly hours, in which something is bought", []float64{1, 1, 1, 1, 1, 1}, []bool{true, true, true, true, true, true}, false},
		{"friendly hours at first, and a darkness after them", []float64{1, 1, 1, 1, 1, 1}, []bool{true, true, false, false, false, false}, true},
	} {
		got := followed(1.5, c.cost, c.friendly, 5)
		if got < 0 || (got > 0) != c.costs {
			t.Errorf("%s: %v", c.situation, got)
		}
	}
	if now, later := followed(0.5, []float64{1, 1, 1, 1, 1, 1, 1, 1}, make([]bool, 8), 7), followed(4.5, []float64{1, 1, 1, 1, 1, 1, 1, 1}, make([]bool, 8), 7); now <= later || later <= 0 {
		t.Errorf("the darkness of now is %v, that of tomorrow %v", now, later)
	}
}

// What falls due once a month is not taken to fall due each week beyond what is seen.
func TestAMonthsChargeIsNotOfAnyDay(t *testing.T) {
	fixed := []float64{0, 2, 0, 2, 0, 32, 0, 2} // two slots a day, 2 a day, and 30 with a month
	if got := anyDay(fixed, 2); !slices.Equal(got, []float64{0, 2}) {
		t.Errorf("of any day: %v", got)
	}
}
