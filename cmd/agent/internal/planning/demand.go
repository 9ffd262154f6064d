package planning

import (
	"cmp"
	"math"
	"time"

	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// demand is a demand charge as the optimizer takes it: by intervals of the clock, of which
// the one under way holds what was drawn in it, and above what is paid for already.
func (s *Rules) demand(b *Brief, o outlook, d *tariffs.DemandTable) optimizer.DemandWindow {
	factor := d.PowerFactor()
	w := optimizer.DemandWindow{
		Name: d.Name, Interval: max(1, int(d.Interval/s.Slot)),
		PricePerKW: d.Price.Float() / factor, FloorKW: max(0, d.Highest.KW()*factor),
	}
	for t := d.First; t < d.Last; t++ {
		if d.Applies == nil || d.Applies[t-d.First] {
			w.Slots = append(w.Slots, t)
		}
	}
	first := o.slots[0]
	gone := first.Start.Sub(d.Grid) // of the interval that the first slot lies in
	w.Phase = min(w.Interval-1, max(0, int(math.Round(float64(gone)/float64(s.Slot)))))
	if d.First > 0 || d.Start.IsZero() {
		return w
	}
	// What it holds, less what is expected of the part of the slot that is gone.
	expected := max(0, o.mid[0])
	for _, l := range s.Loads {
		switch owed := b.owed(l.ID); {
		case owed.Committed.After(b.Now):
			expected += owed.power(l).KW()
		case len(owed.Requests) > 0 && owed.Requests[0].On:
			expected += cmp.Or(owed.Requests[0].Draws, l.Power).KW()
		}
	}
	since := d.Start // the slot, or the interval where that began in it
	if since.Before(first.Start) {
		since = first.Start
	}
	held := d.Active.KWh()/s.Slot.Hours() - expected*share(first, since, b.Now)
	// The interval's mean so far is paid for.
	w.HeldKW = min(max(0, held), w.FloorKW*float64(w.Interval))
	if d.Interval < s.Slot {
		w.HeldKW = 0 // the next one begins in this slot
	}
	return w
}

// perKWhOf is the most that a kWh can cost by a demand charge.
func (s *Rules) perKWhOf(w optimizer.DemandWindow, interval time.Duration) float64 {
	return w.PricePerKW / max(interval, s.Slot).Hours()
}
