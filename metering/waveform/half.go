package waveform

import "math"

// HalfCycle is a half cycle of the phase that is watched for crossings, and what each
// phase showed in it.
type HalfCycle struct {
	From, To float64 // in samples since the beginning
	Period   float64 // samples a cycle, as last measured
	Found    bool    // a crossing ended it; else it ended where it should have
	// Mean is the mean square of each voltage from From to To, in V^2, its DC and the
	// noise taken off.
	Mean [maxPhases]float64
	// Square is the same of the half cycle between zero crossings of the phase's own,
	// the last that had ended by To.
	Square [maxPhases]float64
	// Behind is by how many samples that one ended before To.
	Behind [maxPhases]float64
}

// Listener hears what happens between the windows.  What it is shown it must not keep.
type Listener interface {
	// Half is told as a half cycle ends.
	Half(e *Engine, h *HalfCycle)
	// Broken is told where samples were lost: what follows does not join.
	Broken(e *Engine)
}

// Ring is the newest samples of a voltage, in volts, its DC still in it.
type Ring struct {
	buf  []float64
	mask int64
}

// At is sample n since the beginning; it must be one of the newest.
func (r Ring) At(n int64) float64 { return r.buf[n&r.mask] }

// Len is how many samples are kept.
func (r Ring) Len() int { return len(r.buf) }

// Copy writes samples from first on to dst; they must be among the newest.
func (r Ring) Copy(dst []float64, first int64) {
	at := first & r.mask
	n := copy(dst, r.buf[at:])
	copy(dst[n:], r.buf)
}

// Voltages is the ring of phase k, from 0, and the DC that was found in it.
func (e *Engine) Voltages(k int) (r Ring, dc float64) {
	return Ring{e.ch[k].bufU, e.mask}, e.ch[k].dcU
}

// Currents is the same of the current, in amperes.
func (e *Engine) Currents(k int) (r Ring, dc float64) {
	return Ring{e.ch[k].bufI, e.mask}, e.ch[k].dcI
}

// First is the number of the first sample since the last that were lost.
func (e *Engine) First() int64 { return e.first }

// square is the mean square of the voltage between two running sums, n samples apart,
// without DC and noise.
func (c *channel) square(from, to [sums]float64, n float64) float64 {
	mean := (to[sumUU]-from[sumUU])/n - 2*c.dcU*(to[sumU]-from[sumU])/n + c.dcU*c.dcU
	return max(0, mean-c.noiseU2)
}

// hear tells the listener of the half cycle that ends at t.  Until DC and the length of a
// cycle are known there is nothing to tell.
func (e *Engine) hear(t float64, real bool) {
	if e.cfg.Hear == nil || !e.ch[0].known || !e.ch[0].begun && e.cfg.Near == 0 || t <= e.bound {
		return
	}
	h := &e.half
	h.From, h.To, h.Period, h.Found = e.bound, t, e.period, real
	for k := range e.ch {
		c := &e.ch[k]
		h.Mean[k], h.Behind[k] = c.square(c.former, c.half, t-e.bound), c.behind
	}
	e.cfg.Hear.Half(e, h)
}

// apart finds by how much each phase's zero crossings come before those that are watched:
// at most by a half cycle, and near to what it was, so that none is left out or met twice.
func (e *Engine) apart(w *Window) {
	watched, half := &w.Phases[e.ref], e.period/2
	if math.Hypot(watched.u1re, watched.u1im) < 0.2*e.cfg.Nominal {
		return
	}
	for k := range e.ch {
		c, p := &e.ch[k], &w.Phases[k]
		if k == e.ref {
			c.behind = 0
			continue
		}
		if math.Hypot(p.u1re, p.u1im) < 0.2*e.cfg.Nominal {
			continue
		}
		angle := math.Atan2(p.u1im, p.u1re) - math.Atan2(watched.u1im, watched.u1re)
		off := math.Remainder(angle/(2*math.Pi)*e.period-c.behind, half)
		if c.behind += off; c.behind < -half/10 || c.behind > half*1.1 {
			c.behind -= half * math.Floor(c.behind/half)
		}
	}
}
