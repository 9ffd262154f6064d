package forecast

import "math"

// calibration stretches each tail so that it holds what it says: conformal
// scaling with scores from forecasts made before their outcome was known.
type calibration struct {
	low, high []score
}

// score is by how many of its tail's widths an outcome was past the median.
type score struct {
	origin int
	x      float64
}

const calibrationDays = 120

// learn takes the scores of a finished forecast's first days.
func (c *calibration) learn(d *days, origin int, q []quad) {
	n := min(len(q), scoreDays*d.perDay)
	for i := range n {
		y := d.at(origin+i, origin+n)
		if y != y {
			continue
		}
		lo, hi := float64(q[i].q50-q[i].q10), float64(q[i].q90-q[i].q50)
		eps := 1e-3 * math.Abs(float64(q[i].q50))
		c.low = append(c.low, score{origin, (float64(q[i].q50) - y) / (lo + eps)})
		c.high = append(c.high, score{origin, (y - float64(q[i].q50)) / (hi + eps)})
	}
	old := origin - calibrationDays*d.perDay
	drop := 0
	for drop < len(c.low) && c.low[drop].origin < old {
		drop++
	}
	c.low, c.high = c.low[drop:], c.high[drop:]
}

// factors are how much wider the lower and the upper tail must be.
func (c *calibration) factors(perDay int) (low, high float64) {
	f := func(s []score) float64 {
		if len(s) == 0 {
			return 1
		}
		v := make([]float32, len(s))
		for i := range s {
			v[i] = float32(s[i].x)
		}
		x := float64(selectNth(v, min(len(v)-1, len(v)*9/10)))
		// Few days move the factor little.
		n := float64(len(s)) / float64(perDay*scoreDays)
		x = math.Exp(math.Log(math.Max(x, 0.2)) * n / (n + 3))
		return math.Min(x, 4)
	}
	return f(c.low), f(c.high)
}

// stretch widens (or narrows) the tails in place.
func stretch(q []quad, low, high float64) {
	for i := range q {
		q[i].q10 = q[i].q50 - (q[i].q50-q[i].q10)*float32(low)
		q[i].q90 = q[i].q50 + (q[i].q90-q[i].q50)*float32(high)
	}
}
