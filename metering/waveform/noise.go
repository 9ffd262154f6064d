package waveform

import (
	"math"
	"slices"
)

// probes is at how many places between the harmonics noise is looked for.
const probes = 8

// between gathers what lies between the harmonics, where a load that repeats
// with the mains leaves nothing.
type between struct {
	u, i    [probes]float64 // sums of the mean squares of noise that they speak for
	windows float64
}

// add looks at a window of whole cycles behind Hann's window.  Halfway between
// two harmonics it lets through neither, where the cycles are an even number.
func (b *between) add(bu, bi []float64, th float64, orders int) {
	low := min(9, orders/3)
	power := 1.5 * float64(len(bu)) // the sum of the squares of Hann's window
	for j := 0; j < probes; j += 2 {
		at := func(j int) float64 { return th * (0.5 + float64(low+j*(orders-low)/probes)) }
		for k, f := range goertzel(bu, bi, at(j), at(j+1)) {
			b.u[j+k] += (f.aRe*f.aRe + f.aIm*f.aIm) / power
			b.i[j+k] += (f.bRe*f.bRe + f.bIm*f.bIm) / power
		}
	}
	b.windows++
}

// Noise is the mean square of the noise of phase k, from 0, in V^2 and A^2, as
// it shows between the harmonics; zero where FindNoise is off or there was no
// whole window.  The rounding of the converter is in it.
func (e *Engine) Noise(k int) (u2, i2 float64) {
	b := &e.ch[k].between
	if b.windows == 0 {
		return 0, 0
	}
	// The median: a load that does not repeat with the mains shows at some of
	// the places.  Of few windows it is a little below the mean.
	middle := func(v [probes]float64) float64 {
		slices.Sort(v[:])
		m := (v[probes/2-1] + v[probes/2]) / 2
		return m / b.windows / math.Max(0.7, 1-1/(3*b.windows))
	}
	return middle(b.u), middle(b.i)
}
