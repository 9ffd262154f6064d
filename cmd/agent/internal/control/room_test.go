package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// overs counts how often the site is read above what it may draw, in so long.
func (b *bench) overs(d, step time.Duration, allowed units.Power) (n int) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.reading(step)
		if drawn := b.site.Drawn(&b.st, b.now); drawn.Power > allowed {
			n++
		}
	}
	return n
}

// A car that was held to less is told more when there is room for it, and not when the time
// is over for which it was held: else it is lowered and raised for ever.
func TestACarThatWasLoweredIsToldMoreOnlyWhereThereIsRoom(t *testing.T) {
	b := garage(t)
	b.site.Power = 6 * units.Kilowatt
	b.reading(time.Second)
	if n := b.overs(20*time.Minute, 5*time.Second, b.site.Power); n > 1 {
		t.Errorf("above the limit %d times after it was lowered", n)
	}
	if n := b.count("load_lowered"); n != 1 {
		t.Errorf("lowered %d times", n)
	}
	if got := b.told("car"); got != "on 5290 W" {
		t.Errorf("told %s", got)
	}
	b.power = 2 * units.Kilowatt // 1.5 kW more are drawn besides
	b.run(time.Minute, 5*time.Second)
	if got := b.told("car"); got != "on 3910 W" {
		t.Errorf("the house draws more: %s", got)
	}
	b.power = 500 * units.Watt
	b.run(12*time.Minute, 10*time.Second)
	if got := b.told("car"); got != "on 5290 W" {
		t.Errorf("the house draws less again: %s", got)
	}
}

// A geyser that was shed for a car comes back when the car is done, once: it does not come on
// every five minutes to be shed again.
func TestALoadThatWasShedDoesNotComeBackToBeShedAgain(t *testing.T) {
	b := garage(t)
	b.site.Loads[0].Priority, b.site.Loads[1].Priority = 7, 5 // the geyser is the less important
	guard := loads.DefaultGuard()
	guard.GapMin, guard.GapMax, guard.Spread = 0, 0, 0
	b.site.Guard = loads.NewGuard(guard, b.site.Loads, b.site.Zone)
	b.site.Power = 20 * units.Kilowatt
	b.plans("geyser", b.site.Loads[0].Power)
	b.run(5*time.Minute, 10*time.Second)
	if !b.states["geyser"] {
		t.Fatal("the geyser does not run")
	}
	b.site.Power = 9 * units.Kilowatt
	b.run(20*time.Minute, 10*time.Second)
	if b.states["geyser"] || b.told("car") != "on 7360 W" {
		t.Errorf("the geyser is %v, the car %s", b.states["geyser"], b.told("car"))
	}
	if n := b.count("load_shed"); n != 1 {
		t.Errorf("shed %d times in 20 minutes", n)
	}
	b.plans("car", 0)
	b.run(2*time.Minute, 10*time.Second)
	if !b.states["geyser"] {
		t.Error("there is room, and it stays off")
	}
}

// After a limit, and after a top-up, loads come back one by one.
func TestLoadsComeBackOneByOneAfterWhatHeldThemOff(t *testing.T) {
	for _, row := range []struct {
		name       string
		off, again func(b *bench)
	}{
		{"a limit", func(b *bench) { b.site.Power = 600 * units.Watt }, func(b *bench) { b.site.Power = 0 }},
		{"little credit", func(b *bench) { b.site.Supply.Shed = []ShedRule{{Below: 100000 * units.One}} }, func(b *bench) { b.site.Supply.Shed = nil }},
	} {
		b := garage(t)
		guard := loads.DefaultGuard()
		guard.Supply, guard.SupplyFeedback = true, true
		b.site.Guard = loads.NewGuard(guard, b.site.Loads, b.site.Zone)
		b.plans("geyser", b.site.Loads[0].Power)
		b.run(5*time.Minute, 10*time.Second)
		if !b.states["geyser"] || !b.states["car"] {
			t.Fatalf("%s: %v", row.name, b.states)
		}
		row.off(b)
		b.run(6*time.Minute, 10*time.Second)
		if b.states["geyser"] || b.states["car"] {
			t.Fatalf("%s: %v", row.name, b.states)
		}
		row.again(b)
		var back []time.Time
		for range 240 {
			for _, c := range b.reading(2 * time.Second).Commands {
				if c.Set.On && !c.Renew && c.Attempt == 1 {
					back = append(back, b.now)
				}
			}
		}
		if len(back) != 2 || back[1].Sub(back[0]) < time.Second {
			t.Errorf("%s: they came back at %v", row.name, back)
		}
	}
}

// A charger that cannot do what it is told, and says so, is counted by what it says.
func TestEnergyIsCountedByWhatTheDeviceSaysItFollows(t *testing.T) {
	b := garage(t)
	facts := func() []loads.Fact {
		out := b.facts()
		for i := range out {
			if out[i].ID == "car" {
				out[i].HasPower, out[i].Power = false, 0
				out[i].Set = loads.Setpoint{On: true, Power: 2300 * units.Watt}
			}
		}
		return out
	}
	before := b.st.load("car").Progress.Energy
	for range 60 {
		b.now = b.now.Add(time.Minute)
		st, _ := b.site.Step(b.st, Input{Now: b.now, Facts: facts()})
		b.st = st
	}
	if got := (b.st.load("car").Progress.Energy - before).KWh(); got < 2.2 || got > 2.5 {
		t.Errorf("in an hour at 2.3 kW it is counted %v kWh", got)
	}
}

// A charger whose state flaps is told of, and neither the memory of its starts nor what is
// told of it grows with it.
func TestAChargerThatFlapsIsBounded(t *testing.T) {
	b := garage(t)
	events := 0
	for i := range 1200 {
		b.states["car"], b.sets["car"] = i%2 == 0, loads.Setpoint{}
		if i%2 == 0 {
			b.sets["car"] = loads.Setpoint{On: true, Power: 7360 * units.Watt}
		}
		b.now = b.now.Add(time.Second)
		st, eff := b.site.Step(b.st, Input{Now: b.now, Facts: b.facts()})
		b.st = st
		events += len(eff.Events)
	}
	if u := b.st.Guard.Unit("car"); len(u.Hour) > 60 || events > 60 {
		t.Errorf("in 20 minutes of flapping %d starts are remembered and %d events told", len(u.Hour), events)
	}
}
