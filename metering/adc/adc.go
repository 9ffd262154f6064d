// Package adc reads analogue converters and measures what they sample with the
// waveform engine: the ADS131M04 (24 bits, all inputs at once, with a check sum
// on each frame) and the MCP3208 (12 bits, one input after the other, so that
// its skew must be corrected).
//
// A Linux box may stall, and a converter does not wait.  Samples that were
// missed, by the converter's own flags or by the count of samples against the
// clock, and frames with a wrong check sum are told to the engine as lost, and
// the sample says so.  They are not made up.
package adc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/waveform"
	"github.com/keeplit/keeplit/metering/waveform/voltage"
)

// Block is a run of samples and what was missed before it.
type Block struct {
	Codes []int32 // u and i of each phase in turn
	Lost  int     // samples missed before the block
}

// Source gives samples.
type Source interface {
	// Start sets the converter up, anew after a failure.
	Start(ctx context.Context) error
	// Next waits for the next block, of a few milliseconds to 200.  The block
	// is the source's own and good until the next call.
	Next(ctx context.Context) (Block, error)
}

// usualEvery is between two samples where nothing else is said.
const usualEvery = time.Second

// Config is a meter made of a converter.
type Config struct {
	Waveform waveform.Config
	// Import and Export are the registers to go on from.
	Import, Export units.Energy
	// Every is the time between samples, by the count of ADC samples; zero
	// takes a second.
	Every time.Duration
	Now   func() time.Time
	// Quality is what is measured of the voltage beside energy; nil: nothing.  Its rate,
	// phases and supply are those of Waveform.
	Quality *voltage.Config
	// Captures is the folder for the samples around disturbances; empty: none are kept.
	Captures string
}

// Meter measures what a converter samples.
type Meter struct {
	src Source
	cfg Config

	engine *waveform.Engine
	base   [2]units.Energy // registers before this engine
	last   waveform.Window // of the newest window, with its own copy of the phases
	lost   bool
	tally  tally
	begun  bool    // a session has been
	due    float64 // ADC samples until the next Sample
	events []metering.Event
	watch  *watch // of the voltage's quality; nil: none
}

// mostEvents bounds what waits for the next sample.
const mostEvents = 32

// New makes a meter.
func New(src Source, cfg Config) (*Meter, error) {
	if cfg.Every <= 0 {
		cfg.Every = usualEvery
	}
	m := &Meter{src: src, cfg: cfg, base: [2]units.Energy{cfg.Import, cfg.Export}}
	if cfg.Quality != nil {
		var err error
		if cfg.Captures != "" {
			cfg.Quality.Captures = voltage.Captures{Before: captureBefore, After: captureAfter, Most: captureMost}
		}
		if m.watch, err = newWatch(*cfg.Quality, cfg.Waveform); err != nil {
			return nil, err
		}
		cfg.Waveform.Hear = m.watch.analyzer
		if cfg.Captures != "" {
			m.watch.files = &writer{dir: cfg.Captures, next: make(chan captureFile, 2)}
		}
	}
	engine, err := waveform.New(cfg.Waveform, m.window, m.disturbance)
	if err != nil {
		return nil, err
	}
	m.engine = engine
	m.due = cfg.Every.Seconds() * cfg.Waveform.Rate
	return m, nil
}

// window keeps a copy of the newest window.
func (m *Meter) window(w *waveform.Window) {
	phases := append(m.last.Phases[:0], w.Phases...)
	m.last = *w
	m.last.Phases = phases
	m.lost = m.lost || w.Lost > 0
}

// disturbance keeps what the engine has measured of the voltage for the next
// sample.
func (m *Meter) disturbance(e waveform.Event) {
	kinds := map[waveform.EventKind]metering.EventKind{
		waveform.Sag: metering.VoltageSag, waveform.Swell: metering.VoltageSwell, waveform.Interruption: metering.VoltageInterruption,
	}
	of := func(samples float64) time.Duration {
		return time.Duration(samples / m.cfg.Waveform.Rate * float64(time.Second))
	}
	if len(m.events) < mostEvents {
		m.events = append(m.events, metering.Event{
			Kind: kinds[e.Kind], Phase: e.Phase, Start: m.cfg.Now().UTC().Add(-of(m.engine.Position() - e.Start)).Truncate(time.Millisecond),
			Duration: of(e.Samples), Voltage: units.Voltage(e.Urms * 1000),
		})
	}
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	if m.watch != nil && m.watch.files != nil {
		var writing sync.WaitGroup
		writing.Go(func() { m.watch.files.run(ctx) })
		defer writing.Wait()
	}
	pace := line.Pace{Every: 100 * time.Millisecond}
	for ctx.Err() == nil {
		err := m.session(ctx, emit)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end, not a failure
		}
		emit(metering.Reading{Err: err})
		if !pace.Wait(ctx, false) {
			break
		}
	}
	return nil
}

// session runs the converter until it fails.
func (m *Meter) session(ctx context.Context, emit func(metering.Reading)) error {
	if err := m.src.Start(ctx); err != nil {
		return typed("set up the converter", err)
	}
	if m.begun {
		m.engine.Lost(1) // what was before and what comes do not join
	}
	m.begun = true
	width := 2 * len(m.cfg.Waveform.Channels)
	m.last.Frequency, m.last.Samples = 0, 0
	for {
		b, err := m.src.Next(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end, not a failure
		}
		if err != nil {
			m.lost = true
			return typed("read the converter", err)
		}
		if b.Lost > 0 {
			m.lost = true
			m.engine.Lost(b.Lost)
		}
		m.engine.Feed(b.Codes)
		m.tally.add(len(b.Codes)/width, b.Lost)
		if m.watch != nil {
			m.watch.analyzer.Clock(m.engine.Position(), m.cfg.Now())
		}
		m.due -= float64(len(b.Codes)/width + b.Lost)
		if m.due > 0 {
			continue
		}
		m.due += m.cfg.Every.Seconds() * m.cfg.Waveform.Rate
		m.due = max(m.due, 1)
		if m.last.Samples == 0 {
			continue // no whole window yet
		}
		s := m.sample()
		err = s.Sane("measure")
		events := m.events
		m.events = nil
		emit(metering.Reading{Sample: s, Err: err, Events: events, Quality: m.watch.take(), Missed: m.tally.over(m.cfg.Waveform.Rate, s.At)})
	}
}

func typed(op string, err error) error {
	var e *metering.Error
	if errors.As(err, &e) {
		return err
	}
	return &metering.Error{Code: metering.Offline, Op: op, Err: err, Remedy: "check the wiring, and that SPI is switched on"}
}

// sample is the newest window with the registers.
func (m *Meter) sample() metering.Sample {
	s := metering.Sample{At: m.cfg.Now().UTC(), Has: metering.HasImport | metering.HasExport, Import: m.base[0], Export: m.base[1], Step: 1}
	for k := range m.cfg.Waveform.Channels {
		e := m.engine.Energy(k)
		s.Import += units.Energy(e.Import)
		s.Export += units.Energy(e.Export)
	}
	if m.last.Frequency > 0 {
		s.Frequency, s.Has = units.Frequency(m.last.Frequency*1000), s.Has|metering.HasFrequency
	}
	for _, p := range m.last.Phases {
		phase := metering.Phase{
			Has:     metering.HasVoltage | metering.HasCurrent | metering.HasPower | metering.HasReactive | metering.HasApparent,
			Voltage: units.Voltage(p.Urms * 1000), Current: units.Current(p.Irms * 1000), Power: units.FromW(p.P),
			Reactive: int64(units.FromW(p.Q)), Apparent: int64(units.FromW(p.S)),
		}
		if p.NoLoad {
			phase.Power, phase.Reactive = 0, 0
		}
		s.Phases = append(s.Phases, phase)
	}
	s = s.Complete()
	if m.lost {
		s.Quality, m.lost = metering.Lost, false
	}
	return s
}

// tally is how many samples came, and how many did not, of some time.
type tally struct{ came, lost int64 }

func (t *tally) add(came, lost int) {
	t.came += int64(came)
	t.lost += int64(lost)
}

// Of tallied of this time more than a hundredth may not be lost: as much as a meter of class
// 1 may be off (IEC 62053-21).
const (
	tallied  = 10 * time.Minute
	mostLost = 100
)

// over is what was missed where the time of the tally is over at an instant; nil: it is not,
// or no more was lost than may be.
func (t *tally) over(rate float64, now time.Time) *metering.Missed {
	of := func(n int64) time.Duration { return time.Duration(float64(n) / rate * float64(time.Second)) }
	all := of(t.came + t.lost)
	if all < tallied {
		return nil
	}
	lost, enough := of(t.lost), t.lost*mostLost <= t.came+t.lost
	*t = tally{}
	if enough {
		return nil
	}
	return &metering.Missed{From: now.Add(-all), Of: all.Round(time.Second), Lost: lost.Round(time.Second / 10)}
}

// pacer counts samples against the clock, for converters that do not number
// them.
type pacer struct {
	rate  float64
	start time.Time
	got   int64
}

// missed is how many samples should have come by now and did not, beyond what
// may still be under way.
func (p *pacer) missed(now time.Time, n, slack int) int {
	if p.start.IsZero() {
		p.start, p.got = now, 0
		return 0
	}
	p.got += int64(n)
	due := int64(now.Sub(p.start).Seconds() * p.rate)
	if gone := due - p.got; gone > int64(slack) {
		p.got += gone
		return int(gone)
	}
	return 0
}

func checkRate(rate float64) error {
	if !(rate >= 250 && rate <= 32_000) {
		return fmt.Errorf("adc: %v samples per second, not 250 to 32000", rate)
	}
	return nil
}
