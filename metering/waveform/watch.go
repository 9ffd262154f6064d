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

// watcher follows the rms voltage of each half cycle of one phase.
//
// A disturbance seldom begins at a zero crossing, so its first and last half
// cycle are mixtures.  How much of each there was tells when the step came.
type watcher struct {
	phase   int
	nominal float64

	kind    EventKind // of the disturbance under way; empty if none
	start   float64
	until   float64
	extreme float64
	since   int       // half cycles in it
	over    bool      // it is over, and waits for the half cycle after the last to be told
	past    [3]halved // the half cycles before, newest first
}

// halved is a half cycle and its mean square; to is zero where there was none.
type halved struct{ from, to, square float64 }

// half takes one half cycle and answers whether it was disturbed.  A
// disturbance that it shows began at from.
func (w *watcher) half(from, to, rms float64, emit func(Event)) bool {
	now := halved{from, to, rms * rms}
	part := rms / w.nominal
	disturbed := part < sagBelow || part > swellAbove
	if w.over {
		if !disturbed {
			w.until = ended(w.past, now, w.since)
		}
		w.end(emit, false)
	}
	switch w.kind {
	case Sag, Interruption:
		w.over = part >= sagBelow+hysteresis
	case Swell:
		w.over = part <= swellAbove-hysteresis
	case "":
		switch {
		case part < sagBelow:
			w.kind, w.start, w.extreme, w.since = Sag, from, rms, 0
		case part > swellAbove:
			w.kind, w.start, w.extreme, w.since = Swell, from, rms, 0
		}
	}
	if w.over && disturbed {
		w.end(emit, false) // from one straight into the other
		w.past = [3]halved{}
		return w.half(from, to, rms, emit)
	}
	if w.since == 1 && !w.over {
		w.start = began(w.past, now, w.start)
	}
	w.past[2], w.past[1], w.past[0] = w.past[1], w.past[0], now
	if w.kind == "" || w.over {
		return false
	}
	w.since++
	w.until = to
	if w.kind == Swell {
		w.extreme = max(w.extreme, rms)
		return true
	}
	w.extreme = min(w.extreme, rms)
	if part < interruptionBelow {
		w.kind = Interruption // a dip that goes so deep is one
	}
	return true
}

// end tells of the disturbance under way.
func (w *watcher) end(emit func(Event), unending bool) {
	emit(Event{Kind: w.kind, Phase: w.phase, Start: w.start, Samples: w.until - w.start, Urms: w.extreme, Unending: unending})
	w.kind, w.over = "", false
}

// cut tells of a disturbance that the samples ended in, at end.
func (w *watcher) cut(end float64, emit func(Event)) {
	switch {
	case w.kind == "":
	case w.over:
		w.end(emit, false)
	default:
		w.until = end
		w.end(emit, true)
	}
}

// began is when the voltage left the level before a disturbance for that of
// now, its second half cycle.  past is its first one and the two before.
func began(past [3]halved, now halved, from float64) float64 {
	first, before, steady := past[0], past[1], past[2]
	if before.to == 0 || steady.to == 0 || from != first.from || first.from-before.to > (first.to-first.from)/4 {
		return from // nothing is known of what was before
	}
	// Where the half cycle before has begun to leave, it began there.
	if x := share(before.square, steady.square, now.square); x < 0.98 {
		return before.from + turn(x)*(before.to-before.from)
	}
	return first.from + turn(share(first.square, before.square, now.square))*(first.to-first.from)
}

// ended is when the voltage left the level of a disturbance of since half
// cycles for that of now.  past is the first half cycle that is none of it, its
// last one and the one before that.
func ended(past [3]halved, now halved, since int) float64 {
	first, last, level := past[0], past[1], past[2]
	if since < 2 || level.to == 0 {
		return last.to
	}
	if x := share(last.square, level.square, now.square); x < 0.98 {
		return last.from + turn(x)*(last.to-last.from)
	}
	return first.from + turn(share(first.square, last.square, now.square))*(first.to-first.from)
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
