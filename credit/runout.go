package credit

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// SmallestTopUp is the least top-up, in whole steps, after which the account
// has more credit of its own than need: what debts, purchase charges and used
// emergency credit take from it is reckoned by the rules themselves.  It is 0
// where there is enough already, and ok is false where no top-up that the
// account may take now is enough.  A supply that was cut comes back with it.
func (e *Engine) SmallestTopUp(a Account, at time.Time, need, step units.Money, due ...Due) (amount units.Money, ok bool) {
	enough := func(a Account) bool { return a.Available() > need && !(a.Supply.NoCredit && e.dark(a)) }
	if enough(a) {
		return 0, true
	}
	return e.least(a, at, step, enough, due)
}

// AfterTopUp is the credit of the account's own after a top-up of amount that nobody
// has entered: what debts, purchase charges and used emergency credit take from it is
// reckoned by the rules themselves.  ok is false where it would not be taken now, or
// where the supply stays off for want of credit after it.
func (e *Engine) AfterTopUp(a Account, at time.Time, amount units.Money, due ...Due) (left units.Money, ok bool) {
	after, ok := e.buy(a, at, amount, due)
	if !ok || after.Supply.NoCredit && e.dark(after) {
		return 0, false
	}
	return after.Available(), true
}

// ForLight is the least top-up, in whole steps, that brings back a supply that
// was cut for want of credit, or that keeps on one whose credit is spent.  It is
// 0 where the supply has its credit, and ok is false where no one top-up that
// the account may take now is enough.
//
// It is found by buying: each amount that is tried goes the way of a token's,
// with what debts and the tariff take from it, and the account after it is asked
// what the cut-off asks.  What is used or falls due after at is not in it.
func (e *Engine) ForLight(a Account, at time.Time, step units.Money, due ...Due) (amount units.Money, ok bool) {
	lit := func(a Account) bool { return !e.dark(a) }
	if lit(a) {
		return 0, true
	}
	return e.least(a, at, step, lit, due)
}

// dark tells whether the supply is off for want of credit, or will be when
// nothing protects it any longer.
func (e *Engine) dark(a Account) bool {
	p := e.book(a, a.Clock)
	switch {
	case a.Unlocked:
		return false
	case a.Supply.NoCredit:
		return !p.restorable()
	}
	return p.spent()
}

// least is the least top-up, in whole steps, after which the account is enough.
func (e *Engine) least(a Account, at time.Time, step units.Money, enough func(Account) bool, due []Due) (amount units.Money, ok bool) {
	if step <= 0 {
		step = units.One / 100
	}
	buys := func(n int64) bool {
		after, ok := e.buy(a, at, units.Money(n)*step, due)
		return ok && enough(after)
	}
	limit := int64(greatest / step)
	if e.doc.Mode == InKWh { // no token carries more energy than there are units for
		limit = min(limit, int64(units.Money(math.MaxInt64/int64(milli))/step))
	}
	if e.doc.MaximumBalance > 0 {
		limit = min(limit, int64(max(0, (e.doc.MaximumBalance-a.Available())/step)))
	}
	if p := e.doc.Provision; p.Amount > 0 {
		bought := e.book(a, at).tally(a.Bought, p.Period).Amount
		limit = min(limit, int64(max(0, (p.Amount-bought)/step)))
	}
	// Double until it is enough, then halve: the rules take a share, never more
	// than all of what is added.
	low, high := int64(0), int64(1)
	for high < limit && !buys(high) {
		low, high = high, 2*high
	}
	high = min(high, limit)
	if high == 0 || !buys(high) {
		return 0, false
	}
	for high-low > 1 { // low is not enough, high is
		if middle := (low + high) / 2; buys(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return units.Money(high) * step, true
}

// buy is the account after a top-up of amount that nobody has entered, and
// whether it would be taken.
func (e *Engine) buy(a Account, at time.Time, amount units.Money, due []Due) (Account, bool) {
	p := e.book(a, at)
	p.due, p.dry = due, true
	r := Result{Token: Token{Code: Accept, Effect: AddCredit, InMoney: true, Money: amount}}
	if e.doc.Mode == InKWh {
		r.Token.InMoney, r.Token.Money, r.Token.Energy = false, 0, units.Energy(amount)*milli
	}
	if p.usable(&r) != Accept {
		return a, false
	}
	p.apply(&r, "")
	p.review()
	p.review() // as when the supply is decided about next
	return p.Account, true
}
