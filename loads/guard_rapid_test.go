package loads

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is a site as the rules of the guard see it from outside: what was sent,
// when, and what the devices did with it.
type model struct {
	obeys   bool // the device obeys (otherwise it is offline)
	on      bool
	lastOff time.Time // of the last command off that changed anything, or the last off by hand
	lastOn  time.Time
	wasOn   bool // the last command
	told    bool // a command was sent
	starts  []time.Time
}

// TestGuardRules lets random wishes, outages, offline devices and people at the
// buttons loose on a guard over two simulated days and checks the rules on what
// it sent.
func TestGuardRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultGuard()
		c.Seed = rapid.Uint64().Draw(t, "seed")
		c.Supply, c.SupplyFeedback = true, rapid.Bool().Draw(t, "supply feedback")
		c.PerHour = rapid.IntRange(0, 6).Draw(t, "per hour")
		n := rapid.IntRange(1, 5).Draw(t, "loads")
		var ls []Load
		for i := range n {
			ls = append(ls, guardLoad(string(rune('a'+i)), func(l *Load) {
				l.MinOn = time.Duration(rapid.IntRange(0, 1200).Draw(t, "min on")) * time.Second
				l.MinOff = time.Duration(rapid.IntRange(0, 1200).Draw(t, "min off")) * time.Second
				l.MaxStart = rapid.IntRange(0, 20).Draw(t, "max starts")
				l.Feedback = rapid.Bool().Draw(t, "feedback")
			}))
		}
		g := NewGuard(c, ls, time.UTC)
		var s GuardState
		ms := make([]model, n)
		supplyWant, supplyOn := true, false
		var anyStart time.Time
		var failed []string
		now := t0
		end := t0.Add(48 * time.Hour)
		wishes := make([]Wish, n)
		for i := range wishes {
			wishes[i] = Wish{ID: ls[i].ID}
		}
		random := rapid.IntRange(0, 999)
		for now.Before(end) {
			switch e := random.Draw(t, "event"); {
			case e < 60:
				supplyWant = !supplyWant
			case e < 500:
				w := &wishes[e%n]
				w.Set.On, w.Protect = !w.Set.On, e%3 == 0 && w.Set.On
			case e < 600:
				ms[e%n].obeys = !ms[e%n].obeys
			case e < 650: // by hand
				m := &ms[e%n]
				m.on = !m.on
			}
			in := GuardInput{Now: now, SupplyOn: supplyWant, Wishes: wishes, Failed: failed}
			failed = nil
			if c.SupplyFeedback {
				in.Facts = append(in.Facts, seen(SupplyID, supplyOn, now))
			}
			for i, l := range ls {
				if ms[i].obeys {
					in.Facts = append(in.Facts, seen(l.ID, ms[i].on && supplyOn, now))
				}
			}
			was := s
			var v Verdict
			s, v = g.Step(s, in)

			if supplyWant != was.Unit(SupplyID).Set.On || !was.Unit(SupplyID).Commanded {
				if !slices.ContainsFunc(v.Commands, func(c Command) bool { return c.ID == SupplyID && c.Set.On == supplyWant }) {
					if now.Sub(was.Unit(SupplyID).SentAt) >= c.RetryFirst {
						t.Fatalf("%v: supply wanted %v and not commanded", now, supplyWant)
					}
				}
			}
			starts := 0
			for _, cmd := range v.Commands {
				if cmd.ID == SupplyID {
					supplyOn = cmd.Set.On
					continue
				}
				i := slices.IndexFunc(ls, func(l Load) bool { return l.ID == cmd.ID })
				l, m := ls[i], &ms[i]
				if cmd.Set.On && !supplyWant {
					t.Fatalf("%v: %s started without supply", now, l.ID)
				}
				before := was.Unit(l.ID)
				if cmd.Set.On && cmd.Attempt == 1 && !cmd.Renew && (!before.Set.On || before.Commanded) && !slices.ContainsFunc(in.Facts, func(f Fact) bool { return f.ID == l.ID && f.On && l.Feedback }) {
					if wait := now.Sub(m.lastOff); m.told && !m.wasOn && wait < l.MinOff && s.Unit(l.ID).FirstSent.Equal(now) {
						t.Fatalf("%v: %s started %v after it was switched off", now, l.ID, wait)
					}
					if !anyStart.IsZero() && now.Sub(anyStart) < c.GapMin {
						t.Fatalf("%v: %s started %v after another load", now, l.ID, now.Sub(anyStart))
					}
					anyStart = now
					starts++
					m.starts = append(m.starts, now)
					m.lastOn = now
				}
				if !cmd.Set.On && m.wasOn && cmd.Attempt == 1 {
					w := wishes[i]
					if held := now.Sub(m.lastOn); held < l.MinOn && !w.Protect && supplyWant && supplyOn && before.Set.On && before.Commanded && before.Confirmed {
						t.Fatalf("%v: %s switched off after %v without need", now, l.ID, held)
					}
					m.lastOff = now
				}
				m.told, m.wasOn = true, cmd.Set.On
				if m.obeys || !l.Feedback {
					m.on = cmd.Set.On
				}
			}
			if starts > 1 {
				t.Fatalf("%v: %d starts in one step", now, starts)
			}
			for i, l := range ls {
				if c.PerHour > 0 && len(ms[i].starts) > c.PerHour && now.Sub(ms[i].starts[len(ms[i].starts)-1-c.PerHour]) < time.Hour {
					t.Fatalf("%v: %s started more than %d times in an hour", now, l.ID, c.PerHour)
				}
				u := s.Unit(l.ID)
				if wishes[i].Protect && !wishes[i].Set.On && u.Set.On && (was.Unit(l.ID).SentAt.IsZero() || now.Sub(was.Unit(l.ID).SentAt) >= c.RetryFirst) {
					t.Fatalf("%v: %s is still reckoned on although protection says off", now, l.ID)
				}
			}
			if !v.Next.IsZero() && !v.Next.After(now) {
				t.Fatalf("%v: told to step again at %v: a tight loop", now, v.Next)
			}
			// Real time goes on by seconds to half an hour, or to when the guard asks.
			d := time.Duration(rapid.IntRange(1, 40).Draw(t, "wait")) * time.Duration(rapid.SampledFrom([]int{1, 1, 10, 60}).Draw(t, "scale")) * time.Second
			if e := now.Add(d); !v.Next.IsZero() && v.Next.Before(e) && rapid.Bool().Draw(t, "wake") {
				now = v.Next
			} else {
				now = e
			}
		}
	})
}
