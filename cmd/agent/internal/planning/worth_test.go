package planning

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// served is what a plan gives the loads, in kWh.
func (b *bench) servedBy(plan Plan) map[string]float64 {
	got := map[string]float64{}
	for _, l := range plan.Loads {
		for _, p := range l.Power {
			got[l.ID] += p.Over(b.rules.Slot).KWh()
		}
	}
	return got
}

// A home with more credit is never given less of anything: whatever it buys, whatever
// its loads.
func TestMoreCreditNeverDeliversLess(t *testing.T) {
	homes, long := 0, os.Getenv("KEEPLIT_LONG") == "1"
	run := func(r *rapid.T) {
		if homes++; !long && homes > 8 {
			return
		}
		none := time.Duration(0)
		var all []loads.Document
		for i := range rapid.IntRange(1, 3).Draw(r, "loads") {
			d := loads.Document{
				ID: fmt.Sprintf("load%d", i), Name: "Load", Kind: loads.OnOff, MinOff: &none,
				Power:    units.Power(rapid.IntRange(5, 30).Draw(r, "power")) * 100 * units.Watt,
				Priority: rapid.IntRange(1, 3).Draw(r, "priority"),
				Need:     &loads.NeedDocument{For: time.Duration(rapid.IntRange(1, 8).Draw(r, "need")) * 30 * time.Minute},
			}
			if rapid.Bool().Draw(r, "programme") {
				d.Kind, d.MinOff, d.Cycle, d.Need = loads.Cycle, nil, 90*time.Minute, &loads.NeedDocument{Runs: 1}
			}
			all = append(all, d)
		}
		b := newBench(t, false, all...)
		b.Within(2 * time.Millisecond)
		b.rules.RunOutOver = 7 * 24 * time.Hour
		b.Learn(b.habits(b.now.AddDate(0, 0, -8), b.now))
		b.now = b.now.Add(time.Duration(rapid.IntRange(0, 47).Draw(r, "now")) * 30 * time.Minute)
		var bought Purchases
		bought.PerDay, bought.Over = 30, 7
		at := b.now.AddDate(0, 0, -40)
		for range rapid.IntRange(0, 12).Draw(r, "purchases") {
			at = at.Add(time.Duration(rapid.IntRange(6, 200).Draw(r, "gap")) * time.Hour)
			if at.After(b.now) {
				break
			}
			left := units.FromFloat(rapid.Float64Range(0, 100).Draw(r, "left"))
			bought = bought.Watch(time.UTC, nil, at.Add(-time.Hour), left).Watch(time.UTC, nil, at, left)
			bought = bought.Buy(time.UTC, at, left, left+units.FromFloat(rapid.Float64Range(5, 200).Draw(r, "amount")))
		}
		balance, step := 0.0, rapid.Float64Range(2, 25).Draw(r, "step")
		var last map[string]float64
		for range 6 {
			brief := b.brief(b.now)
			brief.Left, brief.Purchases = units.FromFloat(balance), &bought
			got := b.servedBy(b.planOf(brief))
			for id, kwh := range last {
				if got[id] < kwh-1e-6 {
					r.Fatalf("with %.2f %s gets %.3f kWh, with %.2f less it got %.3f", balance, id, got[id], step, kwh)
				}
			}
			last = got
			balance += step
		}
	}
	rapid.Check(t, run)
	for long && homes < 1000 {
		rapid.Check(t, run)
	}
}

// weeks is a home that spends 30 a day and buys by a rule, looked at each half hour.
func weeks(days int, buys func(at time.Time, left float64) float64) Purchases {
	var p Purchases
	left, at := 60.0, begin()
	for range days * 48 {
		at = at.Add(30 * time.Minute)
		left = max(0, left-30.0/48)
		p = p.Watch(time.UTC, nil, at, units.FromFloat(left))
		if amount := buys(at, left); amount > 0 {
			p = p.Buy(time.UTC, at, units.FromFloat(left), units.FromFloat(left+amount))
			left += amount
		}
	}
	return p
}

// A shop that is closed from Friday evening to Monday morning: nothing is bought then,
// and that nothing was says nothing of how people buy.
func TestNothingIsBoughtWhileTheVendorIsClosed(t *testing.T) {
	var hours civil.Hours
	must(t, hours.SetText("Mon-Fri 08:00-18:00"))
	vendor := civil.Week{hours}
	learn := func(vendor civil.Week) Purchases {
		p, left, at := Purchases{}, 60.0, begin()
		for range 60 * 48 {
			at = at.Add(30 * time.Minute)
			left = max(0, left-30.0/48)
			p = p.Watch(time.UTC, vendor, at, units.FromFloat(left))
			if left < 14 && at.Minute() == 0 && open(civil.Week{hours}, at) {
				p = p.Buy(time.UTC, at, units.FromFloat(left), units.FromFloat(left+40))
				left += 40
			}
		}
		return p
	}
	told, untold := learn(vendor), learn(nil)
	knows, guesses := told.habit(time.UTC, vendor, 30), untold.habit(time.UTC, nil, 30)
	friday := begin()
	for friday.Weekday() != time.Friday {
		friday = friday.AddDate(0, 0, 1)
	}
	for h := range 24 * 7 {
		at := friday.Add(time.Duration(h) * time.Hour)
		if got, isOpen := knows.factor(at), open(vendor, at); (got > 0) != isOpen {
			t.Errorf("at %s the factor is %v", at.Format("Mon 15:04"), got)
		}
		if !open(vendor, at) && guesses.factor(at) == 0 {
			t.Error("who knows nothing of the hours is sure of them")
		}
	}
	if knows.levels[0] < 1.5*guesses.levels[0] {
		t.Errorf("where nothing is left they buy %.2f times a day; not knowing the hours %.2f", knows.levels[0], guesses.levels[0])
	}
}

func TestPurchasesAreLearnedByHourDayAndWhatIsLeft(t *testing.T) {
	low := weeks(60, func(at time.Time, left float64) float64 {
		if h := at.Hour(); at.Minute() == 0 && (h == 7 || h == 18) && left < 14 {
			return 40
		}
		return 0
	})
	pay := weeks(90, func(at time.Time, _ float64) float64 {
		if at.Day() == 25 && at.Hour() == 12 && at.Minute() == 0 {
			return 900
		}
		return 0
	})
	h := low.habit(time.UTC, nil, 30)
	if at := begin(); h.levels[level(0.4)] < 5*h.levels[level(1.5)] || h.factor(at.Add(20*time.Hour)) < 5*h.factor(at.Add(12*time.Hour)) {
		t.Errorf("who buys when low, at seven and at six: %v by band, %v by hour", h.levels, h.hours)
	}
	if got := h.likely(begin().Day(), 0.5); got != 40 {
		t.Errorf("%v is bought, not 40", got)
	}
	h = pay.habit(time.UTC, nil, 30)
	if h.days[25] < 4*h.days[10] {
		t.Errorf("who buys on the 25th: %v", h.days)
	}
	var back Purchases
	text, err := json.Marshal(low)
	must(t, err, json.Unmarshal(text, &back))
	again, err := json.Marshal(back)
	must(t, err)
	if string(again) != string(text) {
		t.Errorf("read back as\n%s\nnot\n%s", again, text)
	}
}

func TestAHomeThatBuysWhenItIsLowIsNotStarved(t *testing.T) {
	low := weeks(40, func(at time.Time, left float64) float64 {
		if h := at.Hour(); at.Minute() == 0 && (h == 7 || h == 18) && left < 25 {
			return 40
		}
		return 0
	})
	pay := weeks(90, func(at time.Time, left float64) float64 {
		if at.Day() == 25 && at.Hour() == 12 && at.Minute() == 0 {
			return 900
		}
		return 0
	})
	for name, c := range map[string]struct {
		bought *Purchases
		left   units.Money
		want   bool
	}{
		"it buys when it is low":                        {&low, 26 * units.One, true},
		"the same, with plenty":                         {&low, 100 * units.One, true},
		"it buys on pay day, three weeks away":          {&pay, 100 * units.One, false},
		"it buys on pay day, and has enough until then": {&pay, 2000 * units.One, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false)
			b.rules.RunOutOver = 14 * 24 * time.Hour
			b.Learn(b.habits(b.now.AddDate(0, 0, -14), b.now))
			brief := b.brief(b.now)
			brief.Left, brief.Purchases = c.left, c.bought
			plan := b.planOf(brief)
			if got := b.servedBy(plan)["geyser"]; (got >= 6) != c.want {
				t.Errorf("the geyser gets %.1f kWh; %+v", got, plan.Short)
			}
			credit := false
			for _, s := range plan.Short {
				credit = credit || s.Load == "geyser" && s.Cause == ShortOfCredit
			}
			if credit == c.want {
				t.Errorf("the plan says %+v", plan.Short)
			}
		})
	}
}

func BenchmarkWhatCreditIsWorth(b *testing.B) {
	n := newBench(b, false)
	n.rules.RunOutOver = 14 * 24 * time.Hour
	n.Learn(n.habits(n.now.AddDate(0, 0, -28), n.now))
	brief := n.brief(n.now)
	brief.Left = 100 * units.One
	n.look(&brief)
	v := n.vista(&brief)
	for b.Loop() {
		n.rules.ahead(&brief, v)
	}
}
