package sts

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// setupA is the meter of the published vectors.
func setupA() Document {
	d := Defaults()
	d.VendingKey = "abababababababab949494949494949401234567"
	d.BaseDate = 1993
	d.SGC, d.TariffIndex, d.KeyType, d.KeyRevision, d.PAN = 123457, 1, DUTK, 1, "600727000000000009"
	return d
}

func meter(t testing.TB, d Document) *Scheme {
	t.Helper()
	s, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func vendor(t testing.TB, d Document) *Vendor {
	t.Helper()
	v, err := NewVendor(d)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestMISTY1Vectors(t *testing.T) {
	var key [16]byte
	for i := range key {
		key[i] = byte(i * 0x11)
	}
	m := newMISTY1(key)
	for plain, want := range map[uint64]uint64{
		0x0123456789abcdef: 0x8b1da5f56ab3d07c,
		0xfedcba9876543210: 0x04b68240b13be95d,
	} {
		if got := m.encrypt(plain); got != want {
			t.Errorf("encrypt(%016x) = %016x, want %016x", plain, got, want)
		}
		if got := m.decrypt(want); got != plain {
			t.Errorf("decrypt(%016x) = %016x, want %016x", want, got, plain)
		}
	}
}

// The boxes are published as permutations of degree 3 and 2: a single wrong
// entry would give a polynomial of full degree.
func TestMISTY1BoxesAreWhatTheirPolynomialsSay(t *testing.T) {
	for _, c := range []struct {
		name   string
		bits   int
		degree int
		entry  func(int) int
	}{
		{"S7", 7, 3, func(i int) int { return int(s7[i]) }},
		{"S9", 9, 2, func(i int) int { return int(box9(uint16(i))) }},
	} {
		form := make([]int, 1<<c.bits)
		seen := make([]bool, 1<<c.bits)
		for i := range form {
			form[i] = c.entry(i)
			if seen[form[i]] {
				t.Errorf("%s holds %#x twice", c.name, form[i])
			}
			seen[form[i]] = true
		}
		for step := 1; step < len(form); step *= 2 {
			for i := range form {
				if i&step != 0 {
					form[i] ^= form[i^step]
				}
			}
		}
		degree := 0
		for i, v := range form {
			if v != 0 {
				degree = max(degree, bits.OnesCount(uint(i)))
			}
		}
		if degree != c.degree {
			t.Errorf("%s has degree %d, want %d", c.name, degree, c.degree)
		}
	}
}

func TestChecksumVectors(t *testing.T) {
	for in, want := range map[string]uint16{"00004A2D900FF2": 0x0ffa, "000B19EB230100": 0xc207} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := checksum(b); got != want {
			t.Errorf("checksum(%s) = %04x, want %04x", in, got, want)
		}
	}
	// 0000000101110000000010101001010101 and amount 0x2710: class, sub-class,
	// RND and TID as one string of bits.
	var head uint64
	if _, err := fmt.Sscanf("0000000101110000000010101001010101", "%b", &head); err != nil {
		t.Fatal(err)
	}
	b := block{int(head >> 32), head<<32 | 0x2710<<16}
	if got := b.sum(); got != 0x1970 {
		t.Errorf("sum = %04x, want 1970", got)
	}
}

func TestLuhnVectors(t *testing.T) {
	for in, want := range map[string]byte{"1234567890": '3', "43135625623": '7', "7861754265922": '0'} {
		if got, err := Luhn(in); got != want || err != nil {
			t.Errorf("Luhn(%s) = %c, %v, want %c", in, got, err, want)
		}
	}
	if _, err := Luhn("12a"); err == nil {
		t.Error("a letter has a check digit")
	}
}

func TestAmountVectors(t *testing.T) {
	for _, c := range []struct {
		units int64
		code  uint16
	}{{0, 0}, {1, 1}, {16383, 0x3fff}, {16384, 0x4000}, {16385, 0x4001}, {180214, 0x7fff}, {180223, 0x8000}, {18201624, 0xffff}} {
		if got, err := amountCode(c.units); got != c.code || err != nil {
			t.Errorf("amountCode(%d) = %04x, %v, want %04x", c.units, got, err, c.code)
		}
	}
	// Every code stands for its own number, greater than the one before.
	for v := 1; v <= 0xffff; v++ {
		if amountUnits(uint16(v)) <= amountUnits(uint16(v-1)) {
			t.Fatalf("code %04x is not greater than the one before", v)
		}
		if got, err := amountCode(amountUnits(uint16(v))); got != uint16(v) || err != nil {
			t.Fatalf("amountCode(amountUnits(%04x)) = %04x, %v", v, got, err)
		}
		if got, _ := amountCode(amountUnits(uint16(v-1)) + 1); got != uint16(v) {
			t.Fatalf("one more than code %04x is not rounded up", v-1)
		}
	}
	if _, err := amountCode(greatestUnits + 1); err == nil {
		t.Error("more than a token can say was coded")
	}
}

func TestDecoderKeyVectors(t *testing.T) {
	for _, c := range []struct{ pan, key string }{
		{"600727000000000009", "f94b6ed353c3bfdb113e2d3a7ea3c41d"},
		{"000001000000000082", "290e2626f5a0d106aad1aab6411589df"},
	} {
		d := setupA()
		d.PAN = c.pan
		if got, err := d.decoderKey(); hex.EncodeToString(got) != c.key || err != nil {
			t.Errorf("key of %s = %x, %v, want %s", c.pan, got, err, c.key)
		}
	}
}

func TestTokenVectors(t *testing.T) {
	with := func(change func(*Document)) Document {
		d := setupA()
		change(&d)
		return d
	}
	for _, c := range []struct {
		name   string
		doc    Document
		class  int
		sub    int
		at     string
		value  int64
		token  string
		effect credit.Effect
	}{
		{"credit 0.1 kWh", setupA(), 0, 0, "2004-03-01 13:00", 1, "59386323472137426967", credit.AddCredit},
		{"credit, another meter", with(func(d *Document) { d.PAN = "000001000000000082" }), 0, 0, "2004-03-01 13:20", 1, "25453597494250138964", credit.AddCredit},
		{"credit, base date 2014", with(func(d *Document) { d.BaseDate, d.KeyRevision = 2014, 4 }), 0, 0, "2014-01-01 08:00", 1, "13444522537517076834", credit.AddCredit},
		{"credit, base date 2035", with(func(d *Document) { d.BaseDate, d.KeyRevision = 2035, 5 }), 0, 0, "2035-01-01 08:00", 1, "11907826947753213480", credit.AddCredit},
		{"credit 25.6 kWh", setupA(), 0, 0, "2004-04-01 00:30", 256, "63638916334124550935", credit.AddCredit},
		{"credit 1638.3 kWh, the last of the first decade", setupA(), 0, 0, "2004-04-01 00:35", 16383, "06736163174944595611", credit.AddCredit},
		{"credit 1638.4 kWh, the first of the second", setupA(), 0, 0, "2004-04-01 00:40", 16384, "45798100519745983712", credit.AddCredit},
		{"credit 1820162.4 kWh, the greatest", setupA(), 0, 0, "2004-04-01 01:54", 18201624, "44964671935361377806", credit.AddCredit},
		{"power limit 1000 W", setupA(), 2, 0, "2004-03-28 09:01", 1000, "26521936751055502278", credit.PowerLimit},
		{"clear all credit", setupA(), 2, 1, "2004-03-28 09:15", 0xffff, "59725289138639529749", credit.ClearCredit},
		{"clear tamper", setupA(), 2, 5, "2004-03-28 10:00", 0, "02455019196514047304", credit.ClearTamper},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := vendor(t, c.doc)
			var got string
			var err error
			if c.class == 0 {
				got, err = v.Credit(at(c.at), c.value, 5)
			} else {
				got, err = v.Manage(c.sub, at(c.at), c.value, 5)
			}
			if got != c.token || err != nil {
				t.Errorf("issued %s, %v, want %s", got, err, c.token)
			}
			s := meter(t, c.doc)
			tok, next, err := s.Decode(s.Start(), c.token, at(c.at))
			if err != nil || tok.Code != credit.Accept || tok.Effect != c.effect || tok.Class != c.class || tok.SubClass != c.sub || !tok.Issued.Equal(at(c.at)) {
				t.Fatalf("read %+v, %v", tok, err)
			}
			if c.effect != credit.ClearTamper && tok.Value != c.value {
				t.Errorf("value %d, want %d", tok.Value, c.value)
			}
			if again, _, _ := s.Decode(next, c.token, at(c.at)); again.Code != credit.Used {
				t.Errorf("entered again: %s, want used", again.Code)
			}
		})
	}
}

func TestTestTokenVectors(t *testing.T) {
	s := meter(t, setupA())
	for _, c := range []struct {
		sub     int
		control uint64
		maker   uint16
		token   string
	}{
		{0, 1, 0, "00000000000150997584"},
		{1, 1, 0, "01152921509036054672"},
		{0, 1<<36 - 1, 0, "56493153725450313471"},
		{1, 1<<28 - 1, 0, "02305843005052951967"},
	} {
		if got, err := Test(c.sub, c.control, c.maker); got != c.token || err != nil {
			t.Errorf("Test(%d, %d, %d) = %s, %v, want %s", c.sub, c.control, c.maker, got, err, c.token)
		}
		tok, _, err := s.Decode(s.Start(), c.token, at("2004-03-01 13:00"))
		if err != nil || tok.Code != credit.Accept || tok.Class != 1 || tok.SubClass != c.sub || tok.Value != int64(c.control) {
			t.Errorf("read %s as %+v, %v", c.token, tok, err)
		}
	}
}

// keyChangeA is the published key change of setup A from tariff index 1 to 2.
func keyChangeA() []string {
	return []string{"34812744915211133004", "46903925208523674737", "71464563847088610152", "67904239402617643990"}
}

func TestKeyChangeVectors(t *testing.T) {
	to := setupA()
	to.TariffIndex = 2
	key, err := to.decoderKey()
	if err != nil {
		t.Fatal(err)
	}
	got, err := vendor(t, setupA()).ChangeKey(key, to.Identity(), 255, false)
	if err != nil || !slices.Equal(got, keyChangeA()) {
		t.Errorf("issued %v, %v, want %v", got, err, keyChangeA())
	}
	s := meter(t, setupA())
	// In each of the 24 orders.
	var try func(state State, left []string)
	try = func(state State, left []string) {
		for i, token := range left {
			tok, next, err := s.Decode(state, token, at("2004-05-01 00:00"))
			if err != nil || tok.Code != credit.Accept || tok.Value != int64(5-len(left)) {
				t.Fatalf("word %s: %+v, %v", token, tok, err)
			}
			rest := slices.Delete(slices.Clone(left), i, i+1)
			if len(rest) > 0 {
				if next.Key != "" {
					t.Fatal("the key changed before the last word")
				}
				try(next, rest)
				continue
			}
			if next.Key != hex.EncodeToString(key) || next.Tariff != 2 || next.SGC != 123457 || next.Expiry != 255 || next.Revision != 1 || next.Type != DUTK {
				t.Fatalf("after the change: %+v", next)
			}
			if again, _, _ := s.Decode(next, token, at("2004-05-01 00:00")); again.Code != credit.Used {
				t.Fatalf("the last word again: %s, want used", again.Code)
			}
		}
	}
	try(s.Start(), keyChangeA())
}
