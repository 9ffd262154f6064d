package waveform

// Limits of the voltage, as parts of the nominal one (EN 50160), and how far it
// must come back before a disturbance is over.
const (
	sagBelow          = 0.90
	swellAbove        = 1.10
	interruptionBelow = 0.10
	hysteresis        = 0.02
)

// watcher follows the rms voltage of each half cycle of one phase.
type watcher struct {
	phase   int
	nominal float64

	kind    EventKind // of the disturbance under way; empty if none
	start   float64
	samples float64
	extreme float64
}

// half takes one half cycle that began at start.
func (w *watcher) half(start, n, rms float64, emit func(Event)) {
	part := rms / w.nominal
	switch w.kind {
	case Sag, Interruption:
		if part >= sagBelow+hysteresis {
			w.end(emit, false)
		}
	case Swell:
		if part <= swellAbove-hysteresis {
			w.end(emit, false)
		}
	}
	if w.kind == "" {
		switch {
		case part < sagBelow:
			w.kind, w.start, w.extreme = Sag, start, rms
		case part > swellAbove:
			w.kind, w.start, w.extreme = Swell, start, rms
		default:
			return
		}
	}
	w.samples += n
	if w.kind == Swell {
		w.extreme = max(w.extreme, rms)
		return
	}
	w.extreme = min(w.extreme, rms)
	if part < interruptionBelow {
		w.kind = Interruption // a dip that goes so deep is one
	}
}

// end tells of the disturbance under way.
func (w *watcher) end(emit func(Event), unending bool) {
	emit(Event{Kind: w.kind, Phase: w.phase, Start: w.start, Samples: w.samples, Urms: w.extreme, Unending: unending})
	w.kind, w.samples = "", 0
}

// cut tells of a disturbance that the samples ended in.
func (w *watcher) cut(emit func(Event)) {
	if w.kind != "" {
		w.end(emit, true)
	}
}
