package wmbus

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/meteringtest"
	"github.com/keeplit/keeplit/metering/obis"
)

// houseKey is that of the meter that tests play.
func houseKey() []byte { return bytes.Repeat([]byte{0x5A}, 16) }

// spoiled is what becomes of a line with a frame and its sums.
func spoiled(b []byte, f meteringtest.Fault) []byte {
	switch f {
	case meteringtest.Cut:
		return append(b[:len(b)/4*2:len(b)/4*2], '\n')
	case meteringtest.Corrupt:
		if at := len(b) - 12; b[at] == '1' {
			b[at] = '2'
		} else {
			b[at] = '1'
		}
		return b
	default:
		return []byte("not a meter at all\n")
	}
}

func TestConformance(t *testing.T) {
	both := []meteringtest.Case{
		{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
		{Fault: meteringtest.Cut, Codes: []metering.Code{metering.Short}},
		{Fault: meteringtest.Corrupt, Codes: []metering.Code{metering.Checksum}},
		{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.UnknownReply}},
		{Fault: meteringtest.Absurd, Codes: []metering.Code{metering.Range}},
		{Fault: meteringtest.HangUp},
	}
	for _, kind := range []struct {
		name, receiver string
		wrap           func(s *sender) func([]byte) []byte
		key            []byte
		way            int
	}{
		{"lines, mode 7, network", "lines", func(s *sender) func([]byte) []byte {
			return func(w []byte) []byte { return lineOf(summed(s.seven(w))) }
		}, houseKey(), 1},
		{"lines of a CUL, mode 5, serial port", "cul", func(s *sender) func([]byte) []byte {
			return func(w []byte) []byte { return lineOf(summed(s.five(w))) }
		}, houseKey(), 0},
		{"lines, in clear, serial port", "lines", func(s *sender) func([]byte) []byte {
			return func(w []byte) []byte {
				s.access++
				return lineOf(summed(frameOf(s.address, append([]byte{ciShort, s.access, 0, 0, 0}, w...))))
			}
		}, nil, 0},
	} {
		ways := meteringtest.ListeningWays(line.Mode{Baud: 38_400})
		way := ways[kind.way]
		cases := append(both, way.Cases[len(ways[0].Cases):]...)
		t.Run(kind.name, func(t *testing.T) {
			meteringtest.Run(t, meteringtest.Bench{
				Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent,
				Energy: units.WattHour, Power: units.Watt, Cases: cases,
				New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
					wrap := kind.wrap(&sender{address: house(), key: houseKey(), counter: 1000})
					var mu sync.Mutex // a line that hangs is played beside the one after it
					dev := &meteringtest.Sender{
						Telegram: func(t meteringtest.Truth) []byte {
							mu.Lock()
							defer mu.Unlock()
							return wrap(wordsOf(t))
						},
						Absurd: meteringtest.TooHigh, Spoil: spoiled,
					}
					dev.Line = way.On(t, dev.Play)
					m, err := New(Config{
						Name: way.Name, Number: "12345678", Key: kind.key, Open: dev.Open, Receiver: kind.receiver,
						Least: time.Millisecond, Patience: 200 * time.Millisecond, Now: time.Now,
					})
					if err != nil {
						t.Fatal(err)
					}
					return m, dev
				},
			})
		})
	}
}

// An iM871A has no sums to tell a damaged frame by: it checks those of the air itself.
func TestConformanceOfADongle(t *testing.T) {
	conformsOverStick(t, "im871a", metering.Checksum, hciOf)
}

// conformsOverStick runs the suite by a receiver that says what it is; corrupt is what a damaged
// frame of it is told as, and framed how it hands a telegram over.
func conformsOverStick(t *testing.T, receiver string, corrupt metering.Code, framed func([]byte) []byte) {
	t.Helper()
	way := meteringtest.ListeningWays(receivers()[receiver].mode)[0]
	meteringtest.Run(t, meteringtest.Bench{
		Has: metering.HasImport | metering.HasPower, Energy: units.WattHour, Power: units.Watt,
		Cases: []meteringtest.Case{
			{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
			{Fault: meteringtest.Corrupt, Codes: []metering.Code{corrupt}},
			{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.UnknownReply}},
			{Fault: meteringtest.HangUp},
		},
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
			s := &sender{address: house(), key: houseKey(), counter: 1000}
			dev := &meteringtest.Sender{
				Telegram: func(t meteringtest.Truth) []byte { return framed(s.seven(wordsOf(t))) },
				Absurd:   meteringtest.TooHigh, Spoil: meteringtest.Spoiled(-5),
			}
			dev.Line = way.On(t, dev.Play)
			m, err := New(Config{
				Name: way.Name, Number: "12345678", Key: houseKey(), Open: dev.Open, Receiver: receiver,
				Patience: 200 * time.Millisecond, Now: time.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
			return m, dev
		},
	})
}

// air is a meter that hears what a test says, at the test's time.
type air struct {
	t  *testing.T
	m  *Meter
	at time.Time
}

func newAir(t *testing.T, change func(*Config)) *air {
	t.Helper()
	a := &air{t: t, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	cfg := Config{Number: "12345678", Key: houseKey(), Now: func() time.Time { return a.at }}
	if change != nil {
		change(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.m = m
	return a
}

// hears is what is read of a frame, in a word.
func (a *air) hears(frame []byte) string {
	var out []string
	for _, r := range a.m.take(frame) {
		if r.Err != nil {
			out = append(out, string(metering.CodeOf(r.Err))+": "+r.Err.Error())
			continue
		}
		out = append(out, fmt.Sprintf("%.3f", r.Sample.Import.KWh()))
	}
	return strings.Join(out, "; ")
}

func kWh(v float64) []byte {
	return wordsOf(meteringtest.Truth{Import: units.Energy(v * float64(units.KilowattHour)), Voltage: 230_000})
}

func (a *air) want(frame []byte, what string) {
	a.t.Helper()
	got := a.hears(frame)
	if what == "" && got != "" || !strings.Contains(got, what) {
		a.t.Errorf("%s after %v: %q, want %q", "heard", a.at.Format(time.TimeOnly), got, what)
	}
}

func TestAReplayIsRefused(t *testing.T) {
	t.Run("mode 7, by its counter", func(t *testing.T) {
		a, s := newAir(t, nil), &sender{address: house(), key: houseKey(), counter: 10}
		old := s.seven(kWh(1))
		next := s.seven(kWh(2))
		a.want(old, "1.000")
		a.want(old, "")
		a.want(next, "2.000")
		a.at = a.at.Add(24 * time.Hour)
		a.want(old, "sent again")
		a.want(s.seven(kWh(3)), "3.000")
	})
	t.Run("mode 5, by the access number", func(t *testing.T) {
		a, s := newAir(t, nil), &sender{address: house(), key: houseKey()}
		old := s.five(kWh(1))
		a.want(old, "1.000")
		a.want(old, "")
		a.at = a.at.Add(16 * time.Second)
		a.want(s.five(kWh(2)), "2.000")
		a.at = a.at.Add(16 * time.Second)
		a.want(old, "sent again")
		a.at = a.at.Add(16 * time.Second)
		a.want(s.five(kWh(3)), "3.000")
	})
	t.Run("mode 5, with another access number", func(t *testing.T) {
		a, s := newAir(t, nil), &sender{address: house(), key: houseKey()}
		old := s.five(kWh(1))
		a.want(old, "1.000")
		a.at = a.at.Add(16 * time.Second)
		forged := bytes.Clone(old)
		forged[headLen+1]++
		a.want(forged, "changed on its way")
		a.want(s.five(kWh(2)), "2.000")
	})
	t.Run("mode 5, after many telegrams were not heard", func(t *testing.T) {
		a, s := newAir(t, nil), &sender{address: house(), key: houseKey()}
		a.want(s.five(kWh(1)), "1.000")
		for range 200 {
			a.at = a.at.Add(16 * time.Second)
			s.five(kWh(1))
		}
		a.want(s.five(kWh(2)), "2.000")
	})
	t.Run("mode 5, a meter that begins anew is read within minutes", func(t *testing.T) {
		a, s := newAir(t, nil), &sender{address: house(), key: houseKey(), access: 100}
		a.want(s.five(kWh(1)), "1.000")
		s.access = 0
		n := 0
		for a.hears(s.five(kWh(2))) != "2.000" {
			a.at = a.at.Add(16 * time.Second)
			if n++; n > 16 {
				t.Fatal("it is not read after four minutes")
			}
		}
	})
	t.Run("the link layer's session", func(t *testing.T) {
		vectors := meteringtest.Vectors(t, vectors, "read")
		for _, v := range vectors {
			if !strings.Contains(v.Name, "Kamstrup") {
				continue
			}
			a := newAir(t, func(c *Config) { c.Number, c.Key = "32666857", keyOf(t, v) })
			a.want(v.Data, "7.940")
			a.want(v.Data, "")
		}
	})
}

func TestAMeterThatProvesItselfIsNotReadWithLess(t *testing.T) {
	a, s := newAir(t, nil), &sender{address: house(), key: houseKey()}
	a.want(s.five(kWh(1)), "1.000")
	a.at = a.at.Add(time.Minute)
	a.want(s.seven(kWh(2)), "2.000")
	a.at = a.at.Add(time.Minute)
	a.want(s.five(kWh(3)), "less well closed")
	a.want(frameOf(house(), append([]byte{ciShort, 9, 0, 0, 0}, kWh(9)...)), "in clear")
	a.want(s.seven(kWh(3)), "3.000")
}

func TestOtherMetersOnTheAirAreNotOurs(t *testing.T) {
	ours := &sender{address: house(), key: houseKey()}
	neighbour := &sender{address: house(), key: bytes.Repeat([]byte{7}, 16)}
	neighbour.address.number[0]++
	twin := &sender{address: house(), key: houseKey()}
	twin.address.maker = [2]byte{0x2D, 0x2C}
	a := newAir(t, nil)
	a.want(neighbour.five(kWh(700)), "")
	a.want(ours.five(kWh(1)), "1.000")
	a.want(twin.five(kWh(500)), "two meters have this number: APA-12345678 and KAM-12345678")
	a.at = a.at.Add(time.Minute)
	a.want(ours.five(kWh(2)), "2.000")
	a.want((&sender{address: house(), key: neighbour.key, access: 9}).five(kWh(1)), "check the key")

	named := newAir(t, func(c *Config) { c.Maker = "KAM" })
	named.want(ours.five(kWh(3)), "")
	named.want(twin.five(kWh(501)), "501.000")

	if err := a.m.silence(100); err == nil || !strings.Contains(err.Error(), "that could not be taken") {
		t.Errorf("telegrams of ours that were no good: %v", err)
	}
	named.m.heard, named.m.ours = 3, 0
	if err := named.m.silence(100); err == nil || !strings.Contains(err.Error(), "APA-12345678") {
		t.Errorf("others alone: %v", err)
	}
	if err := a.m.silence(100); err == nil || !strings.Contains(err.Error(), "check what the receiver is") {
		t.Errorf("no frame: %v", err)
	}
	if err := a.m.silence(0); err != nil {
		t.Errorf("not a byte: %v", err)
	}
}

// One sum of 65,536 fits by accident, and a receiver that hands frames on without them is
// then still read.
func TestAReceiverWithSumsIsKnown(t *testing.T) {
	s := &sender{address: house(), key: houseKey(), counter: 1}
	var e ear
	admit := func(name string, b []byte, want bool) {
		t.Helper()
		if _, err := e.plain(b); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	bare := s.five(kWh(1))
	admit("without, the first", bare, true)
	admit("with", summed(s.five(kWh(1))), true)
	admit("without, after one with", bare, true)
	for range 3 {
		admit("with", summed(s.five(kWh(1))), true)
	}
	admit("without, after three with", bare, false)
	admit("without, again", bare, false)
	admit("and at last it is taken for another receiver", bare, true)
}

func TestADongleIsReadWhateverComesBetween(t *testing.T) {
	s := &sender{address: house(), key: houseKey(), counter: 1}
	frame := s.seven(kWh(1))
	answer := []byte{hciStart, 0x01, 0x04, 1, 0}
	timed := append([]byte{hciStart, hciRadio | hciTime | hciSignal, hciHeard, frame[0]}, frame[1:]...)
	timed = append(timed, 1, 2, 3, 4, 0x5A)
	stream := bytes.Join([][]byte{{0, hciStart, hciStart}, answer, hciOf(frame), {0x5A, 0xA5, 0xFF}, timed, hciOf(frame)}, nil)
	for size := 1; size <= len(stream); size += 1 + size/2 {
		var buf []byte
		n := 0
		for at := 0; at < len(stream); at += size {
			buf = append(buf, stream[at:min(at+size, len(stream))]...)
			for {
				got, used := nextHCI(buf)
				buf = buf[used:]
				if got != nil {
					n++
					if !bytes.Equal(got, frame) {
						t.Fatalf("%X", got)
					}
				}
				if used == 0 {
					break
				}
			}
		}
		if n != 3 {
			t.Errorf("%d bytes at a time: %d frames", size, n)
		}
	}
}

func TestSettings(t *testing.T) {
	key := strings.Repeat("0A", 16)
	named := func(f func(*Document)) Document {
		d := Document{Number: "12345678"}
		d.Port = "192.168.1.40:9000"
		f(&d)
		return d
	}
	for _, row := range []struct {
		name  string
		doc   Document
		paths string
	}{
		{"a good one", named(func(*Document) {}), ""},
		{"all of it", named(func(d *Document) {
			d.Maker, d.Key, d.Receiver, d.Mode, d.Factors = "APA", key, "im871a", "both", &obis.FactorsDocument{Energy: "50"}
		}), ""},
		{"a CUL", named(func(d *Document) { d.Receiver, d.Mode, d.Port = "cul", "C", "/dev/ttyUSB0" }), ""},
		{"nothing", Document{}, "number port"},
		{"a number with its maker", named(func(d *Document) { d.Number = "APA12345678" }), "number"},
		{"a number that YAML has taken for one", named(func(d *Document) { d.Number = "1234567" }), "number"},
		{"a maker that is none", named(func(d *Document) { d.Maker = "Apator" }), "maker"},
		{"a key that is none", named(func(d *Document) { d.Key = "abc" }), "key"},
		{"a receiver that is none", named(func(d *Document) { d.Receiver = "rc1180" }), "receiver"},
		{"a mode of lines", named(func(d *Document) { d.Mode = "T" }), "mode"},
		{"both modes of a CUL", named(func(d *Document) { d.Receiver, d.Mode = "cul", "both" }), "mode"},
		{"a mode that is none", named(func(d *Document) { d.Receiver, d.Mode = "im871a", "S1" }), "mode"},
		{"a factor that is none", named(func(d *Document) { d.Factors = &obis.FactorsDocument{Energy: "x"} }), "factors.energy"},
	} {
		meteringtest.Faults(t, row.name, row.doc.Check(), row.paths, "0A0A")
		if row.paths == "" {
			meteringtest.Opens(t, row.name, &row.doc)
		}
	}
}

// A dongle is told its mode each time it is opened.
func TestADongleIsToldItsMode(t *testing.T) {
	for _, row := range []struct{ receiver, mode, want string }{
		{"im871a", "", "\xA5\x01\x03\x06\x00\x02\x0A\x30\x01\x00"},
		{"im871a", "T", "\xA5\x01\x03\x06\x00\x02\x03\x30\x01\x00"},
		{"amb8465", "", "\xFF\x04\x01\x09\xF3\xFF\x0A\x02\x45\x01\xB3"},
		{"cul", "", "X21\r\nbrt\r\n"},
		{"cul", "C", "X21\r\nbrc\r\n"},
	} {
		told := make(chan string, 1)
		g := meteringtest.NewGateway(t, listenTo(len(row.want), told))
		d := Document{Number: "12345678", Receiver: row.receiver, Mode: row.mode}
		d.Port = g.Address()
		m, err := d.Open(metering.Env{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, m)
		select {
		case got := <-told:
			if got != row.want {
				t.Errorf("%s %s: told %q", row.receiver, row.mode, got)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s %s: told nothing", row.receiver, row.mode)
		}
		stop()
	}
}

func FuzzDecode(f *testing.F) {
	for _, what := range []string{"read", "clear", "annex"} {
		for _, v := range meteringtest.Vectors(f, vectors, what) {
			f.Add(v.Data)
		}
	}
	key := bytes.Repeat([]byte{0}, 16)
	for i := range key {
		key[i] = byte(i)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []metering.Telegram
		var errs []error
		meteringtest.Modest(t, b, func() {
			take := func(frame []byte) {
				for _, k := range [][]byte{nil, key} {
					g, err := decodeFrame(new(ear), frame, k)
					if err != nil {
						errs = append(errs, err)
						continue
					}
					got = append(got, g)
				}
			}
			take(b)
			// Sums and keys would keep nearly everything out: the inside is tried with right
			// ones too.
			in := b[:min(len(b), 200)]
			take(summed(frameOf(house(), in)))
			take(frameOf(house(), append([]byte{ciShort, 1, 0, 0, 0}, in...)))
			words := bytes.Clone(in[:len(in)/16*16])
			s := sender{address: house(), key: key}
			take(s.five(words))
			take(s.seven(words))
			decodeWith(b, key)
			for _, next := range []splitter{nextHCI, new(amber).next} {
				heardBy(next, b, len(b)+1)
			}
		})
		for _, e := range errs {
			if metering.CodeOf(e) == "" && !errors.Is(e, errOther) {
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
