package p1

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/meteringtest"
	"github.com/keeplit/keeplit/metering/obis"
)

const vectors = "../glo/testdata/vectors.json"

func keysOf(tb testing.TB, v meteringtest.Vector) glo.Keys {
	tb.Helper()
	k, err := glo.ReadKeys(v.Key, v.AuthenticationKey)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestTelegramsThatSomebodyElseEncryptedAreRead(t *testing.T) {
	for _, v := range meteringtest.Vectors(t, vectors, "p1") {
		got, errs := DecodeWith(v.Data, keysOf(t, v))
		if len(errs) != 0 || len(got) != 1 || !v.Says.Agrees(got[0].Sample) || got[0].Meter != "SAG1031234567890" {
			t.Errorf("%s: %+v, %v", v.Name, got, errs)
		}
		if got, errs := Decode(v.Data); len(got) != 0 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "no key is configured") {
			t.Errorf("%s without a key: %+v, %v", v.Name, got, errs)
		}
	}
}

// With both keys nothing that was damaged is read; with one the telegram's own check sum
// keeps out what the line did to it, and the frame counter is not proven.
func TestNoDamagedEncryptedTelegramIsReadWrong(t *testing.T) {
	for _, v := range meteringtest.Vectors(t, vectors, "p1") {
		keys := keysOf(t, v)
		try := func(what string, at int, b []byte) {
			got, _ := DecodeWith(b, keys)
			for _, g := range got {
				if !v.Says.Agrees(g.Sample) {
					t.Fatalf("%s, %s at byte %d: %+v", v.Name, what, at, g.Sample)
				}
			}
		}
		meteringtest.Damage(v.Data, try)
	}
}

// sealedBy is a stream of telegrams, each given by its counter; 0 is one in clear.
func sealedBy(t *testing.T, power func(i int) int, counters ...uint32) (stream []byte) {
	t.Helper()
	s := meteringtest.NewSealer(t)
	for i, n := range counters {
		words := []byte(sealed(fmt.Sprintf("/XYZ5\\2M\r\n\r\n1-3:0.2.8(50)\r\n1-0:1.8.0(000001.000*kWh)\r\n1-0:1.7.0(%06.3f*kW)\r\n!", float64(power(i))/1000)))
		if n == 0 {
			stream = append(stream, words...)
			continue
		}
		stream = append(stream, s.SealAs(n, words)...)
	}
	return stream
}

func TestAStreamOfEncryptedTelegrams(t *testing.T) {
	keys, err := glo.ReadKeys(meteringtest.SealKey, meteringtest.SealAuthenticationKey)
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int) int { return i }
	three, looks := sealedBy(t, at, 15, 16, 17), sealedBy(t, at, 5, 6, 7)
	n := len(three) / 3
	lies := []byte{glo.Tag, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x82, 0x30, 0x00, 0x30} // what some words may look like
	for _, row := range []struct {
		name   string
		stream []byte
		powers string
		faults string
	}{
		{"three", three, "0 1 2", ""},
		{"begun in the middle", three[n/2:], "1 2", ""},
		{"a tag that looks like the beginning of another", looks, "0 1 2", ""},
		{"begun in the middle, and a tag looks like the beginning of another", looks[n/2:], "1 2", "short"},
		{"one cut", append(bytes.Clone(three[:n/2]), three[n:]...), "1 2", "short"},
		{"noise before and between", append(append([]byte("\xdb\x08 noise /ABC"), three[:n]...), append([]byte("\xdb\x07\x00"), three[n:]...)...), "0 1 2", ""},
		{"words that announce 12288 bytes", append(bytes.Clone(lies), three...), "0 1 2", "short"},
		{"one of before", sealedBy(t, at, 5, 6, 5, 7), "0 1 3", "unknown_reply"},
		{"each twice", sealedBy(t, at, 5, 5, 6, 6), "0 2", ""},
		{"one in clear between", sealedBy(t, at, 5, 0, 6), "0 2", "unknown_reply"},
	} {
		for size := 1; size <= len(row.stream); size += 1 + size/2 {
			var counters glo.Counters
			r := reader{table: newTable(), keys: keys, counters: &counters, now: time.Now}
			var buf []byte
			var powers, faults []string
			for i := 0; i < len(row.stream); i += size {
				buf = append(buf, row.stream[i:min(i+size, len(row.stream))]...)
				used := r.take(buf, false, func(tg metering.Telegram, err error) {
					if err != nil {
						faults = append(faults, string(metering.CodeOf(err)))
						return
					}
					powers = append(powers, fmt.Sprint(int64(tg.Sample.Power/units.Watt)))
				})
				buf = buf[used:]
			}
			if got := strings.Join(powers, " "); got != row.powers || strings.Join(faults, " ") != row.faults {
				t.Errorf("%s, %d bytes at a time: powers %q, faults %q; want %q, %q", row.name, size, got, faults, row.powers, row.faults)
			}
		}
	}
}

func TestAnotherKeySaysSo(t *testing.T) {
	stream := sealedBy(t, func(int) int { return 1 }, 5)
	for name, row := range map[string]struct{ key, authentication, says string }{
		"both keys, the first wrong":  {strings.Repeat("11", 16), meteringtest.SealAuthenticationKey, "the authentication tag does not fit"},
		"both keys, the second wrong": {meteringtest.SealKey, strings.Repeat("11", 16), "the authentication tag does not fit"},
		"one key, wrong":              {strings.Repeat("11", 16), "", "check the encryption key"},
	} {
		keys, err := glo.ReadKeys(row.key, row.authentication)
		if err != nil {
			t.Fatal(err)
		}
		got, errs := DecodeWith(stream, keys)
		if len(got) != 0 || len(errs) != 1 || !strings.Contains(errs[0].Error(), row.says) || strings.Contains(errs[0].Error(), "1111") {
			t.Errorf("%s: %v, %v", name, got, errs)
		}
	}
}

func TestCodesOfTheConfiguration(t *testing.T) {
	body := sealed("/XYZ5\\2M\r\n\r\n1-3:0.2.8(50)\r\n1-0:1.8.0(000007.000*kWh)\r\n1-0:15.8.1(000002.000*kWh)\r\n1-0:15.8.2(000003.000*kWh)\r\n1-0:1.7.0(00.300*kW)\r\n1-0:2.7.0(00.100*kW)\r\n1-0:61.7.0(00.250*kW)\r\n!")
	for _, row := range []struct {
		name  string
		codes obis.CodesDocument
		want  string
	}{
		{"none", obis.CodesDocument{}, "7.000 0.000 200"},
		{"a register elsewhere", obis.CodesDocument{Import: "15.8.1"}, "2.000 0.000 200"},
		{"a sum", obis.CodesDocument{Import: "15.8.1 + 1-0:15.8.2"}, "5.000 0.000 200"},
		{"power elsewhere: what flows out is no longer taken off it", obis.CodesDocument{Power: "61.7.0"}, "7.000 0.000 250"},
		{"power and what flows out", obis.CodesDocument{Power: "61.7.0", Returned: "1.7.0"}, "7.000 0.000 -50"},
		{"a register that the meter does not tell", obis.CodesDocument{Import: "1.8.3"}, "- 0.000 200"},
	} {
		doc := obis.DialectDocument{Codes: &row.codes}
		if l := doc.Check(); len(l) != 0 {
			t.Fatal(l)
		}
		got, err := newTable().decode([]byte(body), doc.Dialect())
		s := got.Sample
		text := fmt.Sprintf("%.3f %.3f %.0f", s.Import.KWh(), s.Export.KWh(), s.Power.W())
		if !s.Gives(metering.HasImport) {
			text = "-" + text[strings.Index(text, " "):]
		}
		if err != nil || text != row.want {
			t.Errorf("%s: %s, %v; want %s", row.name, text, err, row.want)
		}
	}
}

func FuzzSealed(f *testing.F) {
	for _, v := range meteringtest.Vectors(f, vectors, "p1") {
		f.Add(v.Data)
		f.Add(append(bytes.Clone(v.Data[:100]), v.Data...))
	}
	for _, v := range meteringtest.Vectors(f, vectors, "p1 inside") {
		f.Add(v.Data)
	}
	keys := keysOf(f, meteringtest.Vectors(f, vectors, "p1 inside")[0])
	bare := keysOf(f, meteringtest.Vectors(f, vectors, "p1")[1])
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []metering.Telegram
		var errs []error
		meteringtest.Modest(t, b, func() {
			got, errs = DecodeWith(b, keys)
			g, e := DecodeWith(b, bare)
			got, errs = append(got, g...), append(errs, e...)
		})
		for _, e := range errs {
			if metering.CodeOf(e) == "" {
				t.Fatalf("error without a code: %v", e)
			}
		}
		for _, g := range got {
			if err := g.Sample.Sane("fuzz"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Some meters encrypt what stands between the identification and the end.
func TestATelegramThatIsEncryptedInside(t *testing.T) {
	for _, v := range meteringtest.Vectors(t, vectors, "p1 inside") {
		keys := keysOf(t, v)
		got, errs := DecodeWith(append(append([]byte("M\r\n!12"), v.Data...), v.Data...), keys)
		if len(errs) != 0 || len(got) != 2 || !v.Says.Agrees(got[1].Sample) || got[0].Meter != "SAG1031234567890" {
			t.Errorf("%s: %+v, %v", v.Name, got, errs)
		}
		one, err := glo.ReadKeys(v.Key, "")
		if err != nil {
			t.Fatal(err)
		}
		if got, errs := DecodeWith(v.Data, one); len(got) != 0 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "write authentication_key too") {
			t.Errorf("%s with one key: %v, %v", v.Name, got, errs)
		}
		for i := range v.Data {
			for bit := range 8 {
				b := bytes.Clone(v.Data)
				b[i] ^= 1 << bit
				got, _ := DecodeWith(b, keys)
				for _, g := range got {
					if !v.Says.Agrees(g.Sample) {
						t.Fatalf("%s, bit %d of byte %d turned over: %+v", v.Name, bit, i, g.Sample)
					}
				}
			}
			got, _ := DecodeWith(append(bytes.Clone(v.Data[:i]), v.Data...), keys)
			if len(got) == 0 || !v.Says.Agrees(got[len(got)-1].Sample) {
				t.Fatalf("%s cut after %d bytes, and then whole: %v", v.Name, i, got)
			}
			r := reader{table: newTable(), keys: keys, now: time.Now}
			n := 0
			used := r.take(v.Data[:i], false, func(metering.Telegram, error) { n++ })
			if rest := append(bytes.Clone(v.Data[used:i]), v.Data[i:]...); n == 0 {
				r.take(rest, false, func(g metering.Telegram, err error) {
					if err == nil && v.Says.Agrees(g.Sample) {
						n++
					}
				})
			}
			if n != 1 {
				t.Fatalf("%s in two pieces of %d bytes and the rest: read %d times", v.Name, i, n)
			}
		}
	}
}

// Whatever its words look like, such a telegram is read that comes a byte at a time.
func TestATelegramThatIsEncryptedInsideComesInPieces(t *testing.T) {
	keys, err := glo.ReadKeys(meteringtest.SealKey, meteringtest.SealAuthenticationKey)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := hex.DecodeString(meteringtest.SealKey)
	known, _ := hex.DecodeString("30" + meteringtest.SealAuthenticationKey)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithTagSize(block, 12)
	if err != nil {
		t.Fatal(err)
	}
	const ident = "/XYZ5\\2M550T-1012\r\n\r\n"
	words := []byte(version5[len(ident) : len(version5)-1])
	for n := range uint32(200) {
		nonce := binary.BigEndian.AppendUint32(make([]byte, 8), n)
		body := gcm.Seal(binary.BigEndian.AppendUint32([]byte{0x30}, n), nonce, words, known)
		data := append(binary.BigEndian.AppendUint16(append([]byte(ident), 0, 0x82), uint16(len(body))), body...)
		data = append(data, "!0000\r\n"...)
		r := reader{table: newTable(), keys: keys, now: time.Now}
		read := 0
		var buf []byte
		for _, c := range data {
			buf = append(buf, c)
			used := r.take(buf, false, func(_ metering.Telegram, err error) {
				if err != nil {
					t.Errorf("number %d: %v", n, err)
				}
				read++
			})
			buf = buf[used:]
		}
		if read != 1 {
			t.Errorf("number %d is read %d times", n, read)
		}
	}
}
