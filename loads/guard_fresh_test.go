package loads

import (
	"testing"
	"time"
)

// What was on when the agent was gone, and has dropped meanwhile, rests as after any stop, and to be
// on again is a start of that day; what has not dropped is told once more, which is none.
func TestWhatDroppedWhileTheAgentWasGoneStartsAnew(t *testing.T) {
	const gone = 10 * time.Second
	seen := func(on bool, at time.Duration) []Fact {
		return []Fact{{ID: "pump", Observation: Observation{On: on, Known: true, At: t0.Add(at)}}}
	}
	for _, row := range []struct {
		name     string
		feedback bool
		deadMan  time.Duration
		back     time.Duration // after the last word
		hears    []Fact        // as soon as it is asked
		again    time.Duration // after t0: when it is told on again
		starts   int
	}{
		{"it is on", true, 0, gone, seen(true, gone+time.Second), gone + time.Second, 1},
		{"it is on, and says so at once", true, 0, gone, seen(true, gone), gone, 1},
		{"it has dropped, and says so at once", true, 0, gone, seen(false, gone), gone + 3*time.Minute, 2},
		{"it says nothing", true, 0, gone, nil, gone + 2*time.Second, 1},
		{"it has dropped", true, 0, gone, seen(false, gone+time.Second), gone + time.Second + 3*time.Minute, 2},
		{"nobody can tell", false, 0, gone, nil, gone, 1},
		{"nobody can tell, and its dead man has ended", false, 8 * time.Second, gone, nil, 8*time.Second + 3*time.Minute, 2},
		{"it says nothing, and its dead man has ended", true, 8 * time.Second, gone, nil, 8*time.Second + 3*time.Minute, 2},
		{"its dead man has not ended", false, 12 * time.Second, gone, nil, gone, 1},
	} {
		b := &bench{t: t, g: NewGuard(still(), []Load{guardLoad("pump", func(l *Load) {
			l.MinOff, l.Feedback, l.DeadMan = 3*time.Minute, row.feedback, row.deadMan
		})}, time.UTC)}
		wish := []Wish{{ID: "pump", Set: Setpoint{On: true}}}
		b.step(GuardInput{Now: t0.Add(-time.Hour), Wishes: []Wish{{ID: "pump"}}})
		if v := b.step(GuardInput{Now: t0, Wishes: wish}); sent(v) != "pump on;" {
			t.Fatalf("%s: %q", row.name, sent(v))
		}
		b.step(GuardInput{Now: t0.Add(100 * time.Millisecond), Wishes: wish, Facts: seen(true, 100*time.Millisecond)})
		told, starts := time.Duration(-1), 0
		for at := row.back; at <= 4*time.Minute && told < 0; at += time.Second {
			in := GuardInput{Now: t0.Add(at), Wishes: wish, Fresh: at == row.back}
			if in.Facts = []Fact{{ID: "pump"}}; row.hears != nil && !in.Now.Before(row.hears[0].At) {
				in.Facts = row.hears
			}
			v := b.step(in)
			for _, c := range v.Commands {
				if c.Set.On {
					told = at
				}
			}
			starts = b.s.Unit("pump").Starts
		}
		if told != row.again || starts != row.starts {
			t.Errorf("%s: told on after %s with %d starts, want %s and %d", row.name, told, starts, row.again, row.starts)
		}
	}
}
