package present

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/civil"
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

// On a day of the week on which it is not needed nothing is missing, and it is said so.
func TestALoadThatIsNotNeededTodayIsOff(t *testing.T) {
	monday := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	l, err := loads.Compile(loads.Document{
		ID: "pump", Power: units.Kilowatt, Switch: loads.SwitchDocument{Driver: "house"},
		Need: &loads.NeedDocument{For: time.Hour, Weekdays: civil.Days{time.Tuesday: true}},
	}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for day, code := range map[int]ReasonCode{0: WhyDayOff, 1: WhyNone} {
		now := monday.AddDate(0, 0, day)
		st := &control.State{
			Now: now, Loads: []control.LoadState{{Progress: l.Roll(loads.Progress{}, now)}},
			Plan: &planning.Plan{
				MadeAt: now, Start: now, Slot: 30 * time.Minute, Prices: make([]units.Price, 2), Loads: []planning.LoadPlan{{ID: "pump", Power: make([]units.Power, 2)}},
			},
		}
		st.Ladder.Seen = true
		if got := LoadOf(&control.Site{Loads: []loads.Load{l}}, st, 0); got.State != LoadOff || got.Why.Code != code {
			t.Errorf("day %d: %s because of %q, want %q", day, got.State, got.Why.Code, code)
		}
	}
}
