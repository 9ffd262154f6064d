package planning

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

func TestALoadOfAKindThatNoPlanCanBeMadeForIsRefused(t *testing.T) {
	b := newBench(t, false)
	if _, err := b.Make(t.Context(), b.brief(b.now), 0); err != nil {
		t.Fatal(err)
	}
	b.rules.Loads[0].Kind = "thermal"
	_, err := b.Make(t.Context(), b.brief(b.now), 0)
	if err == nil || !strings.Contains(err.Error(), `load geyser is of kind "thermal", for which no plan can be made`) {
		t.Errorf("error %v", err)
	}
	b.rules.Loads[0].Defer = false // only metered
	if _, err := b.Make(t.Context(), b.brief(b.now), 0); err != nil {
		t.Error(err)
	}
}

func TestALoadOfAnotherModelOfTheOptimizerIsNotReadAsAnOnOffOne(t *testing.T) {
	p := &optimizer.Problem{N: 4, Loads: []optimizer.Load{{ID: "car", Variable: &optimizer.Variable{}}, {ID: "geyser", Thermal: &optimizer.Thermal{}}, {ID: "nothing"}}}
	plan := earliest(p, nil)
	for _, l := range p.Loads {
		if a := askedBy(l, 0.5); a.from != 0 || a.to != 0 || len(a.kw) != 0 {
			t.Errorf("%s asks for %+v", l.ID, a)
		}
		if kw := plan.Loads[l.ID].KW; len(kw) != 4 || kw[0]+kw[1]+kw[2]+kw[3] != 0 {
			t.Errorf("%s: %v", l.ID, kw)
		}
	}
}

func TestThePlansSetpointIsThatOfTheRunUnderWay(t *testing.T) {
	p := &Plan{Start: begin(), Slot: 30 * time.Minute, Prices: make([]units.Price, 3), Loads: []LoadPlan{{ID: "car", Power: []units.Power{0, 2300 * units.Watt, -1500 * units.Watt}}}}
	for i, want := range []loads.Setpoint{{}, {On: true, Power: 2300 * units.Watt}, {On: true, Power: -1500 * units.Watt}, {}} {
		if got := p.Setpoint("car", p.Start.Add(time.Duration(i)*p.Slot+p.Slot/2)); got != want {
			t.Errorf("slot %d: %v, want %v", i, got, want)
		}
	}
	if got := p.Setpoint("geyser", p.Start.Add(p.Slot)); got.On {
		t.Errorf("a load of which it knows nothing: %v", got)
	}
}
