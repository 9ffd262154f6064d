package learn

import (
	"math"
	"slices"
)

// point is what a billing month has come to when so much of it was bought: the sums of its
// receipts up to one of them.
type point struct {
	x    float64 // kWh
	y    float64 // in the currency
	slip float64 // by how much y may be off by rounding
	row  int     // the receipt
}

// span is an interval of numbers; none are in it where low is above high.
type span struct{ low, high float64 }

func (s span) empty() bool          { return s.low > s.high }
func (s span) has(x float64) bool   { return x >= s.low-1e-9 && x <= s.high+1e-9 }
func (s span) mid() float64         { return (s.low + s.high) / 2 }
func (s span) with(other span) span { return span{max(s.low, other.low), min(s.high, other.high)} }

// slopes are those of the lines that pass all points as near as their slips let them.
func slopes(points []point) span {
	s := span{math.Inf(-1), math.Inf(1)}
	for i := range points {
		for j := i + 1; j < len(points); j++ {
			s = s.with(between(points[i], points[j]))
		}
	}
	return s
}

// between are the slopes of the lines that pass two points.
func between(a, b point) span {
	d, slip := b.x-a.x, a.slip+b.slip
	if d <= 0 {
		if math.Abs(b.y-a.y) <= slip {
			return span{math.Inf(-1), math.Inf(1)}
		}
		return span{1, -1}
	}
	return span{(b.y - a.y - slip) / d, (b.y - a.y + slip) / d}
}

// starts are the values at no kWh of the lines of one slope that pass all points.
func starts(points []point, slope float64) span {
	s := span{math.Inf(-1), math.Inf(1)}
	for _, p := range points {
		s = s.with(span{p.y - p.slip - slope*p.x, p.y + p.slip - slope*p.x})
	}
	return s
}

// roundest is the number of a span with the fewest decimals, the one nearest to its middle;
// limits are rounder still, by tens and hundreds.
func roundest(s span, coarsest int) float64 {
	x, _ := roundestOf(s, coarsest)
	return x
}

// roundestOf is roundest, and how many decimals that has, below zero for tens and hundreds.
func roundestOf(s span, coarsest int) (x float64, decimals int) {
	for d := coarsest; d <= 6; d++ {
		unit := math.Pow(10, -float64(d))
		if x := math.Round(s.mid()/unit) * unit; s.has(x) {
			return clean(x), d
		}
		// A half of the unit is as round as people write, such as 350 or 0.125.
		if x := math.Round(s.mid()/unit*2) * unit / 2; s.has(x) {
			return clean(x), d
		}
	}
	return clean(s.mid()), 6
}

// clean leaves six decimals.
func clean(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// run is a stretch of the points by one line.
type run struct {
	points []point
	core   []point // those that are on it for sure: the last ones may be on the next one's beginning
	slope  span    // of the core
}

// runs cuts sorted points into stretches that a line each explains, as long as each can be.
// A point by itself off a line that goes on behind it is odd, and in none.
func runs(points []point) (out []run, odd []point) {
	for len(points) > 0 {
		n, skipped := stretch(points)
		var in []point
		for i, p := range points[:n] {
			if slices.Contains(skipped, i) {
				odd = append(odd, p)
			} else {
				in = append(in, p)
			}
		}
		points = points[n:]
		core := in
		if len(points) > 0 && len(in) > 4 {
			core = in[:len(in)-2]
		}
		out = append(out, run{in, core, slopes(core)})
	}
	return out, odd
}

// stretch is how many of the first points one line explains, but for those skipped.
func stretch(points []point) (n int, skipped []int) {
	in := points[:1:1]
	s := span{math.Inf(-1), math.Inf(1)}
	fits := func(s span, p point) span {
		for _, q := range in {
			s = s.with(between(q, p))
		}
		return s
	}
	for n = 1; n < len(points); n++ {
		if next := fits(s, points[n]); !next.empty() {
			s, in = next, append(in, points[n])
			continue
		}
		// Two behind it on the line of three before it are no chance.
		if len(in) < 3 || n+2 >= len(points) {
			return n, skipped
		}
		t := s
		for _, p := range points[n+1 : n+3] {
			t = fits(t, p)
		}
		if t.with(slopes(points[n+1 : n+3])).empty() {
			return n, skipped
		}
		skipped = append(skipped, n)
	}
	return n, skipped
}
