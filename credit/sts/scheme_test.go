package sts

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// now2014 is a meter of the second base date, with its vendor.
func now2014(t testing.TB) (*Scheme, *Vendor) {
	t.Helper()
	d := setupA()
	d.BaseDate = 2014
	return meter(t, d), vendor(t, d)
}

func minute(i int) time.Time { return at("2026-03-02 12:00").Add(time.Duration(i) * time.Minute) }

func (v *Vendor) must(t testing.TB) func(string, error) string {
	return func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
}

func read(t testing.TB, s *Scheme, state State, token string) (credit.Token, State) {
	t.Helper()
	tok, next, err := s.Decode(state, token, minute(0))
	if err != nil {
		t.Fatal(err)
	}
	return tok, next
}

// A full store of identifiers: a token is new, used, or too old to tell.
func TestOldUsedAndInBetween(t *testing.T) {
	s, v := now2014(t)
	issue := func(i int) string { return v.must(t)(v.Credit(minute(i), 10, 0)) }
	state := s.Start()
	for i := range memory { // minutes 0, 10, 20, ...
		var tok credit.Token
		if tok, state = read(t, s, state, issue(10*i)); tok.Code != credit.Accept {
			t.Fatalf("token %d: %s", i, tok.Code)
		}
	}
	for _, c := range []struct {
		name   string
		minute int
		want   credit.Code
	}{
		{"taken", 10 * (memory / 2), credit.Used},
		{"the first taken", 0, credit.Used},
		{"between two taken", 10*(memory/2) + 5, credit.Accept},
		{"before all that are remembered", -5, credit.Old},
		{"after all", 5000, credit.Accept},
	} {
		if tok, _ := read(t, s, state, issue(c.minute)); tok.Code != c.want {
			t.Errorf("%s: %s, want %s", c.name, tok.Code, c.want)
		}
	}
	// One more drops the least: it is old then, not good again.
	_, state = read(t, s, state, issue(5000))
	if len(state.Seen) != memory {
		t.Errorf("%d identifiers kept, want %d", len(state.Seen), memory)
	}
	if tok, _ := read(t, s, state, issue(0)); tok.Code != credit.Old {
		t.Errorf("the one dropped: %s, want old", tok.Code)
	}
}

func TestTokensThatAMeterRefuses(t *testing.T) {
	plain := setupA()
	plain.BaseDate = 2014
	with := func(change func(*Document)) Document {
		d := plain
		change(&d)
		return d
	}
	raw := func(b block) func(testing.TB, *Vendor) string {
		return func(_ testing.TB, v *Vendor) string { return b.sealed().digits(v.cipher) }
	}
	creditAt := func(at time.Time) func(testing.TB, *Vendor) string {
		return func(t testing.TB, v *Vendor) string { return v.must(t)(v.Credit(at, 10, 0)) }
	}
	for _, c := range []struct {
		name  string
		doc   Document
		token func(testing.TB, *Vendor) string
		want  credit.Code
	}{
		{"issued past the key's expiry", with(func(d *Document) { d.KeyExpiry = 90 }), creditAt(minute(0)), credit.Expired},
		{"issued on the key's last day", with(func(d *Document) { d.KeyExpiry = 255 }), creditAt(at("2045-11-24 00:00")), credit.Accept},
		{"credit under a default key", with(func(d *Document) { d.KeyType = DDTK }), creditAt(minute(0)), credit.Default},
		{"issued before the meter takes any", with(func(d *Document) { d.AcceptFrom = minute(0) }), creditAt(minute(-1)), credit.Old},
		{"issued from then on", with(func(d *Document) { d.AcceptFrom = minute(0) }), creditAt(minute(0)), credit.Accept},
		{"credit for water", plain, raw(block{0, 1 << 60}), credit.Function},
		{"currency, which is experimental", plain, raw(block{0, 4 << 60}), credit.Function},
		{"currency, switched on", with(func(d *Document) { d.Currency = true }), raw(block{0, 4<<60 | 7<<16}), credit.Accept},
		{"currency, negative", with(func(d *Document) { d.Currency = true }), raw(block{0, 4<<60 | 8<<56 | 7<<16}), credit.Function},
		{"clear credit of water", plain, raw(block{2, 1<<60 | 1<<16}), credit.Function},
		{"water factor", plain, raw(block{2, 7 << 60}), credit.Function},
		{"class 3", plain, raw(block{3, 0}), credit.CRC},
		{"greater than any token", plain, func(testing.TB, *Vendor) string { return "73786976294838206464" }, credit.Range},
		{"letters", plain, func(testing.TB, *Vendor) string { return "7378697629483820646x" }, credit.Format},
		{"19 digits", plain, func(testing.TB, *Vendor) string { return "7378697629483820646" }, credit.Format},
		{"a test token of another maker", with(func(d *Document) { d.Maker = 7 }), func(t testing.TB, v *Vendor) string { return v.must(t)(Test(0, 1, 9)) }, credit.Maker},
		{"a test token of this maker", with(func(d *Document) { d.Maker = 7 }), func(t testing.TB, v *Vendor) string { return v.must(t)(Test(0, 1, 7)) }, credit.Accept},
		{"a test token of a reserved sub-class", plain, raw(block{1, 5 << 60}), credit.Function},
		{"of another meter", plain, func(t testing.TB, _ *Vendor) string {
			other := plain
			other.PAN = "000001000000000082"
			v := vendor(t, other)
			return v.must(t)(v.Credit(minute(0), 10, 0))
		}, credit.CRC},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := meter(t, c.doc)
			tok, next := read(t, s, s.Start(), c.token(t, vendor(t, c.doc)))
			if tok.Code != c.want {
				t.Errorf("%s, want %s (%s)", tok.Code, c.want, tok.Detail)
			}
			if tok.Code != credit.Accept && fmt.Sprint(next) != fmt.Sprint(s.Start()) {
				t.Error("a refused token changed the meter")
			}
		})
	}
}

func TestTokensWithAnEffectOtherThanCredit(t *testing.T) {
	s, v := now2014(t)
	for i, c := range []struct {
		sub    int
		value  int64
		effect credit.Effect
		power  units.Power
	}{
		{0, 2500, credit.PowerLimit, 2500 * units.Watt},
		{0, 20001, credit.PowerLimit, 20004 * units.Watt}, // rounded up in the customer's favour
		{2, 3, credit.TariffRate, 0},
		{5, 0, credit.ClearTamper, 0},
		{6, 100, credit.PhaseLimit, 100 * units.Watt},
		{1, 0, credit.ClearCredit, 0},
	} {
		token := v.must(t)(v.Manage(c.sub, minute(i), c.value, i))
		if tok, _ := read(t, s, s.Start(), token); tok.Code != credit.Accept || tok.Effect != c.effect || tok.Power != c.power {
			t.Errorf("sub-class %d value %d: %+v", c.sub, c.value, tok)
		}
	}
	if _, err := v.Manage(7, minute(0), 0, 0); err == nil {
		t.Error("a water factor was issued")
	}
	if _, err := v.Manage(2, minute(0), 1<<16, 0); err == nil {
		t.Error("a rate of 17 bits was issued")
	}
	if _, err := v.Credit(minute(0), 1, 16); err == nil {
		t.Error("a random number of 5 bits was issued")
	}
}

// change is the tokens from one document's key to another's.
func change(t testing.TB, from, to Document, rollover bool) []string {
	t.Helper()
	key, err := to.decoderKey()
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := vendor(t, from).ChangeKey(key, to.Identity(), to.KeyExpiry, rollover)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestKeyChangeThatComesApart(t *testing.T) {
	from, to, other := setupA(), setupA(), setupA()
	from.BaseDate, to.BaseDate, other.BaseDate = 2014, 2014, 2014
	to.TariffIndex, other.TariffIndex = 2, 3
	s := meter(t, from)
	set, wrong := change(t, from, to, false), change(t, from, other, false)
	enter := func(state State, token string, at time.Time) (credit.Token, State) {
		t.Helper()
		tok, next, err := s.Decode(state, token, at)
		if err != nil {
			t.Fatal(err)
		}
		return tok, next
	}

	t.Run("a word twice is one word", func(t *testing.T) {
		_, state := enter(s.Start(), set[0], minute(0))
		if tok, next := enter(state, set[0], minute(1)); tok.Code != credit.Used || tok.Value != 1 || len(next.Words) != 1 {
			t.Errorf("%+v", tok)
		}
	})
	t.Run("after a day it begins anew", func(t *testing.T) {
		_, state := enter(s.Start(), set[0], minute(0))
		_, state = enter(state, set[1], minute(1))
		if tok, next := enter(state, set[2], minute(24*60+1)); tok.Value != 1 || len(next.Words) != 1 {
			t.Errorf("%+v with %d words kept", tok, len(next.Words))
		}
	})
	t.Run("a clock set back does not end it", func(t *testing.T) {
		_, state := enter(s.Start(), set[0], minute(0))
		_, state = enter(state, set[1], time.Unix(0, 0))
		_, state = enter(state, set[2], time.Unix(60, 0))
		if tok, next := enter(state, set[3], time.Unix(120, 0)); tok.Value != 4 || next.Key == "" {
			t.Errorf("%+v", tok)
		}
	})
	t.Run("words of two changes are not mixed", func(t *testing.T) {
		_, state := enter(s.Start(), set[0], minute(0))
		_, state = enter(state, set[1], minute(1))
		tok, state := enter(state, wrong[0], minute(2))
		if tok.Value != 1 {
			t.Fatalf("%+v", tok)
		}
		for i, token := range wrong[1:] {
			tok, state = enter(state, token, minute(3+i))
		}
		if tok.Value != 4 || state.Tariff != 3 {
			t.Errorf("%+v, tariff index %d", tok, state.Tariff)
		}
	})
	t.Run("credit goes on under the old key until the last word, under the new one after", func(t *testing.T) {
		state := s.Start()
		old, young := vendor(t, from), vendor(t, to)
		for i, token := range set {
			var tok credit.Token
			if tok, state = enter(state, old.must(t)(old.Credit(minute(i), 10, 0)), minute(i)); tok.Code != credit.Accept {
				t.Fatalf("before word %d: %s", i, tok.Code)
			}
			_, state = enter(state, token, minute(i))
		}
		tok, state := enter(state, old.must(t)(old.Credit(minute(100), 10, 0)), minute(100))
		if tok.Code != credit.Old {
			t.Errorf("a token of the old key: %s, want old (no guess)", tok.Code)
		}
		if tok, _ = enter(state, young.must(t)(young.Credit(minute(101), 10, 0)), minute(101)); tok.Code != credit.Accept {
			t.Errorf("a token of the new key: %s", tok.Code)
		}
		if tok, _ = enter(state, young.must(t)(young.Credit(minute(0), 10, 0)), minute(101)); tok.Code != credit.Used {
			t.Errorf("an identifier taken under the old key: %s, want used", tok.Code)
		}
	})
}

func TestRollover(t *testing.T) {
	from, to := setupA(), setupA()
	to.BaseDate, to.KeyRevision = 2014, 2
	s := meter(t, from)
	v := vendor(t, from)
	_, state := read(t, s, s.Start(), v.must(t)(v.Credit(at("2024-11-01 00:00"), 10, 0)))
	for _, token := range change(t, from, to, true) {
		_, state = read(t, s, state, token)
	}
	if state.BaseDate != 2014 || len(state.Seen) != 0 || state.Revision != 2 {
		t.Fatalf("after the rollover: %+v", state)
	}
	young := vendor(t, to)
	tok, _ := read(t, s, state, young.must(t)(young.Credit(at("2026-03-02 12:00"), 10, 0)))
	if tok.Code != credit.Accept || !tok.Issued.Equal(at("2026-03-02 12:00")) {
		t.Errorf("%+v", tok)
	}

	// The same key again would make every token taken good again.
	same := setupA()
	same.BaseDate, same.DecoderKey, same.VendingKey = 2014, "00112233445566778899aabbccddeeff", ""
	s = meter(t, same)
	state = s.Start()
	var last credit.Token
	for _, token := range change(t, same, same, true) {
		last, state = read(t, s, state, token)
	}
	if last.Code != credit.KeyType || state.Key != "" {
		t.Errorf("a rollover to the same key: %s", last.Code)
	}
	// Nor does a meter in use go back to its factory key.
	factory := same
	factory.KeyType, factory.DecoderKey = DITK, "ffeeddccbbaa99887766554433221100"
	for _, token := range change(t, same, factory, false) {
		last, state = read(t, s, state, token)
	}
	if last.Code != credit.KeyType || state.Key != "" {
		t.Errorf("back to a factory key: %s", last.Code)
	}
}

func TestStateSurvivesStorage(t *testing.T) {
	s, v := now2014(t)
	var raw json.RawMessage
	for i := range 3 {
		token := v.must(t)(v.Credit(minute(i), 10, 0))
		for _, want := range []credit.Code{credit.Accept, credit.Used} {
			tok, next, err := s.Read(raw, token, minute(i))
			if err != nil || tok.Code != want {
				t.Fatalf("%+v, %v", tok, err)
			}
			raw = next
		}
	}
	for _, bad := range []string{"{", `{"key":"zz"}`, `{"key":"00"}`} {
		if _, _, err := s.Read(json.RawMessage(bad), v.must(t)(v.Credit(minute(9), 10, 0)), minute(9)); err == nil {
			t.Errorf("state %s was used", bad)
		}
	}
}

// Whatever a vendor issues, the meter reads: the same amount or more, never
// less, and once.
func TestIssuedIsRead(t *testing.T) {
	s, v := now2014(t)
	rapid.Check(t, func(r *rapid.T) {
		tenths := rapid.Int64Range(0, greatestUnits).Draw(r, "tenths")
		when := minute(rapid.IntRange(-1_000_000, 1_000_000).Draw(r, "minute"))
		token, err := v.Credit(when, tenths, rapid.IntRange(0, 15).Draw(r, "rnd"))
		if err != nil {
			r.Fatal(err)
		}
		tok, next, err := s.Decode(s.Start(), token, when)
		if err != nil || tok.Code != credit.Accept || tok.Value < tenths || !tok.Issued.Equal(when) {
			r.Fatalf("%d at %s read as %+v, %v", tenths, when, tok, err)
		}
		if tok.Energy != units.Energy(tok.Value)*tenth {
			r.Fatalf("%d tenths are %s", tok.Value, tok.Energy)
		}
		if again, _, _ := s.Decode(next, token, when); again.Code != credit.Used {
			r.Fatalf("again: %s", again.Code)
		}
	})
}

// Algorithm 07 with tables made up for the test: what one side writes the
// other reads.  The tables of production are not public, and no vector was.
func TestAlgorithm07WithTablesOfAFile(t *testing.T) {
	var perm []string
	for i := range 64 {
		perm = append(perm, fmt.Sprint((i*29+7)%64))
	}
	file := `{"substitution": [[12,10,8,4,3,15,0,2,14,1,5,13,6,9,7,11], [1,0,3,2,5,4,7,6,9,8,11,10,13,12,15,14]], "permutation": [` + strings.Join(perm, ",") + `]}`
	tables, err := ReadTables([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	d := setupA()
	d.Algorithm, d.Tables, d.BaseDate = EA07, tables, 2014
	for _, vending := range []string{d.VendingKey, "0123456789abcdef"} {
		d.VendingKey = vending
		s, v := meter(t, d), vendor(t, d)
		tok, state := read(t, s, s.Start(), v.must(t)(v.Credit(minute(0), 123, 5)))
		if tok.Code != credit.Accept || tok.Value != 123 {
			t.Errorf("%+v", tok)
		}
		to := d
		to.TariffIndex = 2
		set := change(t, d, to, false)
		if len(set) != 2 {
			t.Fatalf("%d words, want 2", len(set))
		}
		slices.Reverse(set)
		for _, token := range set {
			_, state = read(t, s, state, token)
		}
		key, err := to.decoderKey()
		if err != nil || state.Key != fmt.Sprintf("%x", key) {
			t.Errorf("key %s, want %x", state.Key, key)
		}
	}
	for name, bad := range map[string]string{
		"not JSON": "{", "an entry twice": strings.Replace(file, "[12,10", "[12,12", 1), "a bit twice": strings.Replace(file, `"permutation": [7,36`, `"permutation": [7,7`, 1),
	} {
		if _, err := ReadTables([]byte(bad)); err == nil {
			t.Errorf("tables with %s were taken", name)
		}
	}
}

func TestDocumentFaultsAreAllNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		doc   Document
		paths []string
	}{
		{"empty", Document{}, []string{"algorithm", "decoder_key", "base_date"}},
		{"both keys", Document{Algorithm: EA11, BaseDate: 1993, DecoderKey: "00", VendingKey: "00"}, []string{"vending_key"}},
		{"short key", Document{Algorithm: EA11, BaseDate: 1993, DecoderKey: "00"}, []string{"decoder_key"}},
		{"no tables", Document{Algorithm: EA07, BaseDate: 1993, DecoderKey: "0011223344556677"}, []string{"algorithm"}},
		{"ranges", Document{Algorithm: EA11, BaseDate: 2000, DecoderKey: "0011223344556677", KeyExpiry: 256, KeyType: 4}, []string{"decoder_key", "base_date", "key_expiry", "key_type"}},
		{"a digit of the pan misread", func() Document { d := setupA(); d.PAN = "600727000000000008"; return d }(), []string{"pan"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := map[string]bool{}
			for _, f := range c.doc.Check() {
				found[f.Path] = true
			}
			for _, p := range c.paths {
				if !found[p] {
					t.Errorf("no fault at %s: %v", p, c.doc.Check())
				}
			}
		})
	}
	if l := setupA().Check(); len(l) > 0 {
		t.Error(l)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range append(keyChangeA(), "59386323472137426967", "00000000000150997584", "73786976294838206464", "", "12345678901234567890") {
		f.Add(seed)
	}
	s := meter(f, setupA())
	f.Fuzz(func(t *testing.T, digits string) {
		tok, next, err := s.Decode(s.Start(), digits, at("2004-03-01 13:00"))
		if err != nil {
			t.Fatal(err)
		}
		if tok.Code != credit.Accept {
			if fmt.Sprint(next) != fmt.Sprint(s.Start()) {
				t.Fatal("a refused token changed the meter")
			}
			return
		}
		class, data, in := parse(digits)
		c, err := s.cipher("")
		if err != nil || !in {
			t.Fatal(err, in)
		}
		// What is accepted is what a vendor writes.
		if b, ok := open(class, data, c); !ok || b.digits(c) != digits {
			t.Fatalf("%s is written %s", digits, b.digits(c))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	s := meter(b, setupA())
	state, now := s.Start(), at("2004-03-01 13:00")
	for b.Loop() {
		if tok, _, err := s.Decode(state, "59386323472137426967", now); err != nil || tok.Code != credit.Accept {
			b.Fatal(tok, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
