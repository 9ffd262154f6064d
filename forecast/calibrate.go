package forecast

import "math"

// calibration stretches each tail so that it holds what it says, and moves the
// median towards the middle of what came: conformal scaling with scores from
// forecasts made before their outcome was known.
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

// correction is what the scores say must be done to a raw forecast.
type correction struct {
	low, high float64 // how much wider the lower and the upper tail must be
	shift     float64 // of the median, in widths of the tail it moves into
}

// medianDoubt is how many days of scores weigh as much as the belief that the
// median is right, and medianShare how far the rest is followed: what the median was
// off by in one season is only in part what it will be off by in the next.
const (
	medianDoubt = 10
	medianShare = 0.5
)

// learned is the correction by all scores kept.
func (c *calibration) learned(perDay int) correction {
	if len(c.low) == 0 {
		return correction{low: 1, high: 1}
	}
	// Few days move a factor little.
	days := float64(len(c.low)) / float64(perDay*scoreDays)
	v := make([]float32, len(c.low))
	factor := func(s []score) float64 {
		for i := range s {
			v[i] = float32(s[i].x)
		}
		x := float64(selectNth(v, min(len(v)-1, len(v)*9/10)))
		return math.Min(4, math.Exp(math.Log(math.Max(x, 0.2))*days/(days+3)))
	}
	out := correction{low: factor(c.low), high: factor(c.high)}
	for i := range v {
		if v[i] = float32(c.high[i].x); v[i] < 0 {
			v[i] = -float32(c.low[i].x)
		}
	}
	x := float64(selectNth(v, len(v)/2))
	out.shift = medianShare * math.Max(-1, math.Min(1, x)) * days / (days + medianDoubt)
	return out
}

// apply corrects in place.  The tails are counted from the median as it was.
func (k correction) apply(q []quad) {
	for i := range q {
		a := &q[i]
		raw, down, up := a.q50, a.q50-a.q10, a.q90-a.q50
		a.q10, a.q90 = raw-down*float32(k.low), raw+up*float32(k.high)
		if k.shift > 0 {
			a.q50 += float32(k.shift) * up
		} else {
			a.q50 += float32(k.shift) * down
		}
		a.q50 = max(a.q10, min(a.q50, a.q90))
	}
}
