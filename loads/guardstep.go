package loads

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// stuckAfter is how long an opened contactor may still be seen closed before it
// is called stuck: contacts take some 20 ms, and a weld does not clear by
// waiting.
const stuckAfter = 200 * time.Millisecond

// NewGuard builds a guard for the site's loads; zone is the site's, for the
// starts of a local day.
func NewGuard(c GuardConfig, ls []Load, zone *time.Location) *Guard {
	g := &Guard{config: c, loads: slices.Clone(ls), zone: zone}
	slices.SortFunc(g.loads, func(a, b Load) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), strings.Compare(a.ID, b.ID))
	})
	return g
}

// step is one run of Guard.Step: the state being changed and the verdict being
// written.
type step struct {
	*Guard
	s   *GuardState
	in  GuardInput
	now time.Time
	out Verdict
}

// Step takes the wishes and what was observed, and says what to send.  It does
// not change s.
func (g *Guard) Step(s GuardState, in GuardInput) (GuardState, Verdict) {
	n := g.adopt(s, in.Now)
	st := step{Guard: g, s: &n, in: in, now: in.Now}
	st.hear()
	if in.Fresh {
		st.sayAgain()
	}
	st.supply()
	for _, off := range []bool{true, false} { // all offs go before the first on
		for _, l := range g.loads {
			st.load(l, off)
		}
	}
	st.warn()
	n.LastNow = in.Now
	slices.SortStableFunc(st.out.Commands, func(a, b Command) int { return rank(a) - rank(b) })
	return n, st.out
}

// rank orders commands: what cuts the supply, then what switches loads off,
// then what gives supply back, then starts.
func rank(c Command) int {
	switch {
	case !c.Set.On && c.ID == SupplyID:
		return 0
	case !c.Set.On:
		return 1
	case c.ID == SupplyID:
		return 2
	default:
		return 3
	}
}

// adopt copies s, gives each configured switch a memory and forgets the others.
// A switch never seen before counts as switched off just now, so that its
// minimum off time holds.  After a clock that was set back, no stored time may
// lie ahead: a pause would last for ever.
func (g *Guard) adopt(s GuardState, now time.Time) GuardState {
	n := s
	n.Units = make([]UnitState, 0, len(g.loads)+1)
	ids := make([]string, 0, len(g.loads)+1)
	for _, l := range g.loads {
		ids = append(ids, l.ID)
	}
	if g.config.Supply {
		ids = append(ids, SupplyID)
	}
	slices.Sort(ids)
	day := units.LocalMidnight(now, g.zone)
	for _, id := range ids {
		u := s.Unit(id)
		u.Hour = slices.Clone(u.Hour)
		if u.Since.IsZero() {
			u.Since, u.Prev = now, now
		}
		if l, ok := find(g.loads, id); ok && l.Kind.Heard() {
			u.Commanded, u.Attempts, u.Spared = false, 0, Setpoint{} // it may have been switched before
		}
		if now.Before(s.LastNow) {
			for _, t := range []*time.Time{&u.Since, &u.Prev, &u.FirstSent, &u.SentAt, &u.Seen.At} {
				*t = civil.Earlier(*t, now)
			}
			for i := range u.Hour {
				u.Hour[i] = civil.Earlier(u.Hour[i], now)
			}
			u.NotBefore = civil.Earlier(u.NotBefore, now.Add(g.config.Spread))
		}
		u.Hour = slices.DeleteFunc(u.Hour, func(t time.Time) bool { return !t.After(now.Add(-time.Hour)) })
		if most := max(g.config.PerHour, 1); len(u.Hour) > most {
			u.Hour = u.Hour[len(u.Hour)-most:] // one that starts by itself starts as often as it likes
		}
		if len(u.Hour) == 0 {
			u.Hour = nil // as JSON restores it
		}
		if !u.Day.Equal(day) {
			u.Day, u.Starts = day, 0
		}
		n.Units = append(n.Units, u)
	}
	if now.Before(s.LastNow) {
		n.NextOn = civil.Earlier(n.NextOn, now.Add(g.config.GapMax))
	}
	return n
}

func (st *step) unit(id string) *UnitState {
	i, ok := slices.BinarySearchFunc(st.s.Units, id, func(u UnitState, id string) int { return strings.Compare(u.ID, id) })
	if !ok {
		return nil
	}
	return &st.s.Units[i]
}

// hear takes in what was observed.
func (st *step) hear() {
	for i := range st.s.Units {
		u := &st.s.Units[i]
		if !st.feedback(u.ID) {
			// Nobody can tell: what left this machine counts as done.
			u.Confirmed = u.Commanded && !slices.Contains(st.in.Failed, u.ID)
			if u.Confirmed {
				u.Attempts = 0
			}
		}
	}
	for _, f := range st.in.Facts {
		if u := st.unit(f.ID); u != nil && st.feedback(f.ID) {
			was := *u
			if st.observe(u, f); st.byHand(was, *u, f) {
				st.out.Hands = append(st.out.Hands, Hand{ID: f.ID, Set: u.Set})
			}
		}
	}
}

// sayAgain makes every command due once more: a driver that was opened anew does
// not know what the one before was told.  What was on may have dropped meanwhile, and to be
// on again is a start then: what its dead man has ended is reckoned off since, and what can
// say how it is has RetryFirst for that (see unasked).
func (st *step) sayAgain() {
	for i := range st.s.Units {
		u := &st.s.Units[i]
		if !u.Commanded {
			continue
		}
		l, _ := st.byID(u.ID)
		if ended := u.SentAt.Add(l.DeadMan); l.DeadMan > 0 && u.Set.On && !u.SentAt.IsZero() && !ended.After(st.now) &&
			!(u.Seen.Known && u.Seen.On && !u.Seen.At.Before(ended)) {
			u.Set, u.Prev, u.Since = Setpoint{}, u.Since, ended
			u.Commanded, u.Confirmed, u.Attempts = false, false, 0
			continue
		}
		u.Attempts = 0
		if _, heard := st.takes(u.ID); !u.Confirmed || heard && u.Seen.Known {
			u.Attempts = 1 // it may never have heard of it, or is on still: it is told at once
		}
		u.Confirmed = false
		u.FirstSent, u.SentAt = st.now, time.Time{}
	}
}

// unasked tells whether a load was on when its driver was opened anew, and has been told
// nothing since.
func (st *step) unasked(u *UnitState) bool {
	return u.ID != SupplyID && st.feedback(u.ID) && u.Set.On && u.Commanded && !u.Confirmed && u.SentAt.IsZero() && u.Attempts == 0
}

func (st *step) feedback(id string) bool {
	if id == SupplyID {
		return st.config.SupplyFeedback
	}
	l, ok := st.byID(id)
	return ok && l.Feedback
}

// takes is what a switch can be told; known is false where nothing was heard of it.
func (st *step) takes(id string) (c Capability, known bool) {
	i := slices.IndexFunc(st.in.Facts, func(f Fact) bool { return f.ID == id })
	if i < 0 {
		return c, false
	}
	return st.in.Facts[i].Takes, true
}

// obeys tells whether feedback agrees with what the switch is reckoned to do.
// What it draws proves nothing of a set-point: a car that is full draws little.
func (f Fact) obeys(s Setpoint) bool {
	switch {
	case f.On != s.On:
		return false
	case s.plain() || !f.Takes.ReadBack:
		return true
	}
	return f.HasSet && f.Set == s
}

func (st *step) observe(u *UnitState, f Fact) {
	o := f.Observation
	o.At = civil.Earlier(o.At, st.now)
	back := o.Known && !u.Seen.Known // it is heard again
	u.Seen = o
	switch {
	case !o.Known:
	case u.Commanded && o.At.Before(u.SentAt):
		// It was so before the command; that says nothing about it.
	case st.unasked(u) && o.On:
		u.Attempts = 1 // it is on still, and is told so once more
	case st.unasked(u):
		u.Set, u.Prev, u.Since = Setpoint{}, u.Since, o.At // it has dropped
		u.Commanded, u.Confirmed = false, true
	case f.obeys(u.Set) && (u.Confirmed || !u.Commanded || u.Told == u.Set):
		u.Confirmed, u.Attempts = true, 0
	case u.Commanded && !u.Confirmed:
		// Not obeyed so far: the command is pending and will be repeated, soon
		// where the switch could not hear it until now.
		if back {
			u.Attempts = min(u.Attempts, 1)
		}
	case o.On == u.Set.On:
		// It runs on, as someone else has set it; or it does not say how.
		if o.HasSet {
			u.Set = o.set()
			u.Commanded, u.Confirmed, u.Attempts = false, true, 0
		}
	default:
		// Switched by someone else, by its own timer, or first seen.
		first := u.SentAt.IsZero() && !u.Confirmed
		u.Set, u.Prev, u.Since = o.set(), u.Since, o.At
		u.Commanded, u.Confirmed, u.Attempts = false, true, 0
		if o.On && !first {
			st.started(u)
		}
	}
}

// byHand tells whether what is seen now was set by a person at the device: it
// was proven to be as it was told, and is otherwise since.  A device that has just
// come back, that has no supply, or whose own timer may have ended has no hand in it,
// and neither has one that does what protects.
func (st *step) byHand(was, is UnitState, f Fact) bool {
	l, ok := st.byID(f.ID)
	if !ok || l.Respect <= 0 || is.Commanded || is.Set == was.Set || !was.Commanded || !was.Confirmed || was.Spared.On {
		return false
	}
	switch {
	case !was.Seen.Known || !st.s.SupplyUp || st.in.PowerBack || st.in.Fresh || !st.in.Now.After(was.NotBefore):
		return false
	case !is.Set.On && l.DeadMan > 0 && is.Seen.At.Sub(was.SentAt) >= l.DeadMan-l.DeadMan/10:
		return false
	}
	return true
}

func (st *step) byID(id string) (Load, bool) {
	return find(st.loads, id)
}

func (st *step) started(u *UnitState) {
	u.Starts++
	u.Hour = append(u.Hour, st.now)
}

// supply obeys the credit rules at once, and finds whether the loads have a
// supply.
func (st *step) supply() {
	up := true
	if u := st.unit(SupplyID); u != nil {
		want := st.in.SupplyOn
		if st.in.Hold && want && !(u.Set.On && u.Commanded) {
			return // its closing waits, and the loads' supply is as it was
		}
		if u.Set.On != want || !u.Commanded {
			st.turn(u, Setpoint{On: want}, st.in.SupplyReason)
		} else {
			st.again(u, st.in.SupplyReason)
		}
		seenOff := st.config.SupplyFeedback && u.Seen.Known && !u.Seen.On
		up = want && !seenOff
	}
	if up && (!st.s.SupplyUp || st.in.PowerBack || st.in.Eased) {
		st.s.NextOn = civil.Later(st.s.NextOn, st.now.Add(st.gap()))
		for i := range st.s.Units {
			if u := &st.s.Units[i]; u.ID != SupplyID {
				u.NotBefore = st.now.Add(st.draw(st.config.Spread))
				if !st.s.SupplyUp {
					u.Attempts = min(u.Attempts, 1) // it could not answer without power
				}
			}
		}
	}
	st.s.SupplyUp = up
}

// reasonSupplyOff is why a load is switched off together with the supply.
const reasonSupplyOff = "supply_off"

// load grants, holds or repeats what is wanted of a load.  It is called twice a
// step: first for the loads to be off, then for those to be on.
func (st *step) load(l Load, offs bool) {
	if l.Kind.Heard() {
		return // whatever is wished, and whatever it was before
	}
	u := st.unit(l.ID)
	w, wished := st.wish(l, u, offs)
	if !wished && !u.Commanded {
		return // nobody controls it
	}
	if wished && !w.Protect {
		u.Spared = Setpoint{} // its wish says what it shall be
	}
	if st.in.Hold && !u.Commanded && w.Set.On {
		return // it was told nothing so far, and that waits
	}
	if !st.s.SupplyUp {
		if w.Set.On && offs {
			st.hold(l.ID, w.Set, time.Time{}, HeldSupply)
		}
		w = Wish{ID: l.ID, Protect: true, Reason: reasonSupplyOff}
	}
	if i := slices.IndexFunc(st.out.Hands, func(h Hand) bool { return h.ID == l.ID }); i >= 0 {
		if !w.Protect {
			return // whoever steps the guard has yet to say what becomes of it
		}
		st.out.Hands = slices.Delete(st.out.Hands, i, i+1)
	}
	if w.Set.On && st.yields(l, u) {
		w = Wish{ID: l.ID, Protect: true, Reason: string(HeldApart)}
	}
	if w.Set.On == offs {
		return
	}
	if w.Set.On != u.Set.On && !w.Protect && neverObeyed(u, w.Set) && w.Set == u.Set && u.Confirmed {
		return
	}
	switch {
	case w.Set == u.Set:
		st.keep(l, u, w)
	case w.Set.On == u.Set.On:
		st.change(l, u, w)
	case w.Set.On:
		st.start(l, u, w)
	default:
		st.stop(l, u, w)
	}
}

// wish is what is wanted of a load.  What its switch does not take is no wish: the
// load goes on as it does.
func (st *step) wish(l Load, u *UnitState, offs bool) (w Wish, wished bool) {
	takes, known := st.takes(l.ID)
	if i := slices.IndexFunc(st.in.Wishes, func(w Wish) bool { return w.ID == l.ID }); i >= 0 {
		w = st.in.Wishes[i]
		if takes.Check(w.Set) == nil {
			if !w.Set.On {
				w.Set = Setpoint{}
			}
			return w, true
		}
		if offs {
			st.hold(l.ID, w.Set, time.Time{}, HeldRefused)
		}
	}
	w = Wish{ID: l.ID, Set: u.Set, Reason: "repeated"}
	if u.Commanded && u.Spared.On {
		w.Set, w.Reason = u.Spared, "restored"
	}
	if known {
		w.Set = takes.AtMost(w.Set) // it may take less than it did
	}
	return w, false
}

func (st *step) hold(id string, set Setpoint, until time.Time, why HoldBack) {
	st.out.Held = append(st.out.Held, Hold{ID: id, Set: set, Until: until, Reason: why})
	st.next(until)
}

func (st *step) next(t time.Time) {
	if t.After(st.now) && (st.out.Next.IsZero() || t.Before(st.out.Next)) {
		st.out.Next = t
	}
}

// warn tells of commands that are not confirmed.
func (st *step) warn() {
	for _, u := range st.s.Units {
		if !u.Commanded || u.Confirmed {
			continue
		}
		w := Warning{ID: u.ID, Since: u.FirstSent, Want: u.Set}
		seenOther := u.Seen.Known && u.Seen.On != u.Set.On && !u.Seen.At.Before(u.FirstSent.Add(stuckAfter))
		switch {
		case u.ID == SupplyID && !u.Set.On && seenOther:
			w.Code = WarnSupplyStuck
		case u.Attempts >= max(st.config.WarnAfter, 1) && (st.s.SupplyUp || u.ID == SupplyID):
			w.Code = WarnUnconfirmed
		default:
			continue
		}
		st.out.Warnings = append(st.out.Warnings, w)
	}
}

// gap is the pause after a start, between GapMin and GapMax.
func (st *step) gap() time.Duration {
	return st.config.GapMin + st.draw(st.config.GapMax-st.config.GapMin)
}

// draw is the next random time in [0, most], to the millisecond: SplitMix64 of
// the seed and the number of draws so far (Steele, Lea, Flood, "Fast splittable
// pseudorandom number generators", 2014), so that the state is two numbers.
func (st *step) draw(most time.Duration) time.Duration {
	if most < time.Millisecond {
		return 0
	}
	st.s.Drawn++
	z := st.config.Seed + st.s.Drawn*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return time.Duration(z%uint64(most/time.Millisecond+1)) * time.Millisecond
}
