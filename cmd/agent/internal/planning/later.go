package planning

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// A need-day that is seen in part is not asked for in full in the hours that are seen:
// what is cheaper, or may as well be had, after them is left for a plan to come.

// laterPrices are the prices of the slots after the horizon, up to the end of the
// need-days that begin in it.
func (s *Rules) laterPrices(b *Brief, slots []units.Slot) []units.Price {
	end := slots[len(slots)-1].End()
	last := end
	for _, l := range b.Loads {
		for _, r := range l.Requests {
			if r.By.After(last) {
				last = r.By
			}
		}
	}
	// A need-day is a day, whatever a Brief says.
	n := min(int((last.Sub(end)+s.Slot-1)/s.Slot), int(48*time.Hour/s.Slot))
	if n <= 0 {
		return nil
	}
	if s.InKWh {
		return slices.Repeat([]units.Price{perKWh}, n)
	}
	return s.tariff(b).Table(b.Account, units.Slots(end, s.Slot, n), nil).Import
}

// price is what the next kWh costs in a slot of the horizon or after it.
func (o *outlook) priceAt(t int) units.Price {
	switch n := len(o.slots); {
	case t < n:
		return o.price(&o.table, t)
	case t-n < len(o.later):
		return o.later[t-n]
	}
	return math.MaxInt64
}

// before is how many of the slots that are needed are best had in the hours that are
// seen, and the price at which they could be had after them instead; 0 where they cannot.
func (o *outlook) before(h hours, need int) (int, float64) {
	var after, all []units.Price
	for _, x := range h.after {
		for t := x[0]; t < x[1] && t-len(o.slots) < len(o.later); t++ {
			after = append(after, o.priceAt(t))
		}
	}
	seen := 0
	for _, x := range h.seen {
		for t := x[0]; t < x[1]; t++ {
			all = append(all, o.priceAt(t))
			seen++
		}
	}
	if len(after) == 0 {
		return need, 0
	}
	all = append(all, after...)
	slices.Sort(all)
	slices.Sort(after)
	dearest := all[min(need, len(all))-1]
	above, _ := slices.BinarySearch(after, dearest) // cheaper than that are so many after it
	here := min(need-above, seen)
	if here <= 0 {
		return 0, 0
	}
	// The price of those that would stand in for them.
	return here, max(after[min(need-here, len(after)-1)].Float(), leastPrice)
}

// cheapestAfter is the least mean price of a programme that ends after the horizon; 0 where
// there is no room for one.
func (o *outlook) cheapestAfter(h hours, length int) float64 {
	best := math.Inf(1)
	for _, x := range h.after {
		from := x[0]
		if i := slices.IndexFunc(h.seen, func(y [2]int) bool { return y[1] == from }); i >= 0 {
			from = max(h.seen[i][0], from-length+1)
		}
		for t := from; t+length <= min(x[1], len(o.slots)+len(o.later)); t++ {
			sum := 0.0
			for u := t; u < t+length; u++ {
				sum += o.priceAt(u).Float()
			}
			best = min(best, sum/float64(length))
		}
	}
	if math.IsInf(best, 1) {
		return 0
	}
	return max(best, leastPrice)
}

// leastPrice stands for a price that is none: a cap of 0 would be no cap.
const leastPrice = 1e-6
