package control

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/units"
)

// failure is what becomes of plans: the planner says that there is none, or
// nothing.
type failure struct{ answered bool }

// failing is a planner that can be made to fail.
type failing struct {
	Plans
	bad atomic.Bool
}

func (f *failing) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	if f.bad.Load() {
		return planning.Plan{}, contain.Do(func() { _ = make([]int, 1)[len(b.Loads)] })
	}
	return f.Plans.Make(ctx, b, within)
}

func TestWhereNoPlanComesTheLastOneGoesOnAndThenTheLoadsOwnHours(t *testing.T) {
	for name, answered := range map[string]bool{"plans fail": true, "a plan is never answered": false} {
		t.Run(name, func(t *testing.T) {
			const beat = 3 * time.Minute
			b := newBench(t)
			token := tokenFor(t, 1, 500) // credit is no reason here
			b.step(Input{What: Token{Text: token, Source: "page"}})
			pass := func() {
				b.now = b.now.Add(beat)
				b.step(Input{})
			}
			for range 20 {
				pass()
			}
			b.ill = &failure{answered}
			last, broke := b.st.Plan, b.now
			ran := map[string]*[2]time.Duration{"geyser": {}, "washer": {}}
			for b.now.Before(broke.Add(72 * time.Hour)) {
				pass()
				after := 0
				if !last.Reaches(b.now) {
					after = 1
				}
				for id, r := range ran {
					if b.states[id] {
						r[after] += beat
					}
				}
				if at := b.now.Add(-2 * beat); after == 0 && last.Setpoint("geyser", at).On == last.Setpoint("geyser", b.now).On && last.Setpoint("geyser", b.now).On != b.states["geyser"] {
					t.Fatalf("at %s the last plan is not followed", b.now)
				}
			}
			geyser, washer := ran["geyser"], ran["washer"]
			t.Logf("while the plan lasted: geyser %s, washer %s; in two days after it: geyser %s, washer %s", geyser[0], washer[0], geyser[1], washer[1])
			if geyser[1] < 210*time.Minute || geyser[1] > 6*time.Hour+10*time.Minute {
				t.Errorf("in two days without a plan the geyser ran %s of 4 h", geyser[1])
			}
			if washer[1] < 175*time.Minute || washer[1] > 275*time.Minute {
				t.Errorf("in two days without a plan the washer ran %s of 3 h", washer[1])
			}
			if b.st.Health.Has(health.PlanFailed, "") != answered {
				t.Errorf("warned: %v", !answered)
			}
			b.st.WantPlan = true
			b.ill = nil
			for range 5 {
				pass()
			}
			if answered && (b.st.Health.Has(health.PlanFailed, "") || !b.st.Plan.Reaches(b.now)) {
				t.Error("no plan came back by itself")
			}
		})
	}
}

func TestAPlannerThatPanicsIsSaidWithThePlaceAndComesBackByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSlowHouse(t, nil)
		f, _ := h.cfg.Planner.(*failing)
		f.bad.Store(true)
		h.draw(t, 500*units.Watt, 2*time.Minute)
		st := h.Snapshot().State
		if !st.Health.Has(health.PlanFailed, "") {
			t.Fatal("no warning")
		}
		for _, w := range st.Health.Active {
			if w.Code == health.PlanFailed && !strings.Contains(w.Cause.String(), "unplanned_test.go:") {
				t.Errorf("the place is not named: %s", w.Cause)
			}
		}
		f.bad.Store(false)
		h.draw(t, 500*units.Watt, 2*time.Minute)
		if st = h.Snapshot().State; st.Health.Has(health.PlanFailed, "") || st.Plan == nil {
			t.Error("no plan came back by itself")
		}
	})
}

func TestAPanicInAStepLeavesItsInputOutAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSlowHouse(t, nil)
		h.draw(t, units.Kilowatt, 10*time.Second)
		// A plan that no step can look at: a load of it has no slots.
		sick := &planning.Plan{MadeAt: time.Now(), Start: time.Now(), Slot: -1, Loads: []planning.LoadPlan{{ID: "geyser"}}}
		_, err := h.Feed(t.Context(), Input{What: NewPlan{*sick}})
		must(t, err)
		h.washer.ask(func() { panic("a driver's fault") })
		h.draw(t, units.Kilowatt, 10*time.Second)
		before := h.Snapshot().State.Meter.Registers.Import
		// An input that no step can take: the loop itself breaks its site, and mends it.
		// The guard is what a step alone needs; a plan under way reads the rest.
		guardWas := h.cfg.Site.Guard
		h.washer.ask(func() { h.cfg.Site.Guard = nil })
		if _, err := h.Feed(t.Context(), Input{}); err == nil {
			t.Fatal("the step does not fail: the test proves nothing")
		}
		h.washer.ask(func() { h.cfg.Site.Guard = guardWas })
		if !h.Snapshot().State.Health.Has(health.StepFailed, "") {
			h.draw(t, units.Kilowatt, time.Second)
		}
		h.draw(t, units.Kilowatt, 30*time.Second)
		st := h.Snapshot().State
		if !st.Health.Has(health.StepFailed, "") {
			t.Error("no warning")
		}
		if got := st.Meter.Registers.Import - before; got < units.Kilowatt.Over(30*time.Second) {
			t.Errorf("%s counted after it", got)
		}
		time.Sleep(time.Hour)
		if h.Snapshot().State.Health.Has(health.StepFailed, "") {
			t.Error("the warning stays")
		}
	})
}
