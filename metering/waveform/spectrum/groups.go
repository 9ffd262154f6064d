package spectrum

import "math"

// Groups are what a window came to, in V rms.
type Groups struct {
	Orders int // how many could be told; the rest is zero
	// Harmonics are the harmonic subgroups, order 1 first: the line and its two
	// neighbours.
	Harmonics [MostOrders]float64
	// Inter are the centred interharmonic subgroups, that between order 1 and 2 first:
	// the lines between two harmonics but those next to them.
	Inter [MostOrders]float64
	// Below is that below the fundamental.
	Below float64
	// THDS is the distortion by subgroups from order 2 to 40, or as far as the rate
	// allows, over the fundamental's.
	THDS float64
	// Signal is the level at the frequency that was asked for.
	Signal float64
	// Fundamental is its line, for unbalance.
	Fundamental complex128
}

// distorts is up to which order THDS goes.
const distorts = 40

// Measure makes the groups of the window from one position in samples to another, with
// Margin of them before and after it.  dc is taken off.  signal is a frequency as a multiple of the fundamental, zero: none.
func (k *Kernel) Measure(samples []float64, dc, from, to, signal float64, g *Groups) {
	k.transform(samples, dc, from, to)
	*g = Groups{Orders: min(MostOrders, k.Orders((to-from)/float64(k.cycles)))}
	n := k.cycles
	g.Fundamental = k.lines[n]
	rest := 0.0
	for h := 1; h <= g.Orders; h++ {
		sub := k.square(n*h-1) + k.square(n*h) + k.square(n*h+1)
		g.Harmonics[h-1] = math.Sqrt(sub)
		if h > 1 && h <= distorts {
			rest += sub
		}
		if h < g.Orders {
			g.Inter[h-1] = k.between(n*h+2, n*(h+1)-2)
		}
	}
	g.Below = k.between(2, n-2)
	if one := g.Harmonics[0]; one > 0 {
		g.THDS = math.Sqrt(rest) / one
	}
	if signal > 0 && signal < float64(g.Orders) {
		g.Signal = k.signal(signal * float64(n))
	}
}

// between is the root of the sum of the squares of some lines.
func (k *Kernel) between(first, last int) float64 {
	sum := 0.0
	for i := first; i <= last; i++ {
		sum += k.square(i)
	}
	return math.Sqrt(sum)
}

// signal is the level of a frequency, in lines: that of its line, or where it lies between
// two of the four nearest (IEC 61000-4-30, 5.10).
func (k *Kernel) signal(at float64) float64 {
	if near := math.Round(at); math.Abs(at-near) < 0.05 {
		return math.Sqrt(k.square(int(near)))
	}
	low := int(math.Floor(at))
	return k.between(low-1, low+2)
}
