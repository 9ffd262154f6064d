package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// stop switches off what is on, at once where that protects.
func (st *step) stop(l Load, u *UnitState, w Wish) {
	if until := u.Since.Add(l.MinOn); !w.Protect && until.After(st.now) {
		st.hold(l.ID, w.Set, until, HeldMinOn)
		return
	}
	if was := u.Set; st.turn(u, w.Set, w.Reason) && w.Protect {
		u.Spared = was
	}
}

// start switches on what is off.
func (st *step) start(l Load, u *UnitState, w Wish) {
	if st.in.Hold {
		return
	}
	until, why := st.startAt(l, u)
	fits := st.fits(l, u, w.Set)
	if !until.After(st.now) && !fits.On {
		until, why = time.Time{}, HeldLimit
	}
	if !until.After(st.now) {
		if _, beside := l.Beside(st.loads, *st.s, st.now); beside {
			fits, until, why = Setpoint{}, time.Time{}, HeldApart
		}
	}
	if until.After(st.now) || !fits.On {
		st.hold(l.ID, w.Set, until, why)
		if u.Commanded && !u.Confirmed { // meanwhile it is to be off
			st.keep(l, u, Wish{ID: l.ID, Reason: string(why)})
		}
		return
	}
	if st.turn(u, fits, w.Reason) {
		u.Spared = Setpoint{}
		st.started(u)
		st.s.NextOn = st.now.Add(st.gap())
	}
}

// change gives another set-point to what is on.  It is no start, and minimum times
// do not count for it: it waits for the switch's own pause and, where the command
// before was not confirmed, for the time of its next repeat.  One that draws more waits
// for its turn as a start does, and for room.
func (st *step) change(l Load, u *UnitState, w Wish) {
	pending := u.Commanded && !u.Confirmed
	raises := l.flow(w.Set) > l.flow(u.Set)
	set := w.Set
	if raises || !w.Protect {
		takes, _ := st.takes(l.ID)
		until, why := u.FirstSent.Add(max(takes.Pause, st.config.RetryFirst)), HeldChange
		turn := st.s.NextOn
		if l.Kind == Battery { // it follows the house, and no load waits for it
			turn = time.Time{}
		}
		if pending {
			until = civil.Later(until, civil.Later(turn, u.SentAt.Add(st.wait(u.Attempts))))
		}
		if raises {
			if until = civil.Later(until, turn); l.Kind != Battery || w.Set.Power > 0 {
				until = civil.Later(until, u.NotBefore)
			}
			if set = st.fits(l, u, w.Set); set != w.Set && !until.After(st.now) {
				if until, why = (time.Time{}), HeldLimit; set != u.Set && set.Mode != Rests { // for a part of it there is room
					until = u.FirstSent.Add(againAfter)
				}
			}
		}
		if st.in.Hold || until.After(st.now) || set == u.Set {
			st.hold(l.ID, w.Set, until, why)
			if u.Commanded { // not what someone else has set
				st.keep(l, u, w)
			}
			return
		}
	}
	if st.turn(u, set, w.Reason) && (pending || raises) && l.Kind != Battery {
		st.s.NextOn = st.now.Add(st.gap()) // it may start now only
	}
}

// keep is for a load that is reckoned to be as wanted: its command is repeated
// until confirmed, and renewed where a dead man waits for it.
func (st *step) keep(l Load, u *UnitState, w Wish) {
	switch {
	case !u.Commanded && !u.Set.On && u.Confirmed:
		// Seen to be off: nothing to say.
	case !u.Commanded:
		// Seen on, or never seen: say it once, so that it holds.
		st.send(u, w.Reason)
	case !u.Confirmed:
		switch {
		case !st.s.SupplyUp: // a load cannot answer
		case st.unasked(u) && u.FirstSent.Add(st.config.RetryFirst).After(st.now):
			st.next(u.FirstSent.Add(st.config.RetryFirst))
		case u.Set.On && st.s.NextOn.After(st.now): // it may start now only
			st.next(st.s.NextOn)
		case st.again(u, w.Reason) && u.Set.On:
			st.s.NextOn = st.now.Add(st.gap())
		}
	case u.Set.On && l.DeadMan > 0:
		if due := u.SentAt.Add(l.DeadMan / 3); due.After(st.now) {
			st.next(due)
		} else {
			st.emit(u, w.Reason, true)
		}
	}
}

// neverObeyed takes back a command that feedback shows was not obeyed, and that
// is not wanted any more: the load is as it was, since it was.  At which set-point
// one still runs only itself can say; where it does not, it is told again.
func neverObeyed(u *UnitState, want Setpoint) bool {
	if !u.Commanded || u.Confirmed || !u.Seen.Known || u.Seen.On != want.On || !u.Seen.At.After(u.SentAt) {
		return false
	}
	u.Set, u.Since = want, u.Prev
	if u.Seen.HasSet {
		u.Set = u.Seen.set()
	}
	u.Confirmed, u.Attempts = u.Seen.HasSet || want.plain(), 0
	return true
}

// startAt is the earliest time at which a load may start and what it waits for
// longest.
func (st *step) startAt(l Load, u *UnitState) (time.Time, HoldBack) {
	at, why := u.Since.Add(l.MinOff), HeldMinOff
	wait := func(t time.Time, w HoldBack) {
		if t.After(at) {
			at, why = t, w
		}
	}
	if l.MaxStart > 0 && u.Starts >= l.MaxStart {
		wait(units.NextLocalMidnight(st.now, st.zone), HeldStarts)
	}
	if n := st.config.PerHour; n > 0 && len(u.Hour) >= n {
		wait(u.Hour[len(u.Hour)-n].Add(time.Hour), HeldHour)
	}
	wait(u.NotBefore, HeldStagger)
	wait(st.s.NextOn, HeldStagger)
	return at, why
}

// turn commands a set-point that is not the reckoned one, and tells whether it did.
// The same command is not given twice within RetryFirst: a switch that turns
// itself back at once must not be fought in a tight loop.
func (st *step) turn(u *UnitState, set Setpoint, reason string) bool {
	if due := u.SentAt.Add(st.config.RetryFirst); u.Told == set && !u.SentAt.IsZero() && due.After(st.now) {
		st.next(due)
		return false
	}
	changed := u.Set.On && set.On && u.Commanded && !u.Confirmed
	if u.Set.On != set.On {
		u.Prev, u.Since = u.Since, st.now
	}
	// Else it may never have done that; and while what was told last may not be in what was
	// measured, neither is this: the least of them counts until it is.
	if l, _ := st.byID(u.ID); (!u.Commanded || u.Confirmed) && (!st.in.Limit.comes(l, *u) || l.Draws(u.Set) < l.Draws(u.Former)) {
		u.Former = u.Set
	}
	u.Set = set
	if changed {
		st.emit(u, reason, false) // still not confirmed, since the same time
	} else {
		st.send(u, reason)
	}
	return true
}

// send sends the reckoned set-point for the first time.
func (st *step) send(u *UnitState, reason string) {
	u.FirstSent, u.Attempts = st.now, 0
	u.Commanded, u.Confirmed = true, false
	st.emit(u, reason, false)
}

// again repeats a command that is not confirmed when its time has come, and tells
// whether it did.
func (st *step) again(u *UnitState, reason string) bool {
	if u.Confirmed {
		return false
	}
	if due := u.SentAt.Add(st.wait(u.Attempts)); due.After(st.now) {
		st.next(due)
		return false
	}
	st.emit(u, reason, false)
	return true
}

func (st *step) emit(u *UnitState, reason string, renew bool) {
	if !renew {
		u.Attempts++
	}
	u.SentAt, u.Told = st.now, u.Set
	st.out.Commands = append(st.out.Commands, Command{
		ID: u.ID, Set: u.Set, Reason: reason, Attempt: max(u.Attempts, 1), Renew: renew, At: st.now,
	})
	st.next(st.now.Add(st.wait(u.Attempts)))
}

// wait is how long to wait after the n-th send.
func (st *step) wait(n int) time.Duration {
	first := max(st.config.RetryFirst, 100*time.Millisecond)
	return backoff.After(max(n, 1), first, max(first, st.config.RetryMax))
}
