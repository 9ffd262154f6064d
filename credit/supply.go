package credit

import (
	"time"

	"github.com/keeplit/keeplit/internal/said"
)

// Position is the control state of the supply, by the names of the
// DLMS/COSEM disconnect control object.
type Position string

// The positions.  The zero value is a meter that has not decided yet; its
// contactor stays open until it has.
const (
	Undecided    Position = ""
	Connected    Position = "connected"
	Disconnected Position = "disconnected"
	Ready        Position = "ready" // nothing is against it; the customer may close it
)

// Cause is what keeps the supply off.
type Cause string

// The causes, the most serious first: where several hold, the first is named.
const (
	NoCause     Cause = ""
	ByFault     Cause = "fault"
	ByTamper    Cause = "tamper"
	ByUtility   Cause = "utility"
	ByOverload  Cause = "overload"
	ByCustomer  Cause = "customer"
	ForNoCredit Cause = "credit"
)

// Facts is what the credit rules do not know of themselves about the supply.
type Facts struct {
	Fault       bool   // the meter or the contactor cannot be trusted with the supply on
	Tamper      bool   // tampering is reported (a token may have to clear it)
	Utility     bool   // the utility ordered it off
	Order       string // that order, for the record: whose, why and until when
	Closes      bool   // when the utility allows it again, it closes by itself: see ControlMode
	Overload    bool   // the power limit is exceeded, after its allowance
	Customer    bool   // the customer switched it off
	Confirm     bool   // the customer asks, now, to close an armed supply
	Unbreakable bool   // the current is too great for the contactor to break now
	Doubtful    bool   // the clock is not to be trusted: no friendly hours begin
	Unrecorded  bool   // no top-up can be recorded: no cut for want of credit begins
	Pending     bool   // something is being recorded: a cut for want of credit waits for that
}

// SupplyState is what the cut-off remembers.
type SupplyState struct {
	Position Position  `json:"position"`
	Cause    Cause     `json:"cause"`
	Since    time.Time `json:"since"`
	NoCredit bool      `json:"no_credit"` // cut for credit and not yet paid enough to come back
	Friendly time.Time `json:"friendly"`  // end of the last stretch of friendly hours entered
	Covered  bool      `json:"covered"`   // there was credit when that stretch began
	Spared   bool      `json:"spared"`    // without credit, and on because no top-up can be recorded
	// Armed: something that the supply waits for somebody after was against it since it was
	// on last, whatever else came besides.
	Armed bool `json:"armed,omitempty"`
}

// Decision is what the supply should be now and why.
type Decision struct {
	Close    bool      `json:"close"` // what the contactor should be
	Position Position  `json:"position"`
	Cause    Cause     `json:"cause,omitempty"`
	Why      said.Said `json:"why"` // for the customer
	Since    time.Time `json:"since,omitzero"`
	// Protected: there is no credit, but it is friendly hours until Until.
	Protected bool      `json:"protected,omitempty"`
	Until     time.Time `json:"until,omitzero"`
	// Waiting: it should be off, but the current is too great to break now.
	Waiting bool `json:"waiting,omitempty"`
	// Spared: it should be off, but no top-up could be recorded: nobody is cut off
	// for a credit that there is no way to buy.
	Spared bool `json:"spared,omitempty"`
}

// Supply decides about the supply.  A change of position or cause is an entry
// of the ledger, so that it can be seen later why the light went out.
func (e *Engine) Supply(a Account, at time.Time, f Facts) (Account, []Entry, Decision) {
	p := e.begin(a, at)
	p.review()
	s := p.Account.Supply
	d := p.decide(&s, f)
	if s.Spared && !p.Account.Supply.Spared {
		p.post(Entry{Kind: Notice, Name: "supply", Cause: "the credit is spent; the supply stays on, because no top-up can be recorded"})
	}
	if s.Position != p.Account.Supply.Position || s.Cause != p.Account.Supply.Cause {
		s.Since = p.at
		p.post(Entry{Kind: Supply, Name: string(s.Position), Ref: string(s.Cause), Cause: p.record(p.reason(s, d, f), d, f.Order)})
	}
	p.Account.Supply = s
	d.Position, d.Cause, d.Since = s.Position, s.Cause, s.Since
	a, entries := p.done()
	return a, entries, d
}

// decide moves s and says why.
func (p *posting) decide(s *SupplyState, f Facts) Decision {
	var d Decision
	spent := p.spent()
	until, friendly := p.friendlyNow(s, f, !s.NoCredit && !spent)

	s.Spared = false
	switch {
	case p.Unlocked || p.restorable():
		s.NoCredit = false
	case !spent || s.NoCredit:
	case f.Unrecorded && s.Position != Undecided:
		d.Spared, s.Spared = true, true
	case friendly: // also while it is off for another cause, to come back after
		d.Protected, d.Until = true, until
	case f.Unbreakable && s.Position == Connected, f.Pending && s.Position != Undecided:
		d.Waiting = true
	default:
		s.NoCredit = true
	}

	cause := NoCause
	switch {
	case f.Fault:
		cause = ByFault
	case f.Tamper:
		cause = ByTamper
	case f.Utility:
		cause = ByUtility
	case f.Overload:
		cause = ByOverload
	case f.Customer:
		cause = ByCustomer
	case s.NoCredit:
		cause = ForNoCredit
	}

	switch {
	case cause != NoCause:
		// Also what another cause hides, and what ended before it came: an order of which
		// nobody says any more that the supply closes by itself after it.
		s.Armed = s.Armed || s.Position == Ready || f.Tamper || (f.Utility || s.Cause == ByUtility) && !f.Closes || s.NoCredit && p.doc.Restore == Armed
		s.Position, s.Cause = Disconnected, cause
	case s.Position == Connected:
		s.Cause = NoCause
	case s.Position == Disconnected && p.waits(*s, f) && !f.Confirm:
		s.Position = Ready // and keeps its cause: it says what the supply was off for
	case s.Position == Ready && !f.Confirm:
	default:
		s.Position, s.Cause, s.Armed = Connected, NoCause, false
	}
	d.Close = s.Position == Connected
	d.Why = p.why(p.reason(*s, d, f), d)
	return d
}

// spent tells that there is nothing left to use, lent or of the customer's own.
func (p *posting) spent() bool { return !p.Unlocked && p.Available() <= p.Floor() }

// restorable tells whether there is credit enough to come back after a cut:
// fresh emergency credit, or more than the restore threshold of one's own.
func (p *posting) restorable() bool {
	if p.Emergency.Stage == Taken {
		return p.Available() > p.Floor()
	}
	return p.Available() > p.doc.RestoreAbove
}

// Arms tells whether a supply that was cut for want of credit waits for the
// customer to switch it on.
func (e *Engine) Arms() bool { return e.doc.Restore == Armed }

// waits tells whether a supply that nothing is against any more waits for the customer,
// who has not said a word by their own switch just now.
func (p *posting) waits(s SupplyState, f Facts) bool {
	switch s.Cause {
	case ByCustomer:
		return false
	case ByUtility:
		return !f.Closes || s.Armed
	case NoCause, ByFault, ByTamper, ByOverload, ForNoCredit:
	}
	return s.Armed || p.armed(s.Cause)
}

// armed tells whether the supply waits for the customer after this cause.  An
// overload and a fault end by themselves, and the customer's own switch is
// already the customer's word; the utility's order ends in an empty house only
// where it is agreed so (Facts.Closes).
func (p *posting) armed(c Cause) bool {
	switch c {
	case ByUtility, ByTamper:
		return true
	case ForNoCredit:
		return p.doc.Restore == Armed
	case NoCause, ByFault, ByOverload, ByCustomer:
	}
	return false
}

// friendlyNow tells whether friendly hours hold the supply on, and until when.
// Whether there was credit is noted once a stretch, when it is first entered;
// a clock that steps back into it does not ask again.
func (p *posting) friendlyNow(s *SupplyState, f Facts, credit bool) (time.Time, bool) {
	until, friendly := p.friendly.at(p.at)
	if !friendly {
		return time.Time{}, false
	}
	if !until.Equal(s.Friendly) {
		if f.Doubtful || p.Doubt > 0 || p.Unset {
			return time.Time{}, false // a clock this wrong would make any hour friendly
		}
		s.Friendly, s.Covered = until, credit
	}
	return until, s.Covered
}

// reason is why the supply is on, off or ready.
type reason string

// The reasons, by the kinds that they are told as.
const (
	protected   reason = "supply.protected" // friendly hours hold it on
	spared      reason = "supply.spared"    // on while no top-up can be recorded
	pending     reason = "supply.pending"   // it is cut when that can be recorded
	waiting     reason = "supply.waiting"   // it is cut when the load can be broken
	paidOff     reason = "supply.paid_off"  // on for good
	onEmergency reason = "supply.emergency" // on with lent credit
	onCredit    reason = "supply.credit"
	ready       reason = "supply.ready" // the customer may close it
	offFault    reason = "supply.fault"
	offTamper   reason = "supply.tamper"
	offUtility  reason = "supply.utility"
	offOverload reason = "supply.overload"
	offCustomer reason = "supply.customer"
	offNoCredit reason = "supply.no_credit"
)

// reason is why the supply is as s and d have it.
func (p *posting) reason(s SupplyState, d Decision, f Facts) reason {
	switch s.Position {
	case Connected:
		switch {
		case d.Protected:
			return protected
		case d.Spared:
			return spared
		case d.Waiting && f.Pending:
			return pending
		case d.Waiting:
			return waiting
		case p.Unlocked:
			return paidOff
		case p.Emergency.Stage == Taken && p.Available() <= 0:
			return onEmergency
		}
		return onCredit
	case Ready:
		return ready
	case Undecided, Disconnected:
	}
	switch s.Cause {
	case ByFault:
		return offFault
	case ByTamper:
		return offTamper
	case ByUtility:
		return offUtility
	case ByOverload:
		return offOverload
	case ByCustomer:
		return offCustomer
	case NoCause, ForNoCredit:
	}
	return offNoCredit
}

// why is the reason for the customer.
func (p *posting) why(r reason, d Decision) said.Said {
	switch r {
	case protected:
		return said.Of(string(r), said.Time("until", d.Until))
	case onEmergency:
		return said.Of(string(r), said.Money("left", p.Left()))
	case onCredit:
		return said.Of(string(r), said.Money("left", p.Available()))
	default:
		return said.Of(string(r))
	}
}
