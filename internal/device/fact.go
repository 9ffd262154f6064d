package device

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Told is a value that was told, or none.  The zero value is none: what a device
// did not say is not zero.
type Told[T any] struct {
	value T
	told  bool
}

// Tell is a value that was told.
func Tell[T any](v T) Told[T] { return Told[T]{v, true} }

// Get is the value; ok is false where none was told.
func (t Told[T]) Get() (v T, ok bool) { return t.value, t.told }

// Is tells whether a value was told.
func (t Told[T]) Is() bool { return t.told }

// Presence is what a device says, or its broker in its name, of its being there.
type Presence int

// What can be said of it.
const (
	Unsaid  Presence = iota // the message is of something else
	Online                  // it is there
	Offline                 // it is gone
)

// Fact is what one message told, at one instant.
type Fact struct {
	At       time.Time // when it was heard; set by the Device
	Presence Presence
	Contacts []Contact
	Meters   []Meter // of several with one channel the best first
	// Heard: something was measured that the dialect keeps until it is asked for.
	Heard bool
	// Moved: it has carried out a command and does not say what it is now.
	Moved bool
	// Refused is why it does not carry out a command; empty where it did not say so.
	Refused string
}

// measures tells whether the fact holds anything that was measured or is so now.
func (f Fact) measures() bool { return f.Heard || len(f.Contacts)+len(f.Meters) > 0 }

// Contact is what was told of one relay.
type Contact struct {
	Channel int               // relay on the device, as the dialect counts
	On      Told[bool]        // whether it is closed, as the device says
	Power   Told[units.Power] // what is drawn behind it
	Level   Told[units.Power] // what it says it was told to draw
	Charge  Told[int]         // how full the battery behind it is, in thousandths
	Unknown bool              // what it was before says nothing any more
}

// Meter is what was told by one part of the device that measures.
type Meter struct {
	Part    string // the device's own name for it, such as em:0; empty where it has only one
	Channel int
	// Rank: of several parts with the same channel the one of the lowest rank is
	// the meter, the others measure something beside it.
	Rank   int
	Serial string    // the device's identity, empty where it tells none
	Clock  time.Time // the device's own clock, zero where it tells none or its zone is not known

	Import, Export Told[Register]
	Step           units.Energy // resolution of the registers
	Values                      // of all phases together, where they are told
	Phases         []Values     // one that is there and tells nothing is a phase that is not known
	Frequency      Told[units.Frequency]
	Neutral        Told[units.Current]
	Raw            []Raw
}

// Empty tells whether nothing was measured.
func (m Meter) Empty() bool {
	return m.Values == Values{} && len(m.Phases) == 0 && !m.Import.Is() && !m.Export.Is() && !m.Frequency.Is() && !m.Neutral.Is()
}

// Register is a counter of energy as the device shows it.
type Register struct {
	Energy units.Energy
	// Parts tells what it was added up from, one bit a part, where the device
	// gives parts: a sum without one of them is another register.  Zero: it is one.
	Parts uint16
}

// Values are what can be measured at one conductor.
type Values struct {
	Power    Told[units.Power]   // active, positive is import
	Voltage  Told[units.Voltage] // line to neutral
	Current  Told[units.Current]
	Reactive Told[int64] // mvar, positive is inductive
	Apparent Told[int64] // mVA
}

// Raw is a value under the device's own name for it.
type Raw struct {
	Name  string
	Value string // a decimal number, or text
	Unit  string // empty where it has none
}

// Unread is a message that could not be understood.
type Unread struct {
	Err    error
	Remedy string // what to do if it lasts
}

func (e *Unread) Error() string { return e.Err.Error() + " (" + e.Remedy + ")" }

func (e *Unread) Unwrap() error { return e.Err }
