package policy

import (
	"reflect"
	"strings"
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
		spans := r.ahead(s, noon, to, nil)
		if len(spans) == mostSpans { // more is not foretold
			to = spans[len(spans)-1].To
		}
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

// What limits a load or a class is foretold by itself, and not in fail-safe alone.
func TestALimitOfALoadIsForetold(t *testing.T) {
	h := home(t)
	h.r.Devices = []Device{{"geyser", "heat"}, {"car", "car"}, {"second", "car"}}
	h.beat()
	h.say(Limit, strings.Replace(limitBody("c1", "7", "2026-12-01T14:00:00Z", "PT1H"), `"programID"`, `"targets":["class:car"],"programID"`, 1))
	h.say(Limit, strings.Replace(limitBody("c2", "5", "2026-12-01T14:30:00Z", "PT1H"), `"programID"`, `"targets":["class:car"],"programID"`, 1))
	h.limit("site", "6", "PT30M")
	at := func(clock string) time.Time {
		out, err := time.Parse(time.RFC3339, "2026-12-01T"+clock+":00Z")
		must(t, err)
		return out
	}
	cars := []string{"car", "second"}
	want := []Span{
		{From: h.now, To: h.now.Add(30 * time.Minute), Limit: 6_000_000},
		{From: at("14:00"), To: at("14:30"), Limit: 7_000_000, Loads: cars},
		{From: at("14:30"), To: at("15:30"), Limit: 5_000_000, Loads: cars},
	}
	if got := h.r.Ahead(h.s, h.now, h.now.Add(12*time.Hour)); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
