package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// seeds are genuine envelopes of every stream, and key sets, for a home.
func seeds(t testing.TB, h *site) []string {
	t.Helper()
	h.r.Reads = ReadRules{Intervals: true, Registers: true}
	var out []string
	for st, body := range map[Stream]string{
		Limit: limitBody("e1", "4", fromNow, "PT1H"), Heartbeat: `{}`, Receipt: `{"taken":[1]}`, Clock: `{}`,
		Demand: simple("d1", "2", "PT1H"), Read: readOf("r1", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z", `"site"`, true),
		Message: `{"event":{"id":"m1","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_MESSAGE","values":["good day"]}]}]}}`,
		Token:   `{"event":{"id":"t1","programID":"prepay","intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_TOKEN","values":["12345678901234567890"]}]}]}}`,
		Tariff:  `{"event":{"id":"p","programID":"tou",` + inRand + `,"intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]}]}}`,
	} {
		e := h.envelope(st, body)
		if st == Heartbeat || st == Clock {
			e.Expires = h.now.Add(HeartbeatLives)
		}
		out = append(out, h.sign(e, key(operator)))
	}
	k := firstKeys()
	k.Version = 2
	text, err := SignKeys(h.r.Issuer, h.now, k, key(rootB), key(rootC))
	must(t, err)
	return append(out, text)
}

// genuine tells whether the bytes hold what one of the seeds' keys has signed: a JWS in
// another dress is the same envelope.
func genuine(text []byte, payloads map[string]bool) bool {
	o, bad := open(text)
	return bad == nil && payloads[string(o.jws.UnsafePayloadWithoutVerification())]
}

func payloadsOf(texts []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range texts {
		if o, bad := open([]byte(s)); bad == nil {
			out[string(o.jws.UnsafePayloadWithoutVerification())] = true
		}
	}
	return out
}

func mutate(r *rand.Rand, text []byte, others []string) []byte {
	out := append([]byte(nil), text...)
	for range 1 + r.IntN(4) {
		if len(out) == 0 {
			break
		}
		at := r.IntN(len(out))
		switch r.IntN(7) {
		case 0:
			out[at] ^= 1 << r.IntN(8)
		case 1:
			out[at] = byte(r.UintN(256))
		case 2:
			out = append(out[:at], out[at+1:]...)
		case 3:
			out = append(out[:at], append([]byte{byte(r.UintN(256))}, out[at:]...)...)
		case 4:
			out = out[:at]
		case 5: // the rest of another one
			o := others[r.IntN(len(others))]
			out = append(out[:at], o[min(at, len(o)):]...)
		default:
			n := min(1+r.IntN(40), len(out)-at)
			out = append(out, out[at:at+n]...)
		}
	}
	return out
}

// TestMutatedEnvelopesHaveNoEffect takes mutated envelopes: none of them panics, and none
// of those that are not one of the genuine ones in another dress has an effect.
// KEEPLIT_LONG=1000000 takes a million.
func TestMutatedEnvelopesHaveNoEffect(t *testing.T) {
	n := 10_000
	if long, err := strconv.Atoi(os.Getenv("KEEPLIT_LONG")); err == nil && long > n {
		n = long
	}
	h := home(t)
	all := seeds(t, h)
	payloads := payloadsOf(all)
	before, err := json.Marshal(plain(h.s))
	must(t, err)
	r := seeded(18)
	codes := map[Code]int{}
	var early, late runtime.MemStats
	for i := range n {
		if i == n/10 {
			runtime.GC()
			runtime.ReadMemStats(&early)
		}
		text := mutate(r, []byte(all[r.IntN(len(all))]), all)
		after, out := h.r.Take(h.s, In{Text: text, Now: h.now})
		codes[out.Code]++
		if out.Code == Taken || out.Changes || out.Prices != nil || out.Tokens != nil {
			if !genuine(text, payloads) {
				t.Fatalf("mutation %d has an effect: %+v\n%q", i, out, text)
			}
			continue
		}
		if i%100 == 0 {
			if is, _ := json.Marshal(plain(after)); string(is) != string(before) {
				t.Fatalf("mutation %d (%s) left something behind:\n%s\n%s", i, out.Code, before, is)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&late)
	t.Logf("%d mutations: %v; heap %d KiB after a tenth, %d KiB at the end", n, codes, early.HeapAlloc>>10, late.HeapAlloc>>10)
	if codes[Forged] < n/10 || codes[Unreadable] < n/10 {
		t.Errorf("%v: the mutations do not reach what they are to try", codes)
	}
	if late.HeapAlloc > early.HeapAlloc+(8<<20) {
		t.Errorf("the heap grew from %d to %d bytes", early.HeapAlloc, late.HeapAlloc)
	}
}

// TestMutatedPayloadsHaveNoUnsafeEffect signs mutated payloads with a good key: whoever has
// the key may say anything, and still neither a panic nor an unsafe limit comes of it.
func TestMutatedPayloadsHaveNoUnsafeEffect(t *testing.T) {
	n := 2_000
	if long, err := strconv.Atoi(os.Getenv("KEEPLIT_LONG")); err == nil && long > n {
		n = long / 4
	}
	h := home(t)
	h.beat()
	var bodies []string
	for p := range payloadsOf(seeds(t, h)) {
		bodies = append(bodies, p)
	}
	r := seeded(19)
	taken := 0
	for i := range n {
		payload := mutate(r, []byte(bodies[r.IntN(len(bodies))]), bodies)
		text, err := sign(kindPolicy, payload, key(operator))
		must(t, err)
		s, out := h.r.Take(h.s, In{Text: []byte(text), Now: h.now})
		s, _ = h.r.Pass(s, h.now)
		if out.Code == Taken {
			taken++
		}
		if f := h.r.InForce(s, h.now); f.Limit < h.r.Limit.Floor && f.Phase == Limited {
			t.Fatalf("mutation %d limits to %s: %s", i, f.Limit, payload)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatalf("mutation %d cannot be stored: %v", i, err)
		}
	}
	if taken == 0 || taken == n {
		t.Errorf("%d of %d were taken", taken, n)
	}
}

func FuzzTake(f *testing.F) {
	h := home(f)
	all := seeds(f, h)
	payloads := payloadsOf(all)
	for _, s := range all {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"payload":"","signatures":[]}`))
	f.Add([]byte("eyJhbGciOiJub25lIn0.e30."))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, out := h.r.Take(h.s, In{Text: text, Now: h.now})
		if (out.Code == Taken || out.Changes) && !genuine(text, payloads) {
			t.Fatalf("%+v", out)
		}
	})
}

// FuzzBody signs any body for every stream.
func FuzzBody(f *testing.F) {
	h := home(f)
	h.beat()
	for _, s := range seeds(f, h) {
		o, _ := open([]byte(s))
		var e Envelope
		if json.Unmarshal(o.jws.UnsafePayloadWithoutVerification(), &e) == nil {
			f.Add(string(e.Stream), string(e.Body))
		}
	}
	f.Fuzz(func(t *testing.T, stream, body string) {
		e := h.envelope(Stream(stream), body)
		if !json.Valid([]byte(body)) || e.Check() != nil {
			return
		}
		text, err := e.Sign(key(operator))
		if err != nil {
			return
		}
		s, _ := h.r.Take(h.s, In{Text: []byte(text), Now: h.now})
		for range 3 {
			s, _ = h.r.Pass(s, h.now)
			if at := h.r.InForce(s, h.now); at.Phase == Limited && at.Limit < h.r.Limit.Floor {
				t.Fatalf("%+v", at)
			}
			_ = s.Told(h.now)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAKeyIsReadInOneFormAlone(t *testing.T) {
	pub := key(1).Public().(ed25519.PublicKey)
	if back, err := DecodeKey(EncodeKey(pub)); err != nil || !back.Equal(pub) {
		t.Error(err)
	}
	for _, text := range []string{"", "AAAA", EncodeKey(pub) + "=", base64.StdEncoding.EncodeToString(pub), EncodeKey(pub)[:42] + "_"} {
		if _, err := DecodeKey(text); err == nil && text != EncodeKey(pub) {
			t.Errorf("%q is taken for a key", text)
		}
	}
}
