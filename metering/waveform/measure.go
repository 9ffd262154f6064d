package waveform

import "math"

// measure works out phase k of a window and registers its energy.
func (e *Engine) measure(k int, w *Window) {
	c, p := &e.ch[k], &w.Phases[k]
	*p = Phase{}
	var m [sums]float64
	for s := range m {
		m[s] = (c.half[s] - c.window[s]) / w.Samples
	}
	p.Udc, p.Idc = m[sumU], m[sumI]
	p.Urms = math.Sqrt(max(0, m[sumUU]-m[sumU]*m[sumU]-c.noiseU2))
	squareI := m[sumII]
	if !e.cfg.KeepDC {
		squareI -= m[sumI] * m[sumI]
	}
	p.Irms = math.Sqrt(max(0, squareI-c.noiseI2))
	p.P = m[sumUI] - m[sumU]*m[sumI] - c.cal.PowerOffset
	p.S = p.Urms * p.Irms
	if w.Frequency > 0 {
		e.spectrum(k, w)
	}
	if p.S > 0 {
		// Noise can make P a little greater than S where both are small.
		p.PF = max(-1, min(1, p.P/p.S))
	}
	first := !c.begun
	c.begun = true
	// A step within the window leaves half cycles of one sign over, which are
	// no DC.
	if !c.known || !w.Disturbed {
		c.dcU, c.dcI, c.known = p.Udc, p.Idc, true
	}
	seconds := w.Samples / e.cfg.Rate
	was := c.loaded
	if first {
		c.idle, was = p.P, true
	}
	p.NoLoad = c.idles(p.P, e.cfg.NoLoad)
	switch {
	case p.NoLoad:
	case was || c.idle == p.P:
		c.register(p.P, p.P1, p.Q, seconds)
	default:
		// It took a while to be sure of a small load: what the judgement rests
		// on is registered too.
		c.register(c.idle, p.P1, p.Q, seconds*smoothing)
	}
	if first {
		c.part(c.lead, c.leadN, e.cfg)
		c.part(c.early, c.earlyN, e.cfg)
	}
}

// part registers the energy of a piece that is no whole number of cycles: the
// beginning and the end of a recording.
func (c *channel) part(s [sums]float64, n float64, cfg Config) {
	if n <= 0 || !c.loaded {
		return
	}
	mean := (s[sumUI]-c.dcU*s[sumI]-c.dcI*s[sumU])/n + c.dcU*c.dcI - c.cal.PowerOffset
	// A piece of a cycle may well have the other sign; it belongs to the
	// direction of the whole.
	joules := mean * n / cfg.Rate
	if c.idle < 0 {
		count(&c.energy.Export, &c.carry[1], -joules)
		return
	}
	count(&c.energy.Import, &c.carry[0], joules)
}

// smoothing is how many windows the no-load judgement rests on.
const smoothing = 16

// idles tells whether the phase is without load.  Noise is judged over the
// smoothing; a load that is plainly there counts at once.
func (c *channel) idles(p, threshold float64) bool {
	if threshold < 0 {
		c.idle, c.loaded = p, true
		return false
	}
	c.idle += (p - c.idle) / smoothing
	switch {
	case math.Abs(p) > 8*threshold:
		c.idle, c.loaded = p, true
	case math.Abs(c.idle) > threshold:
		c.loaded = true
	case math.Abs(c.idle) < 0.8*threshold:
		c.loaded = false
	}
	return !c.loaded
}

// register adds power over seconds to the counters.
func (c *channel) register(p, p1, q, seconds float64) {
	export := 0
	if p >= 0 {
		count(&c.energy.Import, &c.carry[0], p*seconds)
	} else {
		export = 1
		count(&c.energy.Export, &c.carry[1], -p*seconds)
	}
	if p1 >= 0 {
		count(&c.energy.FundamentalImport, &c.carry[6], p1*seconds)
	} else {
		count(&c.energy.FundamentalExport, &c.carry[7], -p1*seconds)
	}
	// Quadrants: 1 import lagging, 2 export lagging, 3 export leading, 4 import leading.
	quadrant := export
	if q < 0 {
		quadrant = 3 - export
	}
	count(&c.energy.Reactive[quadrant], &c.carry[2+quadrant], math.Abs(q)*seconds)
}

// count adds joules to a counter of microjoules and carries the remainder.
func count(counter *int64, carry *float64, joules float64) {
	v := joules*1e6 + *carry
	whole := math.Floor(v)
	*carry = v - whole
	*counter += int64(whole)
}

// spectrum works out the harmonics of phase k.
func (e *Engine) spectrum(k int, w *Window) {
	c, p := &e.ch[k], &w.Phases[k]
	first := int64(math.Ceil(w.Start))
	n := int(min(w.Samples, float64(len(e.work[0])), float64(e.n-first)))
	if n < 16 {
		return
	}
	bu, bi := e.work[0][:n], e.work[1][:n]
	th := 2 * math.Pi * w.Cycles / w.Samples
	scale := math.Sqrt2 / float64(n)
	if w.Cycles < 2 {
		// Hann's window would spread each harmonic over its neighbours.  One
		// cycle is cut in n equal parts instead, by a cubic through four samples.
		step := w.Samples / float64(n)
		for j := range bu {
			x := w.Start + float64(j)*step
			at := min(int64(x), e.n-3)
			d := x - float64(at)
			wa, wb, wc, wd := -d*(d-1)*(d-2)/6, (d+1)*(d-1)*(d-2)/2, -(d+1)*d*(d-2)/2, (d+1)*d*(d-1)/6
			mix := func(b []float64) float64 {
				return wa*b[(at-1)&e.mask] + wb*b[at&e.mask] + wc*b[(at+1)&e.mask] + wd*b[(at+2)&e.mask]
			}
			bu[j], bi[j] = mix(c.bufU)-p.Udc, mix(c.bufI)-p.Idc
		}
		th = 2 * math.Pi / float64(n) * w.Cycles
	} else {
		// Hann's window by its own recurrence, with DC taken off.
		step := 2 * math.Pi / float64(n)
		s, co := math.Sincos(step / 2)
		ds, dc := math.Sincos(step)
		for j := range bu {
			at := (first + int64(j)) & e.mask
			h := 1 - co
			bu[j] = h * (c.bufU[at] - p.Udc)
			bi[j] = h * (c.bufI[at] - p.Idc)
			co, s = co*dc-s*ds, s*dc+co*ds
		}
		if e.cfg.FindNoise && !w.Disturbed && w.Cycles == float64(e.cycles()) {
			c.between.add(bu, bi, th, w.Orders)
		}
	}
	var squareU, squareI float64
	for h := 1; h <= w.Orders; h += 2 {
		sums := goertzel(bu, bi, th*float64(h), th*float64(h+1))
		for j, f := range sums[:min(2, w.Orders-h+1)] {
			u, i := math.Hypot(f.aRe, f.aIm)*scale, math.Hypot(f.bRe, f.bIm)*scale
			p.HarmonicsU[h+j-1], p.HarmonicsI[h+j-1] = u, i
			if h+j > 1 {
				squareU += u * u
				squareI += i * i
				continue
			}
			p.u1re, p.u1im = f.aRe*scale, f.aIm*scale
			p.P1 = (f.aRe*f.bRe + f.aIm*f.bIm) * scale * scale
			p.Q = (f.aIm*f.bRe - f.aRe*f.bIm) * scale * scale
			if u*i > 0 {
				p.DPF = (f.aRe*f.bRe + f.aIm*f.bIm) * scale * scale / (u * i)
			}
		}
	}
	if u := p.HarmonicsU[0]; u > 0 {
		p.THDu = math.Sqrt(squareU) / u
	}
	// A distortion of nothing is no figure: noise alone would be all of it.
	if i := p.HarmonicsI[0]; i*i > 4*c.noiseI2 {
		p.THDi = math.Sqrt(squareI) / i
	}
}

// fourier is the sum of two signals at one angle.
type fourier struct{ aRe, aIm, bRe, bIm float64 }

// goertzel is the Fourier sum of two signals at two angles a sample.  Four
// recurrences at once keep the processor busy while each waits for itself.
func goertzel(a, b []float64, th1, th2 float64) [2]fourier {
	s1, c1 := math.Sincos(th1)
	s2, c2 := math.Sincos(th2)
	k1, k2 := 2*c1, 2*c2
	var p1, p2, q1, q2, r1, r2, t1, t2 float64
	b = b[:len(a)]
	for j, x := range a {
		y := b[j]
		p := x - p2 + k1*p1
		q := y - q2 + k1*q1
		r := x - r2 + k2*r1
		t := y - t2 + k2*t1
		p2, p1 = p1, p
		q2, q1 = q1, q
		r2, r1 = r1, r
		t2, t1 = t1, t
	}
	return [2]fourier{
		{p1 - p2*c1, p2 * s1, q1 - q2*c1, q2 * s1},
		{r1 - r2*c2, r2 * s2, t1 - t2*c2, t2 * s2},
	}
}

// unbalance is the negative over the positive sequence of the fundamental
// voltages (IEC 61000-4-30).
func unbalance(p []Phase) float64 {
	if len(p) != 3 {
		return 0
	}
	const half, root = -0.5, 0.8660254037844386
	turn := func(re, im, c, s float64) (float64, float64) { return re*c - im*s, re*s + im*c }
	pos := func(sign float64) float64 {
		bRe, bIm := turn(p[1].u1re, p[1].u1im, half, sign*root)
		cRe, cIm := turn(p[2].u1re, p[2].u1im, half, -sign*root)
		return math.Hypot(p[0].u1re+bRe+cRe, p[0].u1im+bIm+cIm)
	}
	one, two := pos(1), pos(-1)
	if one < two {
		one, two = two, one // the phases turn the other way
	}
	if one == 0 {
		return 0
	}
	return two / one
}
