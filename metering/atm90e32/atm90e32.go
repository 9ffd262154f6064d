// Package atm90e32 reads the ATM90E32 energy chip over SPI.
//
// The chip's energy registers go back to zero when they are read, and wrap
// after 204.8 Wh, half a minute at 24 kW: from then on nothing but this program
// knows what was in them.  So energy is read once a minute, or sooner where the
// power since makes a quarter of the range likely, as the last thing before a
// sample is emitted; the sample says that it was taken, so that it is stored at
// once; and the registers are not read again before it is, unless they would
// wrap.  Samples between tell power only, which is charged less from the next
// energy.  A crash between a read and its storing loses that one read.
//
// Each read is compared with what the chip says it sent (LastSPIData); an
// energy that was garbled on the wire is taken from there and not lost.
package atm90e32

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// The registers in use.
const (
	regMeterEn   = 0x00
	regSoftReset = 0x70
	regLastData  = 0x78
	regUnlock    = 0x7F
	regPLHigh    = 0x31
	regPLLow     = 0x32
	regMode0     = 0x33
	regMode1     = 0x34
	regStartP    = 0x35
	regImport    = 0x80
	regExport    = 0x84
	regPower     = 0xB1 // and 0xB2, 0xB3 for the other phases
	regPowerLow  = 0xC1
	regVoltage   = 0xD9
	regCurrent   = 0xDD
	regFrequency = 0xF8
	regUgain     = 0x61 // and 4 further on for each other phase
	regIgain     = 0x62

	unlock = 0x55AA
	reset  = 0x789A
)

// quantum is the energy of one count, 0.01 of a pulse of 3200 a kWh: 3.125 mWh.
const quantum = units.WattHour / 320

// What the energy registers hold, and when they are read.
const (
	wraps   = quantum << 16
	enough  = wraps / 4        // likely: read them
	tooMuch = wraps / 2        // likely: read them although the last reading is not stored
	blind   = 30 * time.Second // without a measurement they may have wrapped, at 24 kW
	usual   = time.Minute      // between two reads of little energy
)

// usualEvery is between two samples where nothing else is said.
const usualEvery = time.Second

// Config is one chip.
type Config struct {
	Port spi.Port
	Document
	// Import and Export are the registers to go on from, as they were stored at
	// Since; it is zero where nothing is stored.
	Import, Export units.Energy
	Since          time.Time
	Every          time.Duration // between samples; zero takes a second
	Energy         time.Duration // between two reads of the energy; zero takes a minute
	// Stored tells whether the energy emitted last is stored; nil is always.
	Stored func() bool
	Now    func() time.Time
}

// Meter reads one chip.
type Meter struct {
	cfg   Config
	conn  spi.Conn
	ready bool         // the chip is set up
	seen  time.Time    // when it was measured last; zero before
	read  time.Time    // when its energy was read; zero before
	power units.Power  // of the last sample, in all, without a sign
	held  units.Energy // likely to be in its registers by now
	imp   units.Energy
	exp   units.Energy
	lost  bool // energy may be missing since the last sample
}

// New makes a meter and opens its port in the chip's mode.
func New(cfg Config) (*Meter, error) {
	if cfg.Every <= 0 {
		cfg.Every = usualEvery
	}
	if cfg.Every > 10*time.Second {
		return nil, fmt.Errorf("atm90e32: every %v is too rare, its registers wrap after 30 s; write 1s", cfg.Every)
	}
	if cfg.LineFrequency == 0 {
		cfg.LineFrequency = 50
	}
	if cfg.CurrentPGA == 0 {
		cfg.CurrentPGA = 1
	}
	if cfg.Energy <= 0 {
		cfg.Energy = usual
	}
	if cfg.Stored == nil {
		cfg.Stored = func() bool { return true }
	}
	conn, err := cfg.Port.Connect(200*physic.KiloHertz, spi.Mode3, 8)
	if err != nil {
		return nil, fmt.Errorf("atm90e32: open the SPI port in mode 3: %w", err)
	}
	return &Meter{cfg: cfg, conn: conn, imp: cfg.Import, exp: cfg.Export, seen: cfg.Since}, nil
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	return line.Poll(ctx, line.Pace{Every: m.cfg.Every}, emit, m.next)
}

// transfer moves one frame of four bytes.
func (m *Meter) transfer(address uint16, value uint16) (uint16, error) {
	w := [4]byte{byte(address >> 8), byte(address), byte(value >> 8), byte(value)}
	var r [4]byte
	if err := m.conn.Tx(w[:], r[:]); err != nil {
		return 0, &metering.Error{Code: metering.Offline, Op: fmt.Sprintf("SPI transfer of register 0x%02X", address&0x7FFF), Err: err, Remedy: "check that SPI is switched on and the user is in group spi"}
	}
	return uint16(r[2])<<8 | uint16(r[3]), nil
}

// get reads a register and makes sure of it: what the chip says that it sent
// must be the same twice.
func (m *Meter) get(address uint16) (uint16, error) {
	v, err := m.transfer(address|0x8000, 0)
	if err != nil {
		return 0, err
	}
	for range 3 {
		sent, err := m.transfer(regLastData|0x8000, 0)
		if err != nil {
			return 0, err
		}
		if sent == v {
			return v, nil
		}
		v = sent // the wire garbled one of them: the next two must agree
	}
	return 0, metering.Fail(metering.Checksum, fmt.Sprintf("read register 0x%02X", address), "shorten the SPI wires, or lower the speed", "no two answers agree")
}

func (m *Meter) put(address, value uint16) error {
	_, err := m.transfer(address, value)
	return err
}

// setUp configures the chip, unless it is still as a former run left it: then
// the energy that it counted meanwhile is there to be read.
func (m *Meter) setUp(ctx context.Context) error {
	gains := []uint16{uint16(m.cfg.VoltageGain), uint16(m.cfg.CurrentGain)}
	mode0 := uint16(0x0087)
	if m.cfg.LineFrequency == 60 {
		mode0 |= 1 << 12
	}
	pga := map[int]uint16{1: 0x00, 2: 0x15, 4: 0x2A}[m.cfg.CurrentPGA]
	values := [][2]uint16{
		{regPLHigh, 0x0861},
		{regPLLow, 0xC468},
		{regMode0, mode0},
		{regMode1, pga},
		{regStartP, 0x1D4C},
		{regStartP + 1, 0x1D4C},
		{regStartP + 2, 0x1D4C},
		{0x38, 0x02EE},
		{0x39, 0x02EE},
	}
	for phase := range uint16(3) {
		values = append(values, [2]uint16{regUgain + 4*phase, gains[0]}, [2]uint16{regIgain + 4*phase, gains[1]})
	}
	same := true
	for _, v := range append([][2]uint16{{regMeterEn, 1}}, values...) {
		got, err := m.get(v[0])
		if err != nil {
			return err
		}
		same = same && got == v[1]
	}
	if same {
		m.ready = true
		return nil
	}
	m.lost = true
	if err := m.put(regSoftReset, reset); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, 10*time.Millisecond) // it needs 6 ms
	<-wait.Done()
	cancel()
	if err := m.put(regUnlock, unlock); err != nil {
		return err
	}
	if got, err := m.transfer(regLastData|0x8000, 0); err != nil {
		return err
	} else if got != unlock {
		return metering.Fail(metering.UnknownReply, "unlock the ATM90E32", "check the chip select, MISO and MOSI, and that the board has power", "it answers 0x%04X, not 0x%04X", got, unlock)
	}
	for _, v := range append([][2]uint16{{regMeterEn, 1}}, values...) {
		if err := m.put(v[0], v[1]); err != nil {
			return err
		}
	}
	for _, v := range values {
		got, err := m.get(v[0])
		if err != nil {
			return err
		}
		if got != v[1] {
			return metering.Fail(metering.UnknownReply, "set up the ATM90E32", "check the wiring", "register 0x%02X is 0x%04X, not 0x%04X", v[0], got, v[1])
		}
	}
	if err := m.put(regUnlock, 0); err != nil {
		return err
	}
	m.ready = true
	return nil
}

// next takes one sample.
func (m *Meter) next(ctx context.Context) (metering.Sample, error) {
	if !m.ready {
		if err := m.setUp(ctx); err != nil {
			return metering.Sample{}, err
		}
	}
	s, err := m.sample()
	if err != nil {
		m.ready = false // look at the chip's set-up before the next one
	}
	return s, err
}

func (m *Meter) sample() (metering.Sample, error) {
	on, err := m.get(regMeterEn)
	if err != nil {
		return metering.Sample{}, err
	}
	if on != 1 {
		return metering.Sample{}, metering.Fail(metering.UnknownReply, "read the ATM90E32", "check its supply voltage: it was reset", "metering is off (0x%04X)", on)
	}
	now := m.cfg.Now().UTC()
	s := metering.Sample{At: now, Has: metering.HasFrequency, Step: quantum, Phases: make([]metering.Phase, 3)}
	hz, err := m.get(regFrequency)
	if err != nil {
		return metering.Sample{}, err
	}
	s.Frequency = units.Frequency(hz) * 10
	for k := range s.Phases {
		if err := m.phase(uint16(k), &s.Phases[k]); err != nil {
			return metering.Sample{}, err
		}
	}
	quiet(s.Phases)
	s = s.Complete()
	if err := s.Sane("read the ATM90E32"); err != nil {
		return metering.Sample{}, err
	}
	if m.due(now, s) {
		// The last thing before the sample goes out: from here on nothing can
		// come between.
		if err := m.take(&s); err != nil {
			return metering.Sample{}, err
		}
	}
	if m.lost {
		s.Quality, m.lost = metering.Lost, false
	}
	return s, nil
}

// due tells whether energy is to be read now.
func (m *Meter) due(now time.Time, s metering.Sample) bool {
	dt := max(0, now.Sub(m.seen))
	if m.seen.IsZero() {
		dt = 0
	}
	power := units.Power(0)
	for _, p := range s.Phases {
		power += max(p.Power, -p.Power)
	}
	if dt > blind || m.held > wraps-wraps/16 {
		m.lost = true
	}
	m.held += max(power, m.power).Over(min(dt, time.Hour))
	first := m.read.IsZero()
	m.seen, m.power = now, power
	since := now.Sub(m.read)
	wanted := first || since >= m.cfg.Energy || since < 0 || m.held >= enough
	return wanted && (m.cfg.Stored() || m.held >= tooMuch)
}

// take moves what the chip has counted into the registers of s.  What it has
// given away is in them even where a part failed.
func (m *Meter) take(s *metering.Sample) error {
	n, err := m.get(regImport)
	if err != nil {
		m.lost = true
		return err
	}
	m.imp += units.Energy(n) * quantum
	s.Import, s.Has, s.Taken = m.imp, s.Has|metering.HasImport, true
	if n, err = m.get(regExport); err != nil {
		// The import must go out all the same.
		m.lost, m.ready = true, false
		return nil //nolint:nilerr // the next sample will say what is wrong
	}
	m.exp += units.Energy(n) * quantum
	s.Export, s.Has = m.exp, s.Has|metering.HasExport
	m.read, m.held = s.At, 0
	return nil
}

// starts is the power below which the chip, as it is set up here, counts nothing:
// 0x1D4C times 0.32 mW.
const starts = 0x1D4C * 32 * units.Watt / 100_000

// quiet takes away power that the chip does not count: between two reads of the
// energy it would be charged.
func quiet(phases []metering.Phase) {
	sum := units.Power(0)
	for _, p := range phases {
		sum += max(p.Power, -p.Power)
	}
	if sum >= starts {
		return
	}
	for i := range phases {
		phases[i].Power = 0
	}
}

func (m *Meter) phase(k uint16, p *metering.Phase) error {
	var v [4]uint16
	for i, register := range []uint16{regVoltage, regCurrent, regPower, regPowerLow} {
		var err error
		if v[i], err = m.get(register + k); err != nil {
			return err
		}
	}
	p.Has = metering.HasVoltage | metering.HasCurrent | metering.HasPower
	p.Voltage = units.Voltage(v[0]) * 10
	p.Current = units.Current(v[1])
	// A count of power is 0.32 mW.
	p.Power = units.Power(units.MulDiv(int64(int32(uint32(v[2])<<16|uint32(v[3]))), 32, 100))
	return nil
}

// Registers are what has been counted, to go on from.
func (m *Meter) Registers() (imported, exported units.Energy) { return m.imp, m.exp }
