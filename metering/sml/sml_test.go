package sml

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// The parts that a file is built from.
func octetsOf(b ...byte) []byte {
	if n := len(b) + 1; n <= 15 {
		return append([]byte{byte(n)}, b...)
	}
	n := len(b) + 2
	return append([]byte{0x80 | byte(n>>4), byte(n & 15)}, b...)
}

func listOf(items ...[]byte) []byte {
	return append([]byte{0x70 | byte(len(items))}, bytes.Join(items, nil)...)
}
func u8(v byte) []byte    { return []byte{0x62, v} }
func u16(v uint16) []byte { return binary.BigEndian.AppendUint16([]byte{0x63}, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0x65}, v) }
func i64(v int64) []byte  { return binary.BigEndian.AppendUint64([]byte{0x59}, uint64(v)) }
func i8(v int8) []byte    { return []byte{0x52, byte(v)} }

var none = []byte{1}

func entryOf(code [6]byte, unit byte, scaler int8, value []byte) []byte {
	u := none
	if unit != 0 {
		u = u8(unit)
	}
	return listOf(octetsOf(code[:]...), none, none, u, i8(scaler), value, none)
}

func messageOf(tag uint16, body []byte) []byte {
	m := listOf(octetsOf(0, 1, 2, 3), u8(0), u8(0), listOf(u16(tag), body), u16(0))
	m[0] = 0x76
	return append(m, 0)
}

func fileOf(entries ...[]byte) []byte {
	server := octetsOf(0x0A, 1, 'X', 'Y', 'Z', 0, 4, 0x7A, 0x55, 0x44)
	values := append([]byte{0x70 | byte(len(entries))}, bytes.Join(entries, nil)...)
	if len(entries) > 15 {
		values = append([]byte{0xF0 | byte(len(entries)>>4), byte(len(entries) & 15)}, bytes.Join(entries, nil)...)
	}
	body := messageOf(0x0101, listOf(none, none, octetsOf(1, 2), server, none, none))
	body = append(body, messageOf(0x0701, listOf(none, server, octetsOf(1, 0, 0x62, 0x0A, 0xFF, 0xFF), listOf(u8(2), u32(1774749600)), values, none, none))...)
	body = append(body, messageOf(0x0201, listOf(none))...)
	return wrap(body)
}

func wrap(body []byte) []byte {
	esc := []byte{0x1B, 0x1B, 0x1B, 0x1B}
	out := append(append([]byte{}, esc...), 1, 1, 1, 1)
	out = append(out, bytes.ReplaceAll(body, esc, append(esc, esc...))...)
	pad := 0
	for len(out)%4 != 0 {
		out = append(out, 0)
		pad++
	}
	out = append(append(out, esc...), 0x1A, byte(pad))
	return binary.LittleEndian.AppendUint16(out, crc(0xFFFF, out)^0xFFFF)
}

func house(in, out units.Energy, p units.Power) []byte {
	return fileOf(
		entryOf([6]byte{1, 0, 96, 50, 1, 1}, 0, 0, octetsOf('X', 'Y', 'Z')),
		entryOf([6]byte{1, 0, 1, 8, 0, 255}, 30, -1, i64(int64(in/(units.WattHour/10)))),
		entryOf([6]byte{1, 0, 2, 8, 0, 255}, 30, -1, i64(int64(out/(units.WattHour/10)))),
		entryOf([6]byte{1, 0, 16, 7, 0, 255}, 27, 0, i64(int64(p/units.Watt))),
		entryOf([6]byte{1, 0, 32, 7, 0, 255}, 35, -1, u16(2301)),
		entryOf([6]byte{1, 0, 31, 7, 0, 255}, 33, -2, u16(652)),
		entryOf([6]byte{1, 0, 14, 7, 0, 255}, 44, -1, u16(500)),
	)
}

// Meters of one maker write a power of more than 327.67 W as a negative one;
// the serial number tells which.
func TestPowerThatLostItsSign(t *testing.T) {
	power := entryOf([6]byte{1, 0, 16, 7, 0, 255}, 27, -2, []byte{0x53, 0x8B, 0x28})
	out := entryOf([6]byte{1, 0, 2, 8, 0, 255}, 30, -1, u32(5))
	for _, row := range []struct {
		name   string
		serial uint32
		want   units.Power
	}{
		{"of the first affected range", 42_082_910, 356_240},
		{"of the second", 55_000_001, 356_240},
		{"between them", 50_000_000, -299_120},
		{"after them", 60_694_611, -299_120},
	} {
		server := binary.BigEndian.AppendUint32([]byte{0x0A, 1, 'D', 'Z', 'G', 0}, row.serial)
		file := bytes.ReplaceAll(fileOf(power, out), []byte{0x0A, 1, 'X', 'Y', 'Z', 0, 4, 0x7A, 0x55, 0x44}, server)
		binary.LittleEndian.PutUint16(file[len(file)-2:], crc(0xFFFF, file[:len(file)-2])^0xFFFF)
		got, errs := Decode(file)
		if len(errs) != 0 || len(got) != 1 || got[0].Sample.Power != row.want {
			t.Errorf("%s: %+v, %v", row.name, got, errs)
		}
	}
}

// A meter that has no register for what flows out and says in two bytes that power
// flows out has most likely written a great power without a sign.
func TestANegativePowerInTwoBytesIsNotBelievedWhereNothingCanFlowOut(t *testing.T) {
	in, out := entryOf([6]byte{1, 0, 1, 8, 0, 255}, 30, -1, u32(5)), entryOf([6]byte{1, 0, 2, 8, 0, 255}, 30, -1, u32(5))
	short, long := entryOf([6]byte{1, 0, 16, 7, 0, 255}, 27, -2, []byte{0x53, 0x8B, 0x28}), entryOf([6]byte{1, 0, 16, 7, 0, 255}, 27, -2, []byte{0x55, 0xFF, 0xFF, 0x8B, 0x28})
	for _, row := range []struct {
		name  string
		file  []byte
		power bool
	}{
		{"two bytes, import alone", fileOf(in, short), false},
		{"two bytes, both registers", fileOf(in, out, short), true},
		{"four bytes, import alone", fileOf(in, long), true},
	} {
		got, errs := Decode(row.file)
		if len(errs) != 0 || len(got) != 1 || !got[0].Sample.Gives(metering.HasImport) || got[0].Sample.Gives(metering.HasPower) != row.power {
			t.Errorf("%s: %+v, %v", row.name, got, errs)
		}
	}
}

func TestANumberThatSaysThatThereIsNoneIsAbsent(t *testing.T) {
	in := entryOf([6]byte{1, 0, 1, 8, 0, 255}, 30, -1, u32(5))
	for name, value := range map[string][]byte{
		"three bytes": {0x54, 0x80, 0, 0}, "24 bits in four": {0x55, 0xFF, 0x80, 0, 0}, "four": {0x55, 0x80, 0, 0, 0},
		"eight": {0x59, 0x80, 0, 0, 0, 0, 0, 0, 0}, "four without a sign": {0x65, 0xFF, 0xFF, 0xFF, 0xFF}, "eight without a sign": {0x69, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
	} {
		got, errs := Decode(fileOf(in, entryOf([6]byte{1, 0, 16, 7, 0, 255}, 27, 0, value)))
		if len(errs) != 0 || len(got) != 1 || got[0].Sample.Import != units.WattHour/2 || got[0].Sample.Gives(metering.HasPower) {
			t.Errorf("%s: %+v, %v", name, got, errs)
		}
	}
}

// A DTZ541 on RS-485 sends its check sum high byte first; others pad a full file by
// four bytes.
func TestACheckSumTheOtherWayRoundAndAFullWordOfPadding(t *testing.T) {
	good := house(1234*units.KilowattHour, 0, 500*units.Watt)
	n := len(good)
	turned := bytes.Clone(good)
	binary.BigEndian.PutUint16(turned[n-2:], crc(0, turned[:n-2]))
	pad := int(good[n-3])
	padded := append(bytes.Clone(good[:n-8-pad]), 0, 0, 0, 0)
	padded = append(padded, 0x1B, 0x1B, 0x1B, 0x1B, 0x1A, 4)
	padded = binary.LittleEndian.AppendUint16(padded, crc(0xFFFF, padded)^0xFFFF)
	for name, file := range map[string][]byte{"the other way round": turned, "four bytes of padding": padded} {
		got, errs := Decode(file)
		if len(errs) != 0 || len(got) != 1 || got[0].Sample.Import != 1234*units.KilowattHour {
			t.Errorf("%s: %+v, %v", name, got, errs)
		}
	}
	turned[80] ^= 4
	if got, errs := Decode(turned); len(got) != 0 || len(errs) != 1 || metering.CodeOf(errs[0]) != metering.Checksum {
		t.Errorf("a bit is wrong: %+v, %v", got, errs)
	}
}

// The status of the register says which way a power without a sign goes.
func TestPowerWithoutASign(t *testing.T) {
	sum := entryOf([6]byte{1, 0, 15, 7, 0, 255}, 27, -1, u16(1371))
	out := entryOf([6]byte{1, 0, 2, 8, 0, 255}, 30, -1, u32(5))
	for _, row := range []struct {
		status uint16
		want   units.Power
	}{{0x0182, 137_100}, {0x01B0, -137_100}} {
		in := listOf(octetsOf(1, 0, 1, 8, 0, 255), u16(row.status), none, u8(30), i8(-1), u32(1000), none)
		got, errs := Decode(fileOf(in, out, sum))
		if len(errs) != 0 || len(got) != 1 || got[0].Sample.Power != row.want {
			t.Errorf("status %04X: %+v, %v", row.status, got, errs)
		}
	}
}

func TestCRC(t *testing.T) {
	// The published check values of the two CRCs in use.
	if got := crc(0xFFFF, []byte("123456789")) ^ 0xFFFF; got != 0x906E {
		t.Errorf("X.25 is %04X, want 906E", got)
	}
	if got := crc(0, []byte("123456789")); got != 0x2189 {
		t.Errorf("Kermit is %04X, want 2189", got)
	}
}

func TestDecode(t *testing.T) {
	good := house(1234*units.KilowattHour, 5*units.KilowattHour, -321*units.Watt)
	// A list that announces seven values and ends after three, with a good CRC.
	short := good[8 : len(good)-8-int(good[len(good)-3])]
	short = wrap(short[:len(short)/2])
	kermit := append([]byte{}, good...)
	binary.LittleEndian.PutUint16(kermit[len(kermit)-2:], crc(0, kermit[:len(kermit)-2]))
	bad := append([]byte{}, good...)
	bad[60] ^= 1
	escaped := fileOf(entryOf([6]byte{1, 0, 1, 8, 0, 255}, 30, 0, []byte{0x65, 0x1B, 0x1B, 0x1B, 0x1B}))
	var many [][]byte
	for i := range 30 {
		many = append(many, entryOf([6]byte{1, 0, 1, 8, byte(i), 255}, 30, 0, u32(uint32(i))))
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	const one = "1234.000 5.000 -321 230100 6520 50000"
	for _, row := range []struct {
		name   string
		in     []byte
		n      int
		faults []metering.Code
		first  string
	}{
		{"a whole file", good, 1, nil, one},
		{"the other CRC", kermit, 1, nil, one},
		{"garbage before, between and after", join([]byte{0, 0x1B, 0x1B, 7}, good, []byte("noise\x1b\x1b\x1b\x1b"), good, []byte{0x1B}), 2, nil, one},
		{"begun in the middle", join(good[30:], good), 1, nil, one},
		{"cut, then a whole one", join(good[:70], good), 1, []metering.Code{metering.Short}, one},
		{"cut by the end", join(good, good[:70]), 1, []metering.Code{metering.Short}, one},
		{"one bit wrong", bad, 0, []metering.Code{metering.Checksum}, ""},
		{"wrong, then right", join(bad, good), 1, []metering.Code{metering.Checksum}, one},
		{"a truncated list with a good check sum", short, 0, []metering.Code{metering.Short}, ""},
		{"an escape in the text", escaped, 1, nil, "454761.243 0.000 0 0 0 0"},
		{"more than 15 values", fileOf(many...), 1, nil, "0.000 0.000 0 0 0 0"},
		{"no list of values", wrap(messageOf(0x0201, listOf(none))), 0, []metering.Code{metering.UnknownReply}, ""},
		{"a scale of 10^100", fileOf(entryOf([6]byte{1, 0, 1, 8, 0, 255}, 30, 100, u8(1))), 0, []metering.Code{metering.UnknownReply}, ""},
		{"a negative register", fileOf(entryOf([6]byte{1, 0, 1, 8, 0, 255}, 30, 0, i64(-5))), 0, []metering.Code{metering.Range}, ""},
		{"nothing", nil, 0, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, errs := Decode(row.in)
			var codes []metering.Code
			for _, e := range errs {
				codes = append(codes, metering.CodeOf(e))
			}
			if len(got) != row.n || fmt.Sprint(codes) != fmt.Sprint(row.faults) {
				t.Fatalf("%d files, errors %v; want %d, %v", len(got), errs, row.n, row.faults)
			}
			if row.first == "" {
				return
			}
			s := got[0].Sample
			if text := fmt.Sprintf("%.3f %.3f %.0f %d %d %d", s.Import.KWh(), s.Export.KWh(), s.Power.W(), s.Voltage, s.Current, s.Frequency); text != row.first {
				t.Errorf("got  %s\nwant %s", text, row.first)
			}
			if got[0].Meter != "0A0158595A00047A5544" || !got[0].Time.Equal(time.Date(2026, 3, 29, 2, 0, 0, 0, time.UTC)) {
				t.Errorf("meter %q at %v", got[0].Meter, got[0].Time)
			}
		})
	}
}

// Meters leave out leading bytes of numbers.
func TestShortNumbers(t *testing.T) {
	for _, row := range []struct {
		in   string
		want int64
	}{
		{"52FF", -1},
		{"53FF38", -200},
		{"54FFFF38", -200},
		{"55FFFFFF38", -200},
		{"56FFFFFFFF38", -200},
		{"59FFFFFFFFFFFFFF38", -200},
		{"6307D0", 2000},
		{"6400C350", 50_000},
		{"6600000186A0", 100_000},
		{"62FF", 255},
	} {
		b, err := hex.DecodeString(row.in)
		if err != nil {
			t.Fatal(err)
		}
		p := parser{rest: b}
		n, err := p.next()
		if err != nil {
			t.Fatalf("%s: %v", row.in, err)
		}
		if v, ok := n.int64(); !ok || v != row.want {
			t.Errorf("%s is %d, want %d", row.in, v, row.want)
		}
	}
}

func TestConformance(t *testing.T) {
	for _, way := range meteringtest.ListeningWays(DefaultMode()) {
		t.Run(way.Name, func(t *testing.T) {
			meteringtest.Run(t, meteringtest.Bench{
				Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent | metering.HasFrequency,
				Energy: units.WattHour, Power: units.Watt, Cases: way.Cases,
				New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
					dev := &meteringtest.Sender{
						Telegram: func(t meteringtest.Truth) []byte { return house(t.Import, t.Export, t.Power) },
						Absurd:   func(t *meteringtest.Truth) { t.Import = -t.Import }, Spoil: meteringtest.Spoiled(70),
					}
					dev.Line = way.On(t, dev.Play)
					m, err := New(Config{Name: way.Name, Open: dev.Open, Patience: 200 * time.Millisecond, Now: time.Now})
					if err != nil {
						t.Fatal(err)
					}
					return m, dev
				},
			})
		})
	}
}

func FuzzDecode(f *testing.F) {
	good := house(1234*units.KilowattHour, 0, 500*units.Watt)
	f.Add(good)
	f.Add(append(good[:70], good...))
	f.Add(fileOf(entryOf([6]byte{1, 0, 1, 8, 0, 255}, 30, 0, []byte{0x65, 0x1B, 0x1B, 0x1B, 0x1B})))
	turned := bytes.Clone(good)
	binary.BigEndian.PutUint16(turned[len(turned)-2:], crc(0, turned[:len(turned)-2]))
	f.Add(turned)
	f.Add(fileOf(entryOf([6]byte{1, 0, 16, 7, 0, 255}, 27, -2, []byte{0x53, 0x8B, 0x28}), entryOf([6]byte{1, 0, 1, 8, 0, 255}, 30, -1, []byte{0x69, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []metering.Telegram
		var errs []error
		// The check sum would keep nearly everything out; the inside is tried
		// with a right one too.
		meteringtest.Modest(t, b, func() {
			got, errs = Decode(b)
			if len(b) < maxFile/2 {
				more, moreErrs := Decode(wrap(b))
				got, errs = append(got, more...), append(errs, moreErrs...)
			}
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

func BenchmarkDecode(b *testing.B) {
	data := bytes.Repeat(house(1234*units.KilowattHour, 0, 500*units.Watt), 100)
	meteringtest.Throughput(b, len(data), func() {
		if got, errs := Decode(data); len(got) != 100 || len(errs) != 0 {
			b.Fatal(len(got), errs)
		}
	})
}
