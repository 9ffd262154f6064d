package policy

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// noon is when the tests begin.
var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// key is a key that is the same in every run.
func key(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[31] = n, 0x5a
	return ed25519.NewKeyFromSeed(seed)
}

func public(k ed25519.PrivateKey) string { return EncodeKey(k.Public().(ed25519.PublicKey)) }

// Keys of the tests' utility.
const (
	rootA, rootB, rootC = 1, 2, 3
	operator, supply    = 11, 12
	stranger            = 99
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rules are those of the tests' site.
func rules() Rules {
	return Rules{
		Site: "home-12", Groups: []string{"feeder-7"}, Issuer: "utility.example",
		Roots: []string{public(key(rootA)), public(key(rootB)), public(key(rootC))}, Threshold: 2,
		Streams: Streams(),
		Limit:   LimitRules{FailSafe: 4_200_000, Minimum: 2 * time.Hour, Floor: 2_300_000},
	}
}

// firstKeys is the tests' first key set.
func firstKeys() KeySet {
	return KeySet{
		Version: 1, Epoch: 1, Roots: rules().Roots, Threshold: 2, Expires: noon.AddDate(1, 0, 0),
		Signers: []Signer{
			{Key: public(key(operator)), Streams: Streams()},
			{Key: public(key(supply)), Streams: []Stream{Token}, Audiences: []string{"site:home-12"}},
		},
	}
}

// site is a site and its utility.
type site struct {
	t     testing.TB
	r     Rules
	s     State
	now   time.Time
	seq   map[string]uint64
	epoch uint64
	held  bool // the records are
	noCut Bar  // why the supply cannot be cut
}

// home is a site that has the first key set.
func home(t testing.TB) *site {
	h := &site{t: t, r: rules(), now: noon, seq: map[string]uint64{}, epoch: 1}
	h.pass(0)
	text, err := SignKeys(h.r.Issuer, h.now, firstKeys(), key(rootA), key(rootB))
	must(t, err)
	if out := h.take(text); out.Code != Taken || out.Keys == nil {
		t.Fatalf("the first keys: %+v", out)
	}
	return h
}

func (h *site) take(text string) Outcome {
	h.t.Helper()
	var out Outcome
	h.s, out = h.r.Take(h.s, In{Text: []byte(text), Now: h.now, Held: h.held, NoCut: h.noCut})
	h.s, _ = h.r.Pass(h.s, h.now)
	h.stored()
	return out
}

// stored: what is remembered reads back the same.
func (h *site) stored() {
	h.t.Helper()
	data, err := json.Marshal(h.s)
	must(h.t, err)
	var back State
	must(h.t, json.Unmarshal(data, &back))
	again, err := json.Marshal(back)
	must(h.t, err)
	if string(again) != string(data) {
		h.t.Fatalf("stored as\n%s\nand read as\n%s", data, again)
	}
	h.s = back
}

// pass lets time go by, in small steps.
func (h *site) pass(d time.Duration) {
	end, step := h.now.Add(d), time.Second
	if d > 5*time.Minute {
		step = 10 * time.Second
	}
	for h.now.Before(end) {
		h.now = h.now.Add(min(step, end.Sub(h.now)))
		h.s, _ = h.r.Pass(h.s, h.now)
	}
	h.s, _ = h.r.Pass(h.s, h.now)
}

// jump lets time go by at once: the agent was away.
func (h *site) jump(d time.Duration) {
	h.now = h.now.Add(d)
	h.s, _ = h.r.Pass(h.s, h.now)
}

// envelope is the next one of a stream.
func (h *site) envelope(st Stream, body string) Envelope {
	aud := "site:" + h.r.Site
	h.seq[aud+string(st)]++
	n := h.seq[aud+string(st)]
	return Envelope{
		V: 1, Issuer: h.r.Issuer, Audience: aud, Stream: st, Epoch: h.epoch, Seq: n, ID: fmt.Sprintf("%s-%d-%d", st, h.epoch, n),
		Issued: h.now, Expires: h.now.Add(time.Hour), Ack: AckApplied, Body: json.RawMessage(body),
	}
}

func (h *site) sign(e Envelope, k ed25519.PrivateKey) string {
	h.t.Helper()
	text, err := e.Sign(k)
	must(h.t, err)
	return text
}

// say sends the next envelope of a stream.
func (h *site) say(st Stream, body string) Outcome {
	h.t.Helper()
	return h.take(h.sign(h.envelope(st, body), key(operator)))
}

func (h *site) beat() Outcome {
	h.t.Helper()
	e := h.envelope(Heartbeat, `{}`)
	e.Expires, e.Ack = h.now.Add(HeartbeatLives), AckNone
	return h.take(h.sign(e, key(operator)))
}

// alive lets time go by while the utility is heard.
func (h *site) alive(d time.Duration) {
	h.t.Helper()
	for end := h.now.Add(d); h.now.Before(end); {
		if out := h.beat(); out.Code != Taken {
			h.t.Fatalf("heartbeat: %+v", out)
		}
		h.pass(min(time.Minute, end.Sub(h.now)))
	}
}

func limitBody(id, kw, start, length string) string {
	return fmt.Sprintf(`{"event":{"id":%q,"programID":"dim","intervalPeriod":{"start":%q,"duration":%q},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[%s]}]}]}}`, id, start, length, kw)
}

const fromNow = "0001-01-01"

// limit sends a limit from now on.
func (h *site) limit(id, kw, length string) Outcome {
	h.t.Helper()
	return h.say(Limit, limitBody(id, kw, fromNow, length))
}

func (h *site) force() InForce { return h.r.InForce(h.s, h.now) }

// seeded is a source of chance.
func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 7)) }
