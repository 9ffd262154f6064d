package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads/heat"
)

// Progress is what a load was given in its present need-day.  The zero value
// is a load never seen.  It is stored as JSON and reads back the same.
type Progress struct {
	From      time.Time     `json:"from,omitzero"`       // the present need-day, half-open, UTC
	To        time.Time     `json:"to,omitzero"`         //
	Delivered time.Duration `json:"delivered,omitempty"` // running time in it
	Energy    units.Energy  `json:"energy,omitempty"`    // energy given in it, measured where the device measures
	Runs      int           `json:"runs,omitempty"`      // kind cycle: programmes finished in it
	Starts    int           `json:"starts,omitempty"`    // starts in it
	Carry     time.Duration `json:"carry,omitempty"`     // owed from the day before (negative: ahead)
	Missed    time.Duration `json:"missed,omitempty"`    // what the last finished need-day fell short by: the page's shortfall
	On        bool          `json:"on,omitempty"`        // it was running at Until
	Since     time.Time     `json:"since,omitzero"`      // since when On is so
	Until     time.Time     `json:"until,omitzero"`      // account is kept up to here
	Programme time.Duration `json:"programme,omitempty"` // kind cycle: how far the running programme is
	Idle      time.Duration `json:"idle,omitempty"`      // how long it has been on and drawn next to nothing
	Rest      time.Time     `json:"rest,omitzero"`       // the last time it was on it took nothing (a thermostat is open, no car is there): not asked again before this, and not short
	Override  *Override     `json:"override,omitempty"`
	Empty     []units.Slot  `json:"empty,omitempty"` // the times in which nobody is there, as somebody has told, in order; never changed in place
	Heat      *heat.State   `json:"heat,omitempty"`  // kind heat: what is known of the water; never changed in place
}

// Override is a person's wish that goes before the plan until it expires.
type Override struct {
	Run   bool      `json:"run"` // true: run now; false: skip
	Until time.Time `json:"until"`
	By    string    `json:"by,omitempty"` // who asked, for the record; AtDevice: it was set there
	Set   Setpoint  `json:"set,omitzero"` // how it shall run; off: at all that it may draw
}

// AtDevice is who asked for what was set at the device itself.
const AtDevice = "device"

// Wanted is the override in force at now; ok is false where there is none.
func (p Progress) Wanted(now time.Time) (run, ok bool) {
	if p.Override == nil || !now.Before(p.Override.Until) {
		return false, false
	}
	return p.Override.Run, true
}

// TookNothing tells whether the load took no power when it was on last: what it has not had it may not need.
func (p Progress) TookNothing() bool { return !p.Rest.IsZero() }

// Taken is what one load did in a stretch of time: the input of Load.Account.
type Taken struct {
	From, To time.Time    // half-open; a gap between two calls stays a gap
	On       bool         // observed (or, without feedback, commanded) in the stretch
	Set      Setpoint     // what it was on at, as far as that is known
	Energy   units.Energy // measured, where HasEnergy; else what the load draws at Set
	// HasEnergy is set where the device measures.
	HasEnergy bool
}

// When a load that is on draws less than 1/idleShare of its power for idleAfter,
// it takes no more for now; restFor later it is asked again.
const (
	idleShare = 20
	idleAfter = 10 * time.Minute
	restFor   = time.Hour
	farBack   = 36 * time.Hour // no clock is corrected by as much unless it was quite wrong before
)

// Roll moves p to the need-day that holds now, carrying over what is owed, and
// drops an expired override.  A now before the need-day (a clock set back) leaves
// p where it is, so that nothing delivered is forgotten; one set back by days
// begins anew.
func (l Load) Roll(p Progress, now time.Time) Progress {
	if p.Override != nil && !now.Before(p.Override.Until) {
		p.Override = nil
	}
	if now.Before(p.From.Add(-farBack)) { // it was the clock before that was wrong
		p = Progress{On: p.On, Since: now, Programme: p.Programme, Override: p.Override, Heat: p.Heat, Empty: p.Empty}
	}
	if now.Before(p.To) {
		return p
	}
	day := l.calendar.day(now, 0)
	next := Progress{
		From: day.from, To: day.to,
		On: p.On, Since: p.Since, Until: p.Until, Programme: p.Programme, Idle: p.Idle, Rest: p.Rest, Override: p.Override, Heat: p.Heat, Empty: p.Empty,
	}
	if p.To.IsZero() { // never seen before: what there was no time for is not owed
		next.Carry = -max(0, l.due(day, p)-l.room(day, now))
	} else {
		need := l.Need
		if l.DayOff(p) {
			need = 0
		}
		owed := need + p.Carry - l.given(p)
		if day.from.After(p.To) { // whole need-days went by without account
			owed = need + p.Carry
		} else if !p.Rest.IsZero() { // it took all it could
			owed = min(owed, 0)
		}
		if need > 0 && l.Below == nil { // else it could not be had, or need not
			next.Missed = max(0, owed)
		}
		if l.carryOver {
			next.Carry = min(max(owed, -l.Need), l.Need)
		}
	}
	return next
}

// room is how much of the need still fits into the need-day after now.
func (l Load) room(day needDay, now time.Time) time.Duration {
	var room time.Duration
	for _, s := range day.spans {
		free := max(0, s.End().Sub(civil.Later(s.Start, now)))
		switch l.Kind {
		case Cycle:
			free -= free % l.Cycle
		case OnOff, Varies, Heat, Measured, Sun, Battery:
		}
		room += free
	}
	return room
}

// Account adds what the load took in a stretch of time, moving p to the need-day
// of each part.  What p already counts is not counted twice.
func (l Load) Account(p Progress, t Taken) Progress {
	if l.Kind == Heat {
		p = l.heats(p, t)
	}
	p = l.Roll(p, t.From)
	from := civil.Later(t.From, p.Until)
	rest, left := t.Energy, t.To.Sub(t.From)
	if skipped := from.Sub(t.From); skipped > 0 && left > 0 { // already counted
		rest -= rest.Part(int64(min(skipped, left)), int64(left))
		left -= skipped
	}
	for from.Before(t.To) {
		p = l.Roll(p, from)
		to := t.To
		if p.To.After(from) {
			to = civil.Earlier(to, p.To)
		}
		part := t
		part.From, part.To = from, to
		part.Energy = rest.Part(int64(to.Sub(from)), int64(left))
		rest -= part.Energy
		left -= to.Sub(from)
		p = l.add(p, part)
		from = to
	}
	return p
}

// add adds a stretch within one need-day.
func (l Load) add(p Progress, t Taken) Progress {
	d := t.To.Sub(t.From)
	if p.Since.IsZero() || p.On != t.On {
		if t.On {
			p.Starts++
		}
		p.On, p.Since, p.Idle = t.On, t.From, 0
	}
	p.Until = t.To
	energy := t.Energy
	if !t.HasEnergy {
		energy = 0
		if t.On {
			t.Set.On = true
			energy = l.Draws(t.Set).Over(d)
		}
	}
	p.Energy += energy
	if !t.On {
		p.Programme = 0
		return p
	}
	p.Delivered += d
	switch l.Kind {
	case Cycle:
		return l.addProgramme(p, d)
	case Heat:
		return p // that its thermostat is open is known of its water
	case Measured, Sun, Battery:
		return p // it is asked for nothing
	case OnOff, Varies:
	}
	if set := t.Set; !t.HasEnergy || energy.Mean(d) >= l.Draws(Setpoint{On: true, Power: set.Power})/idleShare {
		p.Idle, p.Rest = 0, time.Time{}
		return p
	}
	if p.Idle += d; p.Idle >= idleAfter {
		p.Rest = t.To.Add(restFor)
	}
	return p
}

// addProgramme counts a finished programme once, and drops the wish to run it.
func (l Load) addProgramme(p Progress, d time.Duration) Progress {
	if p.Programme >= l.Cycle {
		return p
	}
	if p.Programme += d; p.Programme >= l.Cycle {
		p.Programme = l.Cycle
		p.Runs++
		if run, ok := p.Wanted(p.Until); ok && run {
			p.Override = nil
		}
	}
	return p
}
