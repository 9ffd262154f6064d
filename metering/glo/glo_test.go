package glo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering/meteringtest"
)

const vectors = "testdata/vectors.json"

func keysOf(t testing.TB, v meteringtest.Vector) Keys {
	t.Helper()
	k, err := ReadKeys(v.Key, v.AuthenticationKey)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCiphertextsOfTheGreenBookAreOpened(t *testing.T) {
	for _, v := range meteringtest.Vectors(t, vectors, "ciphertext") {
		e, n, err := Parse(v.Data)
		if err != nil || n != len(v.Data) || e.Title() != "4D4D4D0000BC614E" || e.Counter() != 0x01234567 {
			t.Fatalf("%s: %d bytes, %v", v.Name, n, err)
		}
		for name, k := range map[string]Keys{"with its keys": keysOf(t, v), "without the authentication key": {encryption: keysOf(t, v).encryption}} {
			got, err := k.Open(e)
			if k.authentication == nil && e.control&encrypted == 0 {
				if !errors.Is(err, ErrPlain) {
					t.Errorf("%s, %s: %X, %v", v.Name, name, got, err)
				}
				continue
			}
			if err != nil || strings.ToUpper(hex.EncodeToString(got)) != v.Plain {
				t.Errorf("%s, %s: %X, %v", v.Name, name, got, err)
			}
		}
	}
}

// With both keys not one bit can be turned over, and no byte left out.
func TestNothingIsTakenThatTheTagDoesNotProve(t *testing.T) {
	for _, v := range meteringtest.Vectors(t, vectors, "ciphertext") {
		k := keysOf(t, v)
		if k.authentication == nil {
			continue
		}
		for i := range v.Data {
			for bit := range 8 {
				b := bytes.Clone(v.Data)
				b[i] ^= 1 << bit
				if e, n, err := Parse(b); err == nil && n == len(b) {
					if got, err := k.Open(e); err == nil {
						t.Fatalf("%s: bit %d of byte %d is turned over, and %X comes out", v.Name, bit, i, got)
					}
				}
			}
			if _, _, err := Parse(v.Data[:i]); !errors.Is(err, ErrShort) {
				t.Errorf("%s cut after %d bytes: %v", v.Name, i, err)
			}
		}
	}
}

func TestWhatIsWrongWithAnCiphertextIsSaid(t *testing.T) {
	all := meteringtest.Vectors(t, vectors, "ciphertext")
	both, bare := all[0], all[1]
	other, err := ReadKeys(strings.Repeat("01", 16), both.AuthenticationKey)
	if err != nil {
		t.Fatal(err)
	}
	change := func(v meteringtest.Vector, at int, to byte) []byte {
		b := bytes.Clone(v.Data)
		b[at] = to
		return b
	}
	const control = 11
	for _, row := range []struct {
		name string
		b    []byte
		keys Keys
		says string
	}{
		{"no key", both.Data, Keys{}, "no key is configured"},
		{"another key", both.Data, other, "the authentication tag does not fit"},
		{"not authenticated where it is wanted", bare.Data, keysOf(t, both), "not authenticated"},
		{"compressed", change(both, control, 0xB0), keysOf(t, both), "compressed"},
		{"suite 2", change(both, control, 0x32), keysOf(t, both), "security suite 2"},
		{"too short for its tag", append(bytes.Clone(both.Data[:10]), 7, 0x30, 0, 0, 0, 1, 2, 3), keysOf(t, both), "too short"},
	} {
		e, _, err := Parse(row.b)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		if _, err = row.keys.Open(e); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", row.name, err)
		}
		if f := Fail("read", err); !strings.Contains(f.Error(), row.says) {
			t.Errorf("%s: %v", row.name, f)
		}
	}
	for name, b := range map[string][]byte{
		"a title of 7": {Tag, 7}, "neither encrypted nor authenticated": change(both, control, 0x00), "a length of no counter": append(append([]byte{Tag, 8}, make([]byte, 8)...), 4, 0x30, 0, 0, 0),
		"a length of 5 bytes": append(append([]byte{Tag, 8}, make([]byte, 8)...), 0x85, 0, 0, 0, 0, 9), "a length beyond any": append(append([]byte{Tag, 8}, make([]byte, 8)...), 0x84, 0xFF, 0xFF, 0xFF, 0xFF),
		"a length that is not told": append(append([]byte{Tag, 8}, make([]byte, 8)...), 0x80),
	} {
		if _, _, err := Parse(b); err == nil || errors.Is(err, ErrShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreReadAsGridOperatorsWriteThemAndNeverShown(t *testing.T) {
	for _, text := range []string{"000102030405060708090A0B0C0D0E0F", "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n", "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F"} {
		if k, err := ReadKeys(text, ""); err != nil || !k.Some() {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"00010203", "secret-secret-secret-secret-secr", "000102030405060708090A0B0C0D0E0G", strings.Repeat("00", 32)} {
		_, err := ReadKeys(text, "")
		if err == nil || strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "G") {
			t.Errorf("%q: %v", text, err)
		}
		l := Secrets{Key: text, AuthenticationKey: text}.Check()
		if len(l) != 2 || strings.Contains(l.Error(), text) {
			t.Errorf("%q: %v", text, l)
		}
	}
	if l := (Secrets{AuthenticationKey: strings.Repeat("00", 16)}).Check(); len(l) != 1 || l[0].Path != "key" {
		t.Errorf("an authentication key alone: %v", l)
	}
	if _, err := ReadKeys("", strings.Repeat("00", 16)); err == nil {
		t.Error("an authentication key alone is taken")
	}
	if l := (Secrets{}).Check(); len(l) != 0 {
		t.Errorf("no keys: %v", l)
	}
}

func TestAReplayIsRefusedAndAResetIsNotRefusedForEver(t *testing.T) {
	type step struct {
		after time.Duration
		n     uint32
		want  Verdict
	}
	const m = time.Minute
	slow := func(from uint32, every time.Duration, n int, want Verdict) (out []step) {
		for i := range n {
			out = append(out, step{every, from + uint32(i), want})
		}
		return out
	}
	join := func(parts ...[]step) (out []step) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	for _, row := range []struct {
		name  string
		steps []step
	}{
		{"it counts up, with gaps", []step{{0, 5, Fresh}, {m, 6, Fresh}, {m, 900, Fresh}}},
		{"one of before", []step{{0, 5, Fresh}, {m, 4, Refused}, {m, 6, Fresh}}},
		{"a server that sends twice", []step{{0, 5, Fresh}, {0, 5, Repeated}, {m, 6, Fresh}, {0, 6, Repeated}}},
		{"the last one again and again", []step{{0, 5, Fresh}, {m, 5, Repeated}, {m, 5, Refused}, {m, 5, Refused}}},
		{"a short recording played over and over", join([]step{{0, 500, Fresh}}, slow(10, 10*m, 5, Refused), slow(10, 10*m, 5, Refused), slow(10, 10*m, 5, Refused), slow(10, 10*m, 5, Refused))},
		{"a counter that began anew", join([]step{{0, 500, Fresh}}, slow(1, 10*m, 6, Refused), []step{{10 * m, 7, Anew}, {10 * m, 8, Fresh}, {m, 7, Refused}})},
		{"a recording played while the meter goes on", join([]step{{0, 500, Fresh}}, slow(1, 15*m, 3, Refused), []step{{m, 501, Fresh}}, slow(4, 15*m, 4, Refused), []step{{m, 502, Fresh}})},
		{"the same one of before for hours", join([]step{{0, 500, Fresh}, {m, 7, Refused}}, []step{{30 * m, 7, Refused}, {30 * m, 7, Refused}, {30 * m, 7, Refused}})},
	} {
		var c Counters
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, s := range row.steps {
			at = at.Add(s.after)
			got, err := c.Take("A", s.n, at)
			if got != s.want || (err != nil) != (got == Refused || got == Anew) {
				t.Errorf("%s: step %d, counter %d: %v, %v; want %v", row.name, i, s.n, got, err, s.want)
			}
		}
	}
	var c Counters
	for _, title := range []string{"A", "B", "C", "D", "E", "B"} {
		if v, _ := c.Take(title, 9, time.Time{}); title != "B" && v != Fresh {
			t.Errorf("meter %s: %v", title, v)
		}
	}
	if len(c.meters) != mostTitles {
		t.Errorf("%d meters are remembered", len(c.meters))
	}
}

func FuzzOpen(f *testing.F) {
	for _, v := range meteringtest.Vectors(f, vectors, "ciphertext") {
		f.Add(v.Data)
	}
	for _, v := range meteringtest.Vectors(f, vectors, "p1") {
		f.Add(v.Data)
	}
	k, err := ReadKeys("000102030405060708090A0B0C0D0E0F", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, n, err := Parse(b)
		if err != nil {
			return
		}
		if n > len(b) {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
		if plain, err := k.Open(e); err == nil && len(plain) > len(b) {
			t.Fatalf("%d bytes of %d", len(plain), len(b))
		}
	})
}

// Who has no key can write a ciphertext that is not encrypted, with any tag.
func TestWithTheEncryptionKeyAloneWhatIsNotEncryptedIsRefused(t *testing.T) {
	k, err := ReadKeys(meteringtest.SealKey, "")
	if err != nil {
		t.Fatal(err)
	}
	b := append([]byte{Tag, 8}, "TST\x00\x01\x02\x03\x04"...)
	b = append(b, 5+3+tagLen, authenticated, 0, 0, 0, 1, 'a', 'b', 'c')
	e, _, err := Parse(append(b, make([]byte, tagLen)...))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Open(e); err == nil {
		t.Errorf("%q is taken, which anybody can write", got)
	}
}
