// Package pulse counts the pulses of a meter's S0 output, or of its LED seen
// by a photo transistor, on a GPIO line.
//
// A pulse that is missed is energy that nobody charges, and nothing later makes
// up for it.  There are two sources of pulses: Line asks the kernel for a
// debounced line whose events carry sequence numbers, so that even pulses which
// overflowed the kernel's buffer are counted; Pin takes any periph.io pin, and
// cannot tell what it missed.  Line is the one for real meters.
//
// The count is a register like any other meter's: it goes on from the value it
// was given at the start, and pulses while the program was down are not seen.
package pulse

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// Pulses are what a source saw since the last time it was asked.
type Pulses struct {
	N      int           // how many there were
	Missed int           // of these, how many it did not see but knows of
	At     time.Duration // when the last one came, on any steady clock
}

// Source waits for pulses.
type Source interface {
	// Next blocks until there are pulses, or ctx ends, or the line fails.
	Next(ctx context.Context) (Pulses, error)
}

// usualEvery is between two samples where nothing else is said.
const usualEvery = 2 * time.Second

// usualDebounce is shorter than any pulse of an S0 output, and longer than a
// contact bounces.
const usualDebounce = 20 * time.Millisecond

// Config is a meter with a pulse output.
type Config struct {
	// PerKWh is the meter constant, pulses per kWh.
	PerKWh int
	// Start is the register to go on from, as a former Sample gave it.
	Start units.Energy
	// Every is the time between samples; zero takes two seconds.
	Every time.Duration
	// Now is the clock that samples are stamped with.
	Now func() time.Time
	// Export counts the pulses as exported energy.
	Export bool
}

// Meter counts pulses.
type Meter struct {
	src Source
	cfg Config

	mu     sync.Mutex
	count  int64 // pulses in the register
	missed bool  // some are inferred, since the last sample
	last   time.Duration
	gap    time.Duration // between the last two pulses; zero where not known
	seen   time.Time     // when the last one was taken, by cfg.Now
	err    error         // of the source, not yet told
}

// New makes a meter.
func New(src Source, cfg Config) (*Meter, error) {
	if cfg.PerKWh < 1 || cfg.PerKWh > 10_000_000 {
		return nil, fmt.Errorf("pulse: %d pulses per kWh; the figure is printed on the meter as imp/kWh", cfg.PerKWh)
	}
	if cfg.Start < 0 {
		return nil, fmt.Errorf("pulse: register starts at %d uJ", cfg.Start)
	}
	if cfg.Every <= 0 {
		cfg.Every = usualEvery
	}
	return &Meter{src: src, cfg: cfg, count: Count(cfg.Start, cfg.PerKWh)}, nil
}

// Energy is the register after n pulses, rounded half to even from the exact
// value, so that no number of pulses drifts.
func Energy(n int64, perKWh int) units.Energy {
	return units.Energy(units.MulDiv(n, int64(units.KilowattHour), int64(perKWh)))
}

// Count is the number of pulses that makes the register e; it is exact for
// every e that Energy gives.
func Count(e units.Energy, perKWh int) int64 {
	return units.MulDiv(int64(e), int64(perKWh), int64(units.KilowattHour))
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { m.read(ctx) })

	tick := time.NewTicker(m.cfg.Every)
	defer tick.Stop()
	for {
		r := m.reading()
		if ctx.Err() != nil {
			return nil
		}
		emit(r)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// read takes pulses all the time, so that no slow taker of samples makes the
// source overflow.
func (m *Meter) read(ctx context.Context) {
	pace := line.Pace{Every: m.cfg.Every}
	for {
		p, err := m.src.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		m.take(p, err)
		if err != nil && !pace.Wait(ctx, false) {
			return
		}
	}
}

func (m *Meter) take(p Pulses, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	if p.N == 0 {
		return
	}
	m.gap = 0
	if m.last != 0 && p.At > m.last {
		m.gap = (p.At - m.last) / time.Duration(p.N)
	}
	m.last, m.seen = p.At, m.cfg.Now()
	m.count += int64(p.N)
	m.missed = m.missed || p.Missed > 0
}

func (m *Meter) reading() metering.Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.err; err != nil {
		m.err = nil
		return metering.Reading{Err: &metering.Error{
			Code: metering.Offline, Op: "wait for pulses", Err: err,
			Remedy: "check that the GPIO line exists, that no other program holds it, and that the user may open it (group gpio)",
		}}
	}
	now := m.cfg.Now()
	s := metering.Sample{At: now.UTC(), Step: Energy(1, m.cfg.PerKWh)}
	e, p := Energy(m.count, m.cfg.PerKWh), m.power(now)
	if m.cfg.Export {
		s.Has, s.Export, p = metering.HasExport, e, -p
	} else {
		s.Has, s.Import = metering.HasImport, e
	}
	if m.gap > 0 {
		s.Has, s.Power = s.Has|metering.HasPower, p
	}
	if m.missed {
		s.Quality = metering.Lost
		m.missed = false
	}
	return metering.Reading{Sample: s}
}

// power is one pulse's energy over the time between the last two, or over the
// time since the last one where that is longer already.
func (m *Meter) power(now time.Time) units.Power {
	if m.gap == 0 {
		return 0
	}
	return Energy(1, m.cfg.PerKWh).Mean(max(m.gap, now.Sub(m.seen)))
}
