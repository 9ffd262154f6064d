package voltage

// frequency counts whole cycles within 10 s of the clock (5.1): their number over the
// time that they took.  Where samples were lost it is of the unbroken runs between.
type frequency struct {
	cycles, samples float64 // of the runs that are over
	first, last     float64 // crossings of the run under way
	halves          int
	begun           bool
}

// crossed takes a crossing; joins says that the half cycle before it joins the one
// before that.
func (f *frequency) crossed(at float64, joins bool) {
	if !joins || !f.begun {
		f.broken()
		f.begun, f.first, f.last, f.halves = true, at, at, 0
		return
	}
	if f.halves++; f.halves%2 == 0 { // of one direction: an even harmonic or DC moves the others
		f.last = at
	}
}

// broken ends the run.
func (f *frequency) broken() {
	if f.begun {
		f.cycles += float64(f.halves / 2)
		f.samples += f.last - f.first
	}
	f.begun = false
}

// read is the frequency of the interval, zero where there was none, and how many samples
// speak for it; a new interval begins.
func (f *frequency) read(rate float64) (hz, samples float64) {
	f.broken()
	if f.cycles > 0 {
		hz = f.cycles * rate / f.samples
	}
	samples = f.samples
	*f = frequency{}
	return hz, samples
}

// slope is the rate of change of the frequency by the line through the last five values
// over 10 (12) cycles, a second, in Hz/s.
type slope struct {
	t, hz [5]float64
	n     int
}

func (s *slope) take(t, hz float64) (perSecond float64, ok bool) {
	copy(s.t[1:], s.t[:])
	copy(s.hz[1:], s.hz[:])
	s.t[0], s.hz[0] = t, hz
	if s.n++; s.n < len(s.t) {
		return 0, false
	}
	var mt, mf float64
	for k := range s.t {
		mt += s.t[k] / float64(len(s.t))
		mf += s.hz[k] / float64(len(s.t))
	}
	var tt, tf float64
	for k := range s.t {
		tt += (s.t[k] - mt) * (s.t[k] - mt)
		tf += (s.t[k] - mt) * (s.hz[k] - mf)
	}
	return tf / tt, true
}
