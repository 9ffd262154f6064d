package policy

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Keys of the rehearsal besides those of the tests' utility.
const (
	rootD       = 4  // takes the place of the root that is stolen
	operatorNew = 13 // takes the place of the operator's key that is stolen
	second      = 14 // the other hand of a disconnection; never stolen
)

// theft is a rotation with the operator's key and one root stolen: the sets that the utility
// signs, one after another.
type theft struct {
	t        testing.TB
	first    KeySet   // before it
	chain    []string // the sets after it: without the stolen keys, and a renewal a fortnight later
	happened time.Time
}

// unprotected are rules by which a month after the theft is no protected time: what keeps the
// light on then is the signatures alone.
func unprotected(t testing.TB) Rules {
	r := switched(t).r
	r.Disconnect.Own.Dates = nil
	return r
}

func rehearse(t testing.TB, expires time.Duration) theft {
	x := theft{t: t, happened: noon, first: firstKeys()}
	x.first.Expires = noon.Add(expires)
	x.first.Signers = []Signer{{Key: public(key(operator)), Streams: Streams()}, {Key: public(key(second)), Streams: []Stream{Supply}}}
	for v := uint64(2); v <= 3; v++ {
		k := x.first
		k.Version, k.Epoch, k.Expires = v, 2, noon.AddDate(1, 0, 0)
		k.Roots = []string{public(key(rootB)), public(key(rootC)), public(key(rootD))}
		k.Signers = []Signer{{Key: public(key(operatorNew)), Streams: Streams()}, {Key: public(key(second)), Streams: []Stream{Supply}}}
		x.chain = append(x.chain, x.keys(k, noon.Add(time.Duration(v-2)*14*24*time.Hour), rootB, rootC))
	}
	return x
}

func (x theft) keys(k KeySet, at time.Time, roots ...byte) string {
	x.t.Helper()
	var by []ed25519.PrivateKey
	for _, r := range roots {
		by = append(by, key(r))
	}
	text, err := SignKeys(rules().Issuer, at, k, by...)
	must(x.t, err)
	return text
}

func (x theft) set1() string { return x.keys(x.first, noon.Add(-time.Hour), rootA, rootB) }

// site is a site that has the first set, and its last envelope of it.
func (x theft) site() *site {
	h := &site{t: x.t, r: unprotected(x.t), now: noon.Add(-time.Hour), seq: map[string]uint64{}, epoch: 1}
	h.pass(0)
	if out := h.take(x.set1()); out.Code != Taken {
		x.t.Fatalf("the first keys: %+v", out)
	}
	if out := h.limit("before", "4", "PT30M"); out.Code != Taken {
		x.t.Fatalf("the last limit before the theft: %+v", out)
	}
	h.jump(x.happened.Sub(h.now))
	return h
}

// TestAStolenKeyRehearsed rehearses a rotation with the operator's key and one root stolen,
// with agents that heard of it and others that were away for a month.  What each takes of
// what the thief and the utility send is the table of docs/policy.md; -v prints it.
func TestAStolenKeyRehearsed(t *testing.T) {
	const month = 30 * 24 * time.Hour
	long, short := rehearse(t, 365*24*time.Hour), rehearse(t, 14*24*time.Hour)
	away := func(x theft, heard ...string) *site {
		h := x.site()
		h.jump(month)
		for _, text := range heard {
			h.take(text)
		}
		return h
	}
	agents := []struct {
		name string
		of   theft
		now  func() *site
	}{
		{"heard at once", long, func() *site {
			h := long.site()
			for _, text := range long.chain {
				h.take(text)
			}
			h.jump(month)
			return h
		}},
		{"away, set 1 still good", long, func() *site { return away(long) }},
		{"away, set 1 over", short, func() *site { return away(short) }},
		{"away, then the last set alone", long, func() *site { return away(long, long.chain[1]) }},
		{"away, then the chain", long, func() *site { return away(long, long.chain...) }},
		{"new, configuration alone", long, func() *site {
			h := &site{t: t, r: unprotected(t), now: noon.Add(month), seq: map[string]uint64{}, epoch: 1}
			h.pass(0)
			return h
		}},
	}
	const token = `{"event":{"id":"t1","programID":"prepay","intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_TOKEN","values":["12345678901234567890"]}]}]}}`
	limit := func(epoch, seq uint64, by byte, issued time.Duration) func(*site, theft) string {
		return func(h *site, _ theft) string {
			e := h.envelope(Limit, limitBody("e9", "5", fromNow, "P30D"))
			e.Epoch, e.Seq, e.Issued, e.Expires = epoch, seq, h.now.Add(issued), h.now.Add(time.Hour)
			return h.sign(e, key(by))
		}
	}
	mine := func(k KeySet) KeySet { // the thief's own set
		k.Version, k.Epoch, k.Expires = 2, 2, noon.AddDate(1, 0, 0)
		k.Roots, k.Threshold = []string{public(key(stranger)), public(key(stranger + 1))}, 1
		k.Signers = []Signer{{Key: public(key(stranger + 2)), Streams: Streams()}}
		return k
	}
	cut := func(by ...byte) func(*site, theft) string {
		return func(h *site, _ theft) string {
			e := h.envelope(Supply, fmt.Sprintf(`{"disconnect":{"id":"d1","until":%q}}`, h.now.Add(24*time.Hour).Format(time.RFC3339)))
			e.Expires = h.now.Add(10 * time.Minute)
			var keys []ed25519.PrivateKey
			for _, n := range by {
				keys = append(keys, key(n))
			}
			text, err := e.Sign(keys...)
			must(h.t, err)
			return text
		}
	}
	sent := []struct {
		thief bool
		what  string
		text  func(*site, theft) string
	}{
		{true, "the last limit before the theft, kept and sent again", func(h *site, _ theft) string {
			old := *h
			old.now, old.seq = noon.Add(-time.Hour), map[string]uint64{}
			return h.sign(old.envelope(Limit, limitBody("before", "4", fromNow, "PT30M")), key(operator))
		}},
		{true, "a limit, signed with the stolen key", limit(1, 2, operator, 0)},
		{true, "a limit, signed so, dated before the theft", limit(1, 2, operator, -month-time.Minute)},
		{true, "a limit, signed so, under the new epoch", limit(2, 1, operator, 0)},
		{true, "a limit, signed so, a million numbers ahead", limit(1, 1_000_001, operator, 0)},
		{true, "a token, signed so", func(h *site, _ theft) string { return h.sign(h.envelope(Token, token), key(operator)) }},
		{true, "a disconnection, signed so", cut(operator)},
		{true, "a key set of his own, signed with the stolen root", func(_ *site, x theft) string { return x.keys(mine(x.first), noon, rootA, stranger) }},
		{true, "the same, signed with the stolen root and operator's key", func(_ *site, x theft) string { return x.keys(mine(x.first), noon, rootA, operator, stranger) }},
		{true, "key set 1 once more", func(_ *site, x theft) string { return x.set1() }},
		{true, "key set 1 once more, then a limit, signed with the stolen key", func(h *site, x theft) string {
			h.take(x.set1())
			return limit(1, 2, operator, 0)(h, x)
		}},
		{false, "a limit, signed with the old key", limit(1, 2, operator, 0)},
		{false, "a limit, signed with the new key", limit(2, 1, operatorNew, 0)},
		{false, "key set 2", func(_ *site, x theft) string { return x.chain[0] }},
		{false, "key set 3 without key set 2", func(_ *site, x theft) string { return x.chain[1] }},
		{false, "sets 1 to 3, then a limit, signed with the new key", func(h *site, x theft) string {
			for _, text := range append([]string{x.set1()}, x.chain...) {
				h.take(text)
			}
			return limit(2, 1, operatorNew, 0)(h, x)
		}},
	}
	var out strings.Builder
	out.WriteString("| sent by | what |")
	for _, a := range agents {
		out.WriteString(" " + a.name + " |")
	}
	out.WriteString("\n|" + strings.Repeat(" --- |", len(agents)+2) + "\n")
	for _, s := range sent {
		who := "utility"
		if s.thief {
			who = "thief"
		}
		out.WriteString("| " + who + " | " + s.what + " |")
		for i, a := range agents {
			h := a.now()
			got := h.take(s.text(h, a.of))
			says := "**taken**"
			if got.Code != Taken {
				says = "`" + string(got.Code) + "`"
			}
			out.WriteString(" " + says + " |")
			last := !s.thief && strings.HasPrefix(s.what, "sets 1 to 3")
			if last && got.Code != Taken {
				t.Errorf("%s does not take the utility's word after the whole chain: %+v", a.name, got)
			}
			// Whoever has heard of it takes nothing of the thief's.
			if (i == 0 || i == 4) && s.thief && (got.Code == Taken || got.Changes && got.Genuine) {
				t.Errorf("%s takes of the thief: %s", a.name, s.what)
			}
			if s.thief && got.Keys != nil && i != 5 {
				t.Errorf("%s takes the thief's keys", a.name)
			}
			if h.s.Supply.Off != nil {
				t.Errorf("%s is in the dark after %s", a.name, s.what)
			}
		}
		out.WriteString("\n")
	}
	t.Logf("after a month:\n%s", out.String())
	doc, err := os.ReadFile("../../../../docs/policy.md")
	must(t, err)
	if !strings.Contains(string(doc), out.String()) {
		t.Errorf("docs/policy.md has another table; this is the one:\n%s", out.String())
	}
}

// What a thief did to the numbers ends with the epoch: the utility's first envelope under the
// new set is taken, and what he had put in force is taken back by it.
func TestAThiefsNumbersEndWithTheEpoch(t *testing.T) {
	x := rehearse(t, 365*24*time.Hour)
	h := x.site()
	h.alive(time.Minute)
	e := h.envelope(Limit, limitBody("his", "3", fromNow, "P30D"))
	e.Seq = 1_000_001
	if out := h.take(h.sign(e, key(operator))); out.Code != Taken {
		t.Fatalf("before it is known: %+v", out)
	}
	if f := h.force(); f.Limit < h.r.Limit.Floor {
		t.Errorf("a thief limits below the floor: %+v", f)
	}
	for _, text := range x.chain[:1] {
		if out := h.take(text); out.Code != Taken {
			t.Fatalf("%+v", out)
		}
	}
	h.epoch, h.seq = 2, map[string]uint64{}
	clear := h.envelope(Limit, `{"clear":true}`)
	if out := h.take(h.sign(clear, key(operatorNew))); out.Code != Taken || len(h.s.Events) != 0 {
		t.Errorf("%+v, %d events are left", out, len(h.s.Events))
	}
	if clear.Seq != 1 {
		t.Errorf("number %d", clear.Seq)
	}
}
