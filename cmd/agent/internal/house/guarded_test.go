package house

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// TestGuardOnThePlant runs the guard against the simulated switches for days of
// random wishes, cut-offs, faults and restarts, and looks at what physically
// happened: no sound load starts before its minimum off time, none uses energy
// while the credit rules want the supply off and the contactor is sound, and no
// two start together.
func TestGuardOnThePlant(t *testing.T) {
	kinds := appliances()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		p, err := New(Config{Loads: kinds, Start: start, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		config := loads.DefaultGuard()
		config.Seed, config.Supply, config.SupplyFeedback = seed, true, true
		var ls []loads.Load
		ids := []string{loads.SupplyID}
		switches := map[string]loads.Switch{loads.SupplyID: p.Supply()}
		for _, a := range kinds {
			ls = append(ls, loads.Load{ID: a.ID, Kind: loads.OnOff, Power: a.Power, MinOn: time.Minute, MinOff: 3 * time.Minute, Feedback: true, Defer: true})
			switches[a.ID], _ = p.Switch(a.ID)
			ids = append(ids, a.ID)
		}
		guard := loads.NewGuard(config, ls, time.UTC)
		var state loads.GuardState
		ctx := context.Background()
		wishes := make([]loads.Wish, len(ls))
		for i, l := range ls {
			wishes[i] = loads.Wish{ID: l.ID}
		}
		supply, fresh := true, true
		broken, wasBroken := map[string]Fault{}, false
		was := map[string]bool{}
		offAt := map[string]time.Time{}
		var lastStart time.Time
		events, waits := rapid.IntRange(0, 199), rapid.SampledFrom([]int{1, 1, 1, 2, 5, 20, 60, 300})
		for range rapid.IntRange(50, 400).Draw(t, "steps") {
			switch e := events.Draw(t, "event"); {
			case e < 20:
				supply = !supply
			case e < 100:
				w := &wishes[e%len(wishes)]
				w.Set.On, w.Protect = !w.Set.On, false
			case e < 110:
				w := &wishes[e%len(wishes)]
				w.Set.On, w.Protect = false, true
			case e < 120:
				id := ids[e%len(ids)]
				broken[id] = []Fault{Offline, Stuck}[e/2%2]
				wasBroken = wasBroken || id == loads.SupplyID
				if err := p.Break(id, broken[id]); err != nil {
					t.Fatal(err)
				}
			case e < 140:
				id := ids[e%len(ids)]
				delete(broken, id)
				if err := p.Break(id, Sound); err != nil {
					t.Fatal(err)
				}
			case e < 145:
				fresh = true // the agent restarted
			}
			in := loads.GuardInput{Now: p.Now(), SupplyOn: supply, Wishes: wishes, Fresh: fresh}
			fresh = false
			for _, id := range ids {
				o, err := switches[id].Observed(ctx)
				if err != nil {
					t.Fatal(err)
				}
				in.Facts = append(in.Facts, loads.Fact{ID: id, Observation: o})
			}
			var v loads.Verdict
			state, v = guard.Step(state, in)
			for _, c := range v.Commands {
				if err := switches[c.ID].Set(ctx, c.Set); err != nil {
					t.Fatal(err)
				}
			}

			now := p.Now()
			s := p.State()
			sinceTold := now.Sub(state.Unit(loads.SupplyID).SentAt)
			patience := config.RetryFirst
			if wasBroken {
				patience = config.RetryMax // it was told again and again, ever more slowly
			}
			if broken[loads.SupplyID] == Sound && s.Supply && !supply && sinceTold >= patience {
				t.Fatalf("%v: the supply is closed without credit", now)
			}
			for i, l := range s.Loads {
				switch {
				case l.On && !was[l.ID]:
					if off, ok := offAt[l.ID]; ok && now.Sub(off) < 3*time.Minute && broken[l.ID] == Sound {
						t.Fatalf("%v: %s started %v after it went off", now, l.ID, now.Sub(off))
					}
					if !lastStart.IsZero() && now.Sub(lastStart) < config.GapMin {
						t.Fatalf("%v: %s started together with another", now, l.ID)
					}
					lastStart = now
				case !l.On && was[l.ID]:
					offAt[l.ID] = now
				}
				was[l.ID] = l.On
				if j := slices.IndexFunc(wishes, func(w loads.Wish) bool { return w.ID == l.ID }); l.On && wishes[j].Protect && broken[l.ID] == Sound && now.Sub(state.Unit(l.ID).SentAt) >= config.RetryMax {
					t.Fatalf("%v: %s (%d) still runs against protection", now, l.ID, i)
				}
			}

			before := s.Register
			wait := time.Duration(waits.Draw(t, "seconds")) * time.Second
			after := p.Advance(now.Add(wait)).Sample.Import
			if !s.Supply && after != before {
				t.Fatalf("%v: %v used without supply", now, after-before)
			}
			if limit := (8 * units.Kilowatt).Over(wait); after-before > limit {
				t.Fatalf("%v: %v in %v is more than all loads together", now, after-before, wait)
			}
		}
	})
}
