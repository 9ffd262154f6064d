package credit

import (
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// ErrNotOffered says that emergency credit is not on offer now.
var ErrNotOffered = errors.New("emergency credit is not on offer")

// NotOfferedError is an ErrNotOffered that knows why, for the customer.
type NotOfferedError struct{ Says said.Said }

func (e *NotOfferedError) Error() string { return ErrNotOffered.Error() + ": " + e.Says.String() }

// Is tells that it is an ErrNotOffered.
func (e *NotOfferedError) Is(target error) bool { return target == ErrNotOffered }

// Offered tells whether the customer may take emergency credit now: it is
// configured, not taken, the available credit is low, and it would give some:
// where more is owed already it would be gone at once and bring nothing back.
func (e *Engine) Offered(a Account) bool {
	em := e.doc.Emergency
	return em.Amount > 0 && a.Emergency.Stage == NotTaken && !a.Unlocked && a.Available() <= em.OfferBelow && a.Available() > -em.Amount
}

// AcceptEmergency lends the emergency credit at the customer's word.  It moves
// no money: the balance may now go below zero by the limit.  source is the way
// the word came, such as page or keypad.
func (e *Engine) AcceptEmergency(a Account, at time.Time, source string) (Account, []Entry, error) {
	if !e.Offered(a) {
		why := said.Of("emergency.unneeded", said.Money("at", e.doc.Emergency.OfferBelow))
		switch {
		case e.doc.Emergency.Amount == 0:
			why = said.Of("emergency.none")
		case a.Emergency.Stage == Taken:
			why = said.Of("emergency.taken")
		case a.Emergency.Stage == Spent:
			why = said.Of("emergency.spent", said.Money("used", a.EmergencyUsed()))
		}
		return a, nil, &NotOfferedError{said.Of("emergency.not_offered").Then(why)}
	}
	p := e.begin(a, at)
	p.lend("accepted by " + source)
	p.review()
	a, entries := p.done()
	return a, entries, nil
}

// Lends is what is lent without anybody's word when the credit is used up.
func (e *Engine) Lends(a Account) units.Money {
	if em := e.doc.Emergency; em.Automatic && a.Emergency.Stage == NotTaken && !a.Unlocked && a.Available() > -em.Amount {
		return em.Amount
	}
	return 0
}

func (p *posting) lend(how string) {
	p.Emergency = EmergencyState{Stage: Taken, Limit: p.doc.Emergency.Amount}
	p.post(Entry{Kind: Emergency, Name: "emergency credit", Cause: fmt.Sprintf("emergency credit of %s %s", p.say(p.Emergency.Limit), how)})
}

// emergency moves the stage of the emergency credit where the balance says so.
func (p *posting) emergency() {
	available := p.Available()
	if p.Emergency.Stage == NotTaken && p.doc.Emergency.Automatic && p.Offered(p.Account) && available <= 0 {
		p.lend("taken by itself, as configured")
	}
	switch {
	case p.Emergency.Stage == Taken && available <= p.Floor():
		p.Emergency.Stage = Spent
		p.post(Entry{Kind: Emergency, Name: "emergency credit", Cause: fmt.Sprintf("emergency credit of %s is spent", p.say(p.Emergency.Limit))})
	case p.Emergency.Stage == Taken && available > 0 && available > p.doc.Emergency.OfferBelow,
		p.Emergency.Stage == Spent && available >= 0:
		p.Emergency = EmergencyState{}
		p.post(Entry{Kind: Emergency, Name: "emergency credit", Cause: "emergency credit is paid back; it will be offered again when needed"})
	}
}
