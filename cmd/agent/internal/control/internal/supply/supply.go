package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// SupplyRules is how the supply is cut and what is known of its contactor.
type SupplyRules struct {
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

// SupplyState is what is remembered of the supply besides the account.
type SupplyState struct {
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

// Requests about the supply.
const (
	SupplyOff RequestKind = "supply_off" // the customer's own main switch
	SupplyOn  RequestKind = "supply_on"  // takes SupplyOff back
)

// drive is the contactor's rules with defaults.
func (r SupplyRules) drive() credit.ContactorDocument {
	if r.Contactor.Drive == "" {
		return credit.ContactorDefaults()
	}
	return r.Contactor
}

// limit is the power limit's rules with defaults.
func (r SupplyRules) limit() credit.LimitDocument {
	if len(r.Limit.Retries) == 0 {
		d := credit.LimitDefaults()
		d.Limit = r.Limit.Limit
		return d
	}
	return r.Limit
}

// drawn is the power that is known to be drawn, and nothing where the meter is
// silent: that is never a reason to cut anybody off.
func (p *step) drawn() metering.Drawn { return p.Drawn(&p.st, p.now) }

// Drawn is what is known at now of the power at the meter.
func (s *Site) Drawn(st *State, now time.Time) metering.Drawn {
	m := &st.Meter
	if m.HeardAt.IsZero() || m.Last.At.IsZero() {
		return metering.Drawn{}
	}
	// The sample's clock may not be the loop's.
	at := m.Last.At.Add(max(0, now.Sub(m.HeardAt)))
	return m.Registers.Drawn(at, s.SilentAfter, m.Last.Step, s.Limits)
}

// supplyFacts is what the credit rules must be told to decide.
func (p *step) supplyFacts() credit.Facts {
	d, over := p.drawn(), false
	load := credit.Load{Power: d.Power, Known: d.Known(), Doubted: d.Doubted}
	p.st.Supply.Limit, over = p.Supply.limit().Step(p.st.Supply.Limit, p.now, load, p.st.Credit.Limit)
	return credit.Facts{
		Confirm:     p.confirm,
		Tamper:      p.st.Credit.Tampered && p.Supply.TamperCuts,
		Overload:    over && p.Contactor,
		Customer:    p.st.Supply.Off,
		Unbreakable: p.Supply.Breaks > 0 && d.Power > p.Supply.Breaks,
		Doubtful:    p.doubtful(),
		Unrecorded:  p.in.Record == RecordLater,
		Pending:     p.in.Record == RecordPending,
	}
}

// allowed is the greatest power the site may draw before loads are shed, 0 is no
// limit: the least of the site's own, the supply's and a token's.
func (p *step) allowed() units.Power {
	least := units.Power(0)
	for _, limit := range []units.Power{p.Power, p.Supply.Limit.Limit, p.st.Credit.Limit} {
		if limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	}
	return least
}

// Flows is the power that proves a current behind the contactor: more than what
// a meter or a filter draws by itself.
const Flows = 50 * units.Watt

const flows = Flows

// lag is how long after a command a measurement may still be of before it.
const lag = 15 * time.Second

// A feedback that has changed flapping times within rested says nothing until it
// has not changed for so long: a loose wire, or a contact that burns.  To chase
// it would wear out what it belongs to.
const (
	flapping = 6
	rested   = time.Minute
)

// flips counts how often the feedback changes, and tells whether it flaps.
func (p *step) flips() bool {
	s := &p.st.Supply
	s.Flips = slices.DeleteFunc(slices.Clone(s.Flips), func(at time.Time) bool {
		age := p.now.Sub(at)
		return age > rested || age < 0
	})
	if o := p.st.SupplySeen; o.Known {
		says := credit.SaysOpen
		if o.On {
			says = credit.SaysClosed
		}
		if s.Seen != credit.Unknown && s.Seen != says {
			if s.Flips = append(s.Flips, p.now); len(s.Flips) > flapping {
				s.Flips = s.Flips[1:]
			}
		}
		s.Seen = says
	}
	if len(s.Flips) == 0 {
		s.Flips = nil // as it comes back from storage
	}
	return p.flaps()
}

func (p *step) flaps() bool { return len(p.st.Supply.Flips) >= flapping }

// supplyFact is what the guard is to know of the supply's switch.
func (p *step) supplyFact() loads.Observation {
	if p.flaps() {
		o := p.st.SupplySeen
		o.On = p.st.Supply.Contactor.Told == credit.SaysClosed
		return o
	}
	return p.st.SupplySeen
}

// witnesses is what is known of where the contactor is.
func (p *step) witnesses() credit.Witnesses {
	var w credit.Witnesses
	told := p.st.Supply.Contactor.At
	if o := p.st.SupplySeen; !p.flips() && o.Known && !o.At.Before(told) {
		w.Auxiliary = credit.SaysOpen
		if o.On {
			w.Auxiliary = credit.SaysClosed
		}
	}
	last := p.st.Meter.Last
	if !p.fresh() || last.At.Before(told.Add(lag)) || last.At.After(p.now) {
		return w
	}
	// What is only claimed, or the mean of a time that began before, proves nothing.
	if d := p.drawn(); d.Power >= flows && !d.Doubted && !d.From.Before(told.Add(lag)) {
		w.Current = credit.SaysClosed
	}
	// Without voltage the mains may be down: only its presence says something.
	if p.Supply.Behind && last.Gives(metering.HasVoltage) && last.Voltage > 100_000 {
		w.Voltage = credit.SaysClosed
	}
	return w
}

// contactor moves the contactor's state to where the decision wants it.  closed
// is the state that the guard is to deliver.
func (p *step) contactor() (closed bool, order credit.Order) {
	if !p.Contactor {
		return p.st.Decision.Close, order
	}
	if p.in.Record == RecordPending && p.st.Decision.Close && p.st.Supply.Contactor.Told != credit.SaysClosed {
		return true, order // its closing is recorded first
	}
	w := p.witnesses()
	p.st.Supply.Contactor, order = credit.NewContactor(p.Supply.drive()).Step(p.st.Supply.Contactor, p.now, p.st.Decision.Close, w)
	p.bypass(order.Fault, w)
	p.contactorWarnings(order.Fault, w)
	return p.st.Supply.Contactor.Told == credit.SaysClosed, order
}

// deliver is the guard's commands with those of the supply that the contactor's
// rules allow.  The guard alone sends, repeats what did not get out and what a
// switch on a network may not have heard; the contactor's rules alone say when
// a contactor that heard is told again.
func (p *step) deliver(commands []loads.Command, order credit.Order) []loads.Command {
	out := make([]loads.Command, 0, len(commands)+1)
	said := false
	for _, c := range commands {
		if c.ID == loads.SupplyID {
			if !p.maySay(c, order) {
				continue
			}
			said = true
		}
		out = append(out, c)
	}
	if !said && order.Do == credit.Unknown && p.mustRenew() {
		return append(out, loads.Command{ID: loads.SupplyID, Set: loads.Setpoint{On: true}, Reason: string(p.st.Decision.Cause), Attempt: 1, Renew: true, At: p.now})
	}
	if order.Do == credit.Unknown || said || !p.Contactor {
		return out
	}
	again := loads.Command{
		ID: loads.SupplyID, Set: loads.Setpoint{On: order.Do == credit.SaysClosed}, Reason: string(order.Fault), Attempt: p.st.Supply.Contactor.Tries + 1, At: p.now,
	}
	if again.Reason == "" {
		again.Reason = string(p.st.Decision.Cause)
	}
	if again.Set.On {
		return append(out, again)
	}
	return append([]loads.Command{again}, out...)
}

// renews tells whether a thing that is due every so often is due in this step.
func (p *step) renews(every time.Duration) bool {
	return every > 0 && !p.now.Truncate(every).Equal(p.st.Now.Truncate(every))
}

// mustRenew tells whether the supply's switch would soon open by itself that
// stands closed and should.  One that is seen open is not closed by that: when it
// is told again is for the contactor's rules.
func (p *step) mustRenew() bool {
	c, seen := p.st.Supply.Contactor, p.st.SupplySeen
	return p.Contactor && p.st.Decision.Close && c.Told == credit.SaysClosed && (!seen.Known || seen.On) && p.renews(p.Supply.DeadMan/3)
}

func (p *step) maySay(c loads.Command, order credit.Order) bool {
	seen := p.st.SupplySeen
	switch {
	case order.Do != credit.Unknown, slices.Contains(p.in.Failed, loads.SupplyID), !seen.Known:
		return true
	case c.Renew:
		return true // keeps a dead man's switch alive
	case p.in.Fresh:
		// A holding contactor that stands as wanted is told so that it stays; a
		// latching one would only click.
		return p.Supply.drive().Drive == credit.Holding || seen.On != c.Set.On
	case p.Supply.Local:
		return false
	}
	return !c.Set.On || p.st.Supply.Contactor.Fault != credit.Dropped
}

// contactorWarnings says what is wrong with the contactor.
func (p *step) contactorWarnings(fault credit.ContactorFault, w credit.Witnesses) {
	if p.flaps() {
		fault = credit.Disputed
	}
	cause := said.Of("contactor.seen", said.Text("told", string(p.st.Supply.Contactor.Told)),
		reads("feedback", w.Auxiliary), reads("current", w.Current), reads("voltage", w.Voltage))
	if p.flaps() {
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
		p.when(x.holds, x.code, loads.SupplyID, cause)
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
func (p *step) bypass(fault credit.ContactorFault, w credit.Witnesses) {
	s := &p.st.Supply
	proven := w.Current == credit.SaysClosed || w.Voltage == credit.SaysClosed
	switch {
	case fault != credit.Bypassed || !proven:
		s.Bypassed = time.Time{}
		return
	case s.Bypassed.IsZero() || s.Bypassed.After(p.now):
		s.Bypassed = p.now
	}
	if p.st.Credit.Tampered || p.now.Sub(s.Bypassed) < bypassFor {
		return
	}
	a, entries := p.Credit.ReportTamper(p.st.Credit, p.now, "the supply contactor is open and current flows behind it")
	p.st.Credit = a
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.eff.Durable = true
	p.event("tamper", health.Critical, said.Of("contactor.bypass"))
}

// doubtful tells whether the clock is not to be trusted: it stands before what
// was recorded.
func (p *step) doubtful() bool {
	return p.now.Before(p.st.Elapsed.Add(-time.Minute))
}
