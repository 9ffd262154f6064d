package voltage

import (
	"math"
	"math/cmplx"

	"github.com/keeplit/keeplit/metering/waveform"
)

// phasor is the fundamental of a voltage over whole cycles from one position to another,
// V rms.  The integral is a trapezoid sum whose ends lie between samples.
func phasor(r waveform.Ring, dc, from, to float64, cycles int) complex128 {
	n0, n1 := int64(math.Ceil(from)), int64(math.Floor(to))
	d0, d1 := float64(n0)-from, to-float64(n1)
	step := cmplx.Rect(1, -2*math.Pi*float64(cycles)/(to-from))
	turn := cmplx.Pow(step, complex(d0-1, 0)) // at n0-1
	var sum, before complex128
	for n := n0 - 1; n <= n1+1; n++ {
		f := complex(r.At(n)-dc, 0) * turn
		turn *= step
		switch n {
		case n0 - 1:
			before = f
		case n0:
			at := complex(d0, 0)*before + complex(1-d0, 0)*f
			sum += complex(d0/2, 0)*(at+f) + f/2
		case n1:
			sum += f / 2
			before = f
		case n1 + 1:
			at := complex(d1, 0)*f + complex(1-d1, 0)*before
			sum += complex(d1/2, 0) * (at + before)
		default:
			sum += f
		}
	}
	return sum * complex(math.Sqrt2/(to-from), 0)
}

// sequences are the negative and the zero over the positive sequence of three voltages
// (5.7); where the phases turn the other way the two change places.
func sequences(u [MaxPhases]complex128) (negative, zero float64) {
	a := cmplx.Rect(1, 2*math.Pi/3)
	one := cmplx.Abs(u[0] + a*u[1] + a*a*u[2])
	two := cmplx.Abs(u[0] + a*a*u[1] + a*u[2])
	if one < two {
		one, two = two, one
	}
	if one == 0 {
		return 0, 0
	}
	return two / one, cmplx.Abs(u[0]+u[1]+u[2]) / one
}
