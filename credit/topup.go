package credit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// Result is what became of a token, for the one who entered it.
type Result struct {
	Token       Token         `json:"token"`
	Fingerprint string        `json:"fingerprint,omitempty"` // its name in the ledger
	Former      string        `json:"-"`                     // the name that it may have in old records, "" where in none
	Bought      units.Money   `json:"bought,omitempty"`      // what the token was worth, in the account's unit
	Paid        []Payment     `json:"paid,omitempty"`        // what was taken from it before it became credit
	Available   units.Money   `json:"available"`             // afterwards
	Wait        time.Duration `json:"wait,omitempty"`        // until the next token is looked at
	TriesLeft   int           `json:"tries_left,omitempty"`  // wrong tokens before the next wait
	Says        said.Said     `json:"says"`                  // what happened, for the customer
}

// Payment is a part of a top-up that did not become credit.
type Payment struct {
	Name   string      `json:"name"`
	Amount units.Money `json:"amount"`
}

// Due is what the tariff takes from a purchase of an amount.
type Due func(amount units.Money) []Charge

// Accepted tells whether the token had its effect now.
func (r Result) Accepted() bool { return r.Token.Code == Accept }

// TopUp enters a token.  source is the way it came: page, cli, mqtt, keypad,
// card.  A token has its effect once, however often and by however many ways
// it is entered: the scheme's memory of it is part of the account.  A wrong
// token counts towards the lock-out of its way; a used one does not.
//
// due, where given, is asked once for what the tariff takes from a purchase of
// an amount, in the account's unit; it is not asked where the token is not
// taken.  Negative charges, such as a rebate, are credited.
func (e *Engine) TopUp(a Account, at time.Time, text, source string, due ...Due) (Account, []Entry, Result) {
	p := e.begin(a, at)
	p.due = due
	var r Result
	digits := e.Digits(text)
	if p.Lock(Way(source)).Left > 0 {
		r.Token = Token{Code: Lockout}
	} else {
		p.enter(&r, digits, source)
	}
	p.review()
	r.Says = p.answer(&r, source)
	a, entries := p.done()
	return a, entries, r
}

// Spent is the answer to a token that the account would take and that the
// records of its tokens have: they are right, and it is used.  The account
// stays as it is.
func (e *Engine) Spent(a Account, at time.Time, text, source string) Result {
	_, _, r := e.TopUp(a, at, text, source)
	r.Token.Code, r.Bought, r.Paid = Used, 0, nil
	p := e.book(a, at)
	r.Says = p.answer(&r, source)
	return r
}

// answer fills in what stands after a token and says what became of it.
func (p *posting) answer(r *Result, source string) said.Said {
	way := Way(source)
	r.Available, r.Wait, r.TriesLeft = p.Available(), p.Lock(way).Left, p.TriesLeft(p.Account, way)
	return p.explain(*r, way)
}

// enter asks the schemes and applies what an accepted token does.
func (p *posting) enter(r *Result, digits, source string) {
	r.Token = Token{Code: Format, Detail: said.Of("token.no_scheme")}
	var state []byte
	for _, s := range p.schemes {
		if !s.Fits(digits) {
			continue
		}
		t, next, err := s.Read(p.scheme(s.Name()), digits, p.at)
		t.Scheme = s.Name()
		if err != nil {
			t = Token{Scheme: s.Name(), Code: Unreadable, Detail: said.Words(err.Error())}
		}
		// A scheme that knows the token wins over one that does not.
		if r.Token.Code == Format || r.Token.Code.Guess() && !t.Code.Guess() {
			r.Token, state = t, next
		}
		if t.Code == Accept {
			break
		}
	}
	if r.Token.Code.Guess() {
		p.wrong(source)
		return
	}
	if r.Token.Code == Format {
		return
	}
	r.Fingerprint = Fingerprint(r.Token.Scheme, cmp.Or(r.Token.ID, digits))
	if r.Token.ID != "" && r.Token.ByDigits {
		r.Former = Fingerprint(r.Token.Scheme, digits)
	}
	if r.Token.Code != Accept {
		return
	}
	if r.Token.Code = p.usable(r); r.Token.Code != Accept {
		return // its state is not taken: the token stays good
	}
	p.Account = p.withScheme(r.Token.Scheme, state)
	switch {
	case r.Token.Effect == SelfTest: // it needs no key: anybody can make one between two guesses
	case r.Token.Effect == Sync: // it gives nothing: guessing goes on after it
	default:
		p.right(source, r.Token.ID != "")
	}
	p.apply(r, source)
}

// usable tells whether an accepted token can have its effect here, and works
// out what it is worth.
func (p *posting) usable(r *Result) Code {
	t := r.Token
	switch t.Effect {
	case AddCredit, SetCredit:
		amount, ok := p.worth(t)
		if !ok {
			r.Token.Detail = said.Of("token.unit")
			return Function
		}
		r.Bought = amount
		after := amount
		if t.Effect == AddCredit {
			after = p.Available() + amount
			if limit := p.doc.Provision; limit.Amount > 0 && p.tally(p.Bought, limit.Period).Amount+amount > limit.Amount {
				r.Token.Detail = said.Of("token.provision", said.Money("amount", limit.Amount), said.Text("period", string(limit.Period)))
				return Overflow
			}
		}
		if limit := p.doc.MaximumBalance; after > greatest || limit > 0 && after > limit {
			r.Token.Detail = said.Of("token.balance")
			return Overflow
		}
	case KeyChange, ClearCredit, Unlock, Sync, PowerLimit, TariffRate, ClearTamper, PhaseLimit, SelfTest, Revoke:
	default:
		return Function
	}
	return Accept
}

// milli is the energy that is one unit of Money in a kWh account.
const milli = units.KilowattHour / units.Energy(units.One)

// worth is a token's credit in the account's unit.
func (p *posting) worth(t Token) (units.Money, bool) {
	price := p.doc.KWhPrice
	switch {
	case t.InMoney == (p.doc.Mode == InMoney):
		if t.InMoney {
			return min(t.Money, 2*greatest), true
		}
		return units.Money(units.MulDiv(int64(t.Energy), 1, int64(milli))), true
	case price == 0:
		return 0, false
	case t.InMoney:
		return min(p.toUnit(t.Money), 2*greatest), true
	}
	return min(price.Cost(t.Energy), 2*greatest), true
}

// apply has the effect of an accepted token.
func (p *posting) apply(r *Result, source string) {
	t := r.Token
	notice := func(cause string, args ...any) {
		p.post(Entry{Kind: Notice, Name: source, Ref: r.Fingerprint, Cause: fmt.Sprintf(cause, args...)})
	}
	switch t.Effect {
	case AddCredit:
		p.pay(r, source)
	case SetCredit:
		p.settle("token")
		p.post(Entry{Kind: Topup, Name: source, Amount: r.Bought - p.Balance, Ref: r.Fingerprint, Cause: fmt.Sprintf("%s token by %s sets the balance to %s", t.Scheme, source, p.say(r.Bought))})
	case ClearCredit:
		if had := p.Available(); had > 0 {
			p.settle("token")
			p.post(Entry{Kind: Adjustment, Name: source, Amount: -had, Ref: r.Fingerprint, Cause: fmt.Sprintf("%s token by %s clears the credit", t.Scheme, source)})
		} else {
			notice("%s token by %s clears the credit; there was none", t.Scheme, source)
		}
	case Unlock:
		p.Unlocked = true
		notice("%s token by %s: paid off, the supply is no longer cut for credit", t.Scheme, source)
	case Sync:
		notice("%s token by %s: counter set to %d", t.Scheme, source, t.Count)
	case PowerLimit:
		p.Limit = t.Power
		notice("%s token by %s: power limit %s", t.Scheme, source, t.Power)
	case PhaseLimit:
		p.Phase = t.Power
		notice("%s token by %s: phase unbalance limit %s", t.Scheme, source, t.Power)
	case TariffRate:
		p.Tariff = t.Value
		notice("%s token by %s: tariff rate %d", t.Scheme, source, t.Value)
	case ClearTamper:
		p.Tampered = false
		notice("%s token by %s: tamper cleared", t.Scheme, source)
	case KeyChange:
		notice("%s token by %s: key change, word %d of %d", t.Scheme, source, t.Value, t.Of)
	case Revoke:
		notice("%s token by %s: serials %d to %d are void", t.Scheme, source, t.Value, t.Of)
	case SelfTest:
	}
}

// pay credits a top-up and takes from it, in order: instalments that have fallen
// due and were not there to take, payment debts by share, charges taken at purchase, accumulated debts.  What is left lowers the used
// emergency credit and then raises the balance, which is one movement.
func (p *posting) pay(r *Result, source string) {
	p.Bought = p.tally(p.Bought, p.doc.Provision.Period)
	p.Bought.Amount += r.Bought
	p.post(Entry{
		Kind: Topup, Name: source, Amount: r.Bought, Ref: r.Fingerprint,
		Cause: fmt.Sprintf("%s token by %s adds %s", r.Token.Scheme, source, p.say(r.Bought)),
	})
	left := r.Bought
	take := func(e Entry, amount units.Money) {
		e.Amount, e.Ref = -amount, r.Fingerprint
		p.post(e)
		r.Paid = append(r.Paid, Payment{e.Name, amount})
		left -= amount
	}

	p.takeInstalment(left, take)

	share := r.Bought.Part(p.doc.Debt.SharePercent, 100)
	p.Recovered = p.tally(p.Recovered, p.doc.Debt.Period)
	if limit := p.doc.Debt.Cap; limit > 0 {
		share = min(share, limit-p.Recovered.Amount)
	}
	share = min(share, left)
	for _, d := range slices.Clone(p.Debts) {
		if amount := min(share, d.Amount); d.Share && amount > 0 {
			take(Entry{Kind: Debt, Name: d.Name, Owed: -amount, Cause: fmt.Sprintf("%d %% of the top-up towards %s", p.doc.Debt.SharePercent, d.Name)}, amount)
			share -= amount
			p.Recovered.Amount += amount
		}
	}
	for _, ask := range p.due {
		for _, c := range ask(r.Bought) {
			if c, ok := p.inUnit(c); ok && p.firstOf(c) {
				take(Entry{Kind: c.Kind, Name: c.Name, Tax: -c.Tax, Cause: c.Name + ", taken at purchase"}, c.Amount)
			}
		}
	}
	for _, d := range slices.Clone(p.Debts) {
		if amount := min(max(0, left), d.Amount); !d.Share && amount > 0 {
			take(Entry{Kind: Debt, Name: d.Name, Owed: -amount, Cause: "towards " + d.Name}, amount)
		}
	}
}

// tally is t as it stands now: empty where a new period has begun.  A clock
// set back does not begin one.
func (p *posting) tally(t Tally, period Period) Tally {
	if from := period.start(p.at, p.loc); from.After(t.From) {
		return Tally{From: from}
	}
	return t
}

// explain is the result for the customer, in codes and values.
func (p *posting) explain(r Result, way string) said.Said {
	t := r.Token
	switch t.Code {
	case Accept:
		switch t.Effect {
		case AddCredit:
			s := said.Of("token.added", said.Money("amount", r.Bought))
			for _, paid := range r.Paid {
				s = s.Then(said.Of("token.paid", said.Money("amount", paid.Amount), said.Text("name", paid.Name)))
			}
			return s.Then(said.Of("token.credit", said.Money("amount", r.Available)))
		case SetCredit:
			return said.Of("token.set", said.Money("amount", r.Available))
		case ClearCredit:
			return said.Of("token.cleared")
		case KeyChange:
			return said.Of("token.key", said.Count("n", t.Value), said.Count("of", t.Of))
		default:
			return said.Of("token.accepted", said.Text("effect", string(t.Effect)))
		}
	case Used:
		return said.Of("token.used", said.Money("amount", r.Available))
	case Old:
		return said.Of("token.old")
	case Lockout:
		return said.Of("token.lockout", said.Text("way", way), said.Length("wait", r.Wait))
	case Format:
		return said.Of("token.format").Then(t.Detail)
	case Unreadable:
		return said.Of("token.unreadable").Then(t.Detail)
	case Expired:
		return said.Of("token.expired")
	case Overflow, Function, KeyType, Default, Maker:
		if len(t.Detail) > 0 {
			return said.Of("token.refused_for").Then(t.Detail)
		}
		return said.Of("token.refused")
	default:
		s := said.Of("token.wrong")
		if r.Wait > 0 {
			s = s.Then(said.Of("token.wait", said.Length("wait", r.Wait)))
		}
		return s
	}
}
