package control

import (
	"errors"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// leave takes all credit but so much.
func (b *bench) leave(m units.Money) {
	b.t.Helper()
	a, entries, err := b.site.Credit.Adjust(b.st.Credit, b.now, credit.Adjustment, m-b.balance(), "test")
	must(b.t, err)
	b.st.Credit = a
	b.ledger = append(b.ledger, entries...)
	b.st.WantPlan, b.st.AskedAt = true, time.Time{}
	b.reading(time.Minute)
}

// A home that always draws the same: the smallest top-up for a date keeps the
// light on up to it and hardly any longer.
func TestTheSmallestTopUpLastsUntilTheDate(t *testing.T) {
	b := newBench(t)
	b.site.RunOutOver = 4 * 24 * time.Hour
	alone(b)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	b.run(4*24*time.Hour+10*time.Hour, 5*time.Minute) // it gets to know the home
	b.leave(10 * units.One)

	day := b.now.Add(36 * time.Hour) // its local midnight is two and a half days from now
	need, err := b.site.TopUpFor(&b.st, day, units.One)
	must(t, err)
	if until := units.NextLocalMidnight(day, b.site.Zone); !need.Until.Equal(until) || !need.SafeMay || !need.EvenMay || need.Even <= 0 || need.Safe < need.Even {
		t.Fatalf("%+v", need)
	}
	// With nothing more it ends when the plan says, with more later, and with what is
	// needed to the end of a day not before it.
	last := b.st.Plan.RunOut.Mid
	for _, amount := range []units.Money{1, units.One, need.Even, need.Safe} {
		l, ok := b.site.LastsWith(&b.st, amount)
		if !ok || l.Beyond || l.Until.Before(last) {
			t.Fatalf("with %s: %+v, with less %s", amount, l, last)
		}
		if last = l.Until; amount >= need.Even && l.Until.Before(need.Until) {
			t.Errorf("with %s to %s, and half of the futures reach %s", amount, l.Until, need.Until)
		}
	}
	if l, ok := b.site.LastsWith(&b.st, 100*need.Safe); !ok || !l.Beyond || !l.Until.After(need.Until) {
		t.Errorf("with a hundred times as much: %+v", l)
	}
	foretold, _ := b.site.LastsWith(&b.st, need.Safe)
	b.step(Input{What: Token{Text: tokenFor(t, 2, int(need.Safe/units.One)), Source: "page"}})
	for b.now.Before(need.Until) {
		b.reading(5 * time.Minute)
		if !b.states[loads.SupplyID] {
			t.Fatalf("off %s before the date", need.Until.Sub(b.now))
		}
	}
	for b.states[loads.SupplyID] {
		b.reading(5 * time.Minute)
	}
	if off := b.now.Sub(foretold.Until).Abs(); off > time.Hour { // a home sleeps: from midnight to midnight in a straight line it was nearly four
		t.Errorf("it was foretold to last to %s, and lasted to %s", foretold.Until, b.now)
	}
	if more := b.now.Sub(need.Until); more > 12*time.Hour {
		t.Errorf("a smaller top-up would have done: it lasted %s longer", more)
	}

	if _, err := b.site.TopUpFor(&b.st, b.now.AddDate(1, 0, 0), units.One); !errors.Is(err, ErrNotForecast) {
		t.Errorf("a year ahead: %v", err)
	}
	if l, ok := b.site.LastsWith(&State{}, units.One); ok {
		t.Errorf("before the first plan it lasts to %+v", l)
	}
	if _, err := b.site.TopUpFor(&State{}, b.now, units.One); !errors.Is(err, ErrNotForecast) {
		t.Errorf("before the first plan: %v", err)
	}
}

// What a kWh and a run cost in time is what using them does to the end.
func TestWhatARunCostsInTimeIsWhatItTakes(t *testing.T) {
	b := newBench(t)
	b.site.RunOutOver = 4 * 24 * time.Hour
	alone(b)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	b.run(4*24*time.Hour+10*time.Hour, 5*time.Minute)
	b.leave(30 * units.One)
	o := b.st.Plan.Outlook
	if o.PerKWh <= 0 || len(o.Runs) != 2 || o.Runs[0].ID != "geyser" || o.Runs[0].Energy != 6*units.KilowattHour || o.Runs[1].Energy != units.KilowattHour*3/2 {
		t.Fatalf("%+v", o)
	}
	end := b.st.Plan.RunOut.Mid
	b.site.Loads[0].Defer = false // it runs besides the plan
	b.st.Loads[0].Progress.Override = &loads.Override{Run: true, Until: b.now.Add(2 * time.Hour)}
	b.run(2*time.Hour, time.Minute)
	b.st.Loads[0].Progress.Override = &loads.Override{Until: b.now.Add(1000 * time.Hour)}
	for b.states[loads.SupplyID] {
		b.reading(time.Minute)
	}
	if sooner, told := end.Sub(b.now), o.Runs[0].Sooner; (sooner - told).Abs() > told/4+time.Hour {
		t.Errorf("the geyser's run took %s of the credit's time; %s was told (a kWh %s)", sooner, told, o.PerKWh)
	}
}
