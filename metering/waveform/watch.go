package waveform

import "math"

// Limits of the voltage, as parts of the nominal one (EN 50160), and how far it
// must come back before a disturbance is over.
const (
	sagBelow          = 0.90
	swellAbove        = 1.10
	interruptionBelow = 0.10
	hysteresis        = 0.02
)

// watcher follows U_rms(1/2) of one phase, as IEC 61000-4-30 has it: the rms voltage of
// a whole cycle, made anew with each half cycle.  One half cycle that is low alone, as
// every second one is under an even harmonic, is no disturbance.
//
// A disturbance seldom begins at a zero crossing: how much of each half cycle was
// of the level before and how much of that after tells when the step came.  So each
// cycle is judged when the half cycle after it is known.
type watcher struct {
	phase   int
	nominal float64

	past  [5]halved // the newest first: the one after the cycle that is judged, the cycle, and two before
	known int       // of past, with nothing missing between
	low   run       // below sagBelow
	deep  run       // below interruptionBelow, within low
	deeps int       // how many of these low has had
	last  run       // the latest of them
	high  run       // above swellAbove
}

// halved is a half cycle and its mean square.
type halved struct{ from, to, square float64 }

// run is a disturbance under way.
type run struct {
	on      bool
	start   float64
	until   float64
	extreme float64 // of U_rms(1/2)
}

// half takes one half cycle and answers whether it was disturbed.
func (w *watcher) half(from, to, rms float64, emit func(Event)) bool {
	if w.known > 0 && from-w.past[0].to > to-from {
		w.judge(0, emit) // nothing after it is known
		w.known = 0
	}
	copy(w.past[1:], w.past[:])
	w.past[0] = halved{from, to, rms * rms}
	w.known = min(w.known+1, len(w.past))
	w.judge(1, emit)
	part := w.cycle(0) / w.nominal
	return w.low.on || w.high.on || w.known > 1 && (part < sagBelow || part > swellAbove)
}

// cycle is the rms voltage of the cycle that ends with half cycle j of the past.
func (w *watcher) cycle(j int) float64 {
	if w.known < j+2 {
		return 0
	}
	return math.Sqrt((w.past[j].square + w.past[j+1].square) / 2)
}

// judge looks at the cycle that ends with half cycle j of the past.
func (w *watcher) judge(j int, emit func(Event)) {
	if w.known < j+2 {
		return
	}
	rms := w.cycle(j)
	part := rms / w.nominal
	if w.deep.on && part >= interruptionBelow+hysteresis {
		w.deep.until = w.ended(j, lowest)
		w.tell(emit, Interruption, &w.deep, false)
		w.deeps, w.last = w.deeps+1, w.deep
	}
	if w.low.on && part >= sagBelow+hysteresis {
		w.low.until = w.ended(j, lowest)
		w.sag(emit, false)
	}
	if w.high.on && part <= swellAbove-hysteresis {
		w.high.until = w.ended(j, highest)
		w.tell(emit, Swell, &w.high, false)
	}
	switch {
	case part < sagBelow && !w.low.on:
		w.low, w.deeps = run{on: true, start: w.began(j, lowest), extreme: rms}, 0
	case part > swellAbove && !w.high.on:
		w.high = run{on: true, start: w.began(j, highest), extreme: rms}
	}
	if part < interruptionBelow && !w.deep.on {
		w.deep = run{on: true, start: w.began(j, lowest), extreme: rms}
	}
	w.low.extreme, w.deep.extreme = min(w.low.extreme, rms), min(w.deep.extreme, rms)
	w.high.extreme = max(w.high.extreme, rms)
}

// tell tells of a disturbance that is over, or that the samples ended in.
func (w *watcher) tell(emit func(Event), kind EventKind, r *run, unending bool) {
	emit(Event{Kind: kind, Phase: w.phase, Start: r.start, Samples: r.until - r.start, Urms: r.extreme, Unending: unending})
	r.on = false
}

// sag tells of a sag.  One that was nothing but the way into an interruption and out of
// it is that interruption; any other has its own beginning and length beside it.
func (w *watcher) sag(emit func(Event), unending bool) {
	half := w.past[0].to - w.past[0].from
	if w.deeps == 1 && w.last.start-w.low.start < half && w.low.until-w.last.until < half {
		w.low.on = false
		return
	}
	w.tell(emit, Sag, &w.low, unending)
}

// cut tells of what the samples ended in, at end.
func (w *watcher) cut(end float64, emit func(Event)) {
	w.judge(0, emit)
	w.low.until, w.deep.until, w.high.until = end, end, end
	if w.deep.on {
		w.tell(emit, Interruption, &w.deep, true)
		w.deeps, w.last = w.deeps+1, w.deep
	}
	if w.low.on {
		w.sag(emit, true)
	}
	if w.high.on {
		w.tell(emit, Swell, &w.high, true)
	}
	w.known = 0
}

func lowest(a, b float64) float64  { return min(a, b) }
func highest(a, b float64) float64 { return max(a, b) }

// steady is a share of one level from which on there is nothing of the other.
const steady = 0.98

// began is when the voltage left the level before the first disturbed cycle, which ends
// with half cycle j, for the one within it: in the half cycle before that cycle, where
// the step was small, or in it.
func (w *watcher) began(j int, worst func(a, b float64) float64) float64 {
	oldest := min(w.known-1, j+3)
	if oldest == j+1 {
		return w.past[oldest].from // nothing is known of what was before
	}
	level := worst(w.past[j].square, w.past[j+1].square)
	if j > 0 {
		level = worst(level, w.past[j-1].square)
	}
	for h := oldest - 1; h > j; h-- {
		p := w.past[h]
		if x := share(p.square, w.past[oldest].square, level); x < steady {
			return p.from + turn(x)*(p.to-p.from)
		}
	}
	p := w.past[j]
	return p.from + turn(share(p.square, w.past[oldest].square, level))*(p.to-p.from)
}

// ended is when the voltage left the level of a disturbance for that after it.  The cycle
// that ends with half cycle j is the first that is none of it.
func (w *watcher) ended(j int, worst func(a, b float64) float64) float64 {
	oldest := min(w.known-1, j+3)
	after, level := w.past[max(0, j-1)].square, w.past[j+1].square
	for h := j + 2; h <= oldest; h++ {
		level = worst(level, w.past[h].square)
	}
	for h := j; h < oldest; h++ {
		p := w.past[h]
		switch x := share(p.square, level, after); {
		case x > steady && h > 0:
			return w.past[h-1].from // where crossings were missed, not p.to
		case x > 1-steady:
			return p.from + turn(x)*(p.to-p.from)
		}
	}
	return w.past[oldest-1].from
}

// share is how much of the mean square v is of the level a, where the rest is
// of b.
func share(v, a, b float64) float64 {
	if a == b {
		return 1
	}
	return min(1, max(0, (v-b)/(a-b)))
}

// turn is the part of a half cycle of a sine after which it has passed the share
// f of its square: f = x - sin(2 pi x) / (2 pi).
func turn(f float64) float64 {
	low, high := 0.0, 1.0
	for range 20 {
		x := (low + high) / 2
		if x-math.Sin(2*math.Pi*x)/(2*math.Pi) < f {
			low = x
		} else {
			high = x
		}
	}
	return (low + high) / 2
}
