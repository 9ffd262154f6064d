package loads

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Curb is what some of the loads may draw together: a utility's limit of its
// controllable devices, of one class of them, or of one.  What else the house draws
// does not count, and is not held off for it.
type Curb struct {
	Of      []string    // loads, by id
	Allowed units.Power // above zero
	// Phases is by how many the power of each of Of is divided, in their order: a limit of one phase
	// of a circuit.  nil: it counts whole.
	Phases []int
}

// phases is by how many a load's power is divided.
func (c Curb) phases(id string) units.Power {
	if i := slices.Index(c.Of, id); i >= 0 && i < len(c.Phases) {
		return units.Power(max(1, c.Phases[i]))
	}
	return 1
}

// covers tells whether a load is one of those that the curb is about.
func (c Curb) covers(id string) bool { return slices.Contains(c.Of, id) }

// reckons is what a load is taken to draw: as it was told, or more where its device
// measures more although it has had the time to follow.  That it draws less now is no
// sign that it will: a thermostat closes again when it likes, and a limit that others
// rely on is not to be passed then.  What may not have heard that it is to be off draws as
// before.
func (l Load) reckons(u UnitState, now time.Time) units.Power {
	told := l.Draws(u.Set)
	if l.deaf(u, now) {
		told = max(told, l.Draws(u.Former))
	}
	if !u.Seen.HasPower || u.Commanded && now.Sub(u.FirstSent) < 2*followsIn || u.unheard(now) {
		return told
	}
	if seen := max(0, u.Seen.Power); seen > told+told/followShare {
		return seen
	}
	return told
}

// deafFor is how long a load that was told to be off and is not heard counts as on where no dead
// man ends it: it cannot keep others from running for ever.
const deafFor = 15 * time.Minute

// deaf tells whether what was on may not have heard that it is to be off: its device says
// nothing, and has not dropped by itself yet.
func (l Load) deaf(u UnitState, now time.Time) bool {
	return l.Feedback && u.Commanded && !u.Confirmed && !u.Set.On && !u.Seen.Known && u.Prev.Before(u.Since) &&
		now.Before(u.Since.Add(cmp.Or(l.DeadMan, deafFor)))
}

// tellsIn is how long a device may take to measure what it was told; what it measured before
// stands where it takes longer.
const tellsIn = time.Minute

// unheard tells whether what the device has measured is from before it was told.
func (u UnitState) unheard(now time.Time) bool {
	return u.Commanded && !u.Seen.At.IsZero() && !u.Seen.At.After(u.FirstSent) && now.Sub(u.FirstSent) < tellsIn
}

// over is what the loads of a curb are reckoned to draw beyond it; below zero is room.
func (c Curb) over(ls []Load, s GuardState, now time.Time) units.Power {
	sum := -c.Allowed
	for _, l := range ls {
		if c.covers(l.ID) {
			sum += l.reckons(s.Unit(l.ID), now) / c.phases(l.ID)
		}
	}
	return sum
}

// ShedTo picks the loads to relieve so that no curb is passed, in the order and by the
// words of Shed.
func ShedTo(ls []Load, s GuardState, takes func(id string) Capability, curbs []Curb, now time.Time) (out []Relief) {
	order := slices.Clone(ls)
	slices.SortFunc(order, func(a, b Load) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), strings.Compare(b.ID, a.ID))
	})
	for _, c := range curbs {
		over := c.over(ls, s, now)
		drawn := over + c.Allowed
		for _, r := range out { // one curb's relief is another's, too
			if l, ok := find(ls, r.ID); ok && c.covers(r.ID) {
				over -= max(0, l.reckons(s.Unit(r.ID), now)-l.Draws(r.Set)) / c.phases(r.ID)
			}
		}
		for _, l := range order {
			if over <= 0 {
				break
			}
			u := s.Unit(l.ID)
			i := slices.IndexFunc(out, func(r Relief) bool { return r.ID == l.ID })
			power := l.reckons(u, now)
			if i >= 0 {
				power = l.Draws(out[i].Set)
			}
			if !c.covers(l.ID) || l.Essential || !u.Set.On || power < units.Watt {
				continue
			}
			r := Relief{ID: l.ID, Drawn: drawn, Allowed: c.Allowed}
			if l.told() && (l.follows(u, now) || u.unheard(now)) {
				r.Set = lower(takes(l.ID), power-over*c.phases(l.ID))
			}
			over -= (power - l.Draws(r.Set)) / c.phases(l.ID)
			if i >= 0 {
				out[i] = r
			} else {
				out = append(out, r)
			}
		}
	}
	return out
}

func find(ls []Load, id string) (Load, bool) {
	i := slices.IndexFunc(ls, func(l Load) bool { return l.ID == id })
	if i < 0 {
		return Load{}, false
	}
	return ls[i], true
}

// curbed is what of a set-point the curbs have room for: as much as now where that is
// none, which is off for what is off.
func (st *step) curbed(l Load, u *UnitState, want Setpoint) Setpoint {
	if l.Essential || l.Draws(want) <= l.Draws(u.Set) {
		return want
	}
	for _, c := range st.in.Curbs {
		if !c.covers(l.ID) {
			continue
		}
		room := l.reckons(*u, st.now) - c.over(st.loads, *st.s, st.now)*c.phases(l.ID)
		if l.Draws(want) <= room {
			continue
		}
		takes, _ := st.takes(l.ID)
		less := lower(takes, room)
		if less.Mode = want.Mode; !less.On || want.Power == 0 || l.Draws(less) <= l.Draws(u.Set) {
			return l.noMore(u.Set)
		}
		want = less
	}
	return want
}

// Crowded is the circuit that has no room for what a load draws at the least, beside what it and the
// others are reckoned to draw; false where each has.
func (l Load) Crowded(circuits []Circuit, all []Load, s GuardState, now time.Time) (Circuit, bool) {
	for _, c := range circuits {
		for _, x := range c.Curbs {
			if x.covers(l.ID) && max(0, l.Least()-l.reckons(s.Unit(l.ID), now)) > -x.over(all, s, now)*x.phases(l.ID) {
				return c, true
			}
		}
	}
	return Circuit{}, false
}
