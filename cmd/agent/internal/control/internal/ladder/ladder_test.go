package ladder

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/credit"
)

func begin() time.Time { return time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC) }

func told(n note.Notes) (events int) {
	for _, n := range n.All {
		if n.What == note.Event {
			events++
		}
	}
	return events
}

// TestEachRungIsSaidOnceATopUpHoweverTheForecastMoves: the end may come nearer
// and go away again; nothing is said twice, and a rung that was left out neither.
func TestEachRungIsSaidOnceATopUpHoweverTheForecastMoves(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := State{}.TopUp(begin(), credit.AddCredit).Planned(begin())
		were, now := map[time.Duration]bool{}, begin()
		for range 60 {
			now = now.Add(time.Duration(rapid.IntRange(1, 7200).Draw(rt, "seconds")) * time.Second)
			left := time.Duration(rapid.IntRange(-10, 100*60).Draw(rt, "minutes left")) * time.Minute
			before := s
			var n note.Notes
			s, n = s.Step(In{Now: now, Ends: now.Add(left)})
			switch told(n) {
			case 0:
				if s.Told != before.Told {
					rt.Fatalf("the rung of %s is passed and not said", s.Told)
				}
			case 1:
				if were[s.Told] {
					rt.Fatalf("the rung of %s is said twice", s.Told)
				}
				if !n.Durable {
					rt.Fatal("it would be said again after a restart")
				}
				were[s.Told] = true
			default:
				rt.Fatalf("%d things are said at once", told(n))
			}
			if before.Told != 0 && s.Told > before.Told {
				rt.Fatalf("after the rung of %s that of %s", before.Told, s.Told)
			}
		}
	})
}

func TestOnlyATokenThatMovesTheCreditBeginsTheLadderAnew(t *testing.T) {
	was := State{Told: time.Hour, Seen: true}
	for effect, anew := range map[credit.Effect]bool{credit.AddCredit: true, credit.SetCredit: true, credit.Unlock: true, credit.ClearTamper: false} {
		if got := was.TopUp(begin(), effect); (got == State{Since: begin()}) != anew || !anew && got != was {
			t.Errorf("after %v: %+v", effect, got)
		}
	}
}

func TestAPlanOfBeforeTheTopUpIsNotBelievedAndTheWarningWaitsForTheNext(t *testing.T) {
	s := State{}.TopUp(begin(), credit.AddCredit).Planned(begin().Add(-time.Second))
	if s.Knows() {
		t.Fatal("a plan that was under way knows of the top-up")
	}
	in := In{Now: begin().Add(time.Minute), Ends: begin().Add(time.Hour)}
	if _, n := s.Step(in); len(n.All) != 0 {
		t.Errorf("a minute after the top-up: %+v", n.All)
	}
	in.Now = begin().Add(planAwaited)
	if _, n := s.Step(in); len(n.All) != 1 || n.All[0].What != note.Clear {
		t.Errorf("no plan has come: %+v", n.All)
	}
	if s = s.Planned(begin()); !s.Knows() {
		t.Error("the plan after it does not")
	}
	if _, n := s.Step(in); told(n) != 1 {
		t.Errorf("an hour before the end: %+v", n.All)
	}
}
