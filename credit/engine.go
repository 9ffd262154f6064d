package credit

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Engine is the rules of one site.  It has no state: the same account, instant
// and input always give the same answer.
type Engine struct {
	doc      Document
	loc      *time.Location
	schemes  []Scheme
	friendly calendar
	every    time.Duration // what one wrong token weighs: see LockState.Owed
}

// New is the engine for a document that Check finds nothing wrong with.
// Schemes are asked in the given order.
func New(doc Document, loc *time.Location, schemes ...Scheme) (*Engine, error) {
	if err := doc.Check().Err(); err != nil {
		return nil, fmt.Errorf("credit: %w", err)
	}
	odds := 0.0
	for _, s := range schemes {
		odds = max(odds, s.Odds())
	}
	return &Engine{doc: doc, loc: loc, schemes: schemes, friendly: calendar{doc.Friendly, loc}, every: allowance(odds)}, nil
}

// posting is an account on its way from one value to the next, with the
// entries that lead there.
type posting struct {
	*Engine
	Account
	at      time.Time
	due     []Due
	entries []Entry
	// dry: only the sums are wanted, of something that has not happened.
	dry bool
}

// book starts a posting at the time of what is booked, which may lie behind
// the clock: a sample's, an interval's.
func (e *Engine) book(a Account, at time.Time) *posting {
	return &posting{Engine: e, Account: a, at: stamp(at)}
}

// begin starts a posting at the time of the clock: it moves the account's
// clock, and with it whatever runs down with powered time.
func (e *Engine) begin(a Account, at time.Time) *posting {
	p := e.book(a, at)
	p.tick()
	return p
}

func (p *posting) done() (Account, []Entry) { return p.Account, p.entries }

// post appends one entry.  The balance and the debts never run over their
// integers: amounts are bounded before they come here, and the sums of a
// lifetime stay far below.
func (p *posting) post(e Entry) {
	e.Seq = p.Head.Seq + 1
	e.At = p.at
	p.Balance += e.Amount
	e.Balance = p.Balance
	if e.Owed != 0 {
		p.owe(e.Name, e.Owed)
	}
	for _, d := range p.Debts {
		e.Debt += d.Amount
	}
	if p.dry {
		return
	}
	e.Prev = p.Head.Hash
	e.Hash = e.Sum()
	p.Head = Head{Seq: e.Seq, Hash: e.Hash, Balance: e.Balance}
	p.entries = append(p.entries, e)
}

// owe changes the debt name by amount, and drops it when it is paid.
func (p *posting) owe(name string, amount units.Money) {
	debts := slices.Clone(p.Debts)
	i := slices.IndexFunc(debts, func(d DebtState) bool { return d.Name == name })
	if i < 0 {
		debts = append(debts, DebtState{Name: name})
		i = len(debts) - 1
	}
	debts[i].Amount += amount
	debts = slices.DeleteFunc(debts, func(d DebtState) bool { return d.Amount == 0 })
	if len(debts) == 0 {
		debts = nil // as it comes back from storage
	}
	p.Debts = debts
}

// Open is a new account for a meter, with the opening entry.
func (e *Engine) Open(meter string, at time.Time) (Account, []Entry) {
	p := e.begin(Account{Meter: meter}, at)
	p.open()
	return p.done()
}

func (p *posting) open() {
	p.startSchemes()
	p.post(Entry{
		Kind: Opening, Name: p.Meter, Amount: p.doc.Opening,
		Cause: fmt.Sprintf("account opened for meter %s with a credit of %s", p.Meter, p.say(p.doc.Opening)),
	})
	p.review()
}

// startSchemes tells the schemes that the account is opened now.  One that
// cannot say its state is as in an account that has none.
func (p *posting) startSchemes() {
	for _, s := range p.schemes {
		if starter, ok := s.(Starter); ok {
			if state, err := starter.StartAt(p.scheme(s.Name()), p.at); err == nil {
				p.Account = p.withScheme(s.Name(), state)
			}
		}
	}
}

// WithoutOpening is e for an account that gets no opening credit: one of its
// meter was opened before.
func (e *Engine) WithoutOpening() *Engine {
	bare := *e
	bare.doc.Opening = 0
	return &bare
}

// Opening is the credit that a new account starts with.
func (e *Engine) Opening() units.Money { return e.doc.Opening }

// OpenUnset is Open before the clock is known to be right.  The caller takes
// Account.Unset back when it is; until then Reclock follows a clock that is set.
func (e *Engine) OpenUnset(meter string, at time.Time) (Account, []Entry) {
	p := e.begin(Account{Meter: meter, Unset: true}, at)
	p.open()
	return p.done()
}

// Reclock takes a young account along to the time of a clock that was set for
// the first time.  No time has passed: nothing is given or taken for it.
func (e *Engine) Reclock(a Account, at time.Time) (Account, []Entry) {
	p := e.book(a, at)
	p.post(Entry{Kind: Notice, Name: "clock", Cause: fmt.Sprintf("the clock was set from %s; credit stands as it was", a.Clock.Format(time.RFC3339))})
	p.Clock, p.Doubt, p.Before = p.at, 0, time.Time{}
	p.startSchemes()
	if len(p.Pending) > 0 {
		p.Since = p.at
	}
	p.Bought.From, p.Recovered.From = p.doc.Provision.Period.start(p.at, p.loc), p.doc.Debt.Period.start(p.at, p.loc)
	p.Charged = slices.DeleteFunc(slices.Clone(p.Charged), func(c ChargedTo) bool { return c.Period.After(p.at) })
	if len(p.Charged) == 0 {
		p.Charged = nil // as it comes back from storage
	}
	p.Account.Supply.Since, p.Account.Supply.Friendly, p.Account.Supply.Covered = p.at, time.Time{}, false
	return p.done()
}

// Tick only lets time pass: a lock-out runs down, free units of a new period
// are given.  Call it at every step of the loop, also when there is no sample.
func (e *Engine) Tick(a Account, at time.Time) (Account, []Entry) {
	p := e.begin(a, at)
	p.review()
	return p.done()
}

// Accrue adds charges used up since the last call.  They lower the available
// credit at once and are posted by Settle.  Entries appear only where this
// very charge changes a state, such as emergency credit being spent.  at is
// the time of what was used and may lie behind the clock.
func (e *Engine) Accrue(a Account, at time.Time, charges ...Charge) (Account, []Entry) {
	p := e.book(a, at)
	p.accrue(charges)
	p.review()
	return p.done()
}

// Settle posts what is pending, one entry a charge.  ref is the start of the
// interval; use the interval's own time for at, so that a repeat after a
// crash posts the same.
func (e *Engine) Settle(a Account, at time.Time, ref string) (Account, []Entry) {
	p := e.book(a, at)
	p.settle(ref)
	p.review()
	return p.done()
}

// Adjust moves the balance by the operator's order, with a reason.  kind is
// Adjustment, Refund or Gift.
func (e *Engine) Adjust(a Account, at time.Time, kind Kind, amount units.Money, reason string) (Account, []Entry, error) {
	switch kind {
	case Adjustment, Refund, Gift:
	default:
		return a, nil, fmt.Errorf("credit: %q is not a kind of adjustment", kind)
	}
	if reason == "" {
		return a, nil, fmt.Errorf("credit: an adjustment needs a reason; say who ordered it and why")
	}
	if amount > greatest || amount < -greatest {
		return a, nil, fmt.Errorf("credit: %s is beyond any balance this account may reach", amount)
	}
	p := e.begin(a, at)
	p.post(Entry{Kind: kind, Amount: amount, Cause: reason})
	p.review()
	a, entries := p.done()
	return a, entries, nil
}

// GiveBack returns charges that should not have been taken, one refund each;
// reason goes on from the charge's name.
func (e *Engine) GiveBack(a Account, at time.Time, charges []Charge, reason string) (Account, []Entry) {
	p := e.begin(a, at)
	for _, c := range charges {
		if c, ok := p.inUnit(c); ok && c.Amount != 0 {
			p.post(Entry{Kind: Refund, Name: c.Name, Amount: c.Amount, Tax: c.Tax, Cause: c.Name + " " + reason})
		}
	}
	p.review()
	return p.done()
}

// ReportTamper takes note of tampering, such as a bypassed contactor or an
// opened cover.  It holds until a token clears it; whether it cuts the supply
// is for Facts.Tamper to say.
func (e *Engine) ReportTamper(a Account, at time.Time, what string) (Account, []Entry) {
	p := e.begin(a, at)
	if !p.Tampered {
		p.Tampered = true
		p.post(Entry{Kind: Notice, Name: "tamper", Cause: what})
	}
	p.review()
	return p.done()
}

// Owe takes on a debt (or, with a negative amount, forgives part of one).
// byShare debts are recovered by a share of each top-up, others whole.
func (e *Engine) Owe(a Account, at time.Time, name string, amount units.Money, byShare bool, reason string) (Account, []Entry, error) {
	var has units.Money
	for _, d := range a.Debts {
		if d.Name == name {
			has = d.Amount
		}
	}
	switch {
	case name == "" || reason == "":
		return a, nil, fmt.Errorf("credit: a debt needs a name and a reason")
	case amount == 0 || amount > greatest || has+amount < 0 || has+amount > greatest:
		return a, nil, fmt.Errorf("credit: debt %q stands at %s and cannot change by %s", name, has, amount)
	}
	p := e.begin(a, at)
	p.post(Entry{Kind: Debt, Name: name, Owed: amount, Cause: reason})
	p.Debts = slices.Clone(p.Debts)
	for i := range p.Debts {
		if p.Debts[i].Name == name {
			p.Debts[i].Share = byShare
		}
	}
	p.review()
	a, entries := p.done()
	return a, entries, nil
}

// greatest is the most that a balance, a debt or one movement may be: far
// beyond any household, and far enough from the integer's end that no sum of
// a lifetime reaches it.
const greatest = 1_000_000_000 * units.One

// accrue puts charges among the pending ones, one line a name and kind.
func (p *posting) accrue(charges []Charge) {
	pending := slices.Clone(p.Pending)
	for _, c := range charges {
		c, ok := p.inUnit(c)
		if !ok || !p.firstOf(c) {
			continue
		}
		c.Period = time.Time{}
		owed := c.Kind == Standing && p.doc.Emergency.SuspendStanding && p.Available() <= 0
		i := slices.IndexFunc(pending, func(q Pending) bool {
			return q.Charge.Name == c.Name && q.Charge.Kind == c.Kind && q.Owed == owed
		})
		if i < 0 {
			pending = append(pending, Pending{Charge: c, Owed: owed})
			continue
		}
		q := &pending[i].Charge
		q.Amount += c.Amount
		q.Tax += c.Tax
		q.Energy += c.Energy
	}
	if len(p.Pending) == 0 && len(pending) > 0 {
		p.Since = p.at
	}
	p.Pending = pending
}

// inUnit is c in the account's unit, and whether there is anything to charge.
func (p *posting) inUnit(c Charge) (Charge, bool) {
	if p.doc.Mode == InKWh {
		switch c.Kind {
		case Consumption, Export:
			e := c.Energy + p.Rest
			c.Amount, c.Tax = units.Money(e/milli), 0
			p.Rest = e % milli
		default:
			if p.doc.KWhPrice == 0 {
				return c, false // the vendor took it when the kWh were sold
			}
			c.Tax = p.toUnit(c.Tax)
			c.Amount = p.toUnit(c.Amount)
		}
	}
	c.Amount = max(-greatest, min(greatest, c.Amount))
	return c, c.Amount != 0 || c.Energy != 0
}

// toUnit is an amount of currency in the unit of a kWh account.
func (p *posting) toUnit(m units.Money) units.Money {
	return units.Money(units.MulDiv(int64(m), int64(units.One), int64(p.doc.KWhPrice)))
}

// firstOf tells whether a charge by time is for a period not yet charged, and
// takes note of it.
func (p *posting) firstOf(c Charge) bool {
	if c.Period.IsZero() {
		return true
	}
	period := stamp(c.Period)
	i := slices.IndexFunc(p.Charged, func(t ChargedTo) bool { return t.Name == c.Name })
	if i >= 0 && !period.After(p.Charged[i].Period) {
		return false
	}
	charged := slices.Clone(p.Charged)
	if i < 0 {
		charged = append(charged, ChargedTo{c.Name, period})
	} else {
		charged[i].Period = period
	}
	p.Charged = charged
	return true
}

func (p *posting) settle(ref string) {
	pending := p.Pending
	p.Pending, p.Since = nil, time.Time{}
	for _, q := range pending {
		c := q.Charge
		e := Entry{Kind: c.Kind, Name: c.Name, Energy: c.Energy, Ref: ref}
		if q.Owed {
			e.Kind, e.Owed, e.Cause = Debt, c.Amount, c.Name+" becomes debt: there was no credit of the customer's own"
		} else {
			e.Amount, e.Tax, e.Cause = -c.Amount, -c.Tax, c.Name
			if c.Energy != 0 {
				e.Cause = fmt.Sprintf("%s: %s", c.Name, c.Energy)
			}
		}
		p.post(e)
	}
}

// review brings the states that follow from the balance up to date.
func (p *posting) review() {
	p.free()
	p.instalment()
	p.emergency()
}

// free gives the free units of a new period, once, and never again for a
// period before it.
func (p *posting) free() {
	if p.doc.FreeUnits.Amount == 0 || p.Head.Seq == 0 || p.Unset {
		return
	}
	from := p.doc.FreeUnits.Period.start(p.at, p.loc)
	if !from.After(p.Free) {
		return
	}
	p.Free = from
	p.post(Entry{
		Kind: Gift, Name: "free units", Amount: p.doc.FreeUnits.Amount, Ref: from.Format(time.RFC3339),
		Cause: fmt.Sprintf("free units of the %s from %s", p.doc.FreeUnits.Period, from.In(p.loc).Format(time.DateOnly)),
	})
}

// say is an amount for a sentence.
func (e *Engine) say(m units.Money) string {
	if e.doc.Mode == InKWh {
		return m.Decimal(3) + " kWh"
	}
	return m.Decimal(2)
}
