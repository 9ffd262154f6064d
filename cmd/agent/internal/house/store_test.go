package house

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// steady is a base that draws 1 kW always.
type steady struct{}

func (steady) Energy(from, to time.Time) (units.Energy, bool) {
	return units.Kilowatt.Over(to.Sub(from)), true
}

// What panels make, the house uses and flows in and out is the same energy to what a battery loses; a battery
// that is left to itself never takes from the grid nor gives to it, and one that is told does as it is told.
func TestSunAndBatteryConserveEnergy(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store := loads.Store{Capacity: 8 * units.KilowattHour, Charge: 3 * units.Kilowatt, Discharge: 3 * units.Kilowatt, Reserve: 200, Efficiency: 81}
	p, err := New(Config{Base: steady{}, Start: start, Seed: 3, Loads: []Appliance{
		{ID: "roof", Kind: Panels, Power: 4 * units.Kilowatt, Latitude: -26},
		{ID: "battery", Kind: Battery, Power: store.Charge, Powers: store.Powers(), Store: store},
	}})
	if err != nil {
		t.Fatal(err)
	}
	battery, _ := p.Switch("battery")
	held := func(s State) float64 { return store.Capacity.KWh() - s.Loads[0].Deficit.KWh() }
	took, gave, made := 0.0, 0.0, 0.0
	for minute := range 5 * 24 * 60 {
		before := p.State()
		told := minute >= 3*24*60
		if told && minute%60 == 0 {
			set := []loads.Setpoint{{On: true, Power: 2 * units.Kilowatt}, {On: true, Mode: loads.Rests}, {On: true, Power: -2500 * units.Watt}}[minute/60%3]
			if err := battery.Set(context.Background(), set); err != nil {
				t.Fatal(err)
			}
			if o, _ := battery.Observed(context.Background()); o.Set != set || !o.HasCharge {
				t.Fatalf("told %v it says %+v", set, o)
			}
		}
		r := p.Advance(start.Add(time.Duration(minute+1) * time.Minute))
		s := p.State()
		flow := s.Loads[0].Flow
		made -= (s.Loads[1].Used - before.Loads[1].Used).KWh()
		if e := flow.Over(time.Minute).KWh(); e > 0 {
			took += e
		} else {
			gave -= e
		}
		house := units.Kilowatt + s.Loads[1].Flow
		if !told && (flow > 0 && flow > max(0, -house)+units.Watt || flow < 0 && -flow > max(0, house)+units.Watt) {
			t.Fatalf("left to itself it takes %v beside a house at %v", flow, house)
		}
		if h := held(s); h < -1e-6 || h > 8+1e-6 {
			t.Fatalf("it holds %.3f kWh", h)
		}
		if got := r.Sample.Power - house - flow; got > 2*units.Watt || got < -2*units.Watt {
			t.Fatalf("the meter shows %v, the house %v and the battery %v", r.Sample.Power, house, flow)
		}
	}
	s := p.State()
	if made < 40 || made > 160 {
		t.Errorf("in five days 4 kW of panels make %.1f kWh", made)
	}
	in, out := s.Register.KWh(), s.Export.KWh()
	if d := in + made - out - 120 - took + gave; math.Abs(d) > 0.02 {
		t.Errorf("%.3f kWh are lost: %.2f in, %.2f made, %.2f out, 120 used, %.2f taken, %.2f given", d, in, made, out, took, gave)
	}
	if d := 4 + took*0.9 - gave/0.9 - held(s); math.Abs(d) > 0.02 {
		t.Errorf("it took %.2f kWh, gave %.2f and holds %.2f", took, gave, held(s))
	}
	if took < 10 || gave < 10 {
		t.Errorf("it took %.1f kWh and gave %.1f", took, gave)
	}
}
