// Package beside is the utility's meter beside our own: what a person read on it, what
// was counted here by then, and whether the two can both be right.  It tells; nothing
// that is charged or credited asks it.
package beside

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// Rules are by how much the two meters may differ, and how fast either may count.
type Rules struct {
	Percent  int64       // of what the utility's meter counted; see DefaultPercent
	MaxPower units.Power // the most that the supply carries; 0: nobody says
}

// DefaultPercent is by how much two sound meters may differ: 2.5 % of one of class 2 and
// 1.5 % of one of class 1, each the limit at a small current (IEC 62053-21), in opposite
// directions.
const DefaultPercent = 4

// State is what is remembered of the utility's meter.  It is a value, and survives a round
// trip through encoding/json exactly; zero is that nothing was read.
type State struct {
	Readings []Reading `json:"readings,omitempty"` // by their time, the oldest first
	Last     int       `json:"last,omitempty"`     // number of the one that was told last
	// Trail is what was counted here at the newest edges of the intervals.
	Trail []Point `json:"trail,omitempty"`
	// Unmeasured is the time in which nothing was measured here, since the beginning.
	Unmeasured time.Duration `json:"unmeasured,omitempty"`
}

// Point is what was counted here by an instant.
type Point struct {
	At         time.Time     `json:"at"`
	Own        units.Energy  `json:"own"` // imported, by metering.Registers
	Unmeasured time.Duration `json:"unmeasured,omitempty"`
}

// Reading is what the utility's meter showed, and what was counted here by then.
type Reading struct {
	N    int       `json:"n"` // by which it is withdrawn
	By   string    `json:"by"`
	Told time.Time `json:"told"`

	Shown units.Energy `json:"shown"` // as it stood on the display
	Step  units.Energy `json:"step"`  // of the last digit that was told
	// Left: the display shows the credit that is left, and not what was counted.
	Left bool `json:"left,omitempty"`
	// Anew: it is the first of another meter, or of another register of it.
	Anew bool `json:"anew,omitempty"`
	// Base is what belongs to Shown since the last Anew: what the display lost when it
	// passed its last digit, or of Left all that was bought.
	Base units.Energy `json:"base,omitempty"`

	Here Point `json:"here"` // ours, at the instant of the reading
	// Blur is how far Here.Own may be off, because the instant lies between two points.
	Blur units.Energy `json:"blur,omitempty"`
}

// counted is the register that never turns over.
func (r Reading) counted() units.Energy {
	if r.Left {
		return r.Base - r.Shown
	}
	return r.Base + r.Shown
}

const (
	// most bounds Readings: five years of months, and some between; see spare.
	most = 72
	// greatest is the most that a display may show, and Base may come to: sums of them
	// stay within an Energy.
	greatest = 1_000_000 * units.KilowattHour
)

// Told is a reading as it is told.
type Told struct {
	At          time.Time
	By          string
	Shown, Step units.Energy
	Here        Point
	Blur        units.Energy
	Anew        bool // the utility's meter was exchanged: this is the new one's first
	Turned      bool // its display has passed its last digit since the one before
	Sure        bool // it was looked at twice
	Left        bool
	Bought      units.Energy // of Left, since the one before
}

// Add takes a reading, or says why not.
func (s State) Add(now time.Time, t Told, r Rules) (State, said.Said) {
	i, same := slices.BinarySearchFunc(s.Readings, t.At, func(x Reading, at time.Time) int { return x.Here.At.Compare(at) })
	if same {
		return s, said.Of("reading.same", said.Time("at", t.At), said.Count("n", int64(s.Readings[i].N)))
	}
	newest := i == len(s.Readings)
	x := Reading{
		N: s.Last + 1, By: t.By, Told: now, Shown: t.Shown, Step: t.Step, Left: t.Left, Anew: t.Anew, Here: t.Here, Blur: t.Blur,
	}
	x.Here.At = t.At
	if !newest && (t.Anew || t.Turned || t.Left || s.Readings[i].Left) {
		return s, said.Of("reading.later", said.Time("at", s.Readings[len(s.Readings)-1].Here.At))
	}
	switch {
	case i > 0 && !x.Anew && x.Left == s.Readings[i-1].Left:
		if why := x.follow(s.Readings[i-1], t); why != nil {
			return s, why
		}
	case t.Turned:
		return s, said.Of("reading.turned_first")
	case i > 0:
		x.Anew = true // also where the other thing is read from now on
	case !newest && !s.Readings[0].Anew:
		x.Base = s.Readings[0].Base
	}
	if x.Base > greatest {
		return s, said.Of("reading.too_great", said.Energy("most", greatest))
	}
	if !newest && !s.Readings[i].Anew && i > 0 && x.counted() < s.Readings[i-1].counted() {
		x.Base = s.Readings[i].Base // it had turned over already
	}
	if why := r.doubt(s.Readings, i, x, t.Sure); why != nil {
		return s, why
	}
	all := slices.Insert(slices.Clone(s.Readings), i, x) // the caller keeps the state before
	if len(all) > most {
		drop := spare(all, i)
		if drop == 0 && i == 0 {
			return s, said.Of("reading.old", said.Time("at", t.At), said.Time("from", all[1].Here.At))
		}
		all = slices.Delete(all, drop, drop+1)
	}
	s.Readings, s.Last = all, x.N
	return s, nil
}

// spare is the reading beside the new one that is missed least: the one whose neighbours
// are nearest to each other, where a month's edge keeps one that stands for it, else the
// oldest.  A program that tells one each minute would drive all others out.
func spare(all []Reading, added int) (drop int) {
	nearest := 2 * nearEdge
	for i := 1; i < len(all)-1; i++ {
		if d := all[i+1].Here.At.Sub(all[i-1].Here.At); i != added && !all[i].Anew && !all[i+1].Anew && d <= nearest {
			drop, nearest = i, d-1
		}
	}
	return drop
}

// follow makes r the next reading of the same register, or says why it is not.
func (r *Reading) follow(before Reading, t Told) said.Said {
	r.Base = before.Base
	switch {
	case t.Turned && r.Left:
		return said.Of("reading.turned_left")
	case r.Left:
		r.Base += t.Bought
	case t.Turned && r.Shown >= before.Shown:
		return said.Of("reading.not_turned", said.Energy("before", before.Shown), said.Time("at", before.Here.At))
	case t.Turned:
		end := units.KilowattHour
		for end <= before.Shown {
			end *= 10
		}
		r.Base += end
	}
	return nil
}

// doubt is why x, put at i, cannot be true together with its neighbours, or is not
// likely and nobody is sure of it.
func (r Rules) doubt(all []Reading, i int, x Reading, sure bool) said.Said {
	for _, sure := range []bool{true, sure} { // what cannot be goes before what is not likely
		if i > 0 && !x.Anew {
			if why := r.between(all[i-1], x, true, sure); why != nil {
				return why
			}
		}
		if i < len(all) && !all[i].Anew {
			if why := r.between(x, all[i], false, sure); why != nil {
				return why
			}
		}
	}
	return nil
}

// unlikely is the difference, in percent, from which on a reading is asked for twice where
// it is more than a kWh: a digit too few, two exchanged, a comma that was left out.
const unlikely = 25

// between is what is wrong with two readings, one after the other; last: the second is the new one.
func (r Rules) between(a, b Reading, last, sure bool) said.Said {
	s := r.stretch(a, b)
	other := a
	if !last {
		other = b
	}
	beside := func(more ...said.Value) []said.Value {
		return append([]said.Value{said.Energy("other", other.Shown), said.Time("at", other.Here.At)}, more...)
	}
	switch left := a.Left; {
	case s.Utility < 0 && left:
		return said.Of("reading.more_left", beside(said.Energy("by", -s.Utility))...)
	case s.Utility < 0 && last:
		return said.Of("reading.below", beside()...)
	case s.Utility < 0:
		return said.Of("reading.above", beside()...)
	}
	if fastest := r.fastest(s.To.Sub(s.From)); s.Utility-b.Step-a.Step > fastest {
		return said.Of("reading.too_much", beside(said.Energy("counted", s.Utility), said.Energy("most", fastest), said.Power("power", r.MaxPower))...)
	}
	if sure {
		return nil
	}
	if is := s.judge(unlikely); s.Own >= 0 && (is == More || is == Less) && (s.Own-s.Utility > units.KilowattHour || s.Utility-s.Own > units.KilowattHour) {
		return said.Of("reading.unlikely", beside(said.Energy("counted", s.Utility), said.Energy("own", s.Own))...)
	}
	return nil
}

// fastest is the most that may pass in a time, with the quarter that is allowed to a
// register elsewhere.
func (r Rules) fastest(d time.Duration) units.Energy {
	if r.MaxPower <= 0 {
		return greatest
	}
	return min(greatest, (r.MaxPower + r.MaxPower/4).Over(d))
}

// Withdraw takes a reading back; ok is false where there is none of that number.
func (s State) Withdraw(n int) (next State, taken Reading, ok bool) {
	i := slices.IndexFunc(s.Readings, func(x Reading) bool { return x.N == n })
	if i < 0 {
		return s, Reading{}, false
	}
	taken = s.Readings[i]
	all := slices.Delete(slices.Clone(s.Readings), i, i+1)
	if taken.Anew && i < len(all) {
		all[i].Anew = true
	}
	if s.Readings = all; len(all) == 0 {
		s.Readings = nil
	}
	return s, taken, true
}

// Shifted is s where a clock that was never right before was set by so much: what was
// told is kept, at its time by the clock that is right.
func (s State) Shifted(by time.Duration) State {
	s.Readings = slices.Clone(s.Readings)
	for i := range s.Readings {
		x := &s.Readings[i]
		x.Told, x.Here.At = x.Told.Add(by), x.Here.At.Add(by)
	}
	s.Trail = nil
	return s
}
