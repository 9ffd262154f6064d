package present

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Where no meter tells what flows nobody says that sun is over: what is told to be taken then is planned from the grid,
// and what is taken by itself the inverter knows.
func TestWhatABatteryTakesIsNotCalledSunWhereNobodyKnows(t *testing.T) {
	now := time.Date(2026, 3, 2, 1, 10, 0, 0, time.UTC)
	l := loads.Load{ID: "store", Kind: loads.Battery, Store: loads.Store{Charge: 3 * units.Kilowatt, Discharge: 3 * units.Kilowatt}}
	for _, row := range []struct {
		set  loads.Setpoint
		code ReasonCode
	}{{loads.Setpoint{On: true, Power: 2 * units.Kilowatt}, WhyTakesGrid}, {loads.Setpoint{}, WhyByItself}} {
		st := &control.State{
			Now:   now,
			Loads: []control.LoadState{{ID: "store", Seen: loads.Observation{Known: true, On: row.set.On, At: now, Power: 2 * units.Kilowatt, HasPower: true, Set: row.set, HasSet: true}}},
			Guard: loads.GuardState{Units: []loads.UnitState{{ID: "store", Set: row.set, Confirmed: true}}},
		}
		if got := LoadOf(&control.Site{Loads: []loads.Load{l}}, st, 0); got.State != LoadRunning || got.Why.Code != row.code {
			t.Errorf("told %v it takes: %s because of %q, want %q", row.set, got.State, got.Why.Code, row.code)
		}
	}
}
