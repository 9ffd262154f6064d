package loads

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// measuredOn is from where on a load that is only measured counts as on where another is not
// to run with it: what stands by draws less.
const measuredOn = 100 * units.Watt

// Excludes tells whether the two loads are not to run at one time, whichever of them says so.
func (l Load) Excludes(o Load) bool {
	return l.ID != o.ID && (slices.Contains(l.NotWith, o.ID) || slices.Contains(o.NotWith, l.ID))
}

// runs tells whether the load is to be taken for on: as it was told, or as it is seen although it
// was told to be off.  What was told to be off and draws its power is not off, nor is what may not
// have heard of it.
func (l Load) runs(u UnitState, now time.Time) bool {
	if l.Kind.Heard() {
		return u.Seen.HasPower && u.Seen.Power >= measuredOn
	}
	return u.Set.On || l.deaf(u, now) || u.Seen.Known && u.Seen.On || u.Seen.HasPower && l.Power > 0 && u.Seen.Power > l.Power/idleShare
}

// Beside is the load that is on and with which l is not to run: the most important of them; false
// where there is none.
func (l Load) Beside(all []Load, s GuardState, now time.Time) (Load, bool) {
	var out []Load
	for _, o := range all {
		if l.Excludes(o) && o.runs(s.Unit(o.ID), now) {
			out = append(out, o)
		}
	}
	if len(out) == 0 {
		return Load{}, false
	}
	return slices.MinFunc(out, claim), true
}

// claim orders two loads that are on and not to run together, the one that stays first: what nobody
// switches off, a programme under way, what matters more.
func claim(a, b Load) int {
	last := func(off bool) int {
		if off {
			return 1
		}
		return 0
	}
	return cmp.Or(last(!a.Essential)-last(!b.Essential), last(a.Kind != Cycle)-last(b.Kind != Cycle), cmp.Compare(a.Priority, b.Priority), strings.Compare(a.ID, b.ID))
}

// yields tells whether a load that is on goes off because it is not to run with another that is on
// and stays.
func (st *step) yields(l Load, u *UnitState) bool {
	if !u.Set.On || l.Essential {
		return false
	}
	o, ok := l.Beside(st.loads, *st.s, st.now)
	return ok && claim(o, l) < 0
}

// checkNotWith checks the list by itself.
func (d Document) checkNotWith(l *fault.List) {
	for i, id := range d.NotWith {
		at := fmt.Sprintf("not_with[%d]", i)
		switch {
		case id == d.ID:
			l.Add(at, "name another load", "%q is the load itself", id)
		case slices.Contains(d.NotWith[:i], id):
			l.Add(at, "leave it out", "%q is named twice", id)
		}
	}
}

// CheckApart says what is wrong with the loads that the i-th of all is not to run with.
func CheckApart(all []Document, i int) (l fault.List) {
	d := all[i]
	for k, id := range d.NotWith {
		at := fmt.Sprintf("not_with[%d]", k)
		n := slices.IndexFunc(all, func(o Document) bool { return o.ID == id })
		if n < 0 {
			l.Add(at, "name the id of another load", "there is no load %q", id)
			continue
		}
		switch o := all[n]; {
		case n == i:
		case o.Kind == Battery:
			l.Add(at, "leave it out; what a battery takes makes way for every load in a limit", "%s is a battery, which is steered all the time: %s would never run", id, d.ID)
		case d.Spared() && (o.Spared() || o.Kind.Heard()):
			l.Add(at, "give one of them another class", "%s and %s are never switched off, and so cannot be kept apart", d.ID, id)
		case !o.Kind.Heard() && !o.Switch.Switches():
			l.Add(at, "name the driver of its switch, or write kind: measured with what measures it", "nobody knows whether %s runs", id)
		case !d.Switch.Switches():
			l.Add(at, "name the driver of the load's switch", "a load without a switch cannot be kept from running")
		}
	}
	return l
}

// NotesApart tell of loads that may never run, for one with which they are not to run is always
// on.
func NotesApart(all []Document) (l fault.List) {
	for i, d := range all {
		for _, o := range all {
			if d.ID != o.ID && d.InUse() && o.InUse() && !d.Spared() && !d.Kind.Heard() && o.Spared() && !o.Kind.Heard() && o.Need == nil && (slices.Contains(d.NotWith, o.ID) || slices.Contains(o.NotWith, d.ID)) {
				l.Add(fmt.Sprintf("loads[%d]", i), "write not_with for what is off at times", "it is not to run with %s, which is always on: it runs only while somebody has that off", o.ID)
			}
		}
	}
	return l
}
