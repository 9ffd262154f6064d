package forecast

import "math"

// days is the history as local days by slots of the day, at the resolution
// the experts work at.  Slots of a local day: the hour a clock skips stays
// missing, the hour it repeats is averaged, so habits keep their local time.
type days struct {
	perDay  int       // model slots of a day
	fine    int       // observed slots of a model slot
	first   int64     // local day number of day 0
	v       []float32 // kWh per model slot; NaN is missing
	kind    []uint8   // weekday 0 (Monday) to 6; a holiday is holidayKind
	level   []float64 // kWh per model slot, mean of the day; NaN where too little is known
	holiday func(dayNumber int64) bool
}

const holidayKind = 7

// modelSlots is how many observed slots make one model slot: below a quarter
// of an hour single slots are noise that no expert should be fitted to.
func modelSlots(stepSeconds int64) int {
	for k := int64(1); ; k++ {
		if k*stepSeconds >= 900 && 86400%(k*stepSeconds) == 0 {
			return int(k)
		}
	}
}

func (d *days) count() int { return len(d.kind) }

func (d *days) row(i int) []float32 { return d.v[i*d.perDay : (i+1)*d.perDay] }

// kindOf is the day kind of a local day number.
func (d *days) kindOf(dayNumber int64) uint8 {
	if d.holiday != nil && d.holiday(dayNumber) {
		return holidayKind
	}
	return uint8(weekday(dayNumber))
}

// newDays lays the history out by local days, up to grid slot end (exclusive).
// ceiling cuts spikes: nothing above it is believed.
func newDays(h *history, cal *calendar, fine int, holiday func(int64) bool, end int64, ceiling float64) *days {
	d := &days{fine: fine, perDay: int(86400 / (h.step * int64(fine))), holiday: holiday}
	if end > h.end() {
		end = h.end()
	}
	if end <= h.first {
		return d
	}
	first, _ := cal.local(h.first * h.step)
	last, _ := cal.local((end - 1) * h.step)
	d.first = first
	n := int(last-first) + 1
	d.v = make([]float32, n*d.perDay)
	count := make([]uint16, n*d.perDay)
	seconds := h.step * int64(fine)
	for g := h.first; g < end; g++ {
		x := h.v[g-h.first]
		if x != x {
			continue
		}
		if float64(x) > ceiling {
			x = float32(ceiling)
		}
		dn, sec := cal.local(g * h.step)
		at := int(dn-first)*d.perDay + int(sec/seconds)
		d.v[at] += x
		count[at]++
	}
	d.kind = make([]uint8, n)
	d.level = make([]float64, n)
	for i := range n {
		d.kind[i] = d.kindOf(first + int64(i))
		sum, known := 0.0, 0
		for s := range d.perDay {
			at := i*d.perDay + s
			if int(count[at])*2 < fine || count[at] == 0 {
				d.v[at] = missing()
				continue
			}
			d.v[at] *= float32(fine) / float32(count[at])
			sum += float64(d.v[at])
			known++
		}
		d.level[i] = math.NaN()
		if known*4 >= d.perDay*3 {
			d.level[i] = sum / float64(known)
		}
	}
	return d
}
