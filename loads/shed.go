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
	// Drawn and Allowed are what a Curb's loads are reckoned to draw, and may; zero: it is not for a Curb.
	Drawn, Allowed units.Power
}

// Shed picks the loads to relieve so that all that is over is freed: the least
// important first, among equals the one whose id sorts last.  What can be told a
// lower power is told that, and is switched off where its least is still too much,
// or where it was told before and does not follow.  Only loads that are on and draw
// something are picked, by their measured power where there is one, else by their
// set-point's, and never an essential one.  takes is what the switch of a load can
// be told.  freed is less than what is over where all of them together do not do.
func Shed(ls []Load, s GuardState, takes func(id string) Capability, x Limit, now time.Time) (out []Relief, freed units.Power) {
	over := x.Over(ls, s)
	order := slices.Clone(ls)
	slices.SortFunc(order, func(a, b Load) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), strings.Compare(b.ID, a.ID))
	})
	for _, l := range order {
		if freed >= over {
			break
		}
		u := s.Unit(l.ID)
		power := l.now(u)
		if bound := l.Draws(u.Set); l.told() && x.comes(l, u) && bound < power {
			power = bound // the rest is not over any more
		}
		if !u.Set.On || l.Essential || power < units.Watt {
			continue
		}
		r := Relief{ID: l.ID}
		if l.told() && l.follows(u, now) {
			r.Set = lower(takes(l.ID), power-(over-freed))
		}
		freed += power - l.Draws(r.Set)
		out = append(out, r)
	}
	return out, freed
}

// told tells whether the load is told how much it may draw.
func (l Load) told() bool { return l.Kind == Varies || l.Kind == Battery }

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
