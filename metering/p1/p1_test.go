package p1

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// version5 is a telegram with all the kinds of lines that occur; the CRC is
// not in it.
const version5 = "/XYZ5\\2M550T-1012\r\n\r\n" +
	"1-3:0.2.8(50)\r\n" +
	"0-0:1.0.0(260329040000S)\r\n" +
	"0-0:96.1.1(4530303434303037313331363530363136)\r\n" +
	"1-0:1.8.1(001234.567*kWh)\r\n" +
	"1-0:1.8.2(000765.433*kWh)\r\n" +
	"1-0:2.8.1(000012.000*kWh)\r\n" +
	"1-0:2.8.2(000003.500*kWh)\r\n" +
	"0-0:96.14.0(0002)\r\n" +
	"1-0:1.7.0(01.193*kW)\r\n" +
	"1-0:2.7.0(00.000*kW)\r\n" +
	"0-0:96.7.21(00004)\r\n" +
	"1-0:99.97.0(1)(0-0:96.7.19)(260101152415W)(0000000240*s)\r\n" +
	"0-0:96.13.0()\r\n" +
	"1-0:32.7.0(229.9*V)\r\n" +
	"1-0:52.7.0(231.1*V)\r\n" +
	"1-0:72.7.0(230.0*V)\r\n" +
	"1-0:31.7.0(001*A)\r\n" +
	"1-0:51.7.0(002*A)\r\n" +
	"1-0:71.7.0(003*A)\r\n" +
	"1-0:21.7.0(00.193*kW)\r\n" +
	"1-0:41.7.0(00.400*kW)\r\n" +
	"1-0:61.7.0(00.600*kW)\r\n" +
	"1-0:22.7.0(00.000*kW)\r\n" +
	"1-0:42.7.0(00.000*kW)\r\n" +
	"1-0:62.7.0(00.000*kW)\r\n" +
	"0-1:24.1.0(003)\r\n" +
	"0-1:24.2.1(260329030000S)(12785.123*m3)\r\n" +
	"!"

const version2 = "/XYZ4 12345678\r\n\r\n" +
	"0-0:96.1.1(205A4143303031)\r\n" +
	"1-0:1.8.1(00608.400*kWh)\r\n" +
	"1-0:1.8.2(00490.342*kWh)\r\n" +
	"1-0:1.7.0(0001.51*kW)\r\n" +
	"0-1:24.3.0(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n" +
	"(00024.123)\r\n" +
	"!\r\n"

const sweden = "/ABC5\\253833635_A\r\n\r\n" +
	"0-0:1.0.0(260203212902W)\r\n" +
	"1-0:1.8.0(00000896.020*kWh)\r\n" +
	"1-0:2.8.0(00000000.500*kWh)\r\n" +
	"1-0:3.8.0(00000004.675*kVArh)\r\n" +
	"1-0:1.7.0(0000.000*kW)\r\n" +
	"1-0:2.7.0(0001.250*kW)\r\n" +
	"1-0:3.7.0(0000.086*kVAr)\r\n" +
	"1-0:32.7.0(230.4*V)\r\n" +
	"1-0:31.7.0(005.4*A)\r\n" +
	"!"

const austria = "/ATX5\\XXX0000\r\n\r\n0-0:96.1.0(31323334)\r\n1-0:1.8.0(000123456*Wh)\r\n1-0:2.8.0(000000000*Wh)\r\n1-0:1.7.0(00321*W)\r\n1-0:2.7.0(00000*W)\r\n!"

func sealed(body string) string {
	return fmt.Sprintf("%s%04X\r\n", body, newTable().sum([]byte(body)))
}

func TestCRC(t *testing.T) {
	// The published check value of this CRC.
	if got := newTable().sum([]byte("123456789")); got != 0xBB3D {
		t.Errorf("sum = %04X, want BB3D", got)
	}
}

func TestDecode(t *testing.T) {
	// A body whose CRC begins with a zero, for the meter that leaves it out.
	var unpadded string
	for i := 0; ; i++ {
		body := fmt.Sprintf("/XYZ5\\2M\r\n\r\n1-3:0.2.8(50)\r\n1-0:1.8.0(%06d.000*kWh)\r\n!", i)
		if sum := newTable().sum([]byte(body)); sum < 0x1000 {
			unpadded = fmt.Sprintf("%s%X\r\n", body, sum)
			break
		}
	}
	for _, row := range []struct {
		name   string
		in     string
		n      int
		faults []metering.Code
		first  string // import, export, power, phases, meter, time of the first
	}{
		{"version 5", sealed(version5), 1, nil, "2000.000 15.500 1193 3 E0044007131650616 2026-03-29T02:00:00Z"},
		{"version 2 without a check sum, gas value on a line of its own", version2, 1, nil, "1098.742 0.000 1510 0  ZAC001 0001-01-01T00:00:00Z"},
		{"Sweden: totals, export, reactive", sealed(sweden), 1, nil, "896.020 0.500 -1250 1  2026-02-03T20:29:02Z"},
		{"Austria: watt-hours", sealed(austria), 1, nil, "123.456 0.000 321 0 1234 0001-01-01T00:00:00Z"},
		{"a check sum without its leading zero", unpadded, 1, nil, ""},
		{"recorded without carriage returns", strings.ReplaceAll(sealed(version5), "\r\n", "\n"), 1, nil, ""},
		{"the last line end is missing", strings.TrimSpace(sealed(version5)), 1, nil, ""},
		{"garbage before, between and after", "\x00\xffjunk/no\r\n" + sealed(version5) + "noise !!\r\n" + sealed(sweden) + "/XY", 2, nil, "2000.000 15.500 1193 3 E0044007131650616 2026-03-29T02:00:00Z"},
		{"begun in the middle", sealed(version5)[200:] + sealed(sweden), 1, nil, ""},
		{"cut, then a whole one", sealed(version5)[:300] + "\r\n" + sealed(sweden), 1, []metering.Code{metering.Short}, "896.020 0.500 -1250 1  2026-02-03T20:29:02Z"},
		{"cut by the end", sealed(version5) + sealed(sweden)[:100], 1, []metering.Code{metering.Short}, ""},
		{"one bit wrong", strings.Replace(sealed(version5), "001234", "001235", 1), 0, []metering.Code{metering.Checksum}, ""},
		{"wrong, then right", strings.Replace(sealed(version5), "001234", "001235", 1) + sealed(version5), 1, []metering.Code{metering.Checksum}, ""},
		{"check sum is no number", version5 + "zzzz\r\n", 0, []metering.Code{metering.Checksum}, ""},
		{"version 5 must have a check sum", version5 + "\r\n", 0, []metering.Code{metering.Short}, ""},
		{"noise in a telegram without a check sum", strings.Replace(version2, "(00608", "00608", 1), 0, []metering.Code{metering.UnknownReply}, ""},
		{"a value that no meter has", sealed("/XYZ5x\r\n1-0:32.7.0(99999.0*V)\r\n!"), 0, []metering.Code{metering.Range}, ""},
		{"nothing", "", 0, nil, ""},
		{"encrypted, as in Luxembourg and Austria", "\xDB\x08SAGgp\x00\x82\x01\x0B0\x00\x00", 0, []metering.Code{metering.UnknownReply}, ""},
		{"only garbage", "hello / world ! (1)\r\n", 0, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, errs := Decode([]byte(row.in))
			var codes []metering.Code
			for _, e := range errs {
				codes = append(codes, metering.CodeOf(e))
			}
			if len(got) != row.n || fmt.Sprint(codes) != fmt.Sprint(row.faults) {
				t.Fatalf("%d telegrams, errors %v; want %d, %v", len(got), errs, row.n, row.faults)
			}
			if row.first == "" {
				return
			}
			g := got[0]
			s := g.Sample
			if text := fmt.Sprintf("%.3f %.3f %.0f %d %s %s", s.Import.KWh(), s.Export.KWh(), s.Power.W(), len(s.Phases), g.Meter, g.Time.Format(time.RFC3339)); text != row.first {
				t.Errorf("got  %s\nwant %s", text, row.first)
			}
		})
	}
}

// What is not known is kept.
// Finland and Lithuania print the time of Eastern Europe.
func TestATelegramOfAnotherZoneIsOfItsOwnTime(t *testing.T) {
	for _, row := range []struct{ zone, told, want string }{
		{"Europe/Helsinki", "260115120000W", "2026-01-15T10:00:00Z"},
		{"Europe/Vilnius", "260715120000S", "2026-07-15T09:00:00Z"},
		{"Europe/Lisbon", "260715120000S", "2026-07-15T11:00:00Z"},
		{"Europe/Amsterdam", "260715120000S", "2026-07-15T10:00:00Z"},
	} {
		zone, err := time.LoadLocation(row.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, ok := parseTime([]byte(row.told))
		if got := InZone(at, zone).Format(time.RFC3339); !ok || got != row.want {
			t.Errorf("%s in %s: %s, want %s", row.told, row.zone, got, row.want)
		}
	}
	if !InZone(time.Time{}, time.UTC).IsZero() {
		t.Error("no time became one")
	}
}

func TestUnknownCodesAreKept(t *testing.T) {
	got, errs := Decode([]byte(sealed(version5)))
	if len(got) != 1 {
		t.Fatal(errs)
	}
	raw := map[string]string{}
	for _, r := range got[0].Raw {
		raw[r.Name] = r.Value + " " + r.Unit
	}
	for name, want := range map[string]string{"1-0:1.8.1": "001234.567 kWh", "0-1:24.2.1": "12785.123 m3", "0-0:96.14.0": "0002 ", "1-0:99.97.0": "1)(0-0:96.7.19)(260101152415W)(0000000240*s ", "identification": "XYZ5\\2M550T-1012 "} {
		if raw[name] != want {
			t.Errorf("%s is %q, want %q", name, raw[name], want)
		}
	}
}

// port is a meter that sends a telegram every 20 ms, sealed where seal is not nil.
func port(seal *meteringtest.Sealer) *meteringtest.Sender {
	return &meteringtest.Sender{
		Telegram: func(t meteringtest.Truth) []byte {
			text := sealed(fmt.Sprintf("/XYZ5\\2M\r\n\r\n1-3:0.2.8(50)\r\n1-0:1.8.0(%010.3f*kWh)\r\n1-0:2.8.0(%010.3f*kWh)\r\n1-0:1.7.0(%06.3f*kW)\r\n1-0:32.7.0(%.1f*V)\r\n1-0:31.7.0(%.2f*A)\r\n!",
				t.Import.KWh(), t.Export.KWh(), t.Power.KW(), float64(t.Voltage)/1000, float64(t.Current)/1000))
			if seal != nil {
				return seal.Seal([]byte(text))
			}
			return []byte(text)
		},
		Absurd: meteringtest.TooHigh,
		Spoil: func(b []byte, f meteringtest.Fault) []byte {
			switch f {
			case meteringtest.Cut:
				return append(b[:len(b)/2], "\r\n"...)
			case meteringtest.Corrupt:
				if seal != nil {
					b[60] ^= 1
					return b
				}
				return bytes.Replace(b, []byte("kWh"), []byte("kVh"), 1)
			}
			return []byte("\x00\xff\x80 not a meter")
		},
	}
}

func TestConformance(t *testing.T) {
	for _, way := range meteringtest.ListeningWays(DefaultMode()) {
		t.Run(way.Name, func(t *testing.T) { conforms(t, way, glo.Keys{}) })
	}
	keys, err := glo.ReadKeys(meteringtest.SealKey, meteringtest.SealAuthenticationKey)
	if err != nil {
		t.Fatal(err)
	}
	server := meteringtest.ListeningWays(DefaultMode())[1]
	t.Run("encrypted, "+server.Name, func(t *testing.T) { conforms(t, server, keys) })
}

func conforms(t *testing.T, way meteringtest.Way, keys glo.Keys) {
	meteringtest.Run(t, meteringtest.Bench{
		Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent,
		Energy: units.WattHour, Power: units.Watt, Cases: way.Cases,
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
			var seal *meteringtest.Sealer
			if keys.Some() {
				seal = meteringtest.NewSealer(t)
			}
			dev := port(seal)
			dev.Line = way.On(t, dev.Play)
			m, err := New(Config{Name: way.Name, Open: dev.Open, Keys: keys, Patience: 200 * time.Millisecond, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			return m, dev
		},
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sealed(version5)))
	f.Add([]byte(version2 + sealed(sweden)))
	f.Add([]byte(sealed(version5)[:300] + sealed(austria)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []metering.Telegram
		var errs []error
		meteringtest.Modest(t, b, func() { got, errs = Decode(b) })
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

func BenchmarkDecode(b *testing.B) {
	data := []byte(strings.Repeat(sealed(version5), 100))
	meteringtest.Throughput(b, len(data), func() {
		if got, errs := Decode(data); len(got) != 100 || len(errs) != 0 {
			b.Fatal(len(got), errs)
		}
	})
}
