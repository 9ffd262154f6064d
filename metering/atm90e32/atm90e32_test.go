package atm90e32

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// chip is a model of the ATM90E32: it insists on mode 3 and whole frames, takes
// settings only while it is unlocked, and clears energy that is read.
type chip struct {
	mu       sync.Mutex
	regs     [256]uint16
	unlocked bool
	last     uint16
	imp, exp units.Energy // counted but not yet read, and its remainder
	truth    meteringtest.Truth
	began    bool
	fault    meteringtest.Fault
	frames   int
}

func (c *chip) String() string                    { return "chip" }
func (c *chip) Close() error                      { return nil }
func (c *chip) Duplex() conn.Duplex               { return conn.Full }
func (c *chip) LimitSpeed(physic.Frequency) error { return nil }
func (c *chip) TxPackets([]spi.Packet) error      { return errors.New("not used") }

func (c *chip) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if mode != spi.Mode3 || bits != 8 || f > physic.MegaHertz {
		return nil, fmt.Errorf("mode %v, %d bits at %v: the chip needs mode 3 up to 1 MHz", mode, bits, f)
	}
	return c, nil
}

func (c *chip) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(w) != 4 || len(r) != 4 {
		return errors.New("a frame has four bytes")
	}
	switch c.fault {
	case meteringtest.HangUp:
		return errors.New("no such device")
	case meteringtest.Silence:
		copy(r, []byte{0xFF, 0xFF, 0xFF, 0xFF})
		return nil
	}
	c.frames++
	address := uint16(w[0])<<8 | uint16(w[1])
	value := uint16(w[2])<<8 | uint16(w[3])
	register := address & 0xFF
	if address&0x8000 == 0 {
		c.write(register, value)
		return nil
	}
	out := c.read(register)
	if register != regLastData {
		c.last = out
	}
	if c.fault == meteringtest.Corrupt && c.frames%2 == 0 {
		out ^= 1 << (c.frames % 16)
	}
	r[2], r[3] = byte(out>>8), byte(out)
	return nil
}

func (c *chip) write(register, value uint16) {
	c.last = value
	switch register {
	case regSoftReset:
		if value == reset {
			c.reset()
		}
	case regUnlock:
		c.unlocked = value == unlock
	default:
		if c.unlocked {
			c.regs[register] = value
		}
	}
}

func (c *chip) reset() {
	c.regs = [256]uint16{}
	c.unlocked = false
	c.imp, c.exp = 0, 0
}

func (c *chip) read(register uint16) uint16 {
	take := func(e *units.Energy) uint16 {
		n := *e / quantum
		*e -= n * quantum
		return uint16(n) // wraps as the chip does
	}
	on := c.regs[regMeterEn] == 1
	power := int32(units.MulDiv(int64(c.truth.Power), 100, 96)) // a third, in 0.32 mW
	switch {
	case register == regLastData:
		return c.last
	case register == regImport && on:
		return take(&c.imp)
	case register == regExport && on:
		return take(&c.exp)
	case register >= regVoltage && register < regVoltage+3:
		return uint16(c.truth.Voltage / 10)
	case register >= regCurrent && register < regCurrent+3:
		return uint16(c.truth.Current / 3)
	case register >= regPower && register < regPower+3:
		return uint16(uint32(power) >> 16)
	case register >= regPowerLow && register < regPowerLow+3:
		return uint16(uint32(power))
	case register == regFrequency:
		return uint16(c.truth.Frequency / 10)
	}
	return c.regs[register]
}

func (c *chip) Show(t meteringtest.Truth) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began {
		c.imp += t.Import - c.truth.Import
		c.exp += t.Export - c.truth.Export
	}
	c.began, c.truth = true, t
}

func (c *chip) Break(f meteringtest.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
}

func newMeter(t *testing.T, c *chip, imported, exported units.Energy) *Meter {
	t.Helper()
	m, err := New(Config{Port: c, Document: Document{VoltageGain: 7305, CurrentGain: 27961}, Import: imported, Export: exported, Every: 10 * time.Millisecond, Energy: time.Nanosecond, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestConformance(t *testing.T) {
	meteringtest.Run(t, meteringtest.Bench{
		Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent | metering.HasFrequency | metering.HasPhases,
		Energy: units.WattHour / 10, Power: 10, Counts: true,
		Cases: []meteringtest.Case{
			{Fault: meteringtest.Silence, Codes: []metering.Code{metering.UnknownReply, metering.Checksum}},
			{Fault: meteringtest.Corrupt, Codes: []metering.Code{metering.Checksum}},
			{Fault: meteringtest.HangUp, Codes: []metering.Code{metering.Offline}},
		},
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
			c := &chip{truth: meteringtest.Truth{Import: 1234 * units.KilowattHour, Export: 12 * units.KilowattHour}, began: true}
			return newMeter(t, c, 1234*units.KilowattHour, 12*units.KilowattHour), c
		},
	})
}

// Energy is counted to the last count, also where the wire garbles a read, and
// over a restart of the program.
func TestNoCountIsLost(t *testing.T) {
	c := &chip{}
	c.Show(meteringtest.Truth{Voltage: 230_000, Frequency: 50_000})
	m := newMeter(t, c, 0, 0)
	var truth meteringtest.Truth
	truth.Voltage, truth.Frequency = 230_000, 50_000
	for i := range 500 {
		truth.Import += units.Energy(i%37) * quantum
		truth.Export += units.Energy(i%5) * quantum
		c.Show(truth)
		if i%100 == 50 { // the program is started anew
			imported, exported := m.Registers()
			m = newMeter(t, c, imported, exported)
		}
		s, err := m.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			// The first set-up resets the chip and says so.
			if s.Quality != metering.Lost {
				t.Error("the first sample after a reset is not marked")
			}
			truth.Import, truth.Export = s.Import, s.Export
			c.Show(truth)
			continue
		}
		if s.Quality != 0 {
			t.Errorf("sample %d is marked %v", i, s.Quality)
		}
	}
	if s, err := m.next(t.Context()); err != nil || s.Import != truth.Import || s.Export != truth.Export {
		t.Errorf("counted %d and %d, want %d and %d (%v)", s.Import, s.Export, truth.Import, truth.Export, err)
	}
}

func TestGarbledEnergyIsRecovered(t *testing.T) {
	c := &chip{}
	c.Show(meteringtest.Truth{Voltage: 230_000})
	m := newMeter(t, c, 0, 0)
	if _, err := m.next(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Show(meteringtest.Truth{Voltage: 230_000, Import: 1000 * quantum})
	c.mu.Lock()
	c.fault, c.frames = meteringtest.Corrupt, 1 // the next frame is garbled
	c.mu.Unlock()
	v, err := m.transfer(regImport|0x8000, 0)
	if err != nil || v == 1000 {
		t.Fatalf("the fault does not bite: %d, %v", v, err)
	}
	c.mu.Lock()
	c.fault = meteringtest.None
	c.mu.Unlock()
	if sent, err := m.transfer(regLastData|0x8000, 0); err != nil || sent != 1000 {
		t.Errorf("the chip says it sent %d, %v", sent, err)
	}
}

// A chip that lost its supply is set up again, and what was counted meanwhile
// is said to be missing.
func TestBrownOut(t *testing.T) {
	c := &chip{}
	c.Show(meteringtest.Truth{Voltage: 230_000})
	m := newMeter(t, c, 50*units.KilowattHour, 0)
	if _, err := m.next(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.reset()
	c.mu.Unlock()
	if _, err := m.next(t.Context()); metering.CodeOf(err) != metering.UnknownReply {
		t.Fatalf("after the brown-out: %v", err)
	}
	s, err := m.next(t.Context())
	if err != nil || s.Quality != metering.Lost || s.Import != 50*units.KilowattHour {
		t.Errorf("set up again: %+v, %v", s, err)
	}
	c.Show(meteringtest.Truth{Voltage: 230_000, Import: 10 * quantum})
	if s, err := m.next(t.Context()); err != nil || s.Quality != 0 || s.Import != 50*units.KilowattHour+10*quantum {
		t.Errorf("counting goes on: %+v, %v", s, err)
	}
}

func TestTooRare(t *testing.T) {
	if _, err := New(Config{Port: &chip{}, Every: time.Minute, Now: time.Now}); err == nil {
		t.Error("a minute between reads was accepted")
	}
}

// While what was taken is not stored, the chip keeps its energy, as long as it
// can; nothing is lost by the waiting.
func TestTakesNothingWhileTheLastIsNotStored(t *testing.T) {
	for _, row := range []struct {
		name     string
		power    units.Power
		unstored int // samples
		taken    []int
	}{
		{"little power, for five minutes", 500 * units.Watt, 300, []int{0, 301}},
		{"much power: before the chip wraps it is read all the same", 24 * units.Kilowatt, 40, []int{0, 16, 32, 41}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := &chip{}
			truth := meteringtest.Truth{Voltage: 230_000, Frequency: 50_000, Power: row.power}
			c.Show(truth)
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			stored := true
			m, err := New(Config{
				Port: c, Document: Document{VoltageGain: 7305, CurrentGain: 27961},
				Now: func() time.Time { return now }, Stored: func() bool { return stored },
			})
			if err != nil {
				t.Fatal(err)
			}
			var taken []int
			for k := range row.unstored + 2 {
				s, err := m.next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !s.Gives(metering.HasPower | metering.HasVoltage) {
					t.Fatalf("sample %d has no power", k)
				}
				if s.Taken != s.Gives(metering.HasImport) {
					t.Fatalf("sample %d: taken %v, registers %v", k, s.Taken, s.Has)
				}
				if s.Taken {
					taken = append(taken, k)
				}
				if k > 0 && s.Quality != 0 {
					t.Errorf("sample %d is marked %v", k, s.Quality)
				}
				stored = k >= row.unstored
				now = now.Add(time.Second)
				truth.Import += row.power.Over(time.Second)
				c.Show(truth)
			}
			if fmt.Sprint(taken) != fmt.Sprint(row.taken) {
				t.Errorf("energy was taken at samples %v, want %v", taken, row.taken)
			}
		})
	}
}

// Power that the chip does not count is not told: it would be charged between
// two reads of the energy.
func TestPowerBelowTheStart(t *testing.T) {
	for _, row := range []struct{ power, want units.Power }{{2_000, 0}, {-2_000, 0}, {3_000, 3_000}} {
		c := &chip{}
		c.Show(meteringtest.Truth{Voltage: 230_000, Frequency: 50_000, Power: row.power})
		m := newMeter(t, c, 0, 0)
		s, err := m.next(t.Context())
		if err != nil || s.Power < row.want-2 || s.Power > row.want+2 || !s.Gives(metering.HasPower) {
			t.Errorf("%v is told as %v, %v", row.power, s.Power, err)
		}
	}
}

// After a restart the driver does not know what happened in a long absence.
func TestALongAbsenceIsMarked(t *testing.T) {
	c := &chip{}
	c.Show(meteringtest.Truth{Voltage: 230_000, Frequency: 50_000})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	start := func(since time.Time) metering.Sample {
		t.Helper()
		m, err := New(Config{Port: c, Document: Document{VoltageGain: 7305, CurrentGain: 27961}, Since: since, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	start(time.Time{}) // sets the chip up
	if s := start(now.Add(-10 * time.Second)); s.Quality != 0 || !s.Taken {
		t.Errorf("ten seconds away: %v", s.Quality)
	}
	if s := start(now.Add(-time.Hour)); s.Quality != metering.Lost || !s.Taken {
		t.Errorf("an hour away: %v", s.Quality)
	}
}

// babble is a chip whose every answer comes from the fuzzer.
type babble struct {
	chip
	says []byte
}

func (b *babble) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) { return b, nil }

func (b *babble) Tx(w, r []byte) error {
	if len(b.says) < 2 {
		return b.chip.Tx(w, r)
	}
	// One answer in three is the fuzzer's, so that a read now and then agrees.
	if b.says[0]%3 != 0 {
		b.says = b.says[1:]
		return b.chip.Tx(w, r)
	}
	copy(r, []byte{0, 0, b.says[0], b.says[1]})
	b.says = b.says[2:]
	return nil
}

// Whatever the wires say, the registers never go back, nor further than the
// chip's own reach, and no sample is insane.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 1, 0xFF, 0xFF, 3, 3, 0, 0, 9, 9})
	f.Fuzz(func(t *testing.T, says []byte) {
		b := &babble{says: says}
		b.Show(meteringtest.Truth{Voltage: 230_000, Frequency: 50_000, Power: 24 * units.Kilowatt})
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		m, err := New(Config{Port: b, Document: Document{VoltageGain: 7305, CurrentGain: 27961}, Energy: time.Nanosecond, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // so that a reset does not wait
		for range 8 {
			in, out := m.imp, m.exp
			s, err := m.next(ctx)
			if err != nil {
				if metering.CodeOf(err) == "" {
					t.Fatalf("error without a code: %v", err)
				}
			} else if err := s.Sane("fuzz"); err != nil {
				t.Fatal(err)
			}
			if m.imp < in || m.exp < out || m.imp-in >= wraps || m.exp-out >= wraps {
				t.Fatalf("registers went from %d and %d to %d and %d", in, out, m.imp, m.exp)
			}
			now = now.Add(time.Second)
		}
	})
}
