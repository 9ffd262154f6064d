package iec62056

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

const table = "F.F(00000000)\r\n0.0.0(00123456)\r\nC.1.0(00123456)\r\n1.8.0(001234.567*kWh)\r\n2.8.0(000012.5*kWh)\r\n" +
	"1.8.0*01(001200.000*kWh)\r\n1.7.0(01.500*kW)\r\n32.7(230.1*V)\r\n31.7(6.52*A)\r\n14.7(49.9*Hz)\r\n0.9.1(101112)\r\n!\r\n"

// block puts STX, ETX and the check sum around lines.
func block(lines string) string {
	sum := byte(0)
	body := lines + "\x03"
	for i := range len(body) {
		sum ^= body[i]
	}
	return "\x02" + body + string([]byte{sum})
}

// withParity is how 7E1 looks when it is recorded as 8N1.
func withParity(s string) string {
	b := []byte(s)
	for i := range b {
		if bits.OnesCount8(b[i])%2 != 0 {
			b[i] |= 0x80
		}
	}
	return string(b)
}

func TestDecode(t *testing.T) {
	whole := "/ABC5XYZ-1\r\n" + block(table)
	const one = "1234.567 12.500 1500 230100 6520 49900 00123456"
	for _, row := range []struct {
		name   string
		in     string
		n      int
		faults []metering.Code
		first  string
	}{
		{"a readout with its identification", whole, 1, nil, one},
		{"the readout alone", block(table), 1, nil, one},
		{"with the question and the acknowledgement", "/?!\r\n" + "/ABC5XYZ-1\r\n\x06050\r\n" + block(table), 1, nil, one},
		{"with parity bits", withParity(whole), 1, nil, one},
		{"sent without being asked, without a check sum", "/ABC5XYZ-1\r\n\r\n" + table, 1, nil, one},
		{"full names", "/ABC5X\r\n\r\n1-0:0.0.0*255(9ABC)\r\n1-0:1.8.0*255(000002.000*kWh)\r\n!\r\n", 1, nil, "2.000 0.000 0 0 0 0 9ABC"},
		{"several values on a line", block("1.8.0(000002.000*kWh)2.8.0(000001.000*kWh)\r\n!\r\n"), 1, nil, "2.000 1.000 0 0 0 0 "},
		{"tariffs without a total", block("1.8.1(000002.0*kWh)\r\n1.8.2(000003.5*kWh)\r\n!\r\n"), 1, nil, "5.500 0.000 0 0 0 0 "},
		{"registers without a unit, twice each, and more behind the end", block("0.0.0(  123)(  123)\r\n1.8.0*00(000783.16)(000783.16)\r\n2.8.0*00(000045.38)(000045.38)\r\n0.2.2(:G11)!(:G11)(!)\r\n"), 1, nil, "783.160 45.380 0 0 0 0 123"},
		{"a greatest demand and its time", block("1.8.0(2.0*kWh)\r\n1.6.0(10.102*kW)(2104070015)\r\n!\r\n"), 1, nil, "2.000 0.000 0 0 0 0 "},
		{"blanks about the star", block("0.0.0(123)\r\n1.8.0(000101.96 * kWh)\r\n!\r\n"), 1, nil, "101.960 0.000 0 0 0 0 123"},
		{"carriage returns taken out", strings.ReplaceAll(whole, "\r", ""), 1, nil, one},
		{"carriage returns taken out of an odd number of lines", strings.ReplaceAll(block(table+"0.9.2(1)\r\n"), "\r", ""), 1, nil, one},
		{"garbage before, between and after", "\x00\xff(x)" + whole + "junk\r\n" + whole + "/AB", 2, nil, one},
		{"cut, then a whole one", whole[:80] + "\r\n" + whole, 1, []metering.Code{metering.Short}, one},
		{"cut by the end", whole + whole[:80], 1, []metering.Code{metering.Short}, one},
		{"the check sum itself is cut off", whole[:len(whole)-1], 0, []metering.Code{metering.Short}, ""},
		{"one letter wrong", strings.Replace(whole, "1234.", "1235.", 1), 0, []metering.Code{metering.Checksum}, ""},
		{"wrong, then right", strings.Replace(whole, "1234.", "1235.", 1) + whole, 1, []metering.Code{metering.Checksum}, one},
		{"a line that is no value", block("1.8.0(000002.000*kWh\r\n!\r\n"), 0, []metering.Code{metering.UnknownReply}, ""},
		{"an STX within the identification", "/AAA0\x02\n", 0, []metering.Code{metering.Short}, ""},
		{"an empty table", block("!\r\n"), 0, []metering.Code{metering.UnknownReply}, ""},
		{"nothing", "", 0, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, errs := Decode([]byte(row.in))
			var codes []metering.Code
			for _, e := range errs {
				codes = append(codes, metering.CodeOf(e))
			}
			if len(got) != row.n || fmt.Sprint(codes) != fmt.Sprint(row.faults) {
				t.Fatalf("%d readouts, errors %v; want %d, %v", len(got), errs, row.n, row.faults)
			}
			if row.first == "" {
				return
			}
			s := got[0].Sample
			if text := fmt.Sprintf("%.3f %.3f %.0f %d %d %d %s", s.Import.KWh(), s.Export.KWh(), s.Power.W(), s.Voltage, s.Current, s.Frequency, got[0].Meter); text != row.first {
				t.Errorf("got  %s\nwant %s", text, row.first)
			}
		})
	}
}

func TestSpeed(t *testing.T) {
	for _, row := range []struct {
		letter byte
		baud   int
		modeC  bool
	}{{'0', 300, true}, {'4', 4800, true}, {'5', 9600, true}, {'6', 19200, true}, {'A', 600, false}, {'E', 9600, false}, {' ', 300, false}} {
		if baud, modeC := speed(row.letter); baud != row.baud || modeC != row.modeC {
			t.Errorf("%q: %d, %v", row.letter, baud, modeC)
		}
	}
}

// optical plays a meter of mode C.
type optical struct {
	meteringtest.Line
	meteringtest.Stage
	mu    sync.Mutex
	asked string // the last acknowledgement
	ident string // what it says it is; empty is /ABC5XYZ-1
}

func (o *optical) Break(f meteringtest.Fault) {
	o.Stage.Break(f)
	o.Line.Break(f)
}

func (o *optical) play(far io.ReadWriter, _ <-chan struct{}) {
	in := bufio.NewReader(far)
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			return
		}
		t, fault := o.Now()
		var out string
		switch {
		case fault == meteringtest.Silence:
			continue
		case fault == meteringtest.Garbage:
			out = "\x00?what is this\r\n"
		case strings.HasPrefix(text, "/?"):
			out = text + cmp.Or(o.ident, "/ABC5XYZ-1") + "\r\n" // the head echoes the question
		case text[0] == ack:
			o.mu.Lock()
			o.asked = text
			o.mu.Unlock()
			time.Sleep(10 * time.Millisecond) // the reader changes its speed meanwhile
			volts := float64(t.Voltage) / 1000
			if fault == meteringtest.Absurd {
				volts = 99_999
			}
			out = block(fmt.Sprintf("0.0.0(77)\r\n1.8.0(%010.3f*kWh)\r\n2.8.0(%010.3f*kWh)\r\n1.7.0(%06.3f*kW)\r\n32.7(%.1f*V)\r\n31.7(%.2f*A)\r\n!\r\n",
				t.Import.KWh(), t.Export.KWh(), t.Power.KW(), volts, float64(t.Current)/1000))
			switch fault {
			case meteringtest.Cut:
				out = out[:len(out)/2]
			case meteringtest.Corrupt:
				out = strings.Replace(out, "kWh", "kVh", 1)
			}
		}
		if _, err := io.WriteString(far, out); err != nil {
			return
		}
	}
}

func newOptical(t *testing.T, cfg Config) (*Meter, *optical) {
	t.Helper()
	dev := &optical{}
	dev.Line = meteringtest.NewPort(t, DefaultMode(), dev.play)
	return opticalMeter(t, cfg, dev), dev
}

// opticalServer is the same behind a serial server.
func opticalServer(t *testing.T, cfg Config) (*Meter, *optical) {
	t.Helper()
	dev := &optical{}
	dev.Line = meteringtest.NewGateway(t, dev.play)
	return opticalMeter(t, cfg, dev), dev
}

func opticalMeter(t *testing.T, cfg Config, dev *optical) *Meter {
	t.Helper()
	cfg.Name, cfg.Open, cfg.Now = "pty", dev.Open, time.Now
	cfg.Every, cfg.Timeout, cfg.Settle = 10*time.Millisecond, 100*time.Millisecond, 2*time.Millisecond
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestConformance(t *testing.T) {
	both := []meteringtest.Case{
		{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
		{Fault: meteringtest.Cut, Codes: []metering.Code{metering.Short}},
		{Fault: meteringtest.Corrupt, Codes: []metering.Code{metering.Checksum}},
		{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.Short}},
		{Fault: meteringtest.Absurd, Codes: []metering.Code{metering.Range}},
		{Fault: meteringtest.HangUp, Codes: nil},
	}
	for _, row := range []struct {
		name  string
		open  func(*testing.T, Config) (*Meter, *optical)
		cases []meteringtest.Case
	}{
		{"serial port", newOptical, both},
		{"serial server", opticalServer, append(both, meteringtest.AskedCases()...)},
	} {
		t.Run(row.name, func(t *testing.T) {
			meteringtest.Run(t, meteringtest.Bench{
				Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent,
				Energy: units.WattHour, Power: units.Watt, Cases: row.cases,
				New: func(t *testing.T) (metering.Meter, meteringtest.Device) { return row.open(t, Config{}) },
			})
		})
	}
}

// A serial server cannot be told another speed in the middle of a readout.
func TestAMeterBehindASerialServerIsKeptAtItsSpeed(t *testing.T) {
	for _, row := range []struct {
		name  string
		most  int
		ident string
		asked string
		says  string // of the error; empty: it is read
	}{
		{"one that could go faster stays", 0, "/ABC5XYZ-1", "\x06000\r\n", ""},
		{"a server of 9600 baud, as the meter", 9600, "/ABC5XYZ-1", "\x06050\r\n", ""},
		{"a meter that goes on faster unasked", 0, "/ABCEXYZ-1", "", "goes on at 9600 baud"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, dev := opticalServer(t, Config{MaxBaud: row.most})
			dev.Show(meteringtest.Truth{Import: units.KilowattHour, Voltage: 230_000})
			dev.mu.Lock()
			dev.ident = row.ident
			dev.mu.Unlock()
			defer m.hangUp()
			_, err := m.read(t.Context())
			dev.mu.Lock()
			defer dev.mu.Unlock()
			if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) || dev.asked != row.asked {
				t.Errorf("asked with %q: %v", dev.asked, err)
			}
		})
	}
}

// The fastest speed that the configuration allows is asked for, and the line
// follows.
func TestMaxBaud(t *testing.T) {
	m, dev := newOptical(t, Config{MaxBaud: 2400})
	dev.Show(meteringtest.Truth{Import: units.KilowattHour, Voltage: 230_000})
	if _, err := m.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer m.hangUp()
	dev.mu.Lock()
	asked := dev.asked
	dev.mu.Unlock()
	if asked != "\x06030\r\n" {
		t.Errorf("asked with %q, want speed 3 (2400)", asked)
	}
	if _, ok := m.conn.(line.ModeSetter); !ok {
		t.Error("the line cannot change its speed")
	}
}

func FuzzDecode(f *testing.F) {
	whole := "/ABC5XYZ-1\r\n" + block(table)
	f.Add([]byte(whole))
	f.Add([]byte(withParity(whole)))
	f.Add([]byte("/ABC5XYZ-1\r\n\r\n" + table))
	f.Add([]byte(whole[:80] + whole))
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
	data := []byte(strings.Repeat("/ABC5XYZ-1\r\n"+block(table), 100))
	meteringtest.Throughput(b, len(data), func() {
		if got, errs := Decode(data); len(got) != 100 || len(errs) != 0 {
			b.Fatal(len(got), errs)
		}
	})
}
