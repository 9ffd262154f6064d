package loadstest

import (
	"context"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Gauge is the emulated device of a switch that is only heard.
type Gauge interface {
	// Draw has it draw so much, or give where that is below zero.
	Draw(p units.Power)
	// Fail gives it a fault, or repairs it with Sound.
	Fail(f Fault)
}

// GaugeTarget is such a switch on its device.
type GaugeTarget struct {
	Switch loads.Switch
	Gauge  Gauge
	Faults []Fault // those its kind of device can have
	Stale  time.Duration
}

// RunGauge is the suite that every driver passes whose device is only heard: what it says is what
// is, whatever the device does, and what is not heard is not known.  open gives a new device that
// draws nothing, with a new switch on it.
func RunGauge(t *testing.T, open func(t *testing.T) GaugeTarget) {
	levels := []units.Power{-2500 * units.Watt, 0, -120 * units.Watt, -4321 * units.Watt}
	says := func(t *testing.T, g GaugeTarget, p units.Power) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			o, err := g.Switch.Observed(context.Background())
			if err == nil && o.Known && o.HasPower && o.Power == p && o.On == (p != 0) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("it draws %v, and the switch says %+v, %v", p, o, err)
			}
		}
	}
	t.Run("says what is", func(t *testing.T) {
		g := open(t)
		for _, p := range levels {
			g.Gauge.Draw(p)
			says(t, g, p)
		}
	})
	t.Run("is told nothing", func(t *testing.T) {
		g := open(t)
		for _, s := range []loads.Setpoint{{On: true}, {}, {On: true, Power: -units.Kilowatt}} {
			if err := g.Switch.Set(context.Background(), s); err == nil {
				t.Errorf("%v is taken", s)
			}
		}
		g.Gauge.Draw(levels[0])
		says(t, g, levels[0])
	})
	for _, f := range open(t).Faults {
		t.Run(string(f), func(t *testing.T) {
			g := open(t)
			g.Gauge.Draw(levels[0])
			says(t, g, levels[0])
			g.Gauge.Fail(f)
			failed := time.Now()
			g.Gauge.Draw(levels[2])
			for {
				o, err := g.Switch.Observed(context.Background())
				if err == nil && o.Known && o.HasPower && o.Power != levels[0] && o.Power != levels[2] {
					t.Fatalf("%v was never drawn: %+v", o.Power, o)
				}
				if (err != nil || !o.Known) && time.Since(failed) > g.Stale/2 {
					break
				}
				if time.Since(failed) > g.Stale+patience {
					t.Fatalf("long after it failed the switch says %+v", o)
				}
				time.Sleep(time.Millisecond)
			}
			g.Gauge.Fail(Sound)
			says(t, g, levels[2])
			g.Gauge.Draw(levels[3])
			says(t, g, levels[3])
		})
	}
}
