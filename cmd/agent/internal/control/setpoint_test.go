package control

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// TestAPlanOfPowersIsToldAsSetpointsThatTheSwitchTakes: the plan's powers become
// what the switch can be told, each run is one start, and what nothing measures is
// counted by the set-point.
func TestAPlanOfPowersIsToldAsSetpointsThatTheSwitchTakes(t *testing.T) {
	b := newBench(t)
	takes := loads.Capability{
		Powers: []loads.PowerRange{
			{From: 1380 * units.Watt, To: 7360 * units.Watt, Step: 230 * units.Watt},
			{From: -1380 * units.Watt, To: -3680 * units.Watt, Step: 230 * units.Watt},
		},
		ReadBack: true, Pause: 10 * time.Second,
	}
	b.st.Plan = &planning.Plan{
		MadeAt: b.now, Start: b.now, Slot: 10 * time.Minute, Prices: make([]units.Price, 5),
		Loads: []planning.LoadPlan{{ID: "geyser", Power: []units.Power{1500 * units.Watt, 5 * units.Kilowatt, -2 * units.Kilowatt, 900 * units.Watt, 0}}},
	}
	device := map[string]loads.Setpoint{loads.SupplyID: {On: true}}
	var sent []string
	var used []units.Energy
	plan, end := b.st.Plan, b.now.Add(5*10*time.Minute)
	for ; b.now.Before(end); b.now = b.now.Add(30 * time.Second) {
		in := Input{Now: b.now}
		for _, id := range []string{"geyser", "washer", loads.SupplyID} {
			f := loads.Fact{ID: id, Observation: loads.Observation{On: device[id].On, Known: true, At: b.now}}
			if id == "geyser" {
				f.Set, f.HasSet, f.Takes = device[id], true, takes
			}
			in.Facts = append(in.Facts, f)
		}
		st, eff := b.site.Step(b.st, in)
		data, err := json.Marshal(st)
		must(t, err)
		if b.st, err = ReadState(data); err != nil {
			t.Fatal(err)
		}
		b.st.Plan = plan // no other one is made
		for _, c := range eff.Commands {
			device[c.ID] = c.Set
			if c.ID == "geyser" && !c.Renew {
				sent = append(sent, c.Set.String())
			}
		}
		if b.now.Sub(plan.Start)%(10*time.Minute) == 10*time.Minute-30*time.Second {
			used = append(used, b.st.load("geyser").Total)
		}
	}
	if want := []string{"on 1380 W", "on 4830 W", "on -1840 W", "off"}; !slices.Equal(sent, want) {
		t.Errorf("told %q, want %q", sent, want)
	}
	if u := b.st.Guard.Unit("geyser"); u.Starts != 1 {
		t.Errorf("%d starts", u.Starts)
	}
	for i, want := range []units.Power{1380 * units.Watt, 4830 * units.Watt, 0, 0} {
		before := units.Energy(0)
		if i > 0 {
			before = used[i-1]
		}
		if got := used[i] - before; got < want.Over(9*time.Minute) || got > want.Over(10*time.Minute)+units.WattHour*50 {
			t.Errorf("in slot %d %v was counted at %v", i, got, want)
		}
	}
}

// odd is a switch whose device makes up names, or whose driver fails at them.
type odd struct {
	set   loads.Setpoint
	modes []string
	fails bool
}

func (odd) Set(context.Context, loads.Setpoint) error { return nil }

func (o odd) Observed(context.Context) (loads.Observation, error) {
	return loads.Observation{On: true, Known: true, At: begin(), Set: o.set, HasSet: true}, nil
}

func (o odd) Takes() loads.Capability {
	if o.fails {
		panic("the driver's own fault")
	}
	return loads.Capability{Modes: o.modes}
}

func TestWhatASwitchMakesUpOfItsSetpointKeepsNothingFromBeingStored(t *testing.T) {
	for _, c := range []struct {
		situation string
		sw        odd
		takes     []string
	}{
		{"it runs in a mode that has no name", odd{set: loads.Setpoint{On: true, Mode: "Eco Mode"}}, nil},
		{"it offers such a mode", odd{set: loads.Setpoint{On: true, Mode: "eco"}, modes: []string{"eco", "Eco Mode"}}, []string{"eco"}},
		{"its driver fails", odd{set: loads.Setpoint{On: true}, fails: true}, nil},
	} {
		b := newBench(t)
		l := NewLoop(LoopConfig{Site: b.site, State: b.st, Switches: map[string]loads.Switch{"geyser": c.sw}, Log: slog.New(slog.DiscardHandler)})
		facts := l.observe(t.Context())
		st, _ := b.site.Step(b.st, Input{Now: b.now.Add(time.Second), Facts: facts})
		text, err := json.Marshal(st)
		if err != nil {
			t.Errorf("%s: %v", c.situation, err)
			continue
		}
		back, err := ReadState(text)
		must(t, err)
		if g := back.load("geyser"); !g.Seen.Known || !g.Seen.On || !slices.Equal(g.Takes.Modes, c.takes) {
			t.Errorf("%s: read back as %+v", c.situation, g)
		}
	}
}
