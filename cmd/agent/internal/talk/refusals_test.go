package talk

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
)

// TestEachRefusalOverMutualTLSHasItsCode has a Mosquitto with mutual TLS and the access list of
// docs/policy.md between a utility and a home.  Each attack is sent as whoever has the utility's
// certificate could send it; each is refused by its own code, and the limit that held before
// holds after it.
func TestEachRefusalOverMutualTLSHasItsCode(t *testing.T) {
	dir := t.TempDir()
	ca := testservers.NewAuthority(t, dir, "ca")
	for _, name := range []string{"server", "utility", "test"} {
		ca.Issue(t, dir, name)
	}
	file := func(n string) string { return filepath.Join(dir, n) }
	m := testservers.StartMosquitto(t, testservers.WithTLS(file("ca.pem"), file("server.pem"), file("server.key")),
		testservers.WithLines("use_identity_as_username true"), testservers.WithACL(testservers.Example(t, "../../../../docs/policy.md", "acl")...))
	as := func(name string) broker.Config {
		return broker.Config{
			URL: m.URL, Site: "test", ClientID: name, MinBackoff: 20 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
			TLS: broker.TLS{CAFile: file("ca.pem"), CertFile: file(name + ".pem"), KeyFile: file(name + ".key")},
		}
	}
	heard := &acked{t: t}
	listen := func() *broker.Client {
		c, err := broker.Dial(t.Context(), as("utility"))
		must(t, err)
		t.Cleanup(c.Close)
		for _, last := range []string{"ack", "state"} {
			must(t, c.Subscribe(t.Context(), "keeplit/+/policy/"+last, func(topic string, payload []byte) { heard.hear(topic, payload, false) }))
		}
		return c
	}
	utility := listen()
	home, err := broker.New(as("test"))
	must(t, err)
	site := testsite.New(t)
	u := governing(t, site)
	h := newHouseOn(t, site, home, nil, keyOf(9))
	during(t, func(ctx context.Context) error { return h.Publish(ctx, home) })
	eventually(t, "the home's connection", func() bool { return home.State().Connected })

	keys := policy.KeySet{
		Version: 1, Epoch: 2, Roots: u.roots, Threshold: 1, Expires: time.Now().Add(time.Hour),
		Signers: []policy.Signer{{Key: policy.EncodeKey(publicOf(keyOf(2))), Streams: []policy.Stream{policy.Limit, policy.Heartbeat, policy.Receipt}}},
	}
	set := func(version, epoch uint64) string {
		keys.Version, keys.Epoch = version, epoch
		text, err := policy.SignKeys("utility", time.Now(), keys, keyOf(1))
		must(t, err)
		return text
	}
	must(t, utility.Publish(t.Context(), broker.PolicyKeys("utility"), true, []byte(set(1, 2))))
	eventually(t, "the keys", func() bool { return h.loop.Snapshot().State.Policy.Keys != nil })

	limit := func(kw float64) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"event":{"id":"e1","programID":"dim","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[%g]}]}]}}`, kw))
	}
	sign := func(seq uint64, change func(e *policy.Envelope), key byte) string {
		e := policy.Envelope{
			V: 1, Issuer: "utility", Audience: "site:test", Stream: policy.Limit, Epoch: 2, Seq: seq, ID: fmt.Sprintf("limit-%d", seq),
			Issued: time.Now().Add(-time.Second), Expires: time.Now().Add(time.Hour), Ack: policy.AckApplied, Body: limit(4),
		}
		if change != nil {
			change(&e)
		}
		text, err := e.Sign(keyOf(key))
		must(t, err)
		return text
	}
	send := func(text string) {
		t.Helper()
		must(t, utility.Publish(t.Context(), broker.PolicyStream("site:test", "limit"), false, []byte(text)))
	}
	beat := sign(1, func(e *policy.Envelope) {
		e.Stream, e.Expires, e.Ack, e.Body = policy.Heartbeat, e.Issued.Add(policy.HeartbeatLives), policy.AckNone, policy.HeartbeatBody()
	}, 2)
	must(t, utility.Publish(t.Context(), broker.PolicyStream("site:test", "heartbeat"), false, []byte(beat)))
	first, second, overtaken := sign(1, nil, 2), sign(4, func(e *policy.Envelope) { e.Body = limit(2) }, 2), sign(3, nil, 2)
	send(first)
	send(second)
	holds := func() bool { return h.view().Limited.Limit == 2*units.Kilowatt }
	eventually(t, "the limit", holds)
	eventually(t, "that it is applied", func() bool { return heard.times("limit-4", policy.Applied) > 0 })

	refused := func(code policy.Code) (n uint64) {
		for _, c := range h.loop.Snapshot().State.Policy.Refused {
			if c.Code == code {
				n = c.N
			}
		}
		return n
	}
	for _, row := range []struct {
		code  policy.Code
		text  string
		acked string // the envelope whose refusal is signed and sent; "": nobody's who could be answered
	}{
		{policy.Forged, sign(9, nil, 7), ""},
		{policy.Replayed, first, ""},
		{policy.Reordered, overtaken, "limit-3"},
		{policy.Duplicated, second, ""},
		{policy.RolledBack, sign(9, func(e *policy.Envelope) { e.Epoch = 1 }, 2), "limit-9"},
		{policy.FastForwarded, sign(9_000_000, nil, 2), "limit-9000000"},
		{policy.Expired, sign(10, func(e *policy.Envelope) {
			e.Issued, e.Expires = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
		}, 2), "limit-10"},
		{policy.OtherAudience, sign(9, func(e *policy.Envelope) { e.Audience = "site:other" }, 2), ""},
		{policy.StreamNotAllowed, sign(9, func(e *policy.Envelope) { e.Stream, e.Body = policy.Message, limit(4) }, 2), "limit-9"},
		{policy.Oversize, strings.Repeat("a", policy.MostBytes+1), ""},
		{policy.Unreadable, "close the supply", ""},
		{policy.Unsafe, sign(11, func(e *policy.Envelope) { e.Body = limit(0) }, 2), "limit-11"},
		{policy.Reused, sign(11, func(e *policy.Envelope) { e.Body = limit(9) }, 2), "limit-11"},
		{policy.Early, sign(12, func(e *policy.Envelope) { e.NotBefore = time.Now().Add(30 * time.Minute) }, 2), "limit-12"},
	} {
		t.Run(string(row.code), func(t *testing.T) {
			was := refused(row.code)
			send(row.text)
			eventually(t, "the refusal", func() bool { return refused(row.code) > was })
			if row.acked != "" {
				eventually(t, "the site's signed word of it", func() bool {
					heard.mu.Lock()
					defer heard.mu.Unlock()
					for _, a := range heard.all {
						if a.Of.ID == row.acked && a.State == policy.Rejected && a.Code == row.code {
							return true
						}
					}
					return false
				})
			}
			if !holds() {
				t.Error("the limit that held does not any more")
			}
		})
	}
	// What was acknowledged and not confirmed is sent again when the site comes back.
	before := heard.times("limit-11", policy.Rejected)
	m.Stop()
	m.Start()
	listen()
	eventually(t, "the acknowledgements once more", func() bool { return heard.times("limit-11", policy.Rejected) > before })
	if f := h.view().Limited; f.Limit != 2*units.Kilowatt {
		t.Errorf("after the broker's restart: %+v", f)
	}
}
