package flicker

import (
	"fmt"
	"math"
	"time"
)

// Lamp is an incandescent lamp with the eye and the brain behind it.
type Lamp struct {
	k, lambda, w1, w2, w3, w4 float64 // gain, and angular frequencies
	corner                    float64 // Hz, of the low-pass
	unit                      float64 // the fluctuation at 8.8 Hz that makes P_inst 1
}

// Lamp230 and Lamp120 are the standard's lamps, on a mains of 50 or 60 Hz.
func Lamp230(mains float64) Lamp {
	return Lamp{1.74802, 4.05981, 9.15494, 2.27979, 1.22535, 21.9, corner(mains), 0.00250}.angular()
}

// Lamp120 is the lamp of 120 V.
func Lamp120(mains float64) Lamp {
	return Lamp{1.6357, 4.167375, 9.077169, 2.939902, 1.394468, 17.31512, corner(mains), 0.00321}.angular()
}

func corner(mains float64) float64 {
	if mains == 60 {
		return 42
	}
	return 35
}

func (l Lamp) angular() Lamp {
	for _, f := range []*float64{&l.lambda, &l.w1, &l.w2, &l.w3, &l.w4} {
		*f *= 2 * math.Pi
	}
	return l
}

const (
	usualRate = 800.0            // values a second behind the mean
	adapts    = 27.3             // s, of block 1
	smooths   = 0.3              // s, of block 4
	settles   = 20 * time.Second // after a break nothing is judged for so long
	alive     = 0.1 * 0.1        // of the nominal voltage squared, below which there is no light
	every     = 4                // each so many values one is classified
)

// Least is how many samples a second are needed: with fewer a step within a cycle is
// another one after sampling.
const Least = 2000

// Meter follows one voltage.  It is not for several goroutines at once.
type Meter struct {
	nominal2 float64
	rate     float64 // values a second behind the mean
	parts    int     // samples a value
	step     float64 // 1/parts

	place     int // in the value under way
	now, next float64

	reference float64 // the mean square that the lamp has adapted to
	seen      float64 // values that it is of, up to its time constant
	passes    [6]section
	smooth    section
	scale     float64
	rest      int // values until it is judged again
	turn      int
	instant   float64
	stat      Statistics
}

// New makes a meter for samples at a rate a second, of a nominal voltage.
func New(rate, nominal float64, lamp Lamp) (*Meter, error) {
	if !(rate >= Least && rate <= 200_000) || !(nominal > 0) || math.IsInf(nominal, 0) || lamp.k == 0 {
		return nil, fmt.Errorf("flicker: %v samples per second of %v V: not %d to 200000 of a voltage and a lamp", rate, nominal, Least)
	}
	m := &Meter{nominal2: nominal * nominal, parts: max(1, int(math.Round(rate/usualRate)))}
	m.rate, m.step = rate/float64(m.parts), 1/float64(m.parts)
	const edge = 2 * math.Pi * 0.05
	m.passes[0] = first(0, 1, edge, 1, 0, m.rate)
	low := butterworth(lamp.corner, m.rate)
	copy(m.passes[1:], low[:])
	l := lamp
	m.passes[4] = analog([3]float64{0, l.k * l.w1, 0}, [3]float64{l.w1 * l.w1, 2 * l.lambda, 1}, 8.8, m.rate)
	m.passes[5] = analog([3]float64{1, 1 / l.w2, 0}, [3]float64{1, 1/l.w3 + 1/l.w4, 1 / (l.w3 * l.w4)}, 8.8, m.rate)
	m.smooth = first(1, 0, 1, smooths, 0, m.rate)
	m.scale = m.unit(l.unit)
	m.Break()
	return m, nil
}

// unit is the scale with which a sinusoidal fluctuation of that size at 8.8 Hz makes
// P_inst 1 at its greatest.  The square of a voltage that fluctuates by d has a tone of d.
func (m *Meter) unit(d float64) float64 {
	w := 2 * math.Pi * 8.8 / m.rate
	tone := d
	for k := range m.passes {
		h := m.passes[k].at(w)
		tone *= math.Hypot(real(h), imag(h))
	}
	h := m.smooth.at(2 * w)
	return 1 / (tone * tone / 2 * (1 + math.Hypot(real(h), imag(h))))
}

// Add takes a sample, in volts and without DC.
func (m *Meter) Add(u float64) {
	square := u * u
	late := square * float64(m.place) * m.step
	m.now += square - late
	m.next += late
	if m.place++; m.place < m.parts {
		return
	}
	m.value(m.now * m.step)
	m.place, m.now, m.next = 0, m.next, 0
}

// value takes a mean square.
func (m *Meter) value(x float64) {
	if x >= alive*m.nominal2 {
		// The lamp adapts; at first to the mean of what there is.
		m.seen = min(m.seen+1, adapts*m.rate)
		m.reference += (x - m.reference) / m.seen
	}
	if m.reference <= 0 {
		return
	}
	x /= m.reference
	for k := range m.passes {
		x = m.passes[k].next(x)
	}
	m.instant = m.scale * m.smooth.next(x*x)
	if m.rest > 0 {
		m.rest--
		return
	}
	if m.turn++; m.turn == every {
		m.turn = 0
		m.stat.Add(m.instant)
	}
}

// Instant is P_inst, how much of the flicker is noticed now: 1 is what half of the people
// just notice.
func (m *Meter) Instant() float64 { return m.instant }

// Break says that samples are missing: what follows is judged when the filters have come
// to rest.
func (m *Meter) Break() {
	m.rest = int(settles.Seconds() * m.rate)
	m.place, m.now, m.next = 0, 0, 0
	for k := range m.passes {
		m.passes[k].s1, m.passes[k].s2 = 0, 0
	}
	m.passes[0].settle(1)
	m.smooth.s1, m.smooth.s2 = 0, 0
	m.seen = min(m.seen, m.rate) // a second of what was is enough to begin with
}

// Short is P_st of what was judged since the last call, and how long that was.
func (m *Meter) Short() (pst float64, judged time.Duration) {
	judged = time.Duration(float64(m.stat.Count()) * every / m.rate * float64(time.Second))
	pst = m.stat.Severity()
	m.stat.Reset()
	return pst, judged
}
