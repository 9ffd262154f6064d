package modbus

import (
	"context"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// usualEvery is between two samples where nothing else is said.
const usualEvery = 2 * time.Second

// Config is one meter on a bus.
type Config struct {
	Model Model
	Unit  int              // its address, 1 to 247 on a serial line; 0 to 255 over TCP
	Every time.Duration    // time between samples; zero takes two seconds
	Now   func() time.Time // the clock that samples are stamped with
}

// Meter reads one device.
type Meter struct {
	bus    *Bus
	cfg    Config
	serial string
	known  bool // the serial number was told, or it is known that it will not be
	tries  int  // questions for it that stayed without an answer
}

// NewMeter makes a meter on a bus.
func NewMeter(bus *Bus, cfg Config) (*Meter, error) {
	if len(cfg.Model.blocks) == 0 {
		return nil, fmt.Errorf("modbus: model %q reads nothing", cfg.Model.name)
	}
	if cfg.Unit < 0 || cfg.Unit > 255 || (bus.framing == RTU && (cfg.Unit < 1 || cfg.Unit > 248)) {
		return nil, fmt.Errorf("modbus: %d is not a unit address; the meter shows its own in the settings, 1 to 247", cfg.Unit)
	}
	if cfg.Every <= 0 {
		cfg.Every = usualEvery
	}
	return &Meter{bus: bus, cfg: cfg}, nil
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	return line.Poll(ctx, m.cfg.Every, emit, m.Read)
}

// Read reads one sample.
func (m *Meter) Read(ctx context.Context) (metering.Sample, error) {
	var b sampler
	for _, blk := range m.cfg.Model.blocks {
		regs, err := m.bus.Registers(ctx, m.cfg.Unit, blk.holding, blk.address, blk.count)
		if err != nil {
			m.known = false // it may be another meter when it answers again
			return metering.Sample{}, err
		}
		for _, r := range m.cfg.Model.registers {
			if r.value == "" || r.holding != blk.holding || r.address < blk.address || r.end() > blk.address+blk.count {
				continue
			}
			n, err := r.decode(regs[r.address-blk.address : r.end()-blk.address])
			if err != nil {
				return metering.Sample{}, &metering.Error{Code: metering.Range, Op: "read " + m.cfg.Model.name, Err: err, Remedy: "check the meter's model in the configuration"}
			}
			b.put(r, n)
		}
	}
	s, err := b.sample("read "+m.cfg.Model.name, m.cfg.Model.leastStep)
	if err != nil {
		return metering.Sample{}, err
	}
	s.At = m.cfg.Now().UTC()
	m.identify(ctx)
	s.Device = m.serial
	return s, nil
}

// serialTries is how often a meter that does not answer the question for its
// serial number is asked before it is taken to have none.
const serialTries = 3

// identify asks for the serial number after each failure, when the device may
// have been replaced.
func (m *Meter) identify(ctx context.Context) {
	if m.known || m.cfg.Model.serial == 0 {
		return
	}
	m.serial = "" // of the device before the failure
	m.tries++
	regs, err := m.bus.Registers(ctx, m.cfg.Unit, true, m.cfg.Model.serial, 2)
	switch {
	case err == nil:
		if n := uint32(regs[0])<<16 | uint32(regs[1]); n != 0 {
			m.serial = fmt.Sprintf("%s-%d", m.cfg.Model.name, n)
		}
		m.known, m.tries = true, 0
	case isRefusal(err), m.tries >= serialTries:
		m.known = true
	}
}
