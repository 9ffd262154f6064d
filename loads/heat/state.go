package heat

import (
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// State is what is known of a tank.  It is stored as JSON and reads back the same; a
// zero one is of a tank never seen.
type State struct {
	First time.Time `json:"first"` // it is known since then
	At    time.Time `json:"at"`    // and reckoned up to here

	// What the tank lacks to be full is reckoned from Base on: it lacked Lack at most then,
	// and was given Heated since.
	Base   time.Time    `json:"base"`
	Lack   units.Energy `json:"lack,omitempty"`
	Heated units.Energy `json:"heated,omitempty"`

	Full   time.Time     `json:"full,omitzero"`    // it was full, by its thermostat; zero: never
	Taken  units.Energy  `json:"taken,omitempty"`  // what it took since Full
	Open   time.Time     `json:"open,omitzero"`    // its thermostat was open last: nothing was drawn from Full to here
	Gap    bool          `json:"gap,omitempty"`    // of a time since Full nothing is known
	Empty  bool          `json:"empty,omitempty"`  // since Full nobody was there for a time: what was drawn is not usual
	On     bool          `json:"on,omitempty"`     // it was switched on at At
	Draws  bool          `json:"draws,omitempty"`  // and drew
	Since  time.Time     `json:"since,omitzero"`   // since when On and Draws are so
	Block  units.Energy  `json:"block,omitempty"`  // what it took without a break, up to now
	Opened bool          `json:"opened,omitempty"` // its thermostat was open when Block began
	OnFor  time.Duration `json:"on_for,omitempty"` // how long it is on without a break, where nobody measures

	Measured time.Time     `json:"measured,omitzero"` // its power was known last
	Cold     time.Time     `json:"cold,omitzero"`     // it was found colder than it should have been
	Element  units.Power   `json:"element,omitempty"` // what it draws, learned
	Band     units.Energy  `json:"band,omitempty"`    // what it lacks when its thermostat closes, learned
	Losses   []units.Power `json:"losses,omitempty"`  // what it took on the mean from full to full, of the last times
	Days     []Day         `json:"days,omitempty"`    // what was drawn, the last day last
}

// Day is what was drawn in the hours of a local day, in Wh.
type Day struct {
	Date  civil.Date `json:"date"`
	Known uint32     `json:"known,omitempty"` // a bit an hour
	Drawn [24]int32  `json:"drawn"`
}

// Seen is what a heater did in a stretch of time.
type Seen struct {
	From, To time.Time    // half-open
	On       bool         // it was switched on and had power
	Energy   units.Energy // that it drew, where Measured
	Measured bool
	Empty    bool // nobody was there
}

const (
	idleShare  = 20               // drawing less than one part in so many of its power it draws nothing
	settle     = 2 * time.Minute  // a thermostat is open when nothing is drawn for so long
	blindFor   = time.Hour        // without a measured power it is not known what it does
	gapMost    = 15 * time.Minute // a longer stretch is one of which nothing is known
	farBack    = 36 * time.Hour   // no clock is corrected by as much unless it was quite wrong before
	leastFull  = 3 * time.Hour    // what it loses shows in no shorter time
	mostLosses = 40
)

// Take is the state after a stretch of time.
func (k Tank) Take(s State, x Seen) State {
	if s.First.IsZero() || x.To.Before(s.At.Add(-farBack)) { // or it was the clock before that was wrong
		s = State{First: x.From, At: x.From, Base: x.From, Lack: k.Whole, Element: s.Element, Band: s.Band, Losses: s.Losses}
	}
	if !x.To.After(s.At) {
		return s // it is counted already
	}
	if x.From.Before(s.At) {
		x.Energy = x.Energy.Part(int64(x.To.Sub(s.At)), int64(x.To.Sub(x.From)))
		x.From = s.At
	}
	s.Empty = s.Empty || x.Empty
	d := x.To.Sub(x.From)
	if d > gapMost || x.From.Sub(s.At) > gapMost { // it is cooler by what it lost, and by what may have been drawn
		s.At, s.Gap, s.On, s.Draws, s.Block, s.OnFor = x.To, true, false, false, 0, 0
		return s
	}
	s.At = x.To
	if !x.Measured {
		return k.blind(s, x)
	}
	s.Measured = x.To
	draws := x.On && x.Energy.Mean(d) >= k.Power/idleShare
	if draws && s.Draws {
		s.Element = follow(s.Element, x.Energy.Mean(d))
	}
	if x.On != s.On || draws != s.Draws {
		if draws {
			s.Opened = s.On && !s.Open.Before(x.From)
		}
		s.On, s.Draws, s.Since = x.On, draws, x.From
	}
	s.OnFor = 0
	if draws {
		s.Heated += x.Energy
		s.Taken += x.Energy
		s.Block += x.Energy
		return s
	}
	if !x.On {
		s.Block = 0
		return s
	}
	if x.To.Sub(s.Since) < settle {
		return s
	}
	lack := k.band(s) // while its thermostat is open it lacks no more
	switch {
	case s.Block > k.Power.Over(settle)/2:
		s = k.full(s, s.Since)
		lack = k.Loses(s).Over(s.At.Sub(s.Full))
	case s.Open.Equal(x.From):
		lack = min(lack, s.Lack+k.Loses(s).Over(d))
	}
	s.Lack, s.Base, s.Heated, s.Block, s.Open = lack, s.At, 0, 0, s.At
	return s
}

// follow is a mean of about the last so many values.
func follow(mean, x units.Power) units.Power {
	if mean == 0 {
		return x
	}
	return mean + (x-mean)/16
}

// blind goes on where nobody measures: what has been on for long enough is full.
func (k Tank) blind(s State, x Seen) State {
	s.Gap, s.Draws, s.Block = true, false, 0
	if s.On = x.On; !x.On {
		s.OnFor = 0
		return s
	}
	s.OnFor += x.To.Sub(x.From)
	if s.OnFor >= timeFor(k.Whole, k.Power)*5/4 && s.At.Sub(s.Measured) >= blindFor {
		s.Full, s.Base, s.Lack, s.Heated, s.Taken, s.Open = s.At, s.At, 0, 0, 0, s.At
	}
	return s
}

// full is the state where the thermostat opened at an instant, after a block.
func (k Tank) full(s State, at time.Time) State {
	if s.Block > k.Usable && !s.Empty {
		s.Cold = at
	}
	if s.Opened && (s.Band == 0 || s.Block < s.Band) {
		s.Band = s.Block
	}
	if span := at.Sub(s.Full); !s.Full.IsZero() && !s.Gap && !s.Empty && span > 0 {
		if span >= leastFull {
			s.Losses = append(append([]units.Power(nil), s.Losses[max(0, len(s.Losses)-mostLosses+1):]...), s.Taken.Mean(span))
		}
		s.Days = k.learn(s, at, max(0, s.Taken-k.Loses(s).Over(span)))
	}
	s.Full, s.Base, s.Lack, s.Heated, s.Taken, s.Gap, s.Empty = at, at, 0, 0, 0, false, false
	return s
}

// band is what the tank lacks at most where its thermostat is open.
func (k Tank) band(s State) units.Energy {
	if s.Band == 0 {
		return k.Band
	}
	return s.Band
}

// Element is what the heater draws.
func (k Tank) Element(s State) units.Power {
	if s.Element == 0 {
		return k.Power
	}
	return s.Element
}

// Blind tells whether nobody measures what the heater draws, so that nothing is known of it.
func (k Tank) Blind(s State, now time.Time) bool {
	return now.Sub(s.Measured) >= blindFor && now.Sub(s.First) >= blindFor
}
