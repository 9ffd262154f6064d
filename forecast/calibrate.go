package forecast

import "math"

// calibration stretches each tail so that it holds what it says, and moves the
// median towards the middle of what came: conformal scaling with scores from
// forecasts made before their outcome was known.  A score is by how many of its
// tail's widths an outcome was past the median; they are kept as histograms in which
// what is old counts less.
type calibration struct {
	low, high scoreCounts // beyond the median, in widths of the lower and the upper tail
	side      scoreCounts // of both sides, below the median negative
	count     float64     // of scores
	last      int         // origin of the scores added last
}

// calibrationDays is after how many days a score counts half.  A year's tails change: what
// was learned with little history is wider off than what comes.
const calibrationDays = 60

const (
	scoreBins  = 1024
	scoreLeast = -1.5
	scoreWidth = 1.0 / 128
)

// scoreCounts is a histogram of scores from scoreLeast on; what is beyond its ends is in the bins
// at them.
type scoreCounts [scoreBins]float32

func (h *scoreCounts) add(x float64) {
	b := (x - scoreLeast) / scoreWidth
	h[int(math.Max(0, math.Min(scoreBins-1, b)))]++
}

// quantile interpolates in the bin.
func (h *scoreCounts) quantile(q, count float64) float64 {
	sum, want := 0.0, q*count
	for b, n := range h {
		if n := float64(n); sum+n >= want && n > 0 {
			return scoreLeast + scoreWidth*(float64(b)+(want-sum)/n)
		}
		sum += float64(n)
	}
	return scoreLeast + scoreWidth*scoreBins
}

// learn takes the scores of a finished forecast's first days.
func (c *calibration) learn(d *days, origin int, q []quad) {
	if c.count > 0 {
		keep := math.Exp2(-float64(origin-c.last) / float64(calibrationDays*d.perDay))
		c.count *= keep
		for _, h := range []*scoreCounts{&c.low, &c.high, &c.side} {
			for b := range h {
				h[b] *= float32(keep)
			}
		}
	}
	c.last = origin
	n := min(len(q), scoreDays*d.perDay)
	for i := range n {
		y := d.at(origin+i, origin+n)
		if y != y {
			continue
		}
		median := float64(q[i].q50)
		eps := 1e-3*math.Abs(median) + 1e-9 // a site may use nothing at that hour, for sure
		low, high := (median-y)/(median-float64(q[i].q10)+eps), (y-median)/(float64(q[i].q90)-median+eps)
		c.low.add(low)
		c.high.add(high)
		if high < 0 {
			high = -low
		}
		c.side.add(high)
		c.count++
	}
}

// correction is what the scores say must be done to a raw forecast.
type correction struct {
	low, high float64 // how much wider the lower and the upper tail must be
	shift     float64 // of the median, in widths of the tail it moves into
}

// tailDoubt is with how many days of scores a tail is stretched by half of what they tell,
// tailChance the logarithm of a stretch that is as likely to be chance as not: what would have
// held over the last weeks is worth following where it is far from 1, and where not costs more than it wins;
// medianDoubt how many days of scores weigh as much as the belief that the
// median is right, and medianShare how far the rest is followed: what the median was
// off by in one season is only in part what it will be off by in the next.
const (
	tailDoubt   = 10
	tailChance  = 0.15
	medianDoubt = 10
	medianShare = 0.5
)

// learned is the correction by all scores kept.
func (c *calibration) learned(perDay int) correction {
	if c.count == 0 {
		return correction{low: 1, high: 1}
	}
	// Few days move a factor little: they are too alike, and widened by rule of thumb.
	days := c.count / float64(perDay*scoreDays)
	trust := days * days / (days*days + tailDoubt*tailDoubt)
	factor := func(h *scoreCounts) float64 {
		x := math.Log(math.Max(h.quantile(0.9, c.count), 0.2))
		return math.Min(4, math.Exp(trust*x*x*x/(x*x+tailChance*tailChance)))
	}
	x := math.Max(-1, math.Min(1, c.side.quantile(0.5, c.count)))
	return correction{
		low: factor(&c.low), high: factor(&c.high),
		shift: medianShare * x * days / (days + medianDoubt),
	}
}

// widen stretches the tails of what few days tell: the outer one of n values is on average
// not as far out as a tenth of all that come.  That it takes 1 + 3/n was measured on
// first months of homes and offices; with it a score means the same whenever it was made.
func widen(q []quad, days float64, perDay int) {
	k := 1 + 3/math.Max(days, 1)
	share := 3 / (days + 3)
	reach := perDay / 12
	down, up := make([]float64, len(q)+1), make([]float64, len(q)+1)
	for i, a := range q {
		down[i+1] = down[i] + float64(a.q50-a.q10)
		up[i+1] = up[i] + float64(a.q90-a.q50)
	}
	for i := range q {
		a := &q[i]
		from, to := max(0, i-reach), min(len(q), i+reach+1)
		n := float64(to - from)
		a.q10 = a.q50 - float32(k*((1-share)*float64(a.q50-a.q10)+share*(down[to]-down[from])/n))
		a.q90 = a.q50 + float32(k*((1-share)*float64(a.q90-a.q50)+share*(up[to]-up[from])/n))
	}
}

// edgeShare is how far an upper tail is drawn to its neighbours' that are as wide.
const edgeShare = 0.4

// even draws the upper tails to those of the half hours beside them.  How often the rare great
// load comes is told by few days, and by chance differs from one half hour to the
// next; where the tails differ by e or more that is no chance but an edge, a load that
// keeps to the clock, and stays.
func even(q []quad, perDay int) {
	beside := max(1, perDay/48)
	up := make([]float64, len(q))
	for i, a := range q {
		up[i] = float64(a.q90 - a.q50)
	}
	for i := range q {
		least := 1e-3*float64(q[i].q50) + 1e-9
		move := 0.0
		for _, j := range [2]int{i - beside, i + beside} {
			if j < 0 || j >= len(q) {
				continue
			}
			x := math.Log((up[j] + least) / (up[i] + least))
			move += edgeShare / 2 * math.Exp(-x*x) * (up[j] - up[i])
		}
		q[i].q90 += float32(move)
	}
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
