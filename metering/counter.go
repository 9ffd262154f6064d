package metering

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Counter is where one of the meter's registers was last believed.
type Counter struct {
	Known bool         `json:"known"` // a value has been believed
	At    time.Time    `json:"at"`    // when
	Value units.Energy `json:"value"`
	// Ahead is energy counted from power since Value was read; the next
	// difference of the register is charged less this.
	Ahead units.Energy `json:"ahead"`
	// Odd is set while the last value cannot have come from consumption.  The
	// next sample decides: back where it was, or a new base.
	Odd      bool         `json:"odd"`
	OddAt    time.Time    `json:"odd_at"`
	OddValue units.Energy `json:"odd_value"`

	// Former are the places that the register has left otherwise than by
	// consumption, the oldest first: it may come back.  They are forgotten when
	// the present one has proved itself (see settle).
	Former []Base `json:"former"`
	// Since is when the present base was taken, and Moved what has been counted
	// from it in ordinary steps.
	Since time.Time    `json:"since"`
	Moved units.Energy `json:"moved"`

	// Stood is since when it has stood still, and Claimed what the power told has made
	// of that time.
	Stood   time.Time    `json:"stood"`
	Claimed units.Energy `json:"claimed"`

	// Fast is how much more it has moved of late than the supply can carry, and Races that
	// this has become more than a late or a coarse register explains (see race).  Below zero
	// it is how much less it has shown of a silence that has just ended than the supply could
	// carry in it: what was held back meanwhile, a queue or a buffer hands over at once.
	Fast  units.Energy `json:"fast"`
	Races bool         `json:"races"`

	// Sum is what Value was added up from (Sample.ImportSum); a sample with
	// another sum has another register, since OtherAt.
	Sum     uint16    `json:"sum"`
	Other   uint16    `json:"other"`
	OtherAt time.Time `json:"other_at"`
}

// Base is where a register once stood.
type Base struct {
	At     time.Time    `json:"at"`
	Value  units.Energy `json:"value"`
	Ahead  units.Energy `json:"ahead"`  // counted since At all the same
	Device string       `json:"device"` // the meter's identity, where another meter came
}

const (
	// mostBases bounds Former: the first, which is likely to be the true one,
	// and the newest.
	mostBases = 4
	// settled is how long a new base must have counted to be the only one.
	settled = 24 * time.Hour
	// otherFor is how long a register must be added up otherwise to be taken
	// for the new one, and not for a line of the telegram that was lost.
	otherFor = 10 * time.Minute
)

// step is what both counters need to know of the sample.
type step struct {
	at        time.Time
	dt        time.Duration // since the last sample; zero where not known
	first     bool
	clockBack bool
	powered   bool // the power is known
	s         Sample
	lim       Limits
}

// resolution is that of the registers, as far as it is known.
func (st step) resolution() units.Energy {
	if st.s.Step <= 0 {
		return unknownStep
	}
	return st.s.Step
}

type outcome struct {
	energy       units.Energy
	fromRegister bool         // the register was believed, so the energy is complete up to this sample
	seen         bool         // the register is the one of the sample before, and
	moved        units.Energy // so far on
	stood        bool         // it had stood still, so that nobody knows when the energy was used
	quality      Quality
	events       []Event
}

// take counts one register.  power is the energy that the trapezoid rule gives
// for the same time.
func (c Counter) take(st step, has bool, v, power units.Energy, export bool) (Counter, outcome) {
	sum := st.s.ImportSum
	if export {
		sum = st.s.ExportSum
	}
	c, has, begun := c.sameSum(st, has, sum, v)
	c, o := c.count(st, has, v, power, export)
	if begun {
		o.quality |= Suspect
		o.events = append(o.events, Event{Kind: RegisterRebased, Start: st.at, Before: c.Former[len(c.Former)-1].Value, After: v, Export: export})
	}
	if len(c.Former) == 0 {
		return c, o
	}
	if since := st.at.Sub(c.Since); since >= settled && c.Moved >= 10*st.resolution() {
		c.Former = nil
		return c, o
	}
	if o.energy > 0 { // it may be in the former registers too
		c.Former = slices.Clone(c.Former) // the caller keeps the state before
		for i := range c.Former {
			c.Former[i].Ahead += o.energy
		}
	}
	return c, o
}

// sameSum tells whether the value is of the register that is counted.  A sum
// that lacks a part is no register; one that stays otherwise is another.
func (c Counter) sameSum(st step, has bool, sum uint16, v units.Energy) (_ Counter, _, begun bool) {
	switch {
	case !has || !c.Known || c.Sum == 0 || sum == 0 || sum == c.Sum:
		c.Other, c.OtherAt = 0, time.Time{}
		if has && v >= 0 {
			c.Sum = sum
		}
		return c, has, false
	case sum&c.Sum == c.Sum && st.at.Sub(c.At) <= st.lim.MaxGap:
		// A part came in with nothing in it, as a new tariff does.
		if _, _, ok := c.moved(st, c.At, c.Value, v); ok {
			c.Sum, c.Other, c.OtherAt = sum, 0, time.Time{}
			return c, true, false
		}
	}
	switch {
	case sum != c.Other || st.at.Before(c.OtherAt):
		c.Other, c.OtherAt = sum, st.at
	case st.at.Sub(c.OtherAt) >= otherFor && v >= 0:
		c = c.left("", st.at)
		c.Sum = sum
		return c, true, true
	}
	return c, false, false
}

// left is a counter that begins anew and remembers where this one stood.
func (c Counter) left(device string, at time.Time) Counter {
	n := Counter{Former: c.Former, Since: at}
	if c.Known {
		n.Former = c.remember(device)
	}
	return n
}

// remember is Former and where the register stands now.
func (c Counter) remember(device string) []Base {
	f := slices.Clone(c.Former)
	if len(f) == mostBases {
		f = slices.Delete(f, 1, 2)
	}
	return append(f, Base{At: c.At, Value: c.Value, Ahead: c.Ahead, Device: device})
}

func (c Counter) count(st step, has bool, v, power units.Energy, export bool) (Counter, outcome) {
	if !has || !c.Known {
		return c.byPower(st, has, v, power, export)
	}
	delta, wrapped, ok := c.moved(st, c.At, c.Value, v)
	var begins bool
	if c.Fast, begins = c.fast(st, c.At, delta, ok); c.Races || begins {
		return c.race(st, v, power, export)
	}
	stood := false
	if !ok && c.stands(st, v) {
		delta, wrapped, ok = c.moved(st, c.Stood, c.Value, v)
		stood = ok
	}
	silent := st.clockBack || st.at.Sub(c.At) > st.lim.MaxGap
	oddDelta, _, oddOK := units.Energy(0), false, false
	if c.Odd {
		oddDelta, _, oddOK = c.moved(st, c.OddAt, c.OddValue, v)
	}
	switch near, found := c.nearest(st, v, ""); {
	case ok && silent && c.unproven(st, delta):
		// It may as well be a meter that has found its register again.
		return c.rebase(st, v, power, export)
	case ok && (silent || c.Moved == 0) && found && abs(v-c.Former[near].Value) < delta:
		// After a silence, and on a base that has not been seen to count, both can
		// be: it went on from here, or it is back.  The customer is charged for
		// what both allow.
		return c.back(st, near, v, power, export)
	case ok && silent && oddOK && oddDelta < delta:
		return c.odd(st, oddDelta, v, power, export)
	case ok:
		c, o := c.on(st, delta, wrapped, v, power, export)
		if stood {
			o.stood, o.seen, o.quality = true, false, o.quality|Estimated
		}
		return c, o
	case found && abs(v-c.Former[near].Value) <= abs(v-c.Value)/2:
		return c.back(st, near, v, power, export)
	case oddOK:
		if c.Fast, begins = c.fast(st, c.OddAt, oddDelta, true); begins {
			return c.race(st, v, power, export)
		}
		return c.odd(st, oddDelta, v, power, export)
	}
	kind := RegisterJump
	if v < c.Value {
		kind = RegisterBackwards
	}
	ev := Event{Kind: kind, Start: st.at, Before: c.Value, After: v, Export: export}
	c.Odd, c.OddAt, c.OddValue = true, st.at, v
	c.Ahead += power
	return c, outcome{energy: power, quality: Suspect, events: []Event{ev}}
}

// byPower counts where no register can be compared.  Where one was there
// before, what is charged is remembered, so that its next difference is not
// charged twice.
func (c Counter) byPower(st step, has bool, v, power units.Energy, export bool) (Counter, outcome) {
	if has && v >= 0 && st.s.Device != "" {
		near, found := c.nearest(st, v, st.s.Device)
		if found && v >= c.Former[near].Value-st.s.Step {
			c, o := c.back(st, near, v, power, export)
			c.Ahead = 0 // what the other meter counted besides is not in this one
			return c, o
		}
	}
	o := outcome{energy: power}
	if c.Known {
		c.Ahead += power
	}
	if has && v >= 0 {
		c = Counter{Known: true, At: st.at, Value: v, Former: c.Former, Since: st.at, Sum: c.Sum}
	}
	return c, o
}

// on is a register that went on from where it was.
func (c Counter) on(st step, delta units.Energy, wrapped bool, v, power units.Energy, export bool) (Counter, outcome) {
	o := outcome{fromRegister: true, seen: true, moved: delta}
	silent := st.clockBack || st.at.Sub(c.At) > st.lim.MaxGap
	next := c
	switch {
	case c.Odd:
		o.events = append(o.events, Event{Kind: RegisterRecovered, Start: st.at, Before: c.OddValue, After: v, Export: export})
	case wrapped:
		o.events = append(o.events, Event{Kind: RegisterWrapped, Start: st.at, Before: c.Value, After: v, Export: export})
		next.Former, next.Since, next.Moved = c.remember(""), st.at, 0
	}
	if silent && len(c.Former) > 0 && delta > 0 {
		o.quality |= Suspect
	}
	ahead := max(0, c.Ahead-delta)
	o.energy = delta - (c.Ahead - ahead)
	if delta == 0 && v < c.Value {
		v = c.Value // trembling within one step: do not count it up again
	}
	if !silent {
		next.Moved += delta
	}
	if next.Claimed += power; delta > 0 || c.Stood.IsZero() || st.clockBack {
		next.Stood, next.Claimed = st.at, 0
	}
	next.At, next.Value, next.Ahead = st.at, v, ahead
	next.Odd, next.OddAt, next.OddValue = false, time.Time{}, 0
	return next, o
}

// back is a register that came back to where it once stood, or near it.
func (c Counter) back(st step, near int, v, power units.Energy, export bool) (Counter, outcome) {
	base := c.Former[near]
	if v < base.Value-st.s.Step {
		// A little before it: it has lost what it counted last.  That is paid.
		return c.rebase(st, v, power, export)
	}
	delta := max(0, v-base.Value)
	ahead := max(0, base.Ahead-delta)
	o := outcome{energy: delta - (base.Ahead - ahead), fromRegister: true}
	if st.at.Sub(c.At) > st.lim.MaxGap {
		o.quality = Suspect
	}
	o.events = []Event{{Kind: RegisterRecovered, Start: st.at, Before: c.Value, After: v, Export: export}}
	return Counter{
		Known: true, At: st.at, Value: max(v, base.Value), Ahead: ahead, Former: append([]Base(nil), c.Former[:near]...), Since: st.at, Sum: c.Sum, Fast: c.Fast,
	}, o
}

// rebase takes v as it stands and charges power only.
func (c Counter) rebase(st step, v, power units.Energy, export bool) (Counter, outcome) {
	return Counter{Known: true, At: st.at, Value: v, Former: c.remember(""), Since: st.at, Sum: c.Sum, Fast: c.Fast}, outcome{
		energy: power, quality: Suspect,
		events: []Event{{Kind: RegisterRebased, Start: st.at, Before: c.Value, After: v, Export: export}},
	}
}

// odd is a register that stayed where it had gone.
func (c Counter) odd(st step, delta, v, power units.Energy, export bool) (Counter, outcome) {
	if st.at.Sub(c.OddAt) > st.lim.MaxGap {
		for _, b := range append(slices.Clone(c.Former), Base{Value: c.Value}) {
			if abs(v-b.Value) < delta {
				return c.rebase(st, v, power, export)
			}
		}
	}
	return Counter{Known: true, At: st.at, Value: v, Former: c.remember(""), Since: st.at, Sum: c.Sum, Fast: c.Fast}, outcome{
		energy: delta, fromRegister: true, quality: Suspect,
		events: []Event{{Kind: RegisterRebased, Start: st.at, Before: c.Value, After: c.OddValue, Export: export}},
	}
}

// nearest is the former base that is nearest to v and from which consumption
// can have taken the register to v, or has lost a little; with a device, that
// meter's.
func (c Counter) nearest(st step, v units.Energy, device string) (at int, found bool) {
	if v < 0 {
		return 0, false
	}
	for i, b := range c.Former {
		if device != "" && b.Device != device {
			continue
		}
		if _, _, ok := c.moved(st, b.At, b.Value, v); v >= b.Value && !ok {
			continue
		}
		if !found || abs(v-b.Value) < abs(v-c.Former[at].Value) {
			at, found = i, true
		}
	}
	return at, found
}

// stands tells whether it says nothing of what was used that the register has stood
// still: energy went through it, by the power that was told, and so what shows it does not
// follow it and is as good as silent; or nobody tells power nor in which steps it counts,
// and this may be one of them.
func (c Counter) stands(st step, v units.Energy) bool {
	if c.Odd || c.Stood.IsZero() || !c.Stood.Before(c.At) {
		return false
	}
	return c.Claimed > 2*st.resolution() || st.s.Step <= 0 && !st.powered && v-c.Value <= coarsest
}

// coarsest is the longest step of any meter's register.
const coarsest = units.KilowattHour

// unproven tells whether the base is a zero that has never been seen to count,
// as a device shows that has not found its register yet, and delta more than a
// household can have used since.
func (c Counter) unproven(st step, delta units.Energy) bool {
	if c.Value != 0 || c.Moved != 0 || c.Odd || len(c.Former) > 0 || st.lim.MaxPower <= 0 {
		return false
	}
	usual := st.lim.MaxPower / 4
	return delta > usual.Over(max(st.at.Sub(c.At), 4*st.lim.MaxGap))
}

// moved tells how far a register went from (at0, v0) to v now, and whether
// consumption can have taken it there.
func (c Counter) moved(st step, at0 time.Time, v0, v units.Energy) (delta units.Energy, wrapped, ok bool) {
	elapsed := st.at.Sub(at0)
	if st.clockBack || elapsed < 0 {
		elapsed = clockTrust
	}
	most := units.Energy(math.MaxInt64)
	if st.lim.MaxPower > 0 {
		most = st.lim.most().Over(elapsed+st.lim.Slack) + 2*st.resolution()
		if most < 0 { // beyond the range
			most = math.MaxInt64
		}
	}
	if v < 0 {
		return 0, false, false
	}
	switch d := v - v0; {
	case d >= 0:
		return d, false, d <= most
	case -d <= st.s.Step:
		return 0, false, true
	}
	w := st.lim.Wrap
	if w <= 0 {
		w = st.s.Wrap
	}
	// Of a sum it is one part that begins again, and the sum may be beyond its end.
	if w > 0 && (v0 < w && v < w || c.Sum&(c.Sum-1) != 0) {
		d := w - v0 + v
		return d, true, d >= 0 && d <= min(most, w/4)
	}
	return 0, false, false
}

// raceFor is how long a register that has raced must stand still to be believed again; one
// that moves as the supply allows must do so longer.
const raceFor = 10 * time.Minute

// fast is Fast after a step that consumption alone could have made, and whether the
// register races since.  One step may be greater than the supply can carry in its time, by
// what the meter shows late and by how coarse it counts; step after step may not.
func (c Counter) fast(st step, at0 time.Time, delta units.Energy, ok bool) (_ units.Energy, begins bool) {
	elapsed := st.at.Sub(at0)
	if st.lim.MaxPower <= 0 || st.clockBack || elapsed < 0 || !ok && !c.Races {
		return c.Fast, false
	}
	most := st.lim.most()
	may := most.Over(st.lim.Slack) + 2*st.resolution()
	if !ok {
		delta = 0 // it races, and has jumped besides
	}
	from := max(c.Fast, c.unshown(st, elapsed))
	least := min(0, from)
	if ok && elapsed > st.lim.MaxGap {
		least = -most.Over(min(elapsed, longestHeld))
	}
	fast := min(max(least, from+delta-most.Over(elapsed)), may+most.Over(raceFor))
	return fast, !c.Races && fast > may
}

// What comes after a silence was either held back in it, by a queue or a buffer that hands
// all over at once, or is of now: of an hour's silence nothing is left after six minutes of
// readings, and no silence counts for more than a day.
const (
	longestHeld = 24 * time.Hour
	heldFades   = 10
)

// unshown is what is left, now, of what the register has not shown of a silence, below zero.
func (c Counter) unshown(st step, elapsed time.Duration) units.Energy {
	if c.Fast >= 0 {
		return 0
	}
	return min(0, c.Fast+st.lim.most().Over(heldFades*min(elapsed, longestHeld)))
}

// race follows a register that moves faster than the supply can carry, as one does whose
// scale is wrong, and charges power alone until it has moved as it may for a while.
func (c Counter) race(st step, v, power units.Energy, export bool) (Counter, outcome) {
	o := outcome{energy: power, quality: Suspect}
	if v < 0 {
		return c, o
	}
	n := Counter{Known: true, At: st.at, Value: v, Former: c.Former, Since: st.at, Sum: c.Sum, Fast: c.Fast, Races: c.Fast > 0}
	ev := Event{Kind: RegisterJump, Start: st.at, Before: c.Value, After: v, Export: export}
	switch {
	case !c.Races:
		n.Former, n.Fast = c.remember(""), c.Fast+st.lim.most().Over(raceFor)
		o.events = []Event{ev}
	case !n.Races:
		ev.Kind = RegisterRebased
		o.events = []Event{ev}
	}
	return n, o
}

// Believes tells whether a power can be true on this supply.
func (l Limits) Believes(p units.Power) bool { return l.believes(true, p) }

// most is the greatest power that this supply can carry: a fuse carries a quarter above
// its rating for an hour.
func (l Limits) most() units.Power { return l.MaxPower + l.MaxPower/4 }

// believes tells whether a power can be true on this supply.
func (l Limits) believes(has bool, p units.Power) bool {
	most := l.most()
	return has && (l.MaxPower <= 0 || (p <= most && p >= -most))
}
