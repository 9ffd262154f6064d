package linky

import (
	"bytes"
	"context"
	"fmt"
	"math/bits"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// Frames of public sources, as their lines have them, check sums and all.
const (
	// In the comments of many public readers of teleinfo.
	offPeak = "ADCO 270622224349 B\nOPTARIF HC.. <\nISOUSC 30 9\nHCHC 014460852 $\nHCHP 012506372 -\nPTEC HP..  \nIINST 002 Y\nIMAX 035 G\nPAPP 00520 (\nHHPHC C .\nMOTDETAT 000000 B\n"
	// The tests of a Rust reader of teleinfo ("stream_legacy_complete").
	tempo = "ADCO 031961098836 M\nOPTARIF BBR( S\nISOUSC 45 ?\nBBRHCJB 001478389 E\nBBRHPJB 001012295 >\nBBRHCJW 000134553 G\nBBRHPJW 000213701 M\nBBRHCJR 000025098 E\nBBRHPJR 000006010 A\nPTEC HPJB P\nDEMAIN BLEU V\nIINST 001 X\nIMAX 060 E\nPAPP 00120 $\nHHPHC A ,\nMOTDETAT 000000 B\n"
	// The tests of the Home Assistant integration linkytic.
	standardBase = "ADSC\t012345678910\t;\nVTIC\t02\tJ\nDATE\tH240210121413\t\t6\nNGTF\tbase            \t<\nLTARF\tBASE            \tF\nEAST\t003519703\t+\nEASF01\t003519703\t>\nEASF02\t000000000\t#\nEASD01\t003519703\t<\nIRMS1\t001\t/\nURMS1\t241\tA\nPREF\t06\tE\nPCOUP\t06\t_\nSINSTS\t00260\tN\n" +
		"SMAXSN\tH240210110331\t00986\t6\nSMAXSN-1\tH240209211759\t01422\t^\nCCASN\tH240210120000\t00108\t0\nCCASN-1\tH240210113000\t00300\tJ\nUMOY1\tH240210121000\t241\t\"\nSTGE\t003A0000\t9\nMSG1\tPAS DE          MESSAGE         \t<\nPRM\t00000000000000\tA\nRELAIS\t001\tC\nNTARF\t01\tN\nNJOURF\t00\t&\nNJOURF+1\t00\tB\n" +
		"PJOURF+1\t0000C001 NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE NONUTILE\tD\n"
	// The tests of a Rust reader of teleinfo ("stream_standard_complete"): three phases.
	standardThree = "ADSC\t041776199277\tI\nVTIC\t02\tJ\nDATE\tH200214230804\t\t;\nNGTF\t     TEMPO      \tF\nLTARF\t   HC  BLANC    \t6\nEAST\t021849106\t.\nEASF01\t004855593\tI\nEASF02\t014090959\tH\nEASF03\t000487131\t<\nIRMS1\t003\t1\nIRMS2\t006\t5\nIRMS3\t003\t3\nURMS1\t237\tF\nURMS2\t238\tH\nURMS3\t235\tF\nPREF\t30\tB\nPCOUP\t30\t\\\n" +
		"SINSTS\t02700\tO\nSINSTS1\t00664\tG\nSINSTS2\t01373\tF\nSINSTS3\t00664\tI\nSMAXSN1-1\tH200213085118\t03129\tJ\nUMOY1\tH200214230000\t237\t(\nSTGE\t463A0800\tK\nDPM1\t 200214060000\t00\t\\\nRELAIS\t001\tC\n"
)

// framedOf makes a frame of lines, as a meter sends it.
func framedOf(lines string) []byte {
	b := []byte{stx}
	for _, l := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		b = append(append(append(b, lf), l...), cr)
	}
	return append(b, etx)
}

// lineOf is a group of standard mode, or with a space of historic mode.
func lineOf(separator string, parts ...string) string {
	text := strings.Join(parts, separator)
	sum := byte(0)
	for i := range len(text) {
		sum += text[i]
	}
	if separator == "\t" {
		sum += ht
	}
	return text + separator + string(rune(sum&0x3F+0x20)) + "\n"
}

// withParity is what a line of 7 bits and even parity looks like where 8 were read.
func withParity(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		out[i] = c | byte(bits.OnesCount8(c)&1)<<7
	}
	return out
}

func say(t metering.Telegram) string {
	s := t.Sample
	var out []string
	given := func(f metering.Fields, format string, v ...any) {
		if s.Gives(f) {
			out = append(out, fmt.Sprintf(format, v...))
		}
	}
	given(metering.HasImport, "in %.3f (%d)", s.Import.KWh(), s.ImportSum)
	given(metering.HasExport, "out %.3f", s.Export.KWh())
	given(metering.HasPower, "%.0f W", s.Power.W())
	given(metering.HasApparent, "%d VA", s.Apparent/1000)
	given(metering.HasVoltage, "%d mV", s.Voltage)
	given(metering.HasCurrent, "%d mA", s.Current)
	if len(s.Phases) > 1 {
		out = append(out, fmt.Sprintf("%d phases", len(s.Phases)))
	}
	given(metering.HasCover, "cover %v", s.CoverOpen)
	out = append(out, t.Meter)
	if !t.Time.IsZero() {
		out = append(out, t.Time.Format(time.RFC3339))
	}
	return strings.Join(out, ", ")
}

func TestFramesOfBothModesAreRead(t *testing.T) {
	const sp, tab = " ", "\t"
	producer := lineOf(tab, "ADSC", "041776199277") + lineOf(tab, "DATE", "E260729120000", "") + lineOf(tab, "EAST", "000012345") + lineOf(tab, "EAIT", "000067890") +
		lineOf(tab, "URMS1", "236") + lineOf(tab, "IRMS1", "004") + lineOf(tab, "SINSTS", "00000") + lineOf(tab, "SINSTI", "00910") + lineOf(tab, "STGE", "003A0301")
	for _, row := range []struct{ name, lines, want string }{
		{"historic, peak and off-peak: apparent power is no power", offPeak, "in 26967.224 (6), 520 VA, 2000 mA, 270622224349"},
		{"historic, Tempo: six registers are one", tempo, "in 2870.046 (126), 120 VA, 1000 mA, 031961098836"},
		{"historic, one tariff", lineOf(sp, "ADCO", "270622224349") + lineOf(sp, "BASE", "007191269") + lineOf(sp, "IINST", "001") + lineOf(sp, "PAPP", "00430"), "in 7191.269 (1), 430 VA, 1000 mA, 270622224349"},
		{"historic, EJP", lineOf(sp, "ADCO", "270622224349") + lineOf(sp, "EJPHN", "007191269") + lineOf(sp, "EJPHPM", "000000731") + lineOf(sp, "PEJP", "30"), "in 7192.000 (6), 270622224349"},
		{"historic, three phases", lineOf(sp, "ADCO", "270622224349") + lineOf(sp, "BASE", "000001000") + lineOf(sp, "IINST1", "001") + lineOf(sp, "IINST2", "002") + lineOf(sp, "IINST3", "003") + lineOf(sp, "PAPP", "01400"), "in 1.000 (1), 1400 VA, 6000 mA, 3 phases, 270622224349"},
		{"historic, the short frame while a phase is overloaded", lineOf(sp, "ADIR1", "091") + lineOf(sp, "ADCO", "270622224349") + lineOf(sp, "IINST1", "091") + lineOf(sp, "IINST2", "002") + lineOf(sp, "IINST3", "003"), "96000 mA, 3 phases, 270622224349"},
		{"standard", standardBase, "in 3519.703 (1), 260 VA, 241000 mV, 1000 mA, cover false, 012345678910, 2024-02-10T11:14:13Z"},
		{"standard, three phases", standardThree, "in 21849.106 (1), 2700 VA, 236666 mV, 12000 mA, 3 phases, cover false, 041776199277, 2020-02-14T22:08:04Z"},
		{"standard, a producer in summer", producer, "in 12.345 (1), out 67.890, 910 VA, 236000 mV, 4000 mA, cover false, 041776199277, 2026-07-29T10:00:00Z"},
		{"standard, the cover is open and the clock is lost", lineOf(tab, "ADSC", "041776199277") + lineOf(tab, "DATE", "e260729120000", "") + lineOf(tab, "EAST", "000012345") + lineOf(tab, "STGE", "003B0010"), "in 12.345 (1), cover true, 041776199277"},
	} {
		frame := framedOf(row.lines)
		for form, data := range map[string][]byte{
			"as it is": frame, "with parity": withParity(frame), "as a terminal shows it": []byte(row.lines), "with line ends of Windows": []byte(strings.ReplaceAll(row.lines, "\n", "\r\n")),
			"between noise": append(append([]byte("M\x03\r\nPAPP 0"), frame...), "\x00noise"...),
		} {
			got, errs := Decode(data)
			if strings.HasPrefix(row.lines, "ADIR") && !bytes.Contains(data, []byte{stx}) && form != "with parity" {
				continue // without its frame nothing says where it begins
			}
			if len(errs) != 0 || len(got) != 1 || say(got[0]) != row.want {
				t.Errorf("%s, %s: %v %v\n want %s", row.name, form, errs, got, row.want)
			}
		}
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	whole := framedOf(offPeak)
	for _, row := range []struct {
		name   string
		data   []byte
		n      int
		faults string
	}{
		{"a wrong letter", bytes.Replace(whole, []byte("014460852"), []byte("014460853"), 1), 0, "checksum"},
		{"a wrong check sum", bytes.Replace(whole, []byte("014460852 $"), []byte("014460852 %"), 1), 0, "checksum"},
		{"a line that is cut", bytes.Replace(whole, []byte(" $\r"), []byte(" $"), 1), 0, "checksum"},
		{"a frame that is cut by the next", append(bytes.Clone(whole[:70]), whole...), 1, "short"},
		{"cut by the end", whole[:70], 0, "short"},
		{"broken off by the meter", append(append(bytes.Clone(whole[:70]), eot), whole...), 1, "short"},
		{"begun in the middle", append(bytes.Clone(whole[70:]), whole...), 1, ""},
		{"no label of a Linky", framedOf(lineOf(" ", "ABC", "1")), 0, "unknown_reply"},
		{"a register that is no number", framedOf(lineOf(" ", "BASE", "12A45")), 0, "checksum"},
		{"a label told twice", framedOf(lineOf(" ", "BASE", "12") + lineOf(" ", "BASE", "13")), 0, "checksum"},
		{"a status that is none", framedOf(lineOf("\t", "STGE", "12")), 0, "checksum"},
		{"too many parts", framedOf(lineOf("\t", "EAST", "1", "2", "3")), 0, "checksum"},
		{"no label", framedOf(lineOf("\t", "", "123")), 0, "checksum"},
		{"a voltage beyond any", framedOf(lineOf("\t", "URMS1", "99999")), 0, "range"},
		{"without an end", append([]byte{stx}, bytes.Repeat([]byte("x"), maxFrame+2)...), 0, "unknown_reply"},
		{"an empty frame", []byte{stx, etx}, 0, "unknown_reply"},
		{"nothing", nil, 0, ""},
	} {
		got, errs := Decode(row.data)
		var codes []string
		for _, e := range errs {
			codes = append(codes, string(metering.CodeOf(e)))
		}
		if len(got) != row.n || strings.Join(codes, " ") != row.faults {
			t.Errorf("%s: %d frames, %v", row.name, len(got), errs)
		}
	}
}

// The sum has six bits and does not see the seventh: nothing that one wrong bit makes may
// be read, in any mode.
func TestNoDamagedFrameIsReadWrong(t *testing.T) {
	for _, lines := range []string{offPeak, tempo, standardBase, standardThree} {
		whole := framedOf(lines)
		want, _ := Decode(whole)
		try := func(what string, at int, b []byte) {
			got, _ := Decode(b)
			for _, g := range got {
				if say(g) != say(want[0]) {
					t.Fatalf("%s at byte %d: %s\nwant %s", what, at, say(g), say(want[0]))
				}
			}
		}
		meteringtest.Damage(whole, try)
		for i := range whole {
			for bit := range 8 {
				b := withParity(whole)
				b[i] ^= 1 << bit
				try("a bit turned over, read with parity,", i, b)
			}
		}
	}
}

func house(t meteringtest.Truth) []byte {
	return framedOf(lineOf("\t", "ADSC", "041776199277") + lineOf("\t", "DATE", "H260129120000", "") + lineOf("\t", "EAST", fmt.Sprintf("%09d", t.Import/units.WattHour)) +
		lineOf("\t", "EAIT", fmt.Sprintf("%09d", t.Export/units.WattHour)) + lineOf("\t", "URMS1", fmt.Sprintf("%03d", t.Voltage/1000)) + lineOf("\t", "SINSTS", fmt.Sprintf("%05d", t.Power/units.Watt)))
}

func TestConformance(t *testing.T) {
	for _, way := range meteringtest.ListeningWays(Standard()) {
		t.Run(way.Name, func(t *testing.T) {
			meteringtest.Run(t, meteringtest.Bench{
				Has:    metering.HasImport | metering.HasExport | metering.HasVoltage | metering.HasApparent,
				Energy: units.WattHour, Cases: way.Cases,
				New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
					dev := &meteringtest.Sender{Telegram: house, Absurd: meteringtest.TooHigh, Spoil: meteringtest.Spoiled(30)}
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

// tuned is a line on which a meter of one speed makes sense at that speed alone.
type tuned struct {
	net.Conn
	mu   sync.Mutex
	mode line.Mode
}

func (c *tuned) SetMode(m line.Mode) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mode = m
	return nil
}

func (c *tuned) baud() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mode.Baud
}

func TestTheSpeedIsFoundAndFoundAgain(t *testing.T) {
	near, far := net.Pipe()
	conn := &tuned{Conn: near}
	meter := 9600
	var mu sync.Mutex
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			mu.Lock()
			b := house(meteringtest.Truth{Import: units.KilowattHour, Voltage: 230_000})
			if meter != conn.baud() {
				b = bytes.Repeat([]byte{0x55, 0x7E, 0x00, 0x19}, 20)
			}
			mu.Unlock()
			if _, err := far.Write(b); err != nil {
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	m, err := New(Config{
		Name: "pipe", Open: func(context.Context) (line.Conn, error) { return conn, nil },
		Modes: []line.Mode{Historic(), Standard()}, Try: 20 * time.Millisecond, Patience: time.Minute, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	readings := make(chan metering.Reading)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = m.Run(ctx, func(r metering.Reading) {
			select {
			case readings <- r:
			case <-ctx.Done():
			}
		})
	}()
	good := func(baud int) {
		t.Helper()
		for deadline := time.After(10 * time.Second); ; {
			select {
			case r := <-readings:
				if r.Err == nil && conn.baud() == baud {
					return
				}
			case <-deadline:
				t.Fatalf("nothing was read at %d baud", baud)
			}
		}
	}
	good(9600)
	mu.Lock()
	meter = 1200
	mu.Unlock()
	good(1200)
	cancel()
	_ = far.Close()
	<-ended
	<-done
}

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		path string // of its fault; empty: it is good
	}{
		{"a good one", Document{Port: "/dev/ttyUSB0"}, ""},
		{"a mode", Document{Port: "/dev/ttyUSB0", Mode: "standard"}, ""},
		{"no port", Document{}, "port"},
		{"a mode that is none", Document{Port: "/dev/ttyUSB0", Mode: "new"}, "mode"},
		{"a serial server", Document{Port: "10.0.0.5:4001"}, ""},
		{"a serial server and a mode", Document{Port: "10.0.0.5:4001", Mode: "standard"}, "mode"},
	} {
		meteringtest.Faults(t, row.name, row.doc.Check(), row.path)
		if row.path == "" {
			meteringtest.Opens(t, row.name, &row.doc)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, lines := range []string{offPeak, tempo, standardBase, standardThree} {
		f.Add(framedOf(lines))
		f.Add(withParity(framedOf(lines)))
		f.Add([]byte(lines))
	}
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
			if g.Sample.Gives(metering.HasPower) {
				t.Fatal("a power")
			}
			if err := g.Sample.Sane("fuzz"); err != nil {
				t.Fatal(err)
			}
		}
	})
}
