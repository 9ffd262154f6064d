package loads

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Relief is what one load is to do so that less is drawn.
type Relief struct {
	ID  string
	Set Setpoint // off, or on at less than it draws
}

// Over is what is drawn beyond what may be.
type Over struct {
	Power units.Power
	Read  time.Time // the power was measured from this instant on; what was told after it is not in it
	Now   time.Time
}

const (
	// followsIn is how long a device may take to draw what it was told.
	followsIn = time.Second
	// followShare is the share of its set-point by which a device may draw more: some
	// measure badly.
	followShare = 10
)

// Shed picks the loads to relieve so that all that is over is freed: the least
// important first, among equals the one whose id sorts last.  What can be told a
// lower power is told that, and is switched off where its least is still too much,
// or where it was told before and does not follow.  Only loads that are on and draw
// something are picked, by their measured power where there is one, else by their
// set-point's, and never an essential one.  takes is what the switch of a load can
// be told.  freed is less than what is over where all of them together do not do.
func Shed(ls []Load, s GuardState, takes func(id string) Capability, over Over) (out []Relief, freed units.Power) {
	order := slices.Clone(ls)
	slices.SortFunc(order, func(a, b Load) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), strings.Compare(b.ID, a.ID))
	})
	for _, l := range order {
		if freed >= over.Power {
			break
		}
		u := s.Unit(l.ID)
		told := l.Kind == Varies && u.Commanded && !u.FirstSent.Add(followsIn).Before(over.Read) // and not seen in what is over
		power := l.drawn(u, told)
		if !u.Set.On || l.Essential || power < units.Watt {
			continue
		}
		r := Relief{ID: l.ID}
		if l.Kind == Varies {
			if bound := l.Draws(u.Set); told && bound < power {
				freed += power - bound
				power = bound
			}
			if freed >= over.Power {
				break
			}
			if l.follows(u, over.Now) {
				r.Set = lower(takes(l.ID), power-(over.Power-freed))
			}
		}
		freed += power - l.Draws(r.Set)
		out = append(out, r)
	}
	return out, freed
}

// drawn is what the load is reckoned to draw: as measured, else as it was told; where
// that was just now, as before.
func (l Load) drawn(u UnitState, told bool) units.Power {
	switch {
	case u.Seen.HasPower:
		return u.Seen.Power
	case told && u.Former.On:
		return max(l.Draws(u.Former), l.Draws(u.Set))
	}
	return l.Draws(u.Set)
}

// follows tells whether the load can be believed to draw less where it is told to.
func (l Load) follows(u UnitState, now time.Time) bool {
	if !u.Commanded || now.Sub(u.FirstSent) < 2*followsIn {
		return true // there was no time yet
	}
	bound := l.Draws(u.Set)
	if u.Seen.HasPower {
		return u.Seen.Power <= bound+bound/followShare
	}
	return u.Confirmed
}

// lower is on at no more than p, where the switch has a word for it; else off.
func lower(takes Capability, p units.Power) Setpoint {
	if p <= 0 || len(takes.Powers) == 0 {
		return Setpoint{}
	}
	return takes.AtMost(Setpoint{On: true, Power: p})
}
