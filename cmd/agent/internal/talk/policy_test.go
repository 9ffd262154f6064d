package talk

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/units"
)

func keyOf(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func publicOf(k ed25519.PrivateKey) ed25519.PublicKey {
	public, _ := k.Public().(ed25519.PublicKey)
	return public
}

// acked collects what a site acknowledges.
type acked struct {
	t    *testing.T
	mu   sync.Mutex
	all  []policy.Ack
	last api.PolicyState
}

func (a *acked) hear(topic string, payload []byte, _ bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.HasSuffix(topic, "/state") {
		if err := json.Unmarshal(payload, &a.last); err != nil {
			a.t.Error(err)
		}
		return
	}
	site, ack, err := policy.OpenAck(payload, publicOf(keyOf(9)))
	if err != nil || site != "test" {
		a.t.Errorf("%s: %v", site, err)
	}
	a.all = append(a.all, ack)
}

func (a *acked) times(id string, state policy.AckState) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range a.all {
		if x.Of.ID == id && x.State == state {
			n++
		}
	}
	return n
}

// governor is the utility of a test's site.
type governor struct {
	t       *testing.T
	roots   []string
	numbers map[string]uint64
}

// governing gives a site a utility.
func governing(t *testing.T, site *control.Site) *governor {
	u := &governor{t: t, roots: []string{policy.EncodeKey(publicOf(keyOf(1)))}, numbers: map[string]uint64{}}
	site.Policy = &policy.Rules{
		Site: "test", Groups: []string{"feeder"}, Issuer: "utility", Roots: u.roots, Threshold: 1, Streams: policy.Streams(),
		Limit: policy.LimitRules{FailSafe: 3 * units.Kilowatt, Minimum: 2 * time.Hour, Floor: units.Kilowatt},
	}
	return u
}

// chain is so many key sets.
func (u *governor) chain(n uint64) (chain []string) {
	set := policy.KeySet{
		Version: 1, Epoch: 1, Roots: u.roots, Threshold: 1, Expires: time.Now().Add(time.Hour),
		Signers: []policy.Signer{{Key: policy.EncodeKey(publicOf(keyOf(2))), Streams: policy.Streams()}},
	}
	for set.Version = 1; set.Version <= n; set.Version++ {
		text, err := policy.SignKeys("utility", time.Now(), set, keyOf(1))
		must(u.t, err)
		chain = append(chain, text)
	}
	return chain
}

// envelope is the next one of a stream.
func (u *governor) envelope(aud string, s policy.Stream, body string) []byte {
	u.t.Helper()
	u.numbers[aud+string(s)]++
	n := u.numbers[aud+string(s)]
	e := policy.Envelope{
		V: 1, Issuer: "utility", Audience: aud, Stream: s, Epoch: 1, Seq: n, ID: fmt.Sprintf("%s-%d", s, n), Issued: time.Now(), Expires: time.Now().Add(time.Hour),
		Ack: policy.AckApplied, Body: json.RawMessage(body),
	}
	if s == policy.Heartbeat || s == policy.Receipt {
		e.Expires, e.Ack = e.Issued.Add(policy.HeartbeatLives), policy.AckNone
	}
	text, err := e.Sign(keyOf(2))
	must(u.t, err)
	return []byte(text)
}

func TestAUtilitysWordOverMQTT(t *testing.T) {
	url, sender := aBroker(t)
	site := testsite.New(t)
	u := governing(t, site)
	chain, envelope := u.chain(3), u.envelope
	limit := func(kw float64) string {
		return fmt.Sprintf(`{"event":{"id":"e1","programID":"dim","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[%g]}]}]}}`, kw)
	}
	send := func(aud string, s policy.Stream, payload []byte) {
		t.Helper()
		must(t, sender.Publish(t.Context(), broker.PolicyStream(aud, string(s)), 1, false, payload))
	}
	heard := &acked{t: t}
	for _, topic := range []string{sender.Topics().PolicyAck(), sender.Topics().PolicyState()} {
		_, err := sender.Subscribe(topic, heard.hear)
		must(t, err)
	}

	// The chain of keys is kept by the broker: it is taken at the start, in its order.
	must(t, sender.Publish(t.Context(), broker.PolicyKeys("utility"), 1, true, []byte(strings.Join(chain, "\n"))))
	h := newHouseOf(t, site, url, nil, keyOf(9))
	tell := func() (stop func()) {
		s := session(t, url, "teller")
		stopSession := during(t, s.Run)
		stopTelling := during(t, func(ctx context.Context) error { return h.Publish(ctx, s) })
		return func() { stopTelling(); stopSession() }
	}
	stopTelling := tell()
	eventually(t, "the third key set", func() bool { h := h.loop.Snapshot().State.Policy.Keys; return h != nil && h.Version == 3 })
	eventually(t, "the site's word of it", func() bool {
		heard.mu.Lock()
		defer heard.mu.Unlock()
		return heard.last.Keys == 3 && heard.last.Key == policy.EncodeKey(publicOf(keyOf(9)))
	})

	// A limit to a group and a heartbeat to the site.
	send("site:test", policy.Heartbeat, envelope("site:test", policy.Heartbeat, `{}`))
	first := envelope("group:feeder", policy.Limit, limit(2))
	send("group:feeder", policy.Limit, first)
	eventually(t, "the limit", func() bool { return h.view().Limited.Limit == 2*units.Kilowatt })
	eventually(t, "its acknowledgement", func() bool {
		return heard.times("limit-1", policy.Applied) == 1 && heard.times("limit-1", policy.Received) == 1
	})

	// The same once more: it may be that the answer was missed.
	send("group:feeder", policy.Limit, first)
	eventually(t, "its acknowledgement once more", func() bool { return heard.times("limit-1", policy.Applied) == 2 })

	// Several in one message, one of them unsafe, in their order.
	send("site:test", policy.Limit, bytes.Join([][]byte{
		envelope("site:test", policy.Limit, limit(4)), envelope("site:test", policy.Limit, limit(0)), envelope("site:test", policy.Limit, `{"clear":true}`),
	}, []byte("\n")))
	eventually(t, "the refusal", func() bool {
		return heard.times("limit-2", policy.Rejected) == 1 && heard.times("limit-3", policy.Received) == 1
	})
	if !h.warned(health.PolicyRefused) {
		t.Error("nothing is told of it")
	}

	// Rubbish is told and acknowledged to the broker, and what comes after it is taken.
	send("site:test", policy.Limit, bytes.Repeat([]byte("x\n"), mostLines+1))
	send("site:test", policy.Limit, []byte("rubbish"))
	send("site:test", policy.Message, envelope("site:test", policy.Message, `{"event":{"id":"m1","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_MESSAGE","values":["good day"]}]}]}}`))
	eventually(t, "the words", func() bool { return h.warned(health.UtilityMessage) && h.warned(health.BadMessage) })

	// What was taken is not sent again, after a reconnection neither.
	var all []uint64
	for _, a := range h.loop.Snapshot().State.Policy.Acks {
		all = append(all, a.N)
	}
	body, err := policy.ReceiptBody(h.loop.Snapshot().State.Policy.AckSince, all)
	must(t, err)
	send("site:test", policy.Receipt, envelope("site:test", policy.Receipt, string(body)))
	eventually(t, "the receipt", func() bool { return len(h.loop.Snapshot().State.Policy.Acks) == 0 })
	before := heard.times("limit-1", policy.Applied)
	stopTelling()
	tell()

	// A limit that was sent while the agent was away waits at the broker.
	h.stop()
	send("group:feeder", policy.Limit, envelope("group:feeder", policy.Limit, `{"clear":true}`))
	st := h.loop.Snapshot().State
	h = newHouseOf(t, site, url, &st, keyOf(9))
	tell()
	eventually(t, "what was sent meanwhile", func() bool { return heard.times("limit-2", policy.Received) == 1 })
	if f := h.view().Limited; f.Limit != 0 && f.State == "limited" {
		t.Errorf("%+v", f)
	}
	if n := heard.times("limit-1", policy.Applied); n != before {
		t.Errorf("what was taken is sent again: %d, then %d", before, n)
	}
}

// TestWhoCannotSignHoldsUpNobody floods a site's topics with what is forged, and with what
// was signed long ago.
func TestWhoCannotSignHoldsUpNobody(t *testing.T) {
	url, sender := aBroker(t)
	site := testsite.New(t)
	u := governing(t, site)
	must(t, sender.Publish(t.Context(), broker.PolicyKeys("utility"), 1, true, []byte(u.chain(1)[0])))
	h := newHouseOf(t, site, url, nil, keyOf(9))
	eventually(t, "the keys", func() bool { return h.loop.Snapshot().State.Policy.Keys != nil })
	send := func(s policy.Stream, payload []byte) {
		t.Helper()
		must(t, sender.Publish(t.Context(), broker.PolicyStream("site:test", string(s)), 1, false, payload))
	}
	words := u.envelope("site:test", policy.Message, `{"event":{"id":"m1","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_MESSAGE","values":["good day"]}]}]}}`)
	forged := append(bytes.Clone(words[:len(words)-8]), "AAAAAAAA"...)
	for range 4 * policyBurst {
		send(policy.Message, forged)
	}
	for range 4 * policyBurst {
		send(policy.Message, words) // once it is news
	}
	send(policy.Limit, u.envelope("site:test", policy.Limit, `{"event":{"id":"e1","programID":"dim","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[2]}]}]}}`))
	eventually(t, "the limit", func() bool { return h.view().Limited.Limit == 2*units.Kilowatt })
	eventually(t, "the words", func() bool { return h.warned(health.UtilityMessage) })
	if !h.warned(health.PolicyRefused) {
		t.Error("nothing is told of the forged ones")
	}
}

// TestEachOfTwoKeySetsAndPricesCounts: two messages on a topic of which a state would be the
// last alone, while the site is busy.
func TestEachOfTwoKeySetsAndPricesCounts(t *testing.T) {
	url, sender := aBroker(t)
	site := testsite.New(t)
	u := governing(t, site)
	h := newHouseOf(t, site, url, nil, keyOf(9))
	eventually(t, "its connection", func() bool {
		must(t, sender.Publish(t.Context(), broker.PolicyKeys("utility"), 1, false, []byte("rubbish")))
		return h.warned(health.PolicyRefused)
	})
	chain := u.chain(40)
	for _, set := range chain {
		must(t, sender.Publish(t.Context(), broker.PolicyKeys("utility"), 1, true, []byte(set)))
	}
	eventually(t, "the last of 40 key sets", func() bool { k := h.loop.Snapshot().State.Policy.Keys; return k != nil && k.Version == 40 })
}

// A utility that has changed its keys for years keeps a long chain: a site that was away takes
// what it lacks, and nobody is told of the rest at each connection.
func TestAChainOfKeySetsMayBeLong(t *testing.T) {
	url, sender := aBroker(t)
	site := testsite.New(t)
	u := governing(t, site)
	const sets, known = 170, 104 // more than are remembered, and 66 new ones
	chain := u.chain(sets)
	st, _ := site.Begin(time.Now())
	for _, set := range chain[:known] {
		var out policy.Outcome
		if st.Policy, out = site.Policy.Take(st.Policy, policy.In{Text: []byte(set), Now: time.Now().UTC()}); out.Code != policy.Taken {
			t.Fatalf("%+v", out)
		}
	}
	topic := broker.PolicyKeys("utility")
	must(t, sender.Publish(t.Context(), topic, 1, true, []byte(strings.Join(chain, "\n"))))
	h := newHouseOf(t, site, url, &st, keyOf(9))
	eventually(t, "the last key set", func() bool { return h.loop.Snapshot().State.Policy.Keys.Version == sets })
	must(t, sender.Publish(t.Context(), topic, 1, true, []byte(strings.Join(chain, "\n"))))
	must(t, sender.Publish(t.Context(), topic, 1, true, bytes.Repeat([]byte("x\n"), mostSets+1)))
	eventually(t, "what is too long", func() bool { return h.warned(health.BadMessage) })
	if h.warned(health.PolicyRefused) {
		t.Errorf("what is history is told as refused: %+v", h.loop.Snapshot().State.Health.Active)
	}
	if got := h.loop.Snapshot().State.Policy.Refused; len(got) > 1 || len(got) == 1 && got[0].Code != policy.Duplicated {
		t.Errorf("%+v", got)
	}
	// Alone, one that goes before is what it is.
	must(t, sender.Publish(t.Context(), topic, 1, false, []byte(chain[2])))
	eventually(t, "the refusal", func() bool { return h.warned(health.PolicyRefused) })
}
