package planning

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// looksAt is a home that spends 30 a day and buys 40 where less than below is left at
// seven or at six, local time.
func looksAt(below float64) Purchases {
	return weeks(40, func(at time.Time, left float64) float64 {
		if h := at.Hour(); at.Minute() == 0 && (h == 7 || h == 18) && left < below {
			return 40
		}
		return 0
	})
}

// Where just too much is left to buy at six and too little for the night, a load runs
// before six; but not for three times the price.
func TestALoadRunsBeforePeopleLookWhereThatBringsTheirPurchaseBeforeTheNight(t *testing.T) {
	low := looksAt(14)
	for _, c := range []struct {
		situation string
		left      units.Money
		night     units.Price
		day       bool
	}{
		{"18 would be left at six, and 23 is used up to seven", 31 * units.One, 2_900_000, true},
		{"60 would be left at six", 73 * units.One, 2_900_000, false},
		{"18 would be left at six, and the night costs a third", 31 * units.One, 1_000_000, false},
	} {
		b := newBench(t, false)
		b.rules.Tariff = nightAt(t, b.rules.Zone, c.night)
		b.rules.Zone = time.UTC
		b.rules.RunOutOver = 14 * 24 * time.Hour
		b.now = b.now.Add(10 * time.Hour) // eight in the morning, as the purchases are counted
		b.Learn(b.habits(b.now.AddDate(0, 0, -21), b.now))
		b.progress["geyser"] = loads.Progress{}
		brief := b.brief(b.now)
		brief.Left, brief.Purchases = c.left, &low
		plan := b.planOf(brief)
		day := 0
		for _, at := range on(plan, "geyser") {
			if at.Before(b.now.Add(10 * time.Hour)) {
				day++
			}
		}
		if (day > 0) != c.day || len(plan.Short) > 0 && !c.day {
			t.Errorf("%s: the geyser runs for %d slots before six; %+v", c.situation, day, plan.Short)
		}
	}
}

func TestPurchasesSayNothingOfAnHourInWhichTheCreditWasNeverLow(t *testing.T) {
	// Bought at seven alone, because there is never little at six: whether they look then is
	// not known.  At noon there is, and nobody buys.
	seven := weeks(40, func(at time.Time, left float64) float64 {
		if at.Hour() == 7 && at.Minute() == 0 && left < 14 {
			return 27
		}
		return 0
	})
	dry := weeks(40, func(at time.Time, left float64) float64 {
		if at.Hour() == 7 && at.Minute() == 0 && left < 2 {
			return 14
		}
		return 0
	})
	a, b := seven.habit(time.UTC, nil, 30), dry.habit(time.UTC, nil, 30)
	if a.hours[7] < 5*a.hours[18] {
		t.Errorf("bought at seven: %.2f", a.hours)
	}
	if b.hours[18] > a.hours[18]/2 {
		t.Errorf("it is low at six each day and nothing is bought: %.2f, and %.2f where it is not", b.hours[18], a.hours[18])
	}
	for i := 1; i < levels; i++ {
		if a.levels[i] > a.levels[i-1] {
			t.Errorf("more is bought with more left: %v", a.levels)
		}
	}
}

func TestValuesAreMadeNotToRiseByTheMeanOfThoseThatDo(t *testing.T) {
	values, weights := []float64{3, 1, 2, 6, 1}, []float64{1, 1, 2, 1, 1}
	falling(values, weights)
	if want := []float64{3, 2.75, 2.75, 2.75, 1}; !slices.Equal(values, want) {
		t.Errorf("%v, want %v", values, want)
	}
}

// A need that its hours have no room for takes no more credit than they have.
func TestANeedBeyondItsHoursTakesNoCreditThatIsNotSpent(t *testing.T) {
	b := newBench(t, false, geyser(2*time.Hour))
	b.rules.RunOutOver = 14 * 24 * time.Hour
	b.Learn(b.habits(b.now.AddDate(0, 0, -14), b.now))
	brief := b.brief(b.now)
	brief.Left = 100 * units.One
	brief.Loads[0].Requests[0].Spans = []units.Slot{{Start: b.now, Len: time.Hour}}
	_, o := b.look(&brief)
	_, jobs := b.rules.problem(&brief, o)
	for _, n := range b.rules.needed(o, jobs[:1], b.rules.ahead(&brief, b.vista(&brief)), 0) {
		if n.n != 2 {
			t.Errorf("%s: %d slots of an hour", jobs[n.job].job.ID, n.n)
		}
	}
}

func TestAJobThatIsSplitAtTheLookIsNotHeldOnAfterIt(t *testing.T) {
	j := job{opens: true, job: optimizer.Load{ID: "geyser", OnOff: &optimizer.OnOff{
		KW: 3, NeedSlots: 4, To: 20, MaxStarts: 4, Switching: optimizer.Switching{MinOn: 3, MinOff: 1, InitOn: true, Hold: 2}, Shut: [][2]int{{8, 12}},
	}}}
	parts := j.split(10, 1, 3)
	if len(parts) != 2 {
		t.Fatalf("%d parts", len(parts))
	}
	a, b := parts[0].job.OnOff, parts[1].job.OnOff
	if a.To != 10 || a.NeedSlots != 1 || a.MinOn != 1 || a.Hold != 1 || !bool(a.InitOn) || !slices.Equal(a.Shut, [][2]int{{8, 10}}) {
		t.Errorf("before: %+v", a)
	}
	if b.From != 10 || b.NeedSlots != 3 || b.Hold != 0 || bool(b.InitOn) || !slices.Equal(b.Shut, [][2]int{{10, 12}}) || parts[1].opens {
		t.Errorf("after: %+v", b)
	}
	if parts = j.split(10, 0, 4); len(parts) != 1 || parts[0].job.OnOff.From != 10 {
		t.Errorf("all after it: %+v", parts)
	}
}

// A run of tomorrow is not today's run moved.
func TestARunOfAnotherDayGainsNothingByBeingMoved(t *testing.T) {
	b := newBench(t, false, geyser(time.Hour))
	brief := b.brief(b.now)
	announced := func(slot int) *Plan {
		p := &Plan{Start: b.now, Slot: 30 * time.Minute, Prices: slices.Repeat([]units.Price{2_000_000}, 96), Loads: []LoadPlan{{ID: "geyser", Power: make([]units.Power, 96)}}}
		p.Loads[0].Power[slot], p.Loads[0].Power[slot+1] = 3*units.Kilowatt, 3*units.Kilowatt
		return p
	}
	brief.Last = announced(2)
	for slot, gains := range map[int]bool{20: true, 60: false} {
		next := announced(slot)
		next.Prices[slot], next.Prices[slot+1] = 1_000_000, 1_000_000
		if from, gain := b.rules.moved(&brief, next, 0); from.IsZero() || (gain > 0) != gains {
			t.Errorf("to slot %d: from %v for %v", slot, from, gain)
		}
	}
}

func TestAPlanIsReadAsFarAsItGoes(t *testing.T) {
	p := &Plan{Start: begin(), Slot: 30 * time.Minute, Prices: make([]units.Price, 4), Loads: []LoadPlan{{ID: "geyser", Power: []units.Power{units.Kilowatt}}}}
	if !p.draws(0, begin()) || p.draws(0, begin().Add(time.Hour)) || p.draws(0, begin().Add(-time.Hour)) {
		t.Error("a load's powers end before the plan's slots")
	}
}

// A wish as far as nobody sees is not followed, and prices stay below zero.
func TestPricesStayBelowZeroWhereAWishIsNotFollowed(t *testing.T) {
	b := paidForAtOne(t)
	b.left = 500 * units.One
	b.until = b.now.AddDate(0, 0, 30)
	b.runsAtOne(t)
}

func TestAMonthOfReactiveEnergyAloneMakesNoKWOfAnyPrice(t *testing.T) {
	b := newBench(t, false, geyser(2*time.Hour))
	b.rules.Tariff = demandTariff(t, "Africa/Johannesburg", tariffs.DemandCharge{Interval: 30 * time.Minute, Unit: tariffs.KVA})
	b.drawn(0.01, 30, 1000)
	_, _, p := b.problem()
	if d := p.Demand[0]; math.Abs(d.PricePerKW-100/tariffs.LeastFactor) > 1e-6 {
		t.Errorf("a kW costs %v", d.PricePerKW)
	}
}

func TestPurchasesInAnotherUnitAreForgotten(t *testing.T) {
	p := looksAt(14).In("ZAR")
	if again := p.In("ZAR"); len(again.Bought) == 0 || again.PerDay == 0 {
		t.Error("in the same unit they are forgotten")
	}
	if other := p.In("kWh"); len(other.Bought) != 0 || other.PerDay != 0 || other.Levels != (Purchases{}).Levels || other.Unit != "kWh" {
		t.Errorf("in another unit they stay: %+v", other)
	}
}
