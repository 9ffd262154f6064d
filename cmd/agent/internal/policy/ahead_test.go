package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// TestWhatIsForetoldIsWhatHolds: as long as the utility is heard and says nothing new, the
// limit at each instant is the one that was foretold.
func TestWhatIsForetoldIsWhatHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rules().Limit
		minutes := func(name string, most int) time.Duration {
			return time.Duration(rapid.IntRange(1, most).Draw(t, name)) * time.Minute
		}
		s := State{Limit: LimitState{Phase: rapid.SampledFrom([]Phase{Unlimited, FailSafe, Autonomous, Init}).Draw(t, "phase"), Since: noon}}
		for range rapid.IntRange(0, 4).Draw(t, "events") {
			e := Event{
				ID: "e", Of: Ref{Stream: Limit}, Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
				Start: noon.Add(minutes("start", 400) - 200*time.Minute),
			}
			at := time.Duration(0)
			for range rapid.IntRange(1, 3).Draw(t, "steps") {
				at += minutes("gap", 30) - time.Minute
				length := minutes("length", 90)
				e.Steps = append(e.Steps, Step{Offset: at, Length: length, Limit: units.Power(rapid.IntRange(3, 8).Draw(t, "kW")) * units.Kilowatt})
				at += length
			}
			switch rapid.IntRange(0, 3).Draw(t, "form") {
			case 0:
				e.Period = at
			case 1:
				e.Period, e.Ends = at, e.Start.Add(2*at+minutes("more", 60))
			case 2:
				e.Steps[len(e.Steps)-1].Length = Forever
			default:
				e.Ends = e.Start.Add(at)
			}
			s.Events = append(s.Events, e)
		}
		to := noon.Add(12 * time.Hour)
		spans := r.Ahead(s, noon, to)
		told := func(at time.Time) (limit units.Power) {
			for _, x := range spans {
				if !at.Before(x.From) && at.Before(x.To) {
					return x.Limit
				}
			}
			return 0
		}
		for at := noon; at.Before(to); at = at.Add(time.Minute) {
			held := s
			if held.Limit.Phase == Init && !at.Before(noon.Add(limitWait)) {
				held.Limit.Phase = Autonomous
			}
			if got, want := told(at), (Rules{Streams: []Stream{Limit}, Limit: r}).InForce(held, at).Limit; got != want {
				t.Fatalf("at %s %s was foretold and %s holds: %+v", at, got, want, spans)
			}
		}
		for i, x := range spans {
			if !x.To.After(x.From) || x.Limit <= 0 || i > 0 && x.From.Before(spans[i-1].To) {
				t.Fatalf("%+v", spans)
			}
		}
	})
}
