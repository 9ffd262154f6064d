package spectrum

import (
	"fmt"
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

// MostOrders is how many orders there are at most.
const MostOrders = 50

const (
	reach  = 8   // samples on each side that a value is interpolated from
	phases = 256 // places between two samples that have weights of their own
	beta   = 8   // of Kaiser's window: what is left of images is below 1/10000
)

// Kernel transforms windows of one converter.  It is not for several goroutines at once.
type Kernel struct {
	rate   float64
	cycles int // a window has
	orders int
	parts  int
	weight [phases + 1][2 * reach]float64
	fft    *fourier.FFT
	points []float64
	lines  []complex128
	bell   [512]float64 // the response of the interpolation, from 0 to half the rate
}

// New makes a kernel for a rate in samples per second and a frequency of 50 or 60 Hz.
func New(rate, frequency float64) (*Kernel, error) {
	if !(rate >= 500 && rate <= 200_000) || frequency != 50 && frequency != 60 {
		return nil, fmt.Errorf("spectrum: %v samples per second at %v Hz, not 500 to 200000 at 50 or 60", rate, frequency)
	}
	k := &Kernel{rate: rate, cycles: int(frequency / 5)}
	// At 0.85 of the frequency the window is longest; what the interpolation lets
	// through above half the rate must not fold back.
	least := 1.16 / 0.85 * rate / 5
	for k.parts = 64; float64(k.parts) < least; {
		switch {
		case float64(k.parts)*1.25 >= least:
			k.parts = k.parts * 5 / 4
		case float64(k.parts)*1.5 >= least:
			k.parts = k.parts * 3 / 2
		default:
			k.parts *= 2
		}
	}
	k.fft = fourier.NewFFT(k.parts)
	k.points, k.lines = make([]float64, k.parts), make([]complex128, k.parts/2+1)
	k.orders = k.Orders(rate / frequency)
	for p := range k.weight {
		sum := 0.0
		for j := range k.weight[p] {
			x := float64(j-reach+1) - float64(p)/phases
			k.weight[p][j] = sinc(x) * kaiser(x/reach)
			sum += k.weight[p][j]
		}
		for j := range k.weight[p] {
			k.weight[p][j] /= sum
		}
	}
	const fine = 32 // parts of a sample
	var shape [reach * fine]float64
	for j := range shape {
		x := (float64(j) + 0.5) / fine
		shape[j] = sinc(x) * kaiser(x/reach) * 2 / fine
	}
	for i := range k.bell {
		f := math.Pi * float64(i) / float64(len(k.bell)-1) // radians a sample
		for j, v := range shape {
			k.bell[i] += v * math.Cos(f*(float64(j)+0.5)/fine)
		}
	}
	return k, nil
}

// Orders is how many can be told where a cycle has so many samples: the 50th at 50 Hz
// needs 5150 samples a second.
func (k *Kernel) Orders(period float64) int {
	return max(1, min(MostOrders, int((0.49*period*float64(k.cycles)-1)/float64(k.cycles))))
}

// Margin is how many samples a window needs before and after it.
const Margin = reach + 1

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is Kaiser's window, 1 at 0 and nothing beyond 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(beta*math.Sqrt(1-x*x)) / bessel(beta)
}

// bessel is the modified Bessel function of order zero, by its series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for n := 1.0; term > 1e-12*sum; n++ {
		term *= x * x / 4 / (n * n)
		sum += term
	}
	return sum
}

// transform makes the lines of the window between two positions, V rms; they lie
// one over its length apart, and the first is DC.
func (k *Kernel) transform(samples []float64, dc, from, to float64) {
	step := (to - from) / float64(k.parts)
	for j := range k.points {
		x := from + float64(j)*step
		n := int(x)
		w := &k.weight[int((x-float64(n))*phases+0.5)]
		near := samples[n-reach+1 : n+reach+1]
		sum := 0.0
		for i, v := range near {
			sum += w[i] * v
		}
		k.points[j] = sum - dc
	}
	k.fft.Coefficients(k.lines, k.points)
	scale := math.Sqrt2 / float64(k.parts)
	// Lines lie 1/(to-from) of the rate apart.
	for i := range k.lines {
		at := float64(i) / (to - from) * 2 * float64(len(k.bell)-1)
		j := int(at)
		if j >= len(k.bell)-1 {
			k.lines[i] = 0
			continue
		}
		bell := k.bell[j] + (k.bell[j+1]-k.bell[j])*(at-float64(j))
		k.lines[i] *= complex(scale/bell, 0)
	}
}

// square is that of a line's rms value.
func (k *Kernel) square(i int) float64 {
	if i < 0 || i >= len(k.lines) {
		return 0
	}
	a := cmplx.Abs(k.lines[i])
	return a * a
}
