package loads

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// Request is what a load is still owed in one need-day: what the optimizer is
// asked to place.
type Request struct {
	Load     string
	Kind     Kind
	Power    units.Power   // kind power: the greatest, at which Time is counted
	Least    units.Power   // kind power: the least while it is on
	Draws    units.Power   // what it is reckoned to draw now, where On
	Spans    []units.Slot  // where it may be placed: sorted, apart, none before now or after By
	By       time.Time     // when it must be done
	Ready    time.Time     // when it should be done; zero: at By
	Free     time.Time     // Spans are cut here: it runs already, rests, or a person has it wait; zero: they are not
	Rests    bool          // Free is when it is asked again, because it took nothing when it was on last
	Time     time.Duration // running time still owed beyond what is committed; for a cycle Runs times Cycle
	Runs     int           // kind cycle: programmes still to be started
	Cycle    time.Duration // kind cycle: length of a programme
	On       bool          // it is running now (only in the first request)
	Since    time.Time     // since when it is in that state
	Locked   time.Time     // its minimum on or off time ends then; zero: over
	MinOn    time.Duration
	MinOff   time.Duration
	Starts   int // starts left in the present local day; -1: no limit
	Priority int
	All      bool          // kind heat: it is to be on in all of Spans
	Must     bool          // kind heat: it is to be had however little credit there is
	Late     bool          // kind heat: what is heated earlier cools until By
	Carried  time.Duration // of Time, what came over from the day before (negative: it was ahead)
}

// Energy is what the request takes from the meter.
func (r Request) Energy() units.Energy { return r.Power.Over(r.Time) }

// Committed is until when the load is on whatever the plan says: by a person's
// wish to run it now, or because a running programme is not interrupted.  It is
// zero where neither holds.
func (l Load) Committed(p Progress, u UnitState, now time.Time) time.Time {
	run, forced := p.Wanted(now)
	switch l.Kind {
	case Cycle:
		switch {
		case u.Set.On && p.Programme < l.Cycle:
			return now.Add(l.Cycle - p.Programme)
		case forced && run && !u.Set.On:
			return now.Add(l.Cycle)
		}
	case Measured, Sun, Battery:
	case OnOff, Varies, Heat:
		if forced && run {
			return p.Override.Until
		}
	}
	return time.Time{}
}

// CommittedPower is what the load draws while it is Committed.
func (l Load) CommittedPower(p Progress, now time.Time) units.Power {
	if run, forced := p.Wanted(now); forced && run && p.Override.Set.On {
		return l.Draws(p.Override.Set)
	}
	return l.Power
}

// Requests is what the load is owed at now beyond what is Committed, one request
// a need-day, for every need-day that begins before now+ahead; the first is what
// is left of the present one.  A need-day in which nothing is owed, or nothing can
// be given any more, has none, and neither has a load that is not deferrable.  u
// is what the guard knows of its switch.
func (l Load) Requests(p Progress, u UnitState, now time.Time, ahead time.Duration) []Request {
	if !l.Defer || l.Need == 0 && l.Kind != Heat || l.Kind == Battery {
		return nil
	}
	p = l.Roll(p, now)
	committed := l.Committed(p, u, now)
	free := civil.Later(now, civil.Later(p.Rest, committed)) // nothing is placed before this
	if run, forced := p.Wanted(now); forced && !run {
		free = civil.Later(free, p.Override.Until)
	}
	if l.Kind == Heat {
		return l.heatRequests(p, u, now, free, ahead)
	}
	var out []Request
	for n := 0; ; n++ {
		day := l.calendar.day(now, n)
		if n > 0 && !day.from.Before(now.Add(ahead)) {
			return out
		}
		if l.off(day, p) {
			continue
		}
		r := l.request(u)
		r.By, r.Time, r.Runs, r.Cycle = day.by, l.Need, l.Runs, l.Cycle
		if l.Kind == Varies {
			r.Least = l.Least()
		}
		if day.ready.Before(day.by) {
			r.Ready = day.ready
		}
		if free.After(now) {
			r.Free, r.Rests = free, free.Equal(p.Rest)
		}
		if l.MaxStart > 0 {
			r.Starts = l.MaxStart
		}
		if n == 0 {
			l.reduce(&r, p, u, now, committed)
		}
		for _, s := range day.spans {
			if start := civil.Later(s.Start, free); start.Before(s.End()) {
				r.Spans = append(r.Spans, units.Slot{Start: start, Len: s.End().Sub(start)})
			}
		}
		if r.Time > 0 && len(r.Spans) > 0 {
			out = append(out, r)
		}
	}
}

// request is one that says nothing yet of how much, and when.
func (l Load) request(u UnitState) Request {
	return Request{
		Load: l.ID, Kind: l.Kind, Power: l.Power,
		MinOn: l.MinOn, MinOff: l.MinOff, Starts: -1, Priority: l.Priority,
		On: u.Set.On, Since: u.Since, Draws: l.Draws(u.Set),
	}
}

// locked is until when the load stays as it is by its minimum times; zero: it need not.
func (l Load) locked(u UnitState, now time.Time) time.Time {
	hold := l.MinOff
	if u.Set.On {
		hold = l.MinOn
	}
	if end := u.Since.Add(hold); !u.Since.IsZero() && end.After(now) {
		return end
	}
	return time.Time{}
}

// reduce takes what was given, and what will be given anyway, from the request
// of the present need-day.
func (l Load) reduce(r *Request, p Progress, u UnitState, now, committed time.Time) {
	r.Carried = p.Carry
	switch l.Kind {
	case Cycle:
		r.Runs = l.Runs + int(p.Carry/l.Cycle) - p.Runs
		if !committed.IsZero() {
			r.Runs--
		}
		r.Time = time.Duration(max(r.Runs, 0)) * l.Cycle
	case Heat, Measured, Sun, Battery:
	case OnOff, Varies:
		r.Time = l.Need + p.Carry - l.given(p)
		if !committed.IsZero() {
			r.Time -= timeFor(l.CommittedPower(p, now).Over(committed.Sub(now)), l.Power)
		}
	}
	if l.MaxStart > 0 && u.Day.Equal(units.LocalMidnight(now, l.calendar.zone)) {
		r.Starts = max(0, l.MaxStart-u.Starts)
	}
	r.Locked = l.locked(u, now)
}

// given is how much of the need was delivered, in running time.
func (l Load) given(p Progress) time.Duration {
	switch l.Kind {
	case Cycle:
		return time.Duration(p.Runs) * l.Cycle
	case Heat, Measured, Sun, Battery:
	case OnOff, Varies:
		if l.byEnergy {
			return timeFor(p.Energy, l.Power)
		}
	}
	return p.Delivered
}

// Sated tells whether a load that needs a time or an energy a day has had it: it is on no
// longer, whatever is left of the slot that was planned for it.
func (l Load) Sated(p Progress) bool {
	return l.Kind != Cycle && l.Defer && l.Need > 0 && l.Missing(p) == 0
}

// OpensAt tells whether the load's hours begin at an instant: not where they go on from the need-day before.
func (l Load) OpensAt(t time.Time) bool {
	before := t.Add(-time.Second)
	return !slices.ContainsFunc(l.calendar.day(before, 0).spans, func(s units.Slot) bool { return !before.Before(s.Start) && before.Before(s.End()) })
}

// Missing is the running time of the present need-day that has not been given.
func (l Load) Missing(p Progress) time.Duration {
	if !l.Defer || l.Need == 0 {
		return 0
	}
	return max(0, l.Due(p)-l.given(p))
}

// Due is the running time that is to be had in the present need-day, with what is carried over.
func (l Load) Due(p Progress) time.Duration {
	if l.DayOff(p) {
		return 0
	}
	return max(0, l.Need+p.Carry)
}

// DayOff tells whether the present need-day is none of those on which the load is needed: of its weekdays, or
// because nobody is there.
func (l Load) DayOff(p Progress) bool {
	return (l.calendar.on != (civil.Days{}) || len(p.Empty) > 0) && !p.To.IsZero() && l.off(l.calendar.day(p.From, 0), p)
}

// NeededAt tells whether the need-day of an instant is one on which the load is needed.
func (l Load) NeededAt(t time.Time) bool {
	return l.calendar.on == (civil.Days{}) || !l.calendar.day(t, 0).off
}

// due is the need of a need-day.
func (l Load) due(d needDay, p Progress) time.Duration {
	if l.off(d, p) {
		return 0
	}
	return l.Need
}
