// Package dark is when not all could be used that was wanted, and why: the supply
// or the mains was off, a load was held off.  What was measured then is censored,
// and says nothing of what would have been used.
package dark

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Held is a stretch of time in which not all could be used that was wanted, and
// why.  Where To is From it is an instant; with no quality it ends what held before.
type Held struct {
	From    time.Time        `json:"from"`
	To      time.Time        `json:"to"`
	Quality metering.Quality `json:"quality"` // of metering.Censored
}

// in tells whether part of the slot was held.
func (h Held) in(s units.Slot) bool {
	return h.From.Before(s.End()) && (h.To.After(s.Start) || h.To.Equal(h.From) && s.Contains(h.From))
}

// mostHeld bounds how many stretches wait for a silent meter's slots to be
// closed.  What goes beyond joins the two oldest.
const mostHeld = 200

// Hold notes what holds at an instant.
func Hold(all []Held, at time.Time, q metering.Quality) []Held {
	n := len(all)
	goesOn := n > 0 && all[n-1].To.Equal(at)
	if goesOn && all[n-1].Quality == q || !goesOn && q == 0 {
		return all
	}
	all = append(slices.Clone(all), Held{at, at, q}) // the State before keeps its own
	if len(all) > mostHeld {
		all[1].From, all[1].Quality = all[0].From, all[0].Quality|all[1].Quality
		all = all[1:]
	}
	return all
}

// On is what held at from going on to an instant, and what it is.
func On(all []Held, from, to time.Time) ([]Held, metering.Quality) {
	n := len(all)
	if n == 0 || all[n-1].Quality == 0 || !all[n-1].To.Equal(from) {
		return all, 0
	}
	all = slices.Clone(all)
	all[n-1].To = to
	return all, all[n-1].Quality
}

// In takes out what held in a slot that is closed now; what ended in it or
// before is done with.
func In(all []Held, slot units.Slot) (q metering.Quality, left []Held) {
	for _, h := range all {
		if h.in(slot) {
			q |= h.Quality
		}
		if h.To.After(slot.End()) || !h.From.Before(slot.End()) {
			left = append(left, h)
		}
	}
	return q, left
}
