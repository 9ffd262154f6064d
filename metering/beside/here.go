package beside

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// longestTrail is how many edges are remembered: some hours, in which most readings are told.
const longestTrail = 8

// Count takes note of one piece of what was counted here, which lies within one interval of
// length period; own is the register before it.
func (s State) Count(c metering.Consumption, own units.Energy, period time.Duration) State {
	if n := len(s.Trail); n > 0 && c.From.Before(s.Trail[n-1].At) { // the clock was set back
		s.Trail = slices.Clip(s.Trail[:slices.IndexFunc(s.Trail, func(p Point) bool { return p.At.After(c.From) })])
	}
	if len(s.Trail) == 0 {
		s.Trail = []Point{{c.From, own, s.Unmeasured}}
	}
	length := c.To.Sub(c.From)
	if length <= 0 {
		return s
	}
	if c.Quality&metering.Gap != 0 {
		s.Unmeasured += length
	}
	// Within a silence nobody knows when it was used: there is no edge in it.
	if c.Quality&metering.Estimated != 0 || !units.SlotAt(c.To, period).Start.Equal(c.To) {
		return s
	}
	trail := slices.Clone(s.Trail[max(0, len(s.Trail)+1-longestTrail):])
	s.Trail = append(trail, Point{c.To, own + c.Import, s.Unmeasured})
	return s
}

// Past is the two edges of intervals that an instant lies between, counted back from
// Edge: their Own and Unmeasured are what was counted between them and Edge, below zero.
type Past struct {
	Edge          time.Time
	Before, After Point
}

// Back finds the edges around at in the intervals of the records, the oldest first, of
// which the last ends at edge; ok is false where none of them holds at.
func Back(at, edge time.Time, intervals []metering.Interval) (p Past, ok bool) {
	i := slices.IndexFunc(intervals, func(v metering.Interval) bool { return v.Slot.Contains(at) })
	if i < 0 {
		return Past{}, false
	}
	// Of a silence that the meter's register made up for, no edge within is known.
	first, last := i, i
	silent := func(i int) bool { return intervals[i].Quality&metering.Estimated != 0 }
	for first > 0 && silent(first) && silent(first-1) {
		first--
	}
	for last+1 < len(intervals) && silent(last) && silent(last+1) {
		last++
	}
	back := func(at time.Time, later []metering.Interval) Point {
		b := Point{At: at}
		covered := time.Duration(0)
		for _, v := range later {
			b.Own -= v.Import
			covered += v.Covered
		}
		b.Unmeasured = -max(0, edge.Sub(at)-covered)
		return b
	}
	return Past{edge, back(intervals[first].Slot.Start, intervals[first:]), back(intervals[last].Slot.End(), intervals[last+1:])}, true
}

// slow is how long it may take between looking at a display and telling what it showed.
const slow = 5 * time.Minute

// By is what was counted here by an instant, and how far that may be off.  last is what is
// counted now, by the newest sample; past is asked for what is before the trail, and may
// be nil.  ok is false where it is not known.
func (s State) By(at time.Time, last Point, past *Past, r Rules) (p Point, blur units.Energy, ok bool) {
	points := append(slices.Clone(s.Trail), last)
	if past != nil && at.Before(points[0].At) {
		i := slices.IndexFunc(points, func(p Point) bool { return p.At.Equal(past.Edge) })
		if i < 0 {
			return Point{}, 0, false
		}
		edge := points[i]
		points = []Point{past.Before.from(edge), past.After.from(edge)}
		if at.After(points[1].At) { // it was looked for at another instant
			return Point{}, 0, false
		}
	}
	if at.Before(points[0].At) {
		return Point{}, 0, false
	}
	i := slices.IndexFunc(points, func(p Point) bool { return !p.At.Before(at) })
	if i < 0 { // since the newest sample
		i = len(points) - 1
	}
	b := points[i]
	if i == 0 {
		return Point{at, b.Own, b.Unmeasured}, 0, true
	}
	a := points[i-1]
	whole, part := b.At.Sub(a.At), min(at.Sub(a.At), b.At.Sub(a.At))
	used := b.Own - a.Own
	p = Point{at, a.Own + used.Part(int64(part), int64(max(1, whole))), a.Unmeasured + time.Duration(units.MulDiv(int64(b.Unmeasured-a.Unmeasured), int64(part), int64(max(1, whole))))}
	// It may all have been used before, or after; but no faster than the supply carries.
	blur = max(p.Own-a.Own, b.Own-p.Own)
	blur = min(blur, r.fastest(min(part, whole-part)))
	return p, max(blur, min(used, used.Part(int64(slow), int64(max(slow, whole))))), true
}

// from is a point counted back from an edge.
func (p Point) from(edge Point) Point {
	return Point{p.At, edge.Own + p.Own, edge.Unmeasured + p.Unmeasured}
}
