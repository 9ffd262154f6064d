// Package supply is the contactor of the supply: what it is told, how it is known
// where it stands, and what is wrong with it.  Whether the supply should be on is
// for the account to decide.
package supply

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/proof"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Rules are how the supply is cut and what is known of its contactor.
type Rules struct {
	Contactor credit.ContactorDocument // the zero value: its defaults
	Limit     credit.LimitDocument     // the power limit; the zero value: only a token's
	// Breaks is the greatest power that the contactor may break; 0 is any.  While
	// more is drawn a cut for want of credit waits.
	Breaks units.Power
	// Local is a relay on this machine: it does what it is told or is broken, so
	// nothing is said to it twice.  A switch on a network may have missed it.
	Local bool
	// DeadMan is how long the switch stays closed when it is not told again; 0 is
	// for ever.
	DeadMan time.Duration
	// Behind: the meter is fed through the contactor, so that voltage at the
	// meter shows it closed.
	Behind bool
	// TamperCuts: a reported bypass cuts the supply until a token clears it.
	// Otherwise it is a warning and an entry of the ledger.
	TamperCuts bool
	// Shed are loads that go off as credit falls, before the supply does.
	Shed []ShedRule
}

// State is what is remembered of the supply besides the account.
type State struct {
	Contactor credit.ContactorState `json:"contactor,omitzero"`
	Limit     credit.LimitState     `json:"limit,omitzero"`
	// Off: the customer switched it off.
	Off bool `json:"off,omitempty"`
	// Bypassed is since when the contactor has been seen closed that was open.
	Bypassed time.Time `json:"bypassed,omitzero"`
	// Shed are the loads held off for want of credit.
	Shed []string `json:"shed,omitempty"`
	// Seen is what the feedback said last, and Flips when it changed within the
	// last minute.
	Seen  credit.Reading `json:"seen,omitempty"`
	Flips []time.Time    `json:"flips,omitempty"`
}

// drive is the contactor's rules with defaults.
func (r Rules) drive() credit.ContactorDocument {
	if r.Contactor.Drive == "" {
		return credit.ContactorDefaults()
	}
	return r.Contactor
}

// limit is the power limit's rules with defaults.
func (r Rules) limit() credit.LimitDocument {
	if len(r.Limit.Retries) == 0 {
		d := credit.LimitDefaults()
		d.Limit = r.Limit.Limit
		return d
	}
	return r.Limit
}

// In is what a step tells the supply.
type In struct {
	Now, Was time.Time // the instants of this step and of the one before
	There    bool      // there is a contactor
	Wanted   credit.Decision
	Seen     loads.Observation // its feedback
	Meter    Meter
	Pending  bool // the journal has not answered yet
	Missed   bool // the last command did not get out
	Fresh    bool // the switch was opened just now and may not be as it was told
	Tampered bool // a bypass is reported already
}

// Meter is what the meter shows.
type Meter struct {
	Fresh      bool      // it spoke not long ago
	At         time.Time // of the last sample
	Voltage    units.Voltage
	HasVoltage bool
	MainsDown  bool
	Drawn      metering.Drawn
}

// Draw takes in what is drawn, for the credit rules: limit is a token's, 0 is none.
func (r Rules) Draw(s State, in In, limit units.Power) (State, credit.Facts) {
	d, over := in.Meter.Drawn, false
	load := credit.Load{Power: d.Power, Known: d.Known(), Doubted: d.Doubted}
	s.Limit, over = r.limit().Step(s.Limit, in.Now, load, limit)
	return s, credit.Facts{
		Tamper:      in.Tampered && r.TamperCuts,
		Overload:    over && in.There,
		Customer:    s.Off,
		Unbreakable: r.Breaks > 0 && d.Power > r.Breaks,
	}
}

// Allowed is the greatest power the site may draw before loads are shed, 0 is no
// limit: the least of the site's own, the supply's and a token's.
func (r Rules) Allowed(site, token units.Power) units.Power {
	least := units.Power(0)
	for _, limit := range []units.Power{site, r.Limit.Limit, token} {
		if limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	}
	return least
}

// A feedback that has changed flapping times within rested says nothing until it
// has not changed for so long: a loose wire, or a contact that burns.  To chase
// it would wear out what it belongs to.
const (
	flapping = 6
	rested   = time.Minute
)

// flips counts how often the feedback changes, and tells whether it flaps.
func (s *State) flips(in In) bool {
	s.Flips = slices.DeleteFunc(slices.Clone(s.Flips), func(at time.Time) bool {
		age := in.Now.Sub(at)
		return age > rested || age < 0
	})
	if o := in.Seen; o.Known {
		says := credit.SaysOpen
		if o.On {
			says = credit.SaysClosed
		}
		if s.Seen != credit.Unknown && s.Seen != says {
			if s.Flips = append(s.Flips, in.Now); len(s.Flips) > flapping {
				s.Flips = s.Flips[1:]
			}
		}
		s.Seen = says
	}
	if len(s.Flips) == 0 {
		s.Flips = nil // as it comes back from storage
	}
	return s.flaps()
}

func (s State) flaps() bool { return len(s.Flips) >= flapping }

// Fact is what the guard is to know of the supply's switch.
func (s State) Fact(seen loads.Observation) loads.Observation {
	if s.flaps() {
		seen.On = s.Contactor.Told == credit.SaysClosed
	}
	return seen
}

// witnesses is what is known of where the contactor is.
func (r Rules) witnesses(s *State, in In) credit.Witnesses {
	var w credit.Witnesses
	told := s.Contactor.At
	if o := in.Seen; !s.flips(in) && o.Known && !o.At.Before(told) {
		w.Auxiliary = credit.SaysOpen
		if o.On {
			w.Auxiliary = credit.SaysClosed
		}
	}
	if m := in.Meter; !m.Fresh || m.At.Before(told.Add(proof.Lag)) || m.At.After(in.Now) {
		return w
	}
	// What is only claimed, or the mean of a time that began before, proves nothing.
	if d := in.Meter.Drawn; d.Power >= proof.Flows && !d.Doubted && !d.From.Before(told.Add(proof.Lag)) {
		w.Current = credit.SaysClosed
	}
	// Without voltage the mains may be down: only its presence says something.
	if r.Behind && in.Meter.HasVoltage && in.Meter.Voltage > 100_000 {
		w.Voltage = credit.SaysClosed
	}
	return w
}

// Out is what follows for the contactor.
type Out struct {
	Closed bool // the state that the guard is to deliver
	Order  credit.Order
	Tamper bool // a bypass is proven: an entry of the ledger
	Notes  note.Notes
}

// Bypass is what the ledger says of a bypass.
const Bypass = "the supply contactor is open and current flows behind it"

// Step moves the contactor's state to where the decision wants it.
func (r Rules) Step(s State, in In) (State, Out) {
	if !in.There {
		return s, Out{Closed: in.Wanted.Close}
	}
	if in.Pending && in.Wanted.Close && s.Contactor.Told != credit.SaysClosed {
		return s, Out{Closed: true} // its closing is recorded first
	}
	var out Out
	w := r.witnesses(&s, in)
	s.Contactor, out.Order = credit.NewContactor(r.drive()).Step(s.Contactor, in.Now, in.Wanted.Close, w)
	s.bypass(in, out.Order.Fault, w, &out)
	s.warn(out.Order.Fault, w, &out.Notes)
	out.Closed = s.Contactor.Told == credit.SaysClosed
	return s, out
}

// Deliver is the guard's commands with those of the supply that the contactor's
// rules allow.  The guard alone sends, repeats what did not get out and what a
// switch on a network may not have heard; the contactor's rules alone say when
// a contactor that heard is told again.
func (r Rules) Deliver(s State, in In, commands []loads.Command, order credit.Order) []loads.Command {
	out := make([]loads.Command, 0, len(commands)+1)
	said := false
	for _, c := range commands {
		if c.ID == loads.SupplyID {
			if !r.maySay(s, in, c, order) {
				continue
			}
			said = true
		}
		out = append(out, c)
	}
	if !said && order.Do == credit.Unknown && r.mustRenew(s, in) {
		return append(out, loads.Command{ID: loads.SupplyID, Set: loads.Setpoint{On: true}, Reason: string(in.Wanted.Cause), Attempt: 1, Renew: true, At: in.Now})
	}
	if order.Do == credit.Unknown || said || !in.There {
		return out
	}
	again := loads.Command{
		ID: loads.SupplyID, Set: loads.Setpoint{On: order.Do == credit.SaysClosed}, Reason: string(order.Fault), Attempt: s.Contactor.Tries + 1, At: in.Now,
	}
	if again.Reason == "" {
		again.Reason = string(in.Wanted.Cause)
	}
	if again.Set.On {
		return append(out, again)
	}
	return append([]loads.Command{again}, out...)
}

// renews tells whether a thing that is due every so often is due in this step.
func (in In) renews(every time.Duration) bool {
	return every > 0 && !in.Now.Truncate(every).Equal(in.Was.Truncate(every))
}

// mustRenew tells whether the supply's switch would soon open by itself that
// stands closed and should.  One that is seen open is not closed by that: when it
// is told again is for the contactor's rules.
func (r Rules) mustRenew(s State, in In) bool {
	c, seen := s.Contactor, in.Seen
	return in.There && in.Wanted.Close && c.Told == credit.SaysClosed && (!seen.Known || seen.On) && in.renews(r.DeadMan/3)
}

func (r Rules) maySay(s State, in In, c loads.Command, order credit.Order) bool {
	seen := in.Seen
	switch {
	case order.Do != credit.Unknown, in.Missed, !seen.Known:
		return true
	case c.Renew:
		return true // keeps a dead man's switch alive
	case in.Fresh:
		// A holding contactor that stands as wanted is told so that it stays; a
		// latching one would only click.
		return r.drive().Drive == credit.Holding || seen.On != c.Set.On
	case r.Local:
		return false
	}
	return !c.Set.On || s.Contactor.Fault != credit.Dropped
}

// warn says what is wrong with the contactor.
func (s State) warn(fault credit.ContactorFault, w credit.Witnesses, n *note.Notes) {
	if s.flaps() {
		fault = credit.Disputed
	}
	cause := said.Of("contactor.seen", said.Text("told", string(s.Contactor.Told)),
		reads("feedback", w.Auxiliary), reads("current", w.Current), reads("voltage", w.Voltage))
	if s.flaps() {
		cause = said.Of("contactor.flaps")
	}
	for _, x := range []struct {
		code  health.Code
		holds bool
	}{
		{health.SupplyWeld, fault == credit.Welded},
		{health.SupplyCoil, fault == credit.DeadCoil || fault == credit.Dropped},
		{health.SupplyBypass, fault == credit.Bypassed},
		{health.SupplyUnknown, fault == credit.Disputed},
	} {
		n.When(x.holds, x.code, loads.SupplyID, cause)
	}
}

func reads(witness string, r credit.Reading) said.Value {
	if r == credit.Unknown {
		return said.Text(witness, "nothing")
	}
	return said.Text(witness, string(r))
}

// bypassFor is how long a bypass must be seen before it is reported: a button
// on a plug that was pressed, and is undone, is no tampering.
const bypassFor = 30 * time.Second

// bypass reports tampering where current or voltage proves that somebody has
// bridged the contactor; the feedback contact alone may be a loose wire.
func (s *State) bypass(in In, fault credit.ContactorFault, w credit.Witnesses, out *Out) {
	proven := w.Current == credit.SaysClosed || w.Voltage == credit.SaysClosed
	switch {
	case fault != credit.Bypassed || !proven:
		s.Bypassed = time.Time{}
		return
	case s.Bypassed.IsZero() || s.Bypassed.After(in.Now):
		s.Bypassed = in.Now
	}
	if in.Tampered || in.Now.Sub(s.Bypassed) < bypassFor {
		return
	}
	out.Tamper, out.Notes.Durable = true, true
	out.Notes.Event("tamper", health.Critical, said.Of("contactor.bypass"))
}

// keepEvery is how often a supply switch on the network is told again at least, for
// a dead man of its own.
const keepEvery = time.Minute

// Keep says to the supply's switch again what was said last, while nothing is
// decided: after a start, and to one on the network that would open by itself.
// connected is what the account remembers.
func (r Rules) Keep(s State, in In, connected bool) (c loads.Command, ok bool) {
	told := s.Contactor.Told
	if told == credit.Unknown && connected {
		told = credit.SaysClosed
	}
	every := keepEvery
	if d := r.DeadMan / 3; d > 0 {
		every = min(every, d)
	}
	again := !r.Local && in.renews(every)
	if !in.There || told == credit.Unknown || r.drive().Drive != credit.Holding || !in.Fresh && !again {
		return c, false
	}
	return loads.Command{ID: loads.SupplyID, Set: loads.Setpoint{On: told == credit.SaysClosed}, Reason: "held", Attempt: 1, Renew: true, At: in.Now}, true
}

// NoPower is why there is no power in the house, 0 where there is.  What the
// meter sees flow goes before what a contactor should be doing.
func (r Rules) NoPower(s State, in In) metering.Quality {
	// The mean of a time that began before the contactor moved says nothing of now.
	if d := in.Meter.Drawn; d.Power >= proof.Flows && !d.Doubted && (d.Source == metering.Told || d.From.After(s.Contactor.At)) {
		return 0
	}
	var q metering.Quality
	if in.There && (s.Contactor.Told == credit.SaysOpen || in.Seen.Known && !in.Seen.On) {
		q |= metering.SupplyOff
	}
	// A meter that is itself behind the open contactor says nothing of the mains.
	if (q == 0 || !r.Behind) && in.Meter.MainsDown {
		q |= metering.MainsOff
	}
	return q
}
