package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Drawn is what the site is known to draw.
type Drawn struct {
	Power units.Power
	From  time.Time // Power is the mean from here
	At    time.Time // to here
	Known bool      // false: nobody tells
}

// Limit is what the site may draw, and what it does.  The zero value is none.
type Limit struct {
	Allowed units.Power // 0: no limit
	// Strict: what runs is not to make way for what starts, however important that is;
	// only Shed has it draw less.
	Strict bool
	Drawn  Drawn
}

const (
	// followsIn is how long a device may take to draw what it was told.
	followsIn = time.Second
	// followShare is the share of its set-point by which a device may draw more: some
	// measure badly.
	followShare = 10
	// againAfter is how long a load that was told less than is wanted, because there was
	// no room for more, is not told a little more.
	againAfter = 5 * time.Minute
)

// Over is what is drawn beyond what is allowed, as far as nothing that was told since it
// was measured takes it away; 0 where that is nothing or not known.
func (x Limit) Over(ls []Load, s GuardState) units.Power {
	if x.Allowed <= 0 || !x.Drawn.Known {
		return 0
	}
	over := x.Drawn.Power - x.Allowed
	for _, l := range ls {
		u := s.Unit(l.ID)
		if before, now := l.before(u, x.Drawn), l.Draws(u.Set); u.Commanded && now < before {
			over -= x.Drawn.unseen(u.FirstSent, before-now)
		}
	}
	return max(0, over)
}

// room is what may be drawn more than is drawn, or will be by what was told; less than
// nothing where that is too much.
func (x Limit) room(ls []Load, s GuardState) units.Power {
	room := x.Allowed
	if x.Drawn.Known {
		room -= x.Drawn.Power
	}
	for _, l := range ls {
		switch u := s.Unit(l.ID); {
		case !u.Set.On:
		case !x.Drawn.Known:
			room -= l.Draws(u.Set)
		case x.comes(l, u):
			// What its device measured may be of before what was told in between.
			// What a battery gave, and gives no more, is drawn from then on.
			room -= max(0, l.flow(u.Set)-min(l.before(u, x.Drawn), l.flow(u.Former)))
		}
	}
	return room
}

// comes tells whether what the load was told last may not be in what was measured.  Where
// that is not confirmed its device may obey at the last repeat only.
func (x Limit) comes(l Load, u UnitState) bool {
	told := u.FirstSent
	if !u.Confirmed || l.DeadMan == 0 { // a renewal is no change
		told = u.SentAt
	}
	return u.Commanded && x.Drawn.Known && !told.Add(followsIn).Before(x.Drawn.From)
}

// unseen is how much of a change of p, told at an instant, is not in what was measured.
func (d Drawn) unseen(told time.Time, p units.Power) units.Power {
	missing, whole := told.Add(followsIn).Sub(d.From), d.At.Sub(d.From)
	switch {
	case missing < 0 || told.IsZero():
		return 0
	case missing >= whole:
		return p
	}
	return units.Power(units.MulDiv(int64(p), int64(missing), int64(whole)))
}

// before is what the load drew before it was told what it is told now: as its device has
// measured by then, else as it was told then.
func (l Load) before(u UnitState, d Drawn) units.Power {
	if u.Seen.HasPower && u.Seen.On && !u.Seen.At.After(d.At) {
		if l.Kind == Battery {
			return u.Seen.Power
		}
		return max(0, u.Seen.Power)
	}
	return l.flow(u.Former)
}

// now is what the load is reckoned to draw: as measured, else as it was told.
func (l Load) now(u UnitState) units.Power {
	if u.Seen.HasPower {
		return max(0, u.Seen.Power)
	}
	return l.Draws(u.Set)
}

// flow is what the load draws at a set-point, below zero where it gives.
func (l Load) flow(s Setpoint) units.Power {
	if s.On && s.Power < 0 {
		return s.Power
	}
	return l.Draws(s)
}

// fits is what of a set-point there is room for, and what that takes of the room: nothing
// where it draws no more than now.  It is off, or what it is, where there is none.
func (st *step) fits(l Load, u *UnitState, want Setpoint) Setpoint {
	if l.Kind == Battery && want.On && want.Power <= 0 {
		return want // it ceases to give what is kept, or what would flow out, whatever there is room for
	}
	want = st.curbed(l, u, want)
	x := st.in.Limit
	now := units.Power(0)
	if u.Set.On {
		if now = l.now(*u); x.comes(l, *u) || u.Set.Power < 0 {
			now = l.flow(u.Set) // of which the room knows
		}
	}
	if x.Allowed <= 0 || l.Essential || l.flow(want) <= now {
		return want
	}
	free := x.room(st.loads, *st.s)
	if !x.Strict {
		for _, other := range st.loads {
			if o := st.unit(other.ID); o.Set.On && other.Priority > l.Priority && !other.Essential {
				free += other.now(*o) // it makes way
			}
		}
	}
	if l.flow(want)-now <= free {
		return want
	}
	takes, _ := st.takes(l.ID)
	less := lower(takes, now+free)
	if less.Mode = want.Mode; !less.On || want.Power == 0 || l.flow(less) <= l.flow(u.Set) {
		return l.noMore(u.Set)
	}
	return less
}

// noMore is what a load does that there is no room for: what it did.  A battery does not go on giving, and
// is not left to its own ways, which may be to take.
func (l Load) noMore(is Setpoint) Setpoint {
	if l.Kind == Battery && (!is.On || is.Power < 0) {
		return Setpoint{On: true, Mode: Rests}
	}
	return is
}
