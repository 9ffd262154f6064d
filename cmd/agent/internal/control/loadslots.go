package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// SlotUse is what a load used in one slot of the interval grid that the site's
// meter has not closed yet.
type SlotUse struct {
	Start  time.Time    `json:"start"`
	Energy units.Energy `json:"energy"`
}

// mostSlots bounds how many slots wait for a silent meter: eight days of half
// hours.  What goes beyond is added to the oldest that is kept.
const mostSlots = 400

// use adds energy used evenly in [from, to).
func (l *LoadState) use(from, to time.Time, energy units.Energy, period time.Duration) {
	if energy == 0 || !to.After(from) {
		return
	}
	open := slices.Clone(l.Open) // the State before keeps its own
	whole, given := int64(to.Sub(from)), units.Energy(0)
	for at := from; at.Before(to); {
		slot := units.SlotAt(at, period)
		end := slot.End()
		if end.After(to) {
			end = to
		}
		sum := energy.Part(int64(end.Sub(from)), whole)
		if i := slices.IndexFunc(open, func(u SlotUse) bool { return u.Start.Equal(slot.Start) }); i >= 0 {
			open[i].Energy += sum - given
		} else if sum != given {
			open = append(open, SlotUse{slot.Start, sum - given})
		}
		given, at = sum, end
	}
	for len(open) > mostSlots {
		open[1].Energy += open[0].Energy
		open = open[1:]
	}
	l.Open = open
}

// usedIn takes out what was used in a slot that is closed now, and in any before it.
func (l *LoadState) usedIn(slot units.Slot) units.Energy {
	var sum units.Energy
	var left []SlotUse
	for _, u := range l.Open {
		if u.Start.After(slot.Start) {
			left = append(left, u)
			continue
		}
		sum += u.Energy
	}
	l.Open = left
	return sum
}
