package credit

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotOffered says that emergency credit is not on offer now.
var ErrNotOffered = errors.New("emergency credit is not on offer")

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
		switch {
		case e.doc.Emergency.Amount == 0:
			return a, nil, fmt.Errorf("%w: this site has none", ErrNotOffered)
		case a.Emergency.Stage == Taken:
			return a, nil, fmt.Errorf("%w: it is already taken", ErrNotOffered)
		case a.Emergency.Stage == Spent:
			return a, nil, fmt.Errorf("%w: it is spent; it comes back when %s is paid back", ErrNotOffered, e.say(a.EmergencyUsed()))
		}
		return a, nil, fmt.Errorf("%w: there is still credit; it is offered at %s", ErrNotOffered, e.say(e.doc.Emergency.OfferBelow))
	}
	p := e.begin(a, at)
	p.lend("accepted by " + source)
	p.review()
	a, entries := p.done()
	return a, entries, nil
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
