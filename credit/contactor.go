package credit

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
)

// ContactorDocument describes the switch of the supply.
type ContactorDocument struct {
	// Drive: holding is a normally-open contactor that opens when its drive
	// stops (fail-safe); latching stays as the last pulse put it, whatever
	// becomes of the agent.
	Drive  Drive         `yaml:"drive"`
	Settle time.Duration `yaml:"settle"` // within this the witnesses must agree with a command
	// MinOff: no closing sooner than this after an opening, for what stands
	// behind the contactor and may not start again at once.  It never delays an
	// opening.  0: a token that comes a moment after the cut restores at once.
	MinOff time.Duration `yaml:"min_off"`
	// MinCycle is the least time between two closings: however often the credit
	// comes and goes, the contactor does not chatter.
	MinCycle time.Duration `yaml:"min_cycle"`
	// Hourly is the most closings in an hour.
	Hourly int `yaml:"hourly"`
}

// Drive is how a contactor is moved.
type Drive string

// The drives.
const (
	Holding  Drive = "holding"
	Latching Drive = "latching"
)

// ContactorDefaults is a document with the values that hold where a file says
// nothing.
func ContactorDefaults() ContactorDocument {
	return ContactorDocument{Drive: Holding, Settle: 200 * time.Millisecond, MinCycle: 10 * time.Second, Hourly: 12}
}

// Check names everything wrong with the document.
func (d ContactorDocument) Check() fault.List {
	var l fault.List
	if d.Drive != Holding && d.Drive != Latching {
		l.Add("drive", "write holding (opens by itself when the agent stops) or latching", "%q is not a drive", d.Drive)
	}
	if d.Settle <= 0 || d.Settle > 10*time.Second {
		l.Add("settle", "write how long the contactor takes, e.g. 200ms", "%s is not a time to settle", d.Settle)
	}
	if d.MinOff < 0 || d.MinOff > time.Hour {
		l.Add("min_off", "write 0s to 1h", "%s is not a least time off", d.MinOff)
	}
	if d.MinCycle < time.Second || d.MinCycle > time.Hour {
		l.Add("min_cycle", "write 1s to 1h", "%s is not a least time between two closings", d.MinCycle)
	}
	if d.Hourly < 1 || d.Hourly > 60 {
		l.Add("hourly", "write 1 to 60", "%d is not a number of closings an hour", d.Hourly)
	}
	return l
}

// Reading is what a witness says about the contactor.
type Reading string

// The readings.
const (
	Unknown    Reading = ""
	SaysOpen   Reading = "open"
	SaysClosed Reading = "closed"
)

// Witnesses are the three ways of knowing where the contactor is.  A site has
// some of them; what it has not is Unknown.
type Witnesses struct {
	Auxiliary Reading // the auxiliary contact
	Voltage   Reading // downstream voltage; SaysOpen only while there is voltage upstream
	Current   Reading // metered current: flowing is SaysClosed, none says nothing
}

// Verdict is what the witnesses together say.  Current or voltage behind the
// contactor proves it closed, whatever the auxiliary contact says; disagree
// tells that one of them must be wrong.
func (w Witnesses) Verdict() (r Reading, disagree bool) {
	all := []Reading{w.Current, w.Voltage, w.Auxiliary}
	open, closed := slices.Contains(all, SaysOpen), slices.Contains(all, SaysClosed)
	switch {
	case closed:
		return SaysClosed, open
	case open:
		return SaysOpen, false
	}
	return Unknown, false
}

// ContactorFault is what is wrong with the contactor.
type ContactorFault string

// The faults.  Each is a warning for the customer and an alarm for the
// operator; charging goes on in all of them.
const (
	Sound    ContactorFault = ""
	Welded   ContactorFault = "weld"      // told to open, still closed
	DeadCoil ContactorFault = "coil"      // told to close, still open
	Bypassed ContactorFault = "bypass"    // was open, is closed without being told: tampering
	Dropped  ContactorFault = "dropped"   // was closed, is open without being told
	Disputed ContactorFault = "witnesses" // the witnesses disagree
)

// ContactorState is what the drive remembers.  It is stored with the account:
// times off and closings an hour outlive a restart.
type ContactorState struct {
	Told     Reading        `json:"told,omitempty"`     // the last command
	At       time.Time      `json:"at,omitzero"`        // when it was given
	Proven   bool           `json:"proven,omitempty"`   // the witnesses have agreed with it since
	Fault    ContactorFault `json:"fault,omitempty"`    // found since the last command that was obeyed
	Closings []time.Time    `json:"closings,omitempty"` // of the last hour
	Tries    int            `json:"tries,omitempty"`    // closings in a row that the coil did not obey
}

// Order is what to do with the drive now.
type Order struct {
	Do      Reading        // SaysOpen: open now; SaysClosed: close now; Unknown: nothing
	Fault   ContactorFault // as it stands after the step
	Waiting time.Duration  // closing is wanted but must wait for this long
}

// Contactor moves the supply's switch to where it should be and checks that
// it went there.  It is pure: call Step at every sample and at least every
// Settle while a command is not proven, carry out its order, keep its state.
//
// An opening is ordered at once and once: a contactor that does not obey is
// welded, and clicking at it again would only hide that.  A closing waits for
// MinOff, MinCycle and the hourly limit, and one that the coil does not obey is tried
// again only after a minute, then two, four, to an hour.
type Contactor struct{ doc ContactorDocument }

// NewContactor is the drive for a document that Check finds nothing wrong with.
func NewContactor(doc ContactorDocument) Contactor { return Contactor{doc} }

// Step decides what to do at an instant.  want is Decision.Close.
func (c Contactor) Step(s ContactorState, now time.Time, want bool, w Witnesses) (ContactorState, Order) {
	now = stamp(now)
	s = s.onClock(now)
	where, disagree := w.Verdict()

	if s.Told == Unknown {
		s = c.first(s, now, want, where)
		if s.Told == Unknown {
			return c.command(s, now, want)
		}
	}
	s = c.check(s, now, where, disagree)
	if want != (s.Told == SaysClosed) {
		return c.command(s, now, want)
	}
	if want && (s.Fault == DeadCoil || s.Fault == Dropped) {
		return c.command(s, now, true)
	}
	return s, Order{Fault: s.Fault}
}

// first takes note of where a latching contactor stands when the agent starts:
// it may have been right all the time, and a pulse would be a click in the
// night.  A holding one has dropped open and is always told.
func (c Contactor) first(s ContactorState, now time.Time, want bool, where Reading) ContactorState {
	if c.doc.Drive == Latching && where == wanted(want) {
		s.Told, s.At, s.Proven = where, now, true
	}
	return s
}

// check compares the witnesses with the last command.
func (c Contactor) check(s ContactorState, now time.Time, where Reading, disagree bool) ContactorState {
	settled := now.Sub(s.At) >= c.doc.Settle
	switch {
	case where == Unknown:
	case where == s.Told:
		s.Proven, s.Tries = true, 0
		if s.Fault != Welded || s.Told == SaysOpen {
			s.Fault = Sound // a weld is gone only when somebody has seen it open
		}
	case !settled:
		return s
	case s.Told == SaysOpen && s.Proven:
		s.Fault, s.Proven = Bypassed, false
	case s.Told == SaysOpen && s.Fault != Bypassed:
		s.Fault = Welded
	case s.Told == SaysClosed && s.Proven:
		s.Fault, s.Proven = Dropped, false
	case s.Told == SaysClosed && s.Fault != Dropped:
		s.Fault = DeadCoil
	}
	if disagree && settled && s.Fault == Sound {
		s.Fault = Disputed
	}
	return s
}

// command gives the order, or says how long it must wait.
func (c Contactor) command(s ContactorState, now time.Time, want bool) (ContactorState, Order) {
	if !want {
		s.Told, s.At, s.Proven, s.Tries = SaysOpen, now, false, 0
		if s.Fault != Welded {
			s.Fault = Sound
		}
		return s, Order{Do: SaysOpen, Fault: s.Fault}
	}
	if wait := c.wait(s, now); wait > 0 {
		return s, Order{Fault: s.Fault, Waiting: wait}
	}
	switch s.Fault {
	case DeadCoil, Dropped:
		s.Fault = DeadCoil // until the witnesses say that it closed
		s.Tries++
	case Welded:
	case Sound, Bypassed, Disputed:
		s.Fault = Sound
	}
	s.Told, s.At, s.Proven = SaysClosed, now, false
	s.Closings = append(slices.Clone(s.Closings), now)
	return s, Order{Do: SaysClosed, Fault: s.Fault}
}

// wait is how long a closing must still wait.
func (c Contactor) wait(s ContactorState, now time.Time) time.Duration {
	var wait time.Duration
	if s.Told == SaysOpen {
		wait = c.doc.MinOff - now.Sub(s.At)
	}
	if s.Fault == DeadCoil || s.Fault == Dropped {
		pause := min(time.Hour, time.Minute<<min(s.Tries, 6))
		wait = max(wait, pause-now.Sub(s.At))
	}
	if n := len(s.Closings); n > 0 {
		wait = max(wait, c.doc.MinCycle-now.Sub(s.Closings[n-1]))
	}
	if n := len(s.Closings); n >= c.doc.Hourly {
		wait = max(wait, time.Hour-now.Sub(s.Closings[n-c.doc.Hourly]))
	}
	return wait
}

// onClock keeps the times of s usable: closings of more than an hour ago are
// forgotten, and those that lie ahead after the clock was set back count as now.
func (s ContactorState) onClock(now time.Time) ContactorState {
	if s.At.After(now) {
		s.At = now
	}
	var closings []time.Time
	for _, t := range s.Closings {
		if t.After(now) {
			t = now
		}
		if now.Sub(t) < time.Hour {
			closings = append(closings, t)
		}
	}
	s.Closings = closings
	return s
}

func wanted(close bool) Reading {
	if close {
		return SaysClosed
	}
	return SaysOpen
}
