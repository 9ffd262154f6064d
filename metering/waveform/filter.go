package waveform

import "math"

// lowpass is a Butterworth filter of second order.
type lowpass struct {
	b0, b1, b2, a1, a2 float64
	x1, x2, y1, y2     float64
	rate               float64
}

func newLowpass(corner, rate float64) lowpass {
	w := math.Tan(math.Pi * corner / rate)
	n := 1 / (1 + math.Sqrt2*w + w*w)
	return lowpass{b0: w * w * n, b1: 2 * w * w * n, b2: w * w * n, a1: 2 * (w*w - 1) * n, a2: (1 - math.Sqrt2*w + w*w) * n, rate: rate}
}

func (f *lowpass) next(x float64) float64 {
	y := f.b0*x + f.b1*f.x1 + f.b2*f.x2 - f.a1*f.y1 - f.a2*f.y2
	f.x2, f.x1, f.y2, f.y1 = f.x1, x, f.y1, y
	return y
}

func (f *lowpass) reset() { f.x1, f.x2, f.y1, f.y2 = 0, 0, 0, 0 }

// lag is by how many samples a wave of that frequency comes out late.
func (f *lowpass) lag(hz float64) float64 {
	th := 2 * math.Pi * hz / f.rate
	s1, c1 := math.Sincos(th)
	s2, c2 := math.Sincos(2 * th)
	num := math.Atan2(-f.b1*s1-f.b2*s2, f.b0+f.b1*c1+f.b2*c2)
	den := math.Atan2(-f.a1*s1-f.a2*s2, 1+f.a1*c1+f.a2*c2)
	late := math.Mod(den-num+2*math.Pi, 2*math.Pi)
	return late / th
}
