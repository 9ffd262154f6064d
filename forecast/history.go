package forecast

import (
	"fmt"
	"math"
	"time"
)

// keepDays bounds what is looked at before the last anchor: as far as the oldest day that is
// learned from looks for days of its kind, so that a season is met again.
const keepDays = oldestFit + learnDays + rareDays + 8

// Kept is how far back a Forecaster looks: observations of before are not needed.  It
// is by a week and a day more, from any hour of the week in any zone.
const Kept = (keepDays + 9) * day

// heldDays is for how long observations are held.
const heldDays = int64(Kept / day)

// history is the observed load on the UTC slot grid.  A missing slot is NaN.
type history struct {
	step  int64     // seconds
	first int64     // number of v[0] on the grid: Unix seconds / step
	v     []float32 // kWh
}

// end is the grid number after the last slot.
func (h *history) end() int64 { return h.first + int64(len(h.v)) }

// at is the value of a grid slot, NaN where there is none.
func (h *history) at(n int64) float64 {
	if n < h.first || n >= h.end() {
		return math.NaN()
	}
	return float64(h.v[n-h.first])
}

// part are the slots of the grid [from, to), as far as they are held.
func (h *history) part(from, to int64) []float32 {
	end := max(0, min(int64(len(h.v)), to-h.first))
	return h.v[min(end, max(0, from-h.first)):end]
}

// Bounds of what is looked at, so that no sum of times or cells is beyond its type.
const (
	lastYear       = 230 * 365 * 86400 // some day of 2199, in Unix seconds
	longestHorizon = 400 * day
)

// held is t, held to the years that are looked at.
func held(t time.Time) time.Time {
	if s := t.Unix(); s < 0 || s > lastYear {
		return time.Unix(max(0, min(s, lastYear)), 0)
	}
	return t
}

// leaves tells whether setting slot n would forget a day or more of others for it.
func (h *history) leaves(n int64) bool {
	if len(h.v) == 0 || n < h.end()+heldDays*86400/h.step {
		return false
	}
	known := int64(0)
	for _, x := range h.v {
		if x == x {
			known++
		}
	}
	return known*h.step >= 86400
}

// set stores a value and tells how many of the oldest slots were dropped.
// Slots older than the kept span are ignored.
func (h *history) set(n int64, kwh float64) (dropped int) {
	most := heldDays * 86400 / h.step
	switch {
	case len(h.v) == 0 || n >= h.end()+most:
		dropped = len(h.v)
		h.first, h.v = n, h.v[:0]
	case n < h.first:
		if h.end()-n > most {
			return 0
		}
		grown := make([]float32, h.end()-n)
		pad := int(h.first - n)
		for i := range pad {
			grown[i] = missing()
		}
		copy(grown[pad:], h.v)
		h.first, h.v = n, grown
	}
	for h.end() <= n {
		h.v = append(h.v, missing())
	}
	h.v[n-h.first] = float32(kwh)
	// Dropping a month at a time keeps an update's cost flat.
	if slack := int64(30) * 86400 / h.step; int64(len(h.v)) > most+slack {
		dropped = len(h.v) - int(most)
		h.v = append(h.v[:0], h.v[dropped:]...)
		h.first += int64(dropped)
	}
	return dropped
}

// usualDays is over how many days before it the usual of a censored slot is taken.
const usualDays = 28

// wanted is what a slot of the grid is learned as: what was measured, or of a censored
// slot the least that was wanted where that is more than its usual, the mean of the same
// time on the days before.  Less tells nothing, and leaving out the great ones, in which
// power limits hold and credit ends, would teach too little.
func (h *history) wanted(g int64, least *history) float32 {
	x := h.v[g-h.first]
	if x == x {
		return x
	}
	y := least.at(g)
	if y != y {
		return x
	}
	sum, n := 0.0, 0
	for d := int64(1); d <= usualDays; d++ {
		if u := h.at(g - d*86400/h.step); u == u {
			sum, n = sum+u, n+1
		}
	}
	if n == 0 || y*float64(n) <= sum {
		return x
	}
	return float32(y)
}

// slotNumber is the grid number of a slot start, an error where the start is
// off the grid.
func slotNumber(t time.Time, step time.Duration) (int64, error) {
	s := int64(step / time.Second)
	if t.Nanosecond() != 0 || floorMod(t.Unix(), s) != 0 {
		return 0, fmt.Errorf("slot start %s, step %v: %w", t.UTC().Format(time.RFC3339Nano), step, ErrSlot)
	}
	if t.Unix() < 0 || t.Unix() > lastYear {
		return 0, fmt.Errorf("slot start %s is of no year that is metered: %w", t.UTC().Format(time.RFC3339), ErrSlot)
	}
	return floorDiv(t.Unix(), s), nil
}

// missing marks a missing slot.
func missing() float32 { return float32(math.NaN()) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - b*floorDiv(a, b) }

// calendar turns UTC seconds into local days and seconds of the day.
type calendar struct {
	zone     *time.Location
	from, to int64 // seconds for which offset holds
	offset   int64
}

func (c *calendar) local(unix int64) (dayNumber, secondOfDay int64) {
	if unix < c.from || unix >= c.to {
		t := time.Unix(unix, 0).In(c.zone)
		_, off := t.Zone()
		c.offset = int64(off)
		start, end := t.ZoneBounds()
		c.from, c.to = math.MinInt64, math.MaxInt64
		if !start.IsZero() {
			c.from = start.Unix()
		}
		if !end.IsZero() {
			c.to = end.Unix()
		}
	}
	l := unix + c.offset
	d := floorDiv(l, 86400)
	return d, l - d*86400
}

// days are the least and the greatest local day that the slots [from, to) of the
// grid lie in, from before to.  They are not always those of the first and the last: a
// clock put back at midnight shows the day before again.
func (c *calendar) days(from, to, step int64) (least, greatest int64) {
	least, _ = c.local(from * step)
	greatest, _ = c.local((to - 1) * step)
	near := turnedBack / step
	for g := from + 1; g < to && g <= from+near; g++ {
		dn, _ := c.local(g * step)
		least = min(least, dn)
	}
	for g := to - 2; g >= from && g >= to-near; g-- {
		dn, _ := c.local(g * step)
		greatest = max(greatest, dn)
	}
	return least, greatest
}

// turnedBack is the longest for which local time has been shown before, in
// seconds: no zone puts its clock back by more.
const turnedBack = 3 * 3600

// weekday is 0 for Monday to 6 for Sunday of a day number since 1970-01-01,
// which was a Thursday.
func weekday(dayNumber int64) int { return int(floorMod(dayNumber+3, 7)) }
