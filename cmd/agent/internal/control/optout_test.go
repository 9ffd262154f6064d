package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

func TestAHouseholdIsAskedAndOptsOut(t *testing.T) {
	b := garage(t)
	u := govern(t, b)
	b.site.Policy.Devices = []policy.Device{{ID: "geyser"}, {ID: "car"}}
	b.site.Policy.Streams = []policy.Stream{policy.Demand, policy.Receipt}
	b.run(10*time.Minute, 5*time.Second)
	if got := b.told("car"); got != "on 7360 W" {
		t.Fatalf("nothing is asked: %s", got)
	}
	ask := func(id string, level int) policy.Outcome {
		return u.say(policy.Demand, fmt.Sprintf(`{"event":{"id":%q,"programID":"dr","intervalPeriod":{"start":"0001-01-01","duration":"PT2H"},"intervals":[{"id":0,"payloads":[{"type":"SIMPLE","values":[%d]}]}]}}`, id, level))
	}
	says := func(want string) {
		t.Helper()
		got := ""
		for _, w := range b.st.Health.Active {
			if w.Code == health.UtilityEvent {
				got += w.Cause.String()
			}
		}
		if want == "" != (got == "") || want != "" && !strings.Contains(got, want) {
			t.Errorf("the warnings say %q, want %q", got, want)
		}
	}
	if out := ask("e1", 1); out.Code != policy.Taken {
		t.Fatalf("%+v", out)
	}
	b.run(time.Minute, 5*time.Second)
	if got := b.told("car"); got != "on 7360 W" {
		t.Errorf("level 1 switches what runs: %s", got)
	}
	if ahead := b.site.LimitsAhead(&b.st, b.st.Now.Add(time.Hour)); !slices.ContainsFunc(ahead, func(x planning.Limit) bool { return x.Loads && x.Power == policy.Nothing }) {
		t.Errorf("level 1 is not known to plans: %+v", ahead)
	}
	says("event.wait")
	ask("e1", 2)
	b.run(time.Minute, 5*time.Second)
	if got := b.told("car"); got != "off" {
		t.Errorf("level 2: %s", got)
	}
	says("event.hold")
	if out := b.step(Input{What: OptOut{Of: "maybe", By: "page"}}); out.Reply.Err == nil {
		t.Error("maybe is taken")
	}
	if out := b.step(Input{What: OptOut{Of: policy.OptGrid, By: "page"}}); out.Reply.Err != nil || !out.Durable {
		t.Errorf("%+v", out.Reply)
	}
	b.run(10*time.Minute, 5*time.Second)
	if got := b.told("car"); got != "on 7360 W" {
		t.Errorf("opted out: %s", got)
	}
	says("event.out")
	var states []policy.AckState
	for _, a := range b.st.Policy.Acks {
		if a.Of.Stream == policy.Demand && a.Of.Seq == 2 {
			states = append(states, a.State)
		}
	}
	if want := []policy.AckState{policy.Received, policy.Applied, policy.OptedOut}; !slices.Equal(states, want) {
		t.Errorf("acknowledged %q, want %q", states, want)
	}
	if brief := b.site.Brief(&b.st); brief.Unshifted || len(brief.Limits) != 0 {
		t.Errorf("a plan knows %+v", brief.Limits)
	}
	b.step(Input{What: OptOut{Of: policy.OptLocal, By: "api"}})
	b.run(time.Minute, 5*time.Second)
	if got := b.told("car"); got != "off" || !b.site.Brief(&b.st).Unshifted {
		t.Errorf("in again, and out of the plan alone: %s", got)
	}
	u.say(policy.Demand, `{"cancel":"e1"}`)
	b.run(10*time.Minute, 5*time.Second)
	if got := b.told("car"); got != "on 7360 W" {
		t.Errorf("taken back: %s", got)
	}
	says("")
	b.site.Policy.Streams = []policy.Stream{policy.Limit}
	if out := b.step(Input{What: OptOut{Of: policy.OptGrid, By: "page"}}); out.Reply.Err == nil {
		t.Error("where nobody asks there is nothing to opt out of")
	}
	if b.site.Brief(&b.st).Unshifted {
		t.Error("nothing is shifted, and nobody can say any more that it be")
	}
	b.site.Policy = nil
	if b.site.Brief(&b.st).Unshifted {
		t.Error("the utility is taken out, and still nothing is shifted")
	}
}
