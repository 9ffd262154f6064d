package waveform

import (
	"math"
	"math/bits"
)

// taps is the length of the interpolation; its middle is two samples late.
const (
	taps  = 5
	delay = taps / 2
)

// The sums that a window is made of.
const (
	sumU = iota
	sumI
	sumUU
	sumII
	sumUI
	sums
)

// channel is the state of one phase.
type channel struct {
	cal     Channel
	noiseU2 float64 // V^2 taken off the mean square
	noiseI2 float64 // A^2
	taps    [taps]float64

	u, i [taps]float64 // the last samples, newest last

	total [sums]float64   // running sums
	base  [sums]float64   // and what they were before the first sample of all, or after a break
	ring  [][sums]float64 // of the last samples, by sample number
	bufU  []float64       // aligned samples of the last windows, by sample number
	bufI  []float64

	half   [sums]float64 // running trapezoid sums at the last boundary
	former [sums]float64 // and at the one before
	window [sums]float64 // and at the window's beginning
	dcU    float64       // of the last window without a disturbance
	dcI    float64
	known  bool // dcU and dcI are
	begun  bool // a window has been measured

	lead    [sums]float64 // sums before the first window, held until it is measured
	leadN   float64
	early   [sums]float64 // and of runs before, in which there was no window
	earlyN  float64
	idle    float64 // smoothed power, for the no-load threshold
	loaded  bool
	energy  Energy
	carry   [8]float64 // the remainders of the counters
	voltage watcher
	between between
	behind  float64 // by how many samples this phase's zero crossings come before those of the phase that is watched
}

// ending is the end of a half cycle, and where a disturbance that it shows began.
type ending struct{ from, to float64 }

// Engine measures.  It is not for several goroutines at once.
type Engine struct {
	cfg      Config
	onWindow func(*Window)
	onEvent  func(Event)

	ch     []channel
	mask   int64 // of the rings
	n      int64 // aligned samples so far; the newest has number n-1
	first  int64 // number of the first sample since the last break
	fed    int64 // samples fed since then
	missed int   // crossings in a row that came at an odd time
	lost   int64

	filter  lowpass
	late    float64 // by how many samples a crossing comes out late
	ref     int     // the phase that is watched for crossings
	lastZ   float64 // its filtered voltage before
	armed   int8    // -1 or 1: which way the next crossing goes, 0 not yet
	period  float64 // samples a cycle, as last measured
	bound   float64 // where the last half cycle ended; negative before the first
	former  float64 // where the one before ended
	start   float64 // where the window began
	halves  int
	crossed int // halves of the window that a real crossing ended

	firstCross, lastCross float64 // of the present unbroken run of crossings
	crossings             int64
	runCycles, runSamples float64 // of former runs

	held      []ending // half cycles of the first window, until DC is known
	judged    float64  // the end of the last half cycle that was judged or held
	disturbed bool     // the window under way has a disturbance

	pendingLost int
	win         Window
	work        [2][]float64
	half        HalfCycle
}

// New makes an engine.  onWindow is called for each window, which it must not
// keep; onEvent for each disturbance.  Either may be nil.
func New(cfg Config, onWindow func(*Window), onEvent func(Event)) (*Engine, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	if onWindow == nil {
		onWindow = func(*Window) {}
	}
	if onEvent == nil {
		onEvent = func(Event) {}
	}
	e := &Engine{cfg: cfg, onWindow: onWindow, onEvent: onEvent, period: cfg.Rate / cfg.Frequency, bound: -1}
	if cfg.Near > 0 {
		e.period = cfg.Rate / cfg.Near
	}
	size := int64(1) << bits.Len64(uint64(cfg.Rate/cfg.Frequency*float64(e.cycles())*1.6))
	e.mask = size - 1
	e.ch = make([]channel, len(cfg.Channels))
	for k := range e.ch {
		c := &e.ch[k]
		c.cal = cfg.Channels[k]
		// A converter rounds to a code: a twelfth of its square.
		c.noiseU2 = (1.0/12 + c.cal.VoltageNoise*c.cal.VoltageNoise) * c.cal.VoltsPerCode * c.cal.VoltsPerCode
		c.noiseI2 = (1.0/12 + c.cal.CurrentNoise*c.cal.CurrentNoise) * c.cal.AmpsPerCode * c.cal.AmpsPerCode
		c.ring = make([][sums]float64, size)
		c.bufU = make([]float64, size)
		c.bufI = make([]float64, size)
		c.voltage = watcher{phase: k + 1, nominal: cfg.Nominal}
		c.known = cfg.Centred
	}
	e.held = make([]ending, 0, 2*e.cycles()+8)
	e.work[0], e.work[1] = make([]float64, size), make([]float64, size)
	e.win.Phases = make([]Phase, len(e.ch))
	e.filter = newLowpass(1.5*cfg.Frequency, cfg.Rate)
	e.late = e.filter.lag(cfg.Frequency)
	e.align()
	return e, nil
}

// cycles is how many a window has: 10 at 50 Hz, 12 at 60 Hz, 200 ms.
func (e *Engine) cycles() int { return int(e.cfg.Frequency / 5) }

// align sets the interpolation of each phase for the measured frequency.
func (e *Engine) align() {
	for k := range e.ch {
		c := &e.ch[k]
		// The current of code k was sampled Skew later, and came out late by the
		// phase error: both move it the other way.
		at := -e.cfg.Skew.Seconds()*e.cfg.Rate + c.cal.PhaseError/(2*math.Pi)*e.period
		c.taps = lagrange(at)
	}
}

// lagrange are the weights of five neighbours for the value at x from the
// middle one.
func lagrange(x float64) (w [taps]float64) {
	for j := range w {
		w[j] = 1
		for m := range w {
			if m != j {
				w[j] *= (x - float64(m-delay)) / float64(j-m)
			}
		}
	}
	return w
}

// Feed takes samples: codes holds u and i of each phase in turn (u1 i1 u2 i2
// u3 i3), sample after sample.  An incomplete last sample is an error of the
// caller and is left out.
func (e *Engine) Feed(codes []int32) {
	width := 2 * len(e.ch)
	for ; len(codes) >= width; codes = codes[width:] {
		for k := range e.ch {
			c := &e.ch[k]
			if e.fed == 0 { // before the first sample it was as the first
				u, i := float64(codes[2*k])*c.cal.VoltsPerCode, float64(codes[2*k+1])*c.cal.AmpsPerCode
				c.u, c.i = [taps]float64{u, u, u, u, u}, [taps]float64{i, i, i, i, i}
				continue
			}
			c.u[0], c.u[1], c.u[2], c.u[3], c.u[4] = c.u[1], c.u[2], c.u[3], c.u[4], float64(codes[2*k])*c.cal.VoltsPerCode
			c.i[0], c.i[1], c.i[2], c.i[3], c.i[4] = c.i[1], c.i[2], c.i[3], c.i[4], float64(codes[2*k+1])*c.cal.AmpsPerCode
		}
		if e.fed == 0 {
			e.fed = delay
		}
		if e.fed++; e.fed >= taps {
			e.sample()
		}
	}
}

// sample takes the aligned sample in the middle of the taps.
func (e *Engine) sample() {
	at := e.n & e.mask
	for k := range e.ch {
		c := &e.ch[k]
		u := c.u[delay]
		i := c.taps[0]*c.i[0] + c.taps[1]*c.i[1] + c.taps[2]*c.i[2] + c.taps[3]*c.i[3] + c.taps[4]*c.i[4]
		c.total[sumU] += u
		c.total[sumI] += i
		c.total[sumUU] += u * u
		c.total[sumII] += i * i
		c.total[sumUI] += u * i
		c.ring[at] = c.total
		c.bufU[at], c.bufI[at] = u, i
	}
	z := e.filter.next(e.ch[e.ref].u[delay] - e.ch[e.ref].dcU)
	e.n++
	e.cross(z)
	e.lastZ = z
	if e.n&(1<<20-1) == 0 {
		e.rebase()
	}
}

// rebase keeps the running sums small, so that they do not lose digits in
// years of running.
func (e *Engine) rebase() {
	for k := range e.ch {
		c := &e.ch[k]
		base := c.total
		less := func(s *[sums]float64) {
			for j := range s {
				s[j] -= base[j]
			}
		}
		for j := range c.ring {
			less(&c.ring[j])
		}
		less(&c.base)
		less(&c.half)
		less(&c.former)
		less(&c.window)
		less(&c.total)
	}
}

// at is the running trapezoid sum of phase k up to position t between samples.
// Over whole periods its error cancels to the third order of the step.
func (e *Engine) at(k int, t float64) (out [sums]float64) {
	c := &e.ch[k]
	j := int64(math.Floor(t))
	j = min(max(j, e.first), e.n-2)
	a := t - float64(j)
	before, here, after := &c.ring[(j-1)&e.mask], &c.ring[j&e.mask], &c.ring[(j+1)&e.mask]
	for s := range out {
		x, y := here[s]-before[s], after[s]-here[s]
		out[s] = here[s] - x/2 + a*x + a*a/2*(y-x)
	}
	return out
}

// cross looks for a zero crossing between the last filtered voltage and z.
func (e *Engine) cross(z float64) {
	level := 0.03 * e.cfg.Nominal
	now := float64(e.n - 1)
	if (e.armed < 0 && e.lastZ < 0 && z >= 0) || (e.armed > 0 && e.lastZ > 0 && z <= 0) {
		t := now - 1 + e.lastZ/(e.lastZ-z) - e.late
		if e.plausible(t) {
			e.armed, e.missed = 0, 0
			e.boundary(t, true)
			return
		}
		// A voltage that comes back with another phase never fits again.
		if e.missed++; e.bound >= 0 && e.missed > 3 {
			e.armed, e.missed = 0, 0
			e.resync(t)
			return
		}
	}
	switch {
	case z > level:
		e.armed = 1
	case z < -level:
		e.armed = -1
	}
	// Without a crossing in time the half cycle ends where it should have.
	latest := 0.7*e.period + e.late
	switch {
	case e.bound < 0 && now-float64(e.first) > 3*e.period:
		e.boundary(now-e.period, false)
	case e.bound >= 0 && now-e.bound > latest:
		e.boundary(e.bound+0.5*e.period, false)
	}
}

// plausible tells whether a crossing at t may end the half cycle.
func (e *Engine) plausible(t float64) bool {
	if e.bound < 0 {
		settled := e.period // let the low-pass settle
		if e.cfg.Brief {
			settled /= 2
		}
		return t > float64(e.first) && float64(e.n-e.first) > settled
	}
	d := (t - e.bound) / e.period
	return d > 0.35 && d < 0.7
}

// boundary ends a half cycle at t.
func (e *Engine) boundary(t float64, real bool) {
	if real {
		e.crossings++
		if e.crossings == 1 {
			e.firstCross = t
		}
		e.lastCross = t
	} else {
		e.endRun()
	}
	for k := range e.ch {
		c := &e.ch[k]
		sum := e.at(k, t)
		if e.bound < 0 {
			c.window = sum
			c.lead, c.leadN = sum, t-float64(e.first)+0.5 // with the half sample before the first
			for s := range c.lead {
				c.lead[s] -= c.base[s]
			}
			if c.begun { // after a break; else it waits for the first window
				c.part(c.lead, c.leadN, e.cfg)
			}
		}
		c.former, c.half = c.half, sum
	}
	e.former = e.bound
	n := e.period / 2
	if e.bound < 0 {
		e.bound, e.start, e.halves, e.crossed = t, t, 0, 0
		// The half cycles before the first crossing; what is over at the very
		// beginning counts to the first of them.
		for back := math.Floor((t - float64(e.first)) / n); back > 0; back-- {
			to := t - (back-1)*n
			from := to - n
			if from-n < float64(e.first) {
				from = float64(e.first)
			}
			e.judge(ending{from, to})
		}
		return
	}
	e.judge(ending{t - n, t})
	e.hear(t, real)
	e.bound = t
	e.halves++
	if real {
		e.crossed++
	}
	if e.halves == 2*e.cycles() {
		e.close()
	}
}

// judge shows the watchers a half cycle: exactly half a period before its end,
// wherever the last crossing was found, since a step in the voltage moves it a
// little.
func (e *Engine) judge(h ending) {
	e.judged = h.to
	if !e.ch[0].known {
		if len(e.held) < cap(e.held) {
			e.held = append(e.held, h)
		}
		return
	}
	n := e.period / 2
	for k := range e.ch {
		c := &e.ch[k]
		own := ending{h.from - c.behind, h.to - c.behind}
		square := c.square(e.at(k, own.to-n), e.at(k, own.to), n)
		e.half.Square[k] = square
		if c.voltage.half(own.from, own.to, math.Sqrt(square), e.onEvent) {
			e.disturbed = true
		}
	}
}

// resync ends the half cycle at t although it is none, and begins anew there.
func (e *Engine) resync(t float64) {
	if t <= e.bound {
		return
	}
	e.close()
	e.endRun()
	for k := range e.ch {
		c := &e.ch[k]
		sum := e.at(k, t)
		piece := sum
		for s := range piece {
			piece[s] -= c.half[s]
		}
		if c.begun {
			c.part(piece, t-e.bound, e.cfg)
		}
		c.half, c.window = sum, sum
	}
	e.bound, e.start, e.halves, e.crossed = t, t, 0, 0
	e.crossings, e.firstCross, e.lastCross = 1, t, t
}

// endRun closes an unbroken run of crossings.
func (e *Engine) endRun() {
	if e.crossings > 1 {
		e.runCycles += float64(e.crossings-1) / 2
		e.runSamples += e.lastCross - e.firstCross
	}
	e.crossings = 0
}

// close ends the window at the last boundary.
func (e *Engine) close() {
	if e.halves%2 == 1 {
		// Half a cycle has a mean of its own: leave it to what follows.
		e.halves--
		e.bound = e.former
		for k := range e.ch {
			e.ch[k].half = e.ch[k].former
		}
	}
	if e.halves == 0 {
		return
	}
	w := &e.win
	w.Start, w.Samples = e.start, e.bound-e.start
	w.Cycles = float64(e.halves) / 2
	w.Frequency = 0
	// Less than half of the crossings: what is left may be noise.
	if e.crossed*2 >= e.halves && e.bound > e.start {
		w.Frequency = w.Cycles * e.cfg.Rate / w.Samples
	}
	w.Lost, e.pendingLost = e.pendingLost, 0
	w.Orders = min(Harmonics, int(0.49*w.Samples/w.Cycles))
	w.Disturbed = e.disturbed
	for k := range e.ch {
		e.measure(k, w)
	}
	for _, h := range e.held {
		e.judge(h)
	}
	e.held = e.held[:0]
	w.Disturbed, e.disturbed = e.disturbed, false
	w.Unbalance = unbalance(w.Phases)
	if w.Frequency > 0 {
		e.apart(w)
		if p := w.Samples / w.Cycles; math.Abs(p/e.period-1) < 0.2 {
			e.period = p
			e.align()
		}
	} else {
		e.another()
	}
	e.onWindow(w)
	e.start, e.halves, e.crossed = e.bound, 0, 0
	for k := range e.ch {
		e.ch[k].window = e.ch[k].half
	}
}

// another takes a phase with voltage to watch for crossings, where the present
// one has none.
func (e *Engine) another() {
	for k := range e.ch {
		if e.win.Phases[k].Urms > 0.2*e.cfg.Nominal && k != e.ref {
			e.ref = k
			e.filter.reset()
			e.armed = 0
			return
		}
	}
}

// Lost says that n samples are missing here.  The window ends with the last
// whole cycle; what came after it is registered but belongs to no window.  A
// disturbance that is there before and after lasts through it.
func (e *Engine) Lost(n int) {
	if n <= 0 {
		return
	}
	e.drain()
	e.lost += int64(n)
	e.pendingLost += n
	e.stop()
	e.restart(int64(n))
	if e.cfg.Hear != nil {
		e.cfg.Hear.Broken(e)
	}
}

// restart begins anew after a break of n samples; sample numbers go on.
func (e *Engine) restart(n int64) {
	e.n += n
	e.first = e.n
	for k := range e.ch {
		c := &e.ch[k]
		c.base = c.total
		for j := range c.ring {
			c.ring[j] = c.total
		}
	}
	e.fed, e.armed, e.bound, e.lastZ = 0, 0, -1, 0
	e.start, e.halves, e.crossed = 0, 0, 0
	e.held = e.held[:0]
	e.filter.reset()
}

// Flush ends the last window and registers what the recording holds beyond it.
// The engine must not be fed any more.
func (e *Engine) Flush() {
	e.drain()
	e.stop()
	for k := range e.ch {
		e.ch[k].voltage.cut(float64(e.n), e.onEvent)
	}
}

// drain takes the last samples, which wait for neighbours: after the last one it
// is as the last.
func (e *Engine) drain() {
	if e.fed == 0 {
		return
	}
	for range delay {
		for k := range e.ch {
			c := &e.ch[k]
			copy(c.u[:], c.u[1:])
			copy(c.i[:], c.i[1:])
		}
		if e.fed++; e.fed >= taps {
			e.sample()
		}
	}
}

// stop ends the window, and registers the samples after its last half cycle.
func (e *Engine) stop() {
	if e.bound >= 0 {
		for n := e.period / 2; e.judged+n <= float64(e.n-1); {
			e.judge(ending{e.judged, e.judged + n})
		}
	}
	e.close()
	e.endRun()
	for k := range e.ch {
		c := &e.ch[k]
		if !c.begun {
			for s := range c.early {
				c.early[s] += c.total[s] - c.base[s]
			}
			c.earlyN += float64(e.n - e.first)
			continue
		}
		if e.bound < 0 {
			continue
		}
		end := float64(e.n - 1)
		tail := e.at(k, end)
		last, before := c.ring[(e.n-1)&e.mask], c.ring[(e.n-2)&e.mask]
		for s := range tail {
			tail[s] += (last[s]-before[s])/2 - c.half[s]
		}
		c.part(tail, end-e.bound+0.5, e.cfg)
	}
}

// Frequency is the mean over all unbroken runs of crossings, in Hz; zero where
// there was none.
func (e *Engine) Frequency() float64 {
	cycles, samples := e.runCycles, e.runSamples
	if e.crossings > 1 {
		cycles += float64(e.crossings-1) / 2
		samples += e.lastCross - e.firstCross
	}
	if samples == 0 {
		return 0
	}
	return cycles * e.cfg.Rate / samples
}

// Energy is what was registered of phase k, from 0.
func (e *Engine) Energy(k int) Energy { return e.ch[k].energy }

// Position is the number of samples so far, those lost with them: where Event's
// Start counts from the beginning, this is now.
func (e *Engine) Position() float64 { return float64(e.n) }

// LostSamples is how many were lost in all.
func (e *Engine) LostSamples() int64 { return e.lost }
