package credit_test

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/units"
)

// A meter's life with its vendor, as a utility rehearses it: a key that expires, the
// change of it, the end of a base date with the roll-over of the identifiers, and
// the one after.  Both sides are asked: what the vendor can still make, and what
// the meter takes of it.
func TestKeyExpiryBaseDateAndRolloverAreRehearsedFromBothSides(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	keyed := func(key string, base, expiry, revision int) sts.Document {
		d := sts.Defaults()
		d.DecoderKey, d.BaseDate, d.KeyExpiry, d.KeyRevision, d.TariffIndex = hex.EncodeToString([]byte(key)), base, expiry, revision, 1
		return d
	}
	vendor := func(d sts.Document) *sts.Vendor {
		v, err := sts.NewVendor(d)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	// Each key of the meter, in order.  239 of 256 parts of the span from 1993 on end on 2022-09-30.
	first := keyed("the first key...", 1993, 239, 1)
	second := keyed("the second key..", 1993, 255, 2)
	third := keyed("the third key...", 2014, 255, 3)
	fourth := keyed("the fourth key..", 2035, 255, 4)

	scheme, err := sts.New(first)
	if err != nil {
		t.Fatal(err)
	}
	doc := credit.Defaults()
	doc.Mode = credit.InKWh
	engine, err := credit.New(doc, time.UTC, scheme)
	if err != nil {
		t.Fatal(err)
	}
	a, ledger := engine.Open("meter 1", at("2022-09-01 00:00"))
	enter := func(when time.Time, token string) credit.Code {
		t.Helper()
		a.Clock = when
		var entries []credit.Entry
		var r credit.Result
		a, entries, r = engine.TopUp(a, when, token, "page")
		ledger = append(ledger, entries...)
		return r.Token.Code
	}
	want := func(what string, got, want credit.Code) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	sell := func(d sts.Document, when string) string {
		t.Helper()
		token, err := vendor(d).Credit(at(when), 100, 3)
		if err != nil {
			t.Fatalf("on %s the vendor cannot sell: %v", when, err)
		}
		return token
	}
	cannot := func(d sts.Document, when string) {
		t.Helper()
		if token, err := vendor(d).Credit(at(when), 100, 3); err == nil || !strings.Contains(err.Error(), "next base date") {
			t.Errorf("on %s the vendor made %q, %v", when, token, err)
		}
	}
	change := func(from, to sts.Document) []string {
		t.Helper()
		key, err := hex.DecodeString(to.DecoderKey)
		if err != nil {
			t.Fatal(err)
		}
		words, err := vendor(from).ChangeKey(key, to.Identity(), to.KeyExpiry, from.BaseDate != to.BaseDate)
		if err != nil {
			t.Fatal(err)
		}
		return words
	}
	// paste is all of a message in the order that the agent enters it in.
	paste := func(when string, tokens ...string) (said []credit.Code) {
		t.Helper()
		for rest := slices.Clone(tokens); len(rest) > 0; {
			i := engine.Next(a, at(when), "page", rest)
			said = append(said, enter(at(when), rest[i]))
			rest = slices.Delete(rest, i, i+1)
		}
		return said
	}
	state := func() (s sts.State) {
		t.Helper()
		for _, st := range a.Schemes {
			if err := json.Unmarshal(st.State, &s); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}

	// The first key: to the last minute of its expiry number, and not a minute more,
	// whenever the token is entered.
	ends := at("1993-01-01 00:00").Add(240 << 16 * time.Minute)
	last, late := ends.Add(-time.Minute).Format("2006-01-02 15:04"), ends.Format("2006-01-02 15:04")
	want("a token of the key's last minute, entered a month later", enter(ends.AddDate(0, 1, 0), sell(first, last)), credit.Accept)
	expired := sell(first, late)
	want("one of the minute after", enter(ends, expired), credit.Expired)

	// The change to the second key, in one message with an old token and a new one.
	unspent, new2 := sell(first, "2022-09-20 10:00"), sell(second, "2023-05-01 08:00")
	for i, code := range paste("2023-05-01 09:00", append(change(first, second), new2, unspent)...) {
		want("the message with the second key, token "+string(rune('1'+i)), code, credit.Accept)
	}
	if s := state(); s.Expiry != 255 || s.Revision != 2 || s.BaseDate != 1993 {
		t.Errorf("after the change: %+v", s)
	}
	want("a token of the old key after it", enter(at("2023-05-02 00:00"), sell(first, "2022-09-21 10:00")), credit.Old)
	want("one that was taken under the old key, by its minute", enter(at("2023-05-02 00:00"), sell(second, last)), credit.Used)

	// The end of the base date.  The vendor can sell until the last minute, and says
	// after it what is to be done; the meter takes what was sold until its own change.
	cannot(second, "2024-11-24 20:16")
	lastOf1993 := sell(second, "2024-11-24 20:15")
	want("the last token of the base date, entered after it", enter(at("2025-01-10 12:00"), lastOf1993), credit.Accept)
	kept := sell(second, "2024-11-20 07:00") // bought, and lying in a drawer
	words, new3 := change(second, third), sell(third, "2025-01-10 12:30")
	want("a token of the next base date before the change", enter(at("2025-01-10 12:31"), new3), credit.CRC)
	for i, code := range paste("2025-01-10 12:40", append([]string{new3, kept}, words...)...) {
		want("the message with the roll-over, token "+string(rune('1'+i)), code, credit.Accept)
	}
	if s := state(); s.BaseDate != 2014 || s.Revision != 3 || !slices.Equal(s.Seen, []uint32{uint32(at("2025-01-10 12:30").Sub(at("2014-01-01 00:00")) / time.Minute)}) {
		t.Errorf("after the roll-over: %+v", s)
	}
	want("the last token of 1993 again", enter(at("2025-01-10 12:41"), lastOf1993), credit.Old)
	want("the roll-over's words again", enter(at("2025-01-10 12:42"), words[0]), credit.Used)
	want("the one in the drawer again", enter(at("2025-01-10 12:43"), kept), credit.Old)
	want("the new one again", enter(at("2025-01-10 12:44"), new3), credit.Used)

	// Of the second roll-over, in 2045, the words come by themselves; the credit after.
	cannot(third, "2045-11-24 20:16")
	want("the last of 2014", enter(at("2045-11-24 20:20"), sell(third, "2045-11-24 20:15")), credit.Accept)
	for i, word := range change(third, fourth) {
		want("word "+string(rune('1'+i))+" of the roll-over to 2035", enter(at("2045-11-25 10:00"), word), credit.Accept)
	}
	want("credit of 2035", enter(at("2045-11-25 10:05"), sell(fourth, "2045-11-25 10:01")), credit.Accept)

	// After 2035 there is no base date: the meter keeps its key.
	fifth := fourth
	fifth.DecoderKey = hex.EncodeToString([]byte("the fifth key..."))
	key, err := hex.DecodeString(fifth.DecoderKey)
	if err != nil {
		t.Fatal(err)
	}
	beyond, err := vendor(fourth).ChangeKey(key, fifth.Identity(), 255, true)
	if err != nil {
		t.Fatal(err)
	}
	var said credit.Code
	for _, word := range beyond {
		said = enter(at("2066-11-24 10:00"), word)
	}
	want("a roll-over after the last base date", said, credit.KeyType)
	want("credit after it, under the key that stays", enter(at("2066-11-24 10:01"), sell(fourth, "2066-11-24 10:00")), credit.Accept)

	// Nine tokens of 10 kWh were taken in 44 years, each once.
	if got := a.Balance; got != 9*10*one {
		t.Errorf("%s kWh, want 90", got)
	}
	sums := map[string]units.Money{}
	for _, e := range ledger {
		if e.Kind == credit.Topup {
			sums[e.Ref] += e.Amount
		}
	}
	if len(sums) != 9 {
		t.Errorf("%d tokens in the ledger", len(sums))
	}
	if err := credit.Verify(ledger, a.Head); err != nil {
		t.Error(err)
	}
}
