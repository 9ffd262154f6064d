package control

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

func TestWhatWasReadIsWrittenDownAndAcknowledged(t *testing.T) {
	u := governed(t)
	u.site.Policy.Reads = policy.ReadRules{Registers: true}
	u.run(time.Minute, 5*time.Second)
	if out := u.say(policy.Read, `{"read":{"id":"r1","registers":true}}`); out.Code != policy.Taken || len(u.st.Policy.Reads) != 1 {
		t.Fatalf("%+v, %+v", out, u.st.Policy.Reads)
	}
	of := u.st.Policy.Reads[0].Of
	if eff := u.step(Input{What: ReadingsSent{Of: of}}); !eff.Durable || len(u.st.Policy.Reads) != 1 || !u.st.Policy.Reads[0].Sent {
		t.Errorf("%+v", u.st.Policy.Reads)
	}
	if a := u.st.Policy.Acks[len(u.st.Policy.Acks)-1]; a.State != policy.Applied || a.Of != of {
		t.Errorf("%+v", a)
	}
	if eff := u.step(Input{What: ReadingsSent{Of: of}}); eff.Durable {
		t.Error("what was answered is answered once more")
	}
}

// A utility's clock that is another than ours is told, and changes nothing here.
func TestTheUtilitysClockIsOnlyTold(t *testing.T) {
	u := governed(t)
	u.run(time.Minute, 5*time.Second)
	word := func(by time.Duration) {
		t.Helper()
		u.seq[policy.Clock]++
		now := u.now.Add(by).UTC()
		text, err := policy.Envelope{
			V: 1, Issuer: "utility", Audience: "site:test", Stream: policy.Clock, Epoch: 1, Seq: u.seq[policy.Clock], ID: "t",
			Issued: now, Expires: now.Add(time.Minute), Body: json.RawMessage(`{}`),
		}.Sign(utilityKey(2))
		must(t, err)
		clock := u.st.Clock
		if eff := u.step(Input{What: PolicyEnvelope{Text: []byte(text)}}); eff.Reply.Policy.Code != policy.Taken {
			t.Fatalf("%+v", eff.Reply.Policy)
		}
		if u.st.Clock.Dateless() != clock.Dateless() || u.st.Clock.Young != clock.Young {
			t.Error("the clock's state has changed")
		}
	}
	for by, want := range map[time.Duration]bool{0: false, time.Minute: false, 10 * time.Minute: true, -3 * time.Hour: true} {
		word(by)
		if got := u.st.Health.Has(health.ClocksDiffer, ""); got != want {
			t.Errorf("%s: told %v", by, got)
		}
		word(0)
		if u.st.Health.Has(health.ClocksDiffer, "") {
			t.Error("it is told although they agree")
		}
	}
	word(time.Hour)
	u.site.Policy.Streams = []policy.Stream{policy.Limit}
	u.run(10*time.Second, time.Second)
	if u.st.Health.Has(health.ClocksDiffer, "") {
		t.Error("it is told although nobody listens to the utility's clock any more")
	}
}
