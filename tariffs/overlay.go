package tariffs

import (
	"math/bits"
	"slices"
	"sort"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Overlay is a set of prices received at run time, an hour or a quarter of an
// hour each, that take the place of the document's energy prices.
//
// A price rules its own slot if the slot begins before the set is stale, at
// Received + MaxAge.  Everything else the document rules.  So what a past hour
// cost does not depend on when it is reckoned.
type Overlay struct {
	Received    time.Time     `json:"received"`
	MaxAge      time.Duration `json:"max_age"` // 0: never stale
	TaxIncluded bool          `json:"tax_included"`
	Prices      []SlotPrice   `json:"prices"`
}

// SlotPrice is a pushed price of one slot.
type SlotPrice struct {
	units.Slot
	Import units.Price `json:"import"`
	Export units.Price `json:"export"`
	Priced bool        `json:"priced"` // Export is given too; otherwise the document's rules
}

// Stale tells whether at is beyond what the pushed prices cover, so that the
// document rules then.
func (o Overlay) Stale(at time.Time) bool {
	i, _ := o.at(at, at)
	return i < 0
}

// Ends is the first instant from which the document rules; the zero time where
// there are no usable prices.
func (o Overlay) Ends() time.Time {
	var end time.Time
	for i := range o.Prices {
		if o.usable(i) && o.Prices[i].End().After(end) {
			end = o.Prices[i].End()
		}
	}
	return end
}

// sentDay is how long prices are sent for without a gap where all of them are.
const sentDay = 12 * time.Hour

// Awaited tells whether the price of an instant is still to be sent: those that hold now are
// of half a day or more without a gap, and end before it.  An hour with a price of its own
// among the document's promises no other one.
func (o Overlay) Awaited(now, at time.Time) bool {
	var from, to time.Time // the stretch
	for i, p := range o.Prices {
		switch {
		case !o.usable(i) || p.Start.After(now) && p.Start.After(to):
			continue
		case p.Start.After(to):
			from, to = p.Start, p.End()
		default:
			to = p.End()
		}
	}
	return to.After(now) && to.Sub(from) >= sentDay && !at.Before(to)
}

func (o *Overlay) usable(i int) bool {
	return o.MaxAge == 0 || o.Prices[i].Start.Before(o.Received.Add(o.MaxAge))
}

// at is the index of the price that rules at, or -1, and the instant until
// which that holds, at most until.
func (o *Overlay) at(at, until time.Time) (int, time.Time) {
	n := sort.Search(len(o.Prices), func(i int) bool { return o.Prices[i].Start.After(at) })
	if i := n - 1; i >= 0 && o.Prices[i].Contains(at) && o.usable(i) {
		if e := o.Prices[i].End(); e.Before(until) {
			until = e
		}
		return i, until
	}
	if n < len(o.Prices) && o.usable(n) && o.Prices[n].Start.Before(until) {
		until = o.Prices[n].Start
	}
	return -1, until
}

// WithPrices is the tariff with pushed prices laid over it, in place of any
// earlier ones.  Where slots overlap, the later one in the list rules from its
// start on.
func (t *Tariff) WithPrices(o Overlay) *Tariff {
	o.Prices = slices.Clone(o.Prices)
	slices.SortStableFunc(o.Prices, func(a, b SlotPrice) int { return a.Start.Compare(b.Start) })
	kept := o.Prices[:0]
	for _, p := range o.Prices {
		p.Start = p.Start.UTC()
		if p.Len <= 0 {
			continue
		}
		if n := len(kept); n > 0 && kept[n-1].End().After(p.Start) {
			if kept[n-1].Start.Equal(p.Start) {
				kept[n-1] = p
				continue
			}
			kept[n-1].Len = p.Start.Sub(kept[n-1].Start)
		}
		kept = append(kept, p)
	}
	o.Prices = kept
	n := *t
	n.overlay = o
	return &n
}

// Overlay is the pushed prices in use.
func (t *Tariff) Overlay() Overlay { return t.overlay }

// takesPushed tells whether energy charge i is the one that pushed prices are
// booked on: the first that would be charged here.
func (v *version) takesPushed(i int, season, period string, class int) bool {
	for j := range i {
		c := &v.energy[j]
		if c.replaced && c.matches(season, period) && c.inClass(v, class) {
			return false
		}
	}
	return true
}

// pushedPrice is price i on the basis of the charge: with taxes where the
// document's prices hold them or where gross asks for it.
func (t *Tariff) pushedPrice(i int, c *energyCharge, gross bool) units.Price {
	p := t.overlay.Prices[i].Import
	switch {
	case t.overlay.TaxIncluded == (c.included || gross):
		return p
	case t.overlay.TaxIncluded:
		return units.Price(units.MulDiv(int64(p), grossUnit, c.gross))
	default:
		return units.Price(units.MulDiv(int64(p), c.gross, grossUnit))
	}
}

// firstExport tells whether export charge i is the first one that applies.
func (v *version) firstExport(i int, s *segment) bool {
	for j := range i {
		if v.energy[j].kind == KindExport && v.energy[j].matches(s.season, s.period) {
			return false
		}
	}
	return true
}

// addExact adds p times e to the line's exact sum of pushed prices.
func (l *Line) addExact(p units.Price, e units.Energy) {
	const kwh = int64(units.KilowattHour)
	neg := (p < 0) != (e < 0)
	hi, lo := bits.Mul64(magnitude(int64(p)), magnitude(int64(e)))
	if hi >= uint64(kwh) {
		return // beyond any money: 2.5 million kWh at a million the kWh
	}
	q, r := bits.Div64(hi, lo, uint64(kwh))
	whole, rest := int64(q), int64(r)
	if neg {
		whole, rest = -whole, -rest
	}
	l.Exact += units.Money(whole)
	l.Rest += rest
	if l.Rest >= kwh {
		l.Exact, l.Rest = l.Exact+1, l.Rest-kwh
	} else if l.Rest < 0 {
		l.Exact, l.Rest = l.Exact-1, l.Rest+kwh
	}
}

// pushedSum is the exact sum rounded half to even.
func (l *Line) pushedSum() units.Money {
	if l.Rest == 0 {
		return l.Exact
	}
	const half = int64(units.KilowattHour) / 2
	if l.Rest > half || (l.Rest == half && l.Exact&1 == 1) {
		return l.Exact + 1
	}
	return l.Exact
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}
