package control

import (
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// Order is an operator's order about the account.
type Order func(e *credit.Engine, a credit.Account, at time.Time) (credit.Account, []credit.Entry, error)

// Adjust moves the balance, with a reason; see credit.Engine.Adjust.
func Adjust(kind credit.Kind, amount units.Money, reason string) Order {
	return func(e *credit.Engine, a credit.Account, at time.Time) (credit.Account, []credit.Entry, error) {
		return e.Adjust(a, at, kind, amount, reason)
	}
}

// Owe takes on a debt, or forgives part of one; see credit.Engine.Owe.
func Owe(name string, amount units.Money, byShare bool, reason string) Order {
	return func(e *credit.Engine, a credit.Account, at time.Time) (credit.Account, []credit.Entry, error) {
		return e.Owe(a, at, name, amount, byShare, reason)
	}
}

// Carry carries out an order between two runs of the loop.  An order has the time
// of what was last recorded where the clock stands before it.
func (s *Site) Carry(st State, now time.Time, order Order) (State, Effects, error) {
	if now.Before(st.Now) {
		now = st.Now
	}
	a, entries, err := order(s.Credit, st.Credit, now)
	if err != nil {
		return st, Effects{}, err
	}
	st = st.clone()
	st.Credit, st.WantPlan = a, true
	eff := Effects{Entries: entries, Durable: true}
	s.record(&eff)
	return st, eff, nil
}
