package adc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
	"github.com/keeplit/keeplit/metering/waveform"
)

// board is what the two models share: the supply that they sample, and a clock
// that goes by the samples, so that no stall of the test's machine counts.
type board struct {
	mu    sync.Mutex
	truth meteringtest.Truth
	fault meteringtest.Fault
	rate  float64
	n     int64 // samples so far
	full  float64

	sagAt, sagFor int64 // samples in which there is half the voltage
}

func (b *board) Show(t meteringtest.Truth) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.truth = t
}

func (b *board) Break(f meteringtest.Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = f
}

func (b *board) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(float64(b.n) / b.rate * 1e9))
}

// at is voltage or current at a time in samples, as codes.
func (b *board) at(n float64, current bool) float64 {
	wt := 2 * math.Pi * float64(b.truth.Frequency) / 1000 * n / b.rate
	if !current && b.n >= b.sagAt && b.n < b.sagAt+b.sagFor {
		return float64(b.truth.Voltage) / 2000 * math.Sqrt2 * math.Sin(wt) / 452 * b.full
	}
	if !current {
		return float64(b.truth.Voltage) / 1000 * math.Sqrt2 * math.Sin(wt) / 452 * b.full
	}
	amps := float64(b.truth.Current) / 1000
	phi := 0.0
	if s := float64(b.truth.Voltage) / 1000 * amps; s > 0 {
		phi = math.Acos(max(-1, min(1, b.truth.Power.W()/s)))
	}
	return amps * math.Sqrt2 * math.Sin(wt-phi) / 163 * b.full
}

func (b *board) Close() error                      { return nil }
func (b *board) Duplex() conn.Duplex               { return conn.Full }
func (b *board) LimitSpeed(physic.Frequency) error { return nil }

// ads is a model of the ADS131M04, and of its data-ready line.
type ads struct {
	board
	answer   uint16
	clockReg uint16
	fresh    bool
	frames   int
	spoil    int // spoils every so many frames
}

func (a *ads) String() string                { return "ads" }
func (a *ads) Halt() error                   { return nil }
func (a *ads) Name() string                  { return "DRDY" }
func (a *ads) Number() int                   { return 5 }
func (a *ads) Function() string              { return "In" }
func (a *ads) In(gpio.Pull, gpio.Edge) error { return nil }
func (a *ads) Read() gpio.Level              { return gpio.High }
func (a *ads) Pull() gpio.Pull               { return gpio.PullUp }
func (a *ads) DefaultPull() gpio.Pull        { return gpio.PullUp }
func (a *ads) Connect(_ physic.Frequency, m spi.Mode, bits int) (spi.Conn, error) {
	if m != spi.Mode1 || bits != 8 {
		return nil, fmt.Errorf("mode %v: the converter needs mode 1", m)
	}
	return a, nil
}

func (a *ads) WaitForEdge(time.Duration) bool {
	a.mu.Lock()
	silent := a.fault == meteringtest.Silence
	if !silent {
		a.n++
		a.fresh = true
	}
	n := a.n
	a.mu.Unlock()
	if silent || n%200 == 0 {
		time.Sleep(2 * time.Millisecond) // 25 times real time
	}
	return !silent
}

func (a *ads) TxPackets(p []spi.Packet) error {
	for i := range p {
		if err := a.Tx(p[i].W, p[i].R); err != nil {
			return err
		}
	}
	return nil
}

func (a *ads) Tx(w, r []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault == meteringtest.HangUp {
		return errors.New("no such device")
	}
	if len(w) != frameSize {
		return errors.New("a frame has six words")
	}
	a.frames++
	first := a.answer
	if first == 0 {
		first = 0x0500
		if a.fresh {
			first |= statusReady
		}
	}
	r[0], r[1], r[2] = byte(first>>8), byte(first), 0
	for k := range 4 {
		v := int32(math.Round(a.at(float64(a.n), k%2 == 1)))
		r[word*(k+1)], r[word*(k+1)+1], r[word*(k+1)+2] = byte(v>>16), byte(v>>8), byte(v)
	}
	a.fresh = false
	sum := crc24(r[:frameSize-word])
	r[15], r[16], r[17] = byte(sum>>8), byte(sum), 0
	if a.fault == meteringtest.Corrupt || (a.spoil > 0 && a.frames%a.spoil == 0) {
		r[7] ^= 0x20
	}
	a.answer = 0
	switch cmd := uint16(w[0])<<8 | uint16(w[1]); cmd {
	case cmdReset:
		a.answer, a.clockReg = ackReset, 0x0F0E
	case cmdWrite | regClock<<7:
		a.clockReg = uint16(w[3])<<8 | uint16(w[4])
		a.answer = 0x4000 | regClock<<7
	case cmdRead | regClock<<7:
		a.answer = a.clockReg
	}
	return nil
}

// mcp is a model of the MCP3208: it samples when it is asked.
type mcp struct {
	board
	asked int64
}

func (m *mcp) String() string       { return "mcp" }
func (m *mcp) Tx(w, r []byte) error { return errors.New("not used") }
func (m *mcp) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if mode != spi.Mode0 || f > 2*physic.MegaHertz {
		return nil, fmt.Errorf("mode %v at %v", mode, f)
	}
	return m, nil
}

func (m *mcp) TxPackets(p []spi.Packet) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	time.Sleep(time.Millisecond)
	switch m.fault {
	case meteringtest.HangUp:
		return errors.New("no such device")
	}
	for i := range p {
		w, r := p[i].W, p[i].R
		input := int(w[0]&1)<<2 | int(w[1]>>6)
		v := int(math.Round(m.at(float64(m.asked)/2, input == 1))) + 2048
		m.asked++
		r[1], r[2] = byte(v>>8), byte(v)
		switch m.fault {
		case meteringtest.Silence:
			r[1], r[2] = 0xFF, 0xFF
		case meteringtest.Cut:
			r[1], r[2] = 0, 0
		}
	}
	m.n = m.asked / 2
	return nil
}

func newADS(t *testing.T, rate float64) (*Meter, *ads) {
	t.Helper()
	dev := &ads{board: board{rate: rate, full: 1 << 23}}
	src, err := NewADS131M04(dev, dev, 1, rate, dev.now)
	if err != nil {
		t.Fatal(err)
	}
	ch := waveform.Channel{VoltsPerCode: 452.0 / (1 << 23), AmpsPerCode: 163.0 / (1 << 23)}
	m, err := New(src, Config{Waveform: waveform.Config{Rate: rate, Channels: []waveform.Channel{ch}}, Every: 200 * time.Millisecond, Now: dev.now})
	if err != nil {
		t.Fatal(err)
	}
	return m, dev
}

func TestConformance(t *testing.T) {
	has := metering.HasPower | metering.HasVoltage | metering.HasCurrent | metering.HasFrequency | metering.HasPhases
	t.Run("ads131m04", func(t *testing.T) {
		meteringtest.Run(t, meteringtest.Bench{
			Has: has, Counts: true, Power: 500, Energy: 20 * 3_600_000_000,
			Cases: []meteringtest.Case{
				{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
				{Fault: meteringtest.Corrupt, Codes: []metering.Code{metering.Checksum}},
				{Fault: meteringtest.HangUp, Codes: []metering.Code{metering.Offline}},
			},
			New: func(t *testing.T) (metering.Meter, meteringtest.Device) { return newADS(t, 4000) },
		})
	})
	t.Run("mcp3208", func(t *testing.T) {
		meteringtest.Run(t, meteringtest.Bench{
			Has: has, Counts: true, Power: 5000, Energy: 20 * 3_600_000_000,
			Cases: []meteringtest.Case{
				{Fault: meteringtest.Silence, Codes: []metering.Code{metering.UnknownReply}},
				{Fault: meteringtest.Cut, Codes: []metering.Code{metering.Silent}},
				{Fault: meteringtest.HangUp, Codes: []metering.Code{metering.Offline}},
			},
			New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
				dev := &mcp{board: board{rate: 4000, full: 2048}}
				src, err := NewMCP3208(dev, 1, 4000, dev.now)
				if err != nil {
					t.Fatal(err)
				}
				ch := waveform.Channel{VoltsPerCode: 452.0 / 2048, AmpsPerCode: 163.0 / 2048}
				m, err := New(src, Config{Waveform: waveform.Config{Rate: 4000, Channels: []waveform.Channel{ch}, Skew: src.Skew()}, Every: 200 * time.Millisecond, Now: dev.now})
				if err != nil {
					t.Fatal(err)
				}
				return m, dev
			},
		})
	})
}

// Frames with a wrong check sum are said to be lost and not made up.
func TestBadFrames(t *testing.T) {
	m, dev := newADS(t, 4000)
	dev.Show(meteringtest.Truth{Voltage: 230_000, Current: 10_000, Power: 2_300_000, Frequency: 50_000})
	dev.spoil = 3001 // two frames are read for each sample
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lost, whole := 0, 0
	var last metering.Sample
	err := m.Run(ctx, func(r metering.Reading) {
		if r.Err != nil {
			t.Errorf("reading: %v", r.Err)
			cancel()
			return
		}
		if r.Sample.Quality&metering.Lost != 0 {
			lost++
		}
		last = r.Sample
		if p := r.Sample.Power.W(); math.Abs(p-2300) > 1 {
			t.Errorf("power %v W with quality %v", p, r.Sample.Quality)
		}
		if whole++; whole == 60 {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if lost == 0 || lost == whole {
		t.Errorf("%d of %d samples are marked", lost, whole)
	}
	seconds := float64(dev.n) / 4000
	got := float64(last.Import) / 1e6
	if most := 2300 * seconds; got > most || got < 0.98*most {
		t.Errorf("registered %.0f J of %.0f", got, most)
	}
}

// A sag of two cycles comes with the sample after it, with its time and depth.
func TestSagsAreTold(t *testing.T) {
	m, dev := newADS(t, 4000)
	truth := meteringtest.Truth{Voltage: 230_000, Current: 10_000, Power: 2_300_000, Frequency: 50_000}
	dev.Show(truth)
	dev.sagAt, dev.sagFor = 4000*2+40, 160
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var events []metering.Event
	if err := m.Run(ctx, func(r metering.Reading) {
		events = append(events, r.Events...)
		if dev.now().Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) > 4*time.Second {
			cancel()
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 1, 1, 0, 0, 2, 10_000_000, time.UTC)
	if len(events) != 1 {
		t.Fatalf("%+v", events)
	}
	e := events[0]
	if e.Kind != metering.VoltageSag || e.Phase != 1 || e.Start.Sub(want).Abs() > 60*time.Millisecond || (e.Duration-40*time.Millisecond).Abs() > 4*time.Millisecond || e.Voltage < 114_000 || e.Voltage > 116_000 {
		t.Errorf("%+v, want one from %v", e, want)
	}
}

func TestCRC(t *testing.T) {
	// The published check value of CRC-16/CCITT-FALSE.
	if got := crc24([]byte("123456789")); got != 0x29B1 {
		t.Errorf("sum is %04X, want 29B1", got)
	}
}

func TestRefused(t *testing.T) {
	dev := &ads{board: board{rate: 4000}}
	if _, err := NewADS131M04(dev, dev, 3, 4000, dev.now); err == nil {
		t.Error("three phases on four inputs were accepted")
	}
	if _, err := NewADS131M04(dev, dev, 1, 3000, dev.now); err == nil {
		t.Error("a rate that the converter does not have was accepted")
	}
	if _, err := NewMCP3208(&mcp{}, 3, 20_000, dev.now); err == nil {
		t.Error("a rate beyond the MCP3208 was accepted")
	}
}

// noisy is an ADS131M04 whose frames are spoilt as the fuzzer says.
type noisy struct {
	ads
	says []byte
}

func (n *noisy) Connect(f physic.Frequency, m spi.Mode, bits int) (spi.Conn, error) {
	if _, err := n.ads.Connect(f, m, bits); err != nil {
		return nil, err
	}
	return n, nil
}

func (n *noisy) Tx(w, r []byte) error {
	err := n.ads.Tx(w, r)
	if len(n.says) >= 3 && err == nil {
		switch n.says[0] % 4 {
		case 0: // a bit
			r[int(n.says[1])%len(r)] ^= n.says[2]
		case 1: // other words with a good check sum
			for i := range frameSize - word {
				r[i] ^= n.says[1+i%2]
			}
			sum := crc24(r[:frameSize-word])
			r[15], r[16] = byte(sum>>8), byte(sum)
		}
		n.says = n.says[3:]
	}
	return err
}

func (n *noisy) TxPackets(p []spi.Packet) error {
	for i := range p {
		if err := n.Tx(p[i].W, p[i].R); err != nil {
			return err
		}
	}
	return nil
}

// Whatever comes over the wires, a block is whole samples within the range of
// 24 bits, and what is spoilt is lost or an error with a code.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 7, 0x20, 1, 0xFF, 0x05, 2, 0, 0})
	f.Fuzz(func(t *testing.T, says []byte) {
		n := &noisy{says: says[:min(len(says), 3*600)]}
		n.rate, n.full = 4000, 1<<23
		n.truth = meteringtest.Truth{Voltage: 230_000, Current: 5000, Power: 1000 * units.Watt, Frequency: 50_000}
		a, err := NewADS131M04(n, n, 2, 4000, n.now)
		if err != nil {
			t.Fatal(err)
		}
		check := func(err error) {
			if err != nil && metering.CodeOf(err) == "" {
				t.Fatalf("error without a code: %v", err)
			}
		}
		if err := a.Start(t.Context()); err != nil {
			check(err)
		}
		for range 6 {
			b, err := a.Next(t.Context())
			check(err)
			if len(b.Codes)%4 != 0 || b.Lost < 0 {
				t.Fatalf("%d codes, %d lost", len(b.Codes), b.Lost)
			}
			for _, c := range b.Codes {
				if c < -1<<23 || c >= 1<<23 {
					t.Fatalf("code %d", c)
				}
			}
		}
	})
}
