package flicker

import (
	"math"
	"math/cmplx"
)

// section is a filter of second order.
type section struct {
	b0, b1, b2, a1, a2 float64
	s1, s2             float64
}

func (f *section) next(x float64) float64 {
	y := f.b0*x + f.s1
	f.s1 = f.b1*x - f.a1*y + f.s2
	f.s2 = f.b2*x - f.a2*y
	return y
}

// settle is the state after x for ever.
func (f *section) settle(x float64) float64 {
	y := x * (f.b0 + f.b1 + f.b2) / (1 + f.a1 + f.a2)
	f.s2 = f.b2*x - f.a2*y
	f.s1 = f.b1*x - f.a1*y + f.s2
	return y
}

// at is the response at a frequency, in radians a value.
func (f *section) at(w float64) complex128 {
	z := cmplx.Rect(1, -w)
	return (complex(f.b0, 0) + complex(f.b1, 0)*z + complex(f.b2, 0)*z*z) / (1 + complex(f.a1, 0)*z + complex(f.a2, 0)*z*z)
}

// analog makes a section of (n0 + n1 s + n2 s^2)/(d0 + d1 s + d2 s^2), s in radians a
// second, by the bilinear transformation that keeps the frequency hz.
func analog(n, d [3]float64, hz, rate float64) section {
	k := 2 * rate
	if hz > 0 {
		w := 2 * math.Pi * hz
		k = w / math.Tan(w/(2*rate))
	}
	poly := func(c [3]float64) (p0, p1, p2 float64) {
		return c[0] + c[1]*k + c[2]*k*k, 2*c[0] - 2*c[2]*k*k, c[0] - c[1]*k + c[2]*k*k
	}
	b0, b1, b2 := poly(n)
	a0, a1, a2 := poly(d)
	return section{b0: b0 / a0, b1: b1 / a0, b2: b2 / a0, a1: a1 / a0, a2: a2 / a0}
}

// first makes one of first order.
func first(n0, n1, d0, d1, hz, rate float64) section {
	k := 2 * rate
	if hz > 0 {
		w := 2 * math.Pi * hz
		k = w / math.Tan(w/(2*rate))
	}
	a0 := d0 + d1*k
	return section{b0: (n0 + n1*k) / a0, b1: (n0 - n1*k) / a0, a1: (d0 - d1*k) / a0}
}

// butterworth is a low-pass of sixth order, in three sections.
func butterworth(hz, rate float64) (out [3]section) {
	w := 2 * math.Pi * hz
	for k := range out {
		q := 2 * math.Cos(math.Pi*float64(2*k+1)/12)
		out[k] = analog([3]float64{w * w, 0, 0}, [3]float64{w * w, q * w, 1}, hz, rate)
	}
	return out
}
