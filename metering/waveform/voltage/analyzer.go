package voltage

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/metering/waveform"
	"github.com/keeplit/keeplit/metering/waveform/flicker"
	"github.com/keeplit/keeplit/metering/waveform/spectrum"
)

// Told is what an Analyzer tells as it goes; any of them may be nil.  What is shown must
// not be kept.
type Told struct {
	Event func(Event)
	// Window is told of each value over 10 (12) cycles, Short over 150 (180), Ten over
	// 10 minutes of the clock.
	Window, Short, Ten func(*Value)
	// Frequency is told of each 10 s of the clock: in Hz, zero where there was no
	// voltage, and what part of the time speaks for it.
	Frequency func(end time.Time, hz, covered float64)
	// Capture is told of the samples around a disturbance, when they are complete.
	Capture func(*Capture)
}

// Analyzer judges the voltage.  It implements waveform.Listener.
type Analyzer struct {
	cfg  Config
	told Told

	events events
	rapid  rapid
	hz     frequency
	slope  slope

	before  [MaxPhases]float64 // mean squares of the half cycles before
	known   bool               // they are, and join what comes
	last    float64            // where the last half cycle ended
	cycle   [MaxPhases]cycle
	window  window
	tail    window // one that the clock's 10 minutes ended in, and that belongs to them
	waiting []waits
	over    [8]Event // the newest disturbances that are over
	short   gather
	shorts  int
	ten     gather
	old     gather // of the 10 minutes that are over, while their last values wait
	oldEnd  time.Time
	closing bool

	clocked      bool
	epoch        time.Time // the time at a position
	at           float64
	next, nextHz time.Time // the next edges of the clock
	position     float64

	engine  *waveform.Engine
	longer  Value // what is told of a longer time
	kernel  *spectrum.Kernel
	groups  spectrum.Groups
	samples []float64
	flicker []*flicker.Meter
	lit     int64 // the sample that flicker sees next
	dark    bool  // samples were lost: which that is is not known
	oldPst  [MaxPhases]float64
	hasPst  bool
	capture capture
}

// window is a value under way.
type window struct {
	on       bool
	from, to float64
	halves   int
	measured float64 // samples
	squares  [MaxPhases]float64
	whole    bool // an unbroken run
	found    bool // all of its half cycles ended with a crossing
	late     bool // it belongs to the 10 minutes before
}

// patience is for how many half cycles more a value waits: a disturbance that is seen
// then may have begun in it, in a phase whose crossings come later.
const patience = 3

// waits is a value that waits for that.
type waits struct {
	Value
	halves int
	late   bool
	found  bool
}

// New makes an analyzer.
func New(cfg Config, told Told) (*Analyzer, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	a := &Analyzer{cfg: cfg, told: told, waiting: make([]waits, 0, 8), epoch: time.Unix(0, 0).UTC()}
	a.rapid = newRapid(cfg.Phases, int(2*cfg.Frequency))
	a.edges()
	if cfg.Harmonics {
		var err error
		if a.kernel, err = spectrum.New(cfg.Rate, cfg.Frequency); err != nil {
			return nil, err
		}
	}
	a.samples = make([]float64, int(0.35*cfg.Rate)+4*spectrum.Margin)
	for range cfg.Phases {
		if !cfg.Flicker {
			break
		}
		m, err := flicker.New(cfg.Rate, cfg.Nominal, cfg.lamp())
		if err != nil {
			return nil, err
		}
		a.flicker = append(a.flicker, m)
	}
	a.dark = true
	a.capture = newCapture(&cfg)
	return a, nil
}

// Declared are the nominal voltage, in V, and frequency, in Hz.
func (a *Analyzer) Declared() (volts, hz float64) { return a.cfg.Nominal, a.cfg.Frequency }

// edges finds the next edges of the clock.
func (a *Analyzer) edges() {
	now := a.time(a.position)
	a.next, a.nextHz = now.Truncate(tenMinutes).Add(tenMinutes), now.Truncate(tenSeconds).Add(tenSeconds)
}

// time is the clock's at a position.
func (a *Analyzer) time(position float64) time.Time {
	return a.epoch.Add(time.Duration((position - a.at) / a.cfg.Rate * float64(time.Second)))
}

// Time is what the clock showed at a position, the zero time where it was never told.
func (a *Analyzer) Time(position float64) time.Time {
	if !a.clocked {
		return time.Time{}
	}
	return a.time(position)
}

// stepped is by how much a clock may differ from the count of samples before it is taken
// for one that was set.
const stepped = 500 * time.Millisecond

// Clock says what time it was at a position.  Where the clock was set, the 10 minutes
// under way end, and are of so much less.
func (a *Analyzer) Clock(position float64, now time.Time) {
	off := now.Sub(a.time(position))
	first := !a.clocked
	if !first && off.Abs() <= stepped {
		a.epoch, a.at = now.UTC(), position
		return
	}
	a.position = max(a.position, position)
	if !first {
		a.cut()
	}
	a.clocked, a.epoch, a.at = true, now.UTC(), position
	a.hz = frequency{}
	a.edges()
}

// Broken implements waveform.Listener.
func (a *Analyzer) Broken(*waveform.Engine) {
	a.known = false
	a.hz.broken()
	a.rapid.broken()
	a.slope.n = 0
	a.captured(false)
	a.window.whole, a.tail.whole = false, false
	a.dark = true
}

// Half implements waveform.Listener.
func (a *Analyzer) Half(e *waveform.Engine, h *waveform.HalfCycle) {
	a.engine = e
	joins := a.known && math.Abs(h.From-a.last) < 1e-6
	if !joins {
		dark := a.dark
		a.Broken(e)
		a.dark = dark // the phase jumped, and no sample is missing
	}
	a.position = h.To
	u := a.cycle[:a.cfg.Phases]
	disturbed := a.events.active()
	if joins {
		for k := range u {
			to := h.To - h.Behind[k]
			u[k] = cycle{rms: math.Sqrt((h.Square[k] + a.before[k]) / 2), from: to - h.Period, to: to}
		}
		a.events.take(&a.cfg, u, a.event)
		a.rapid.take(&a.cfg, u, a.events.active(), a.event)
	}
	a.before, a.known, a.last = h.Square, true, h.To
	a.record(h, disturbed)
	a.count(h, joins)
	a.shine(h)
	a.into(&a.window, h, joins)
	if a.tail.on {
		a.into(&a.tail, h, joins)
	}
	a.settle(false)
	for _, w := range []*window{&a.tail, &a.window} {
		if w.on && w.halves == 2*a.cfg.cycles() {
			a.close(e, w)
		}
	}
	a.tick(h.To)
}

// count takes the crossing for the frequency.  A cycle that the clock's 10 s end in
// belongs to neither side.
func (a *Analyzer) count(h *waveform.HalfCycle, joins bool) {
	if now := a.time(h.To); !now.Before(a.nextHz) {
		hz, samples := a.hz.read(a.cfg.Rate)
		end := a.nextHz
		a.nextHz = now.Truncate(tenSeconds).Add(tenSeconds)
		if a.told.Frequency != nil {
			if !a.clocked {
				end = time.Time{}
			}
			a.told.Frequency(end, hz, min(1, samples/(tenSeconds.Seconds()*a.cfg.Rate)))
		}
		joins = false
	}
	if h.Found {
		a.hz.crossed(h.To, joins)
	} else {
		a.hz.broken()
	}
}

// into adds a half cycle to a window.
func (a *Analyzer) into(w *window, h *waveform.HalfCycle, joins bool) {
	if !w.on {
		*w = window{on: true, from: h.From, whole: true, found: true}
	} else if !joins {
		w.whole = false
	}
	w.halves++
	w.to = h.To
	w.measured += h.To - h.From
	w.found = w.found && h.Found
	for k := range a.cfg.Phases {
		w.squares[k] += h.Mean[k] * (h.To - h.From)
	}
}

// close ends a window: its value waits for a cycle more.
func (a *Analyzer) close(e *waveform.Engine, w *window) {
	v := Value{From: w.from, To: w.to, Windows: 1, Gaps: !w.whole}
	v.Covered = min(1, w.measured/(w.to-w.from))
	for k := range a.cfg.Phases {
		v.Urms[k] = math.Sqrt(w.squares[k] / w.measured)
	}
	if hz, ok := a.speed(w); ok && !a.disturbed(w.from, w.to) {
		v.ROCOF, v.HasROCOF = hz, true
	}
	late := w.late
	w.on, w.late = false, false
	a.waiting = append(a.waiting, waits{Value: v, late: late, found: w.whole && w.found})
}

// speed takes the frequency of a window and tells how it has changed.
func (a *Analyzer) speed(w *window) (perSecond float64, ok bool) {
	if !w.whole || !w.found || w.late {
		return 0, false
	}
	return a.slope.take(w.to/a.cfg.Rate, float64(a.cfg.cycles())*a.cfg.Rate/(w.to-w.from))
}

// shine lets flicker see the samples of a half cycle.
func (a *Analyzer) shine(h *waveform.HalfCycle) {
	if len(a.flicker) == 0 {
		return
	}
	to := int64(h.To)
	if first := a.engine.First(); a.dark || a.lit < first || to-a.lit > int64(len(a.samples)) {
		a.lit = max(first, int64(math.Ceil(h.From)))
		for _, m := range a.flicker {
			m.Break()
		}
		a.dark = false
	}
	n := max(0, to-a.lit)
	for k, m := range a.flicker {
		r, dc := a.engine.Voltages(k)
		r.Copy(a.samples[:n], a.lit)
		for _, u := range a.samples[:n] {
			m.Add(u - dc)
		}
	}
	a.lit += n
}

// holds tells whether the engine still has the samples of a window and those beside it.
func (a *Analyzer) holds(from, to float64) bool {
	r, _ := a.engine.Voltages(0)
	now := a.engine.Position()
	return from-spectrum.Margin > float64(a.engine.First()) && to+spectrum.Margin+1 < now && now-from+spectrum.Margin+1 < float64(r.Len())
}

// spectral is what needs the samples of a whole window.
func (a *Analyzer) spectral(v *Value) {
	if a.kernel == nil && a.cfg.Phases != MaxPhases || !a.holds(v.From, v.To) {
		return
	}
	first := int64(v.From) - spectrum.Margin
	n := int64(v.To) + spectrum.Margin + 2 - first
	if n > int64(len(a.samples)) {
		return
	}
	var u [MaxPhases]complex128
	for k := range a.cfg.Phases {
		r, dc := a.engine.Voltages(k)
		if a.kernel == nil {
			u[k] = phasor(r, dc, v.From, v.To, a.cfg.cycles())
			continue
		}
		r.Copy(a.samples[:n], first)
		signal := a.cfg.Signal / a.cfg.Rate * (v.To - v.From) / float64(a.cfg.cycles())
		g := &a.groups
		a.kernel.Measure(a.samples[:n], dc, v.From-float64(first), v.To-float64(first), signal, g)
		v.Orders, v.Spectra = g.Orders, 1
		v.Spectrum[k] = Spectrum{Harmonics: g.Harmonics, Inter: g.Inter, Below: g.Below, THDS: g.THDS, Signal: g.Signal}
		u[k] = g.Fundamental
	}
	if a.cfg.Phases == MaxPhases {
		v.Negative, v.Zero = sequences(u)
		v.Sequence = true
	}
}

// settle gives on the values that have waited for a cycle, or all.
func (a *Analyzer) settle(all bool) {
	kept := 0
	for i := range a.waiting {
		w := &a.waiting[i]
		if w.halves++; w.halves <= patience && !all {
			a.waiting[kept] = *w
			kept++
			continue
		}
		w.Flagged = a.disturbed(w.From, w.To)
		if w.found {
			a.spectral(&w.Value)
		}
		a.give(w)
	}
	a.waiting = a.waiting[:kept]
}

// disturbed tells whether a disturbance lies between two positions, as far as is known.
func (a *Analyzer) disturbed(from, to float64) bool {
	for _, d := range []*disturbance{&a.events.dip, &a.events.swell, &a.events.gap} {
		if d.on && d.From < to {
			return true
		}
	}
	for _, e := range a.over {
		if e.From < to && e.To > from {
			return true
		}
	}
	return false
}

// give adds a value to those over longer times.
func (a *Analyzer) give(w *waits) {
	if a.told.Window != nil {
		a.told.Window(&w.Value)
	}
	if w.late {
		a.old.add(&w.Value)
		return
	}
	a.ten.add(&w.Value)
	a.short.add(&w.Value)
	if a.shorts++; a.shorts == 15 {
		a.tellShort(w.To)
	}
}

// tick looks whether the clock's 10 minutes are over: the window under way is their last,
// and beside it a new one begins (4.5.2).
func (a *Analyzer) tick(to float64) {
	if a.closing && !a.tail.on && !a.waitsLate() {
		a.endTen()
	}
	now := a.time(to)
	if now.Before(a.next) {
		return
	}
	a.endTen()
	for i := range a.waiting {
		a.waiting[i].late = true
	}
	if a.window.on {
		a.tail, a.window.on = a.window, false
		a.tail.late = true
	}
	a.tellShort(to)
	a.old, a.oldEnd, a.closing = a.ten, a.next, true
	a.ten = gather{from: to}
	a.readFlicker()
	a.next = now.Truncate(tenMinutes).Add(tenMinutes)
}

func (a *Analyzer) waitsLate() bool {
	for _, w := range a.waiting {
		if w.late {
			return true
		}
	}
	return false
}

// endTen tells of the 10 minutes that are over.
func (a *Analyzer) endTen() {
	if !a.closing {
		return
	}
	a.closing = false
	v := &a.longer
	a.old.value(tenMinutes.Seconds()*a.cfg.Rate, v)
	if a.clocked {
		v.End = a.oldEnd
	}
	v.Pst, v.HasPst = a.oldPst, a.hasPst
	if a.told.Ten != nil && v.Windows > 0 {
		a.told.Ten(v)
	}
}

// readFlicker reads the severity of the 10 minutes that are over.
func (a *Analyzer) readFlicker() {
	a.hasPst = len(a.flicker) > 0
	for k, m := range a.flicker {
		pst, judged := m.Short()
		a.oldPst[k] = pst
		a.hasPst = a.hasPst && judged >= tenMinutes*95/100
	}
}

// tellShort tells of the 150 (180) cycles, or of what there is of them.
func (a *Analyzer) tellShort(to float64) {
	if a.shorts > 0 && a.told.Short != nil {
		a.short.value(to-a.short.from, &a.longer)
		a.told.Short(&a.longer)
	}
	a.short, a.shorts = gather{from: to}, 0
}

// cut ends all that is under way.
func (a *Analyzer) cut() {
	a.window.on, a.tail.on = false, false
	a.settle(true)
	a.endTen()
	a.tellShort(a.position)
	a.old, a.oldEnd, a.closing = a.ten, a.next, true
	a.readFlicker()
	a.endTen()
	a.ten = gather{from: a.position}
}

// End tells of what is under way when the samples end.
func (a *Analyzer) End() {
	a.captured(false)
	a.events.end(a.position, a.event)
	a.cut()
}

func (a *Analyzer) event(e Event) {
	if e.Kind != RapidChange {
		copy(a.over[1:], a.over[:])
		a.over[0] = e
	}
	if a.told.Event != nil {
		a.told.Event(e)
	}
}
