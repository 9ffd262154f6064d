package forecast

import (
	"math"
	"sort"
)

// days is the history as local days by slots of the day, at the resolution
// the experts work at.  The hour a clock skips stays missing and the hour it
// repeats is averaged, so that habits keep their local time.
//
// A cell is one slot of one local day; cells are numbered through, day 0 slot 0
// being cell 0, and a forecast's origin is the first cell that is not known.
type days struct {
	perDay int           // cells of a day
	fine   int           // observed slots of a cell
	first  int64         // local day number of day 0
	base   float64       // kWh a cell that v is counted from: zero, or the greatest export
	v      []float32     // kWh a cell above base, so never negative; NaN is missing
	sum    []float64     // sum[c] is the sum of the known cells before c
	known  []int32       // known[c] is how many cells before c are known
	kinds  []uint8       // of each day from day 0 on, some days ahead of the data
	temp   *temperatures // nil where none is known
	usual  *usual        // nil where all days are
	cut    bool          // some value was cut to the ceiling
}

const (
	midweek     = 2
	sunday      = 6
	holidayKind = 7
	// betweenKind is a working day from Christmas Eve to New Year's Eve, where
	// Christmas is a holiday: many are closed, or at home.
	betweenKind = 8
	kindCount   = firstOwn + OwnKinds
)

// rare tells kinds of which there are too few in a season to learn from.
func rare(kind uint8) bool { return kind >= holidayKind }

// modelSlots is how many observed slots make one cell: below a quarter of an
// hour single slots are noise that no expert should be fitted to.
func modelSlots(stepSeconds int64) int {
	for k := int64(1); ; k++ {
		if k*stepSeconds >= 900 && 86400%(k*stepSeconds) == 0 {
			return int(k)
		}
	}
}

// cells is how many cells there are, known or not.
func (d *days) cells() int { return len(d.v) }

// kind is the day kind of day i: the weekday from 0 (Monday) to 6, holidayKind,
// betweenKind or one of the site's own.  Beyond the days that holidays were asked for it is the weekday.
func (d *days) kind(i int) uint8 {
	if i >= 0 && i < len(d.kinds) {
		return d.kinds[i]
	}
	return uint8(weekday(d.first + int64(i)))
}

// at is the value of cell c if it is known at origin, NaN otherwise.
func (d *days) at(c, origin int) float64 {
	if c < 0 || c >= origin || c >= len(d.v) {
		return math.NaN()
	}
	return float64(d.v[c])
}

// lastKnown is the end of the last cell that is known before an origin, zero where there is none.
func (d *days) lastKnown(origin int) int {
	origin = max(0, min(origin, len(d.v)))
	return sort.Search(origin, func(c int) bool { return d.known[c] == d.known[origin] })
}

// cellAt is the cell that a slot of the grid is part of.
func (d *days) cellAt(g, step int64, cal *calendar) int {
	dn, sec := cal.local(g * step)
	return int(dn-d.first)*d.perDay + int(sec/(step*int64(d.fine)))
}

// originAt is the cell that a forecast from a slot of the grid begins at: the
// greatest of the slots up to it.  In the hour that a clock repeats it stands still:
// were it the slot's own cell, time would run backwards for all that was learned.
func (d *days) originAt(g, step int64, cal *calendar) int {
	c := d.cellAt(g, step, cal)
	for b := int64(1); b <= turnedBack/step; b++ {
		c = max(c, d.cellAt(g-b, step, cal))
	}
	return c
}

// leastAfter is the least cell of the slots from one of the grid on.
func (d *days) leastAfter(g, step int64, cal *calendar) int {
	c := d.cellAt(g, step, cal)
	for b := int64(1); b <= turnedBack/step; b++ {
		c = min(c, d.cellAt(g+b, step, cal))
	}
	return c
}

// back is the latest cell from which on n cells are known up to end, the first cell
// where they are fewer.
func (d *days) back(end, n int) int {
	end = max(0, min(end, len(d.v)))
	want := d.known[end] - int32(n)
	return max(0, sort.Search(end, func(c int) bool { return d.known[c] > want })-1)
}

// daysKnown is how many days' worth of cells are known before an origin.
func (d *days) daysKnown(origin int) float64 {
	return float64(d.known[max(0, min(origin, len(d.v)))]) / float64(d.perDay)
}

// mean is the mean of the known cells in [from, to), and how many they are.
func (d *days) mean(from, to int) (float64, int) {
	from, to = max(from, 0), min(to, len(d.v))
	if to <= from {
		return math.NaN(), 0
	}
	n := int(d.known[to] - d.known[from])
	if n == 0 {
		return math.NaN(), 0
	}
	return (d.sum[to] - d.sum[from]) / float64(n), n
}

// newDays lays the history out by local days, from grid slot from up to end (exclusive).
// What was before from is not known; days are numbered from the first held all the same.
// Nothing above ceiling is believed and cut to it; base (kWh a slot, at most zero) is below
// every observation but those that are no measurement, which are left out; least is what
// censored slots tell, and inhabited are those that are learned although nobody was to be there.
func newDays(h, least, inhabited *history, cal *calendar, fine int, from, end int64, base, ceiling float64) *days {
	d := &days{fine: fine, perDay: int(86400 / (h.step * int64(fine))), base: base * float64(fine)}
	end = min(end, h.end())
	if end <= h.first {
		d.sum, d.known = make([]float64, 1), make([]int32, 1)
		return d
	}
	first, last := cal.days(h.first, end, h.step)
	d.first = first
	n := (int(last-first) + 1) * d.perDay
	d.v = make([]float32, n)
	count := make([]uint16, n)
	seconds := h.step * int64(fine)
	for g := max(h.first, from); g < end; g++ {
		x := h.wanted(g, least)
		if x != x {
			x = float32(inhabited.at(g))
		}
		if x != x || x < float32(base) {
			continue
		}
		dn, sec := cal.local(g * h.step)
		c := int(dn-first)*d.perDay + int(sec/seconds)
		d.cut = d.cut || x > float32(ceiling)
		d.v[c] += min(x, float32(ceiling)) - float32(base)
		count[c]++
	}
	for c := range d.v {
		if int(count[c])*2 < fine || count[c] == 0 {
			d.v[c] = missing()
			continue
		}
		d.v[c] *= float32(fine) / float32(count[c])
	}
	d.index()
	return d
}

// index builds the running sums.
func (d *days) index() {
	d.sum = make([]float64, len(d.v)+1)
	d.known = make([]int32, len(d.v)+1)
	for c, x := range d.v {
		d.sum[c+1], d.known[c+1] = d.sum[c], d.known[c]
		if x == x {
			d.sum[c+1] += float64(x)
			d.known[c+1]++
		}
	}
}
