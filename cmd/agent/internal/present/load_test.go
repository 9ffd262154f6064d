package present

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// The plan has it on for half an hour, and after ten minutes it has what it needs.
func TestALoadThatHasWhatItNeedsIsDoneThoughItsSlotIsNotOver(t *testing.T) {
	now := time.Date(2026, 3, 2, 1, 10, 0, 0, time.UTC)
	slot := now.Truncate(30 * time.Minute)
	for _, kind := range []loads.Kind{loads.OnOff, loads.Varies} {
		for _, c := range []struct {
			given time.Duration
			code  ReasonCode
		}{{time.Hour, WhyFinished}, {50 * time.Minute, WhyStarting}} {
			l := loads.Load{ID: "a", Kind: kind, Defer: true, Need: time.Hour, Power: units.Kilowatt}
			st := &control.State{
				Now:   now,
				Loads: []control.LoadState{{Progress: loads.Progress{From: slot.Add(-time.Hour), To: slot.Add(23 * time.Hour), Delivered: c.given}}},
				Plan: &planning.Plan{
					Start: slot, Slot: 30 * time.Minute, Prices: make([]units.Price, 2),
					Loads: []planning.LoadPlan{{ID: "a", Power: []units.Power{units.Kilowatt, 0}}},
				},
			}
			if got := LoadOf(&control.Site{Loads: []loads.Load{l}}, st, 0).Why.Code; got != c.code {
				t.Errorf("%s that was given %s: %s, want %s", kind, c.given, got, c.code)
			}
		}
	}
}
