package present

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
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

// aGeyser needs an hour a day, at any time, and its present day is the one of now.
func aGeyser(t *testing.T, now time.Time, between ...loads.Window) (*control.Site, *control.State) {
	t.Helper()
	l, err := loads.Compile(loads.Document{
		ID: "geyser", Name: "Geyser", Kind: loads.OnOff, Power: units.Kilowatt, Switch: loads.SwitchDocument{Driver: "house"},
		Need: &loads.NeedDocument{For: time.Hour, Between: between},
	}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	st := &control.State{
		Now: now, Loads: []control.LoadState{{ID: "geyser", Progress: l.Roll(loads.Progress{}, now)}},
		Plan: &planning.Plan{
			MadeAt: now, Start: now, Slot: 30 * time.Minute, Prices: make([]units.Price, 48), Loads: []planning.LoadPlan{{ID: "geyser", Power: make([]units.Power, 48)}},
		},
	}
	st.Loads[0].Progress.Carry = 0
	st.Ladder.Seen = true
	tariff, err := tariffs.New(tariffs.Document{
		Name: "flat", Currency: "ZAR", Zone: "UTC", Versions: []tariffs.Version{{Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 1_000_000}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &control.Site{Loads: []loads.Load{l}, Tariff: tariff}, st
}

// What waits for another of its days is not said to wait for its hours where it may run at any hour.
func TestALoadOfAllHoursDoesNotWaitForItsHours(t *testing.T) {
	now := time.Date(2026, 3, 2, 20, 0, 0, 0, time.UTC)
	midnight := now.Add(4 * time.Hour)
	for _, c := range []struct {
		situation string
		between   []loads.Window
		given     time.Duration
		says      string
	}{
		{"at any hour", nil, 0, "Waits until 00:00, when its next day begins."},
		{"from midnight to midnight", []loads.Window{{From: 0, To: 24 * 60}}, time.Hour, "Has all it needs until 00:00, when its next day begins."},
		{"its hours are the night", []loads.Window{{From: 0, To: 6 * 60}}, time.Hour, "Waits until 00:00, when its hours begin."},
	} {
		site, st := aGeyser(t, now, c.between...)
		st.Loads[0].Progress.Delivered = c.given
		st.Plan.Loads[0].Power[8] = units.Kilowatt
		st.Plan.Loads[0].Why = &planning.Reason{Start: midnight, Opens: midnight}
		x := LoadOf(site, st, 0)
		if got := NewWords().For(Unit{}, time.UTC, now).Why(x.Why); got != c.says || x.State != LoadWaiting {
			t.Errorf("%s: %s, %q", c.situation, x.State, got)
		}
	}
}

// What goes without until credit is bought is not said to have nothing planned.
func TestALoadThatWaitsForAPurchaseSaysSo(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	site, st := aGeyser(t, now)
	st.Plan.Awaits = []planning.Awaited{{Load: "geyser", At: now.Add(7 * time.Hour)}}
	say := func() string { return NewWords().For(Unit{}, time.UTC, st.Now).Why(LoadOf(site, st, 0).Why) }
	if got := say(); got != "Waits until there is credit again; by what is usual here, a top-up is expected by about 19:00." {
		t.Error(got)
	}
	st.Plan.Awaits[0].At = now // nobody has bought
	if got := say(); got != "Waits until there is credit again." {
		t.Error(got)
	}
}

// What took nothing when it was on last is neither left out nor short: it seems to need no more.
func TestALoadThatTookNothingIsNotLeftOut(t *testing.T) {
	now := time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC)
	site, st := aGeyser(t, now)
	st.Plan.Short = []planning.Shortfall{{Kind: "energy", Load: "geyser", At: now, Time: time.Hour, Cause: planning.ShortOfHours}}
	code := func() ReasonCode { return LoadOf(site, st, 0).Why.Code }
	if code() != WhyHours || len(slices.Collect(st.Short())) != 1 {
		t.Fatalf("at first: %s", code())
	}
	for _, rest := range []time.Time{now.Add(time.Hour), now.Add(-time.Minute)} { // asked again later, or at once
		st.Loads[0].Progress.Rest = rest
		if code() != WhyRests || len(slices.Collect(st.Short())) != 0 {
			t.Errorf("it rests until %s: %s, short of %v", rest, code(), slices.Collect(st.Short()))
		}
	}
	st.Plan.Short[0].At = st.Loads[0].Progress.To // of another day
	if len(slices.Collect(st.Short())) != 1 {
		t.Error("what it will be short of tomorrow is not said")
	}
}
