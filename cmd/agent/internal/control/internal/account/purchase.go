package account

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/charges"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// Due is what the tariff takes from a purchase now, for credit.Engine.TopUp.
// keep is called with the tariff's account after it: only a token that is taken
// asks, so that a refused one leaves the tariff's account as it was.  undated: the
// month is not sure, and a purchase belongs to one.
func (r Rules) Due(s State, undated bool, keep func(tariffs.Account)) credit.Due {
	return func(amount units.Money) []credit.Charge {
		money, ok := r.inMoney(amount)
		if !ok {
			return nil // the vendor has taken it: the token is bare kWh
		}
		if undated {
			return nil // of which month?  The next purchase is asked for them.
		}
		// Charges on purchases belong to the month that the charges by time have
		// come to: a clock that is wrong now opens no other one.
		at := s.Elapsed
		acc, items := r.Documents(s).Purchase(s.Tariff, at, money)
		keep(acc)
		out := make([]credit.Charge, 0, len(items))
		for _, it := range items {
			if c := charges.One(it); c.Amount != 0 {
				c.Energy = 0 // it was told when it was used
				out = append(out, c)
			}
		}
		return out
	}
}

// inMoney is an amount of the account's unit in the tariff's currency, and
// whether there is a price to say so.
func (r Rules) inMoney(amount units.Money) (units.Money, bool) {
	if !r.InKWh {
		return amount, true
	}
	if r.KWhPrice <= 0 {
		return 0, false
	}
	return units.Money(units.MulDiv(int64(amount), int64(r.KWhPrice), int64(units.One))), true
}

// TopUp enters a token; spent: the records have it, whatever the account's memory
// says.
func (r Rules) TopUp(s State, now time.Time, text, source string, spent, undated bool) (State, []credit.Entry, credit.Result) {
	if spent {
		return s, nil, r.Engine.Spent(s.Credit, now, text, source)
	}
	a, entries, result := r.Engine.TopUp(s.Credit, now, text, source, r.Due(s, undated, func(acc tariffs.Account) { s.Tariff = acc }))
	s.Credit = a
	return s, entries, result
}

// ForLight is the least purchase now with which there is light again; ok is false
// where no one that the account may take is enough.
func (r Rules) ForLight(s State, now time.Time, undated bool) (amount units.Money, ok bool) {
	return r.Engine.ForLight(s.Credit, now, r.Coin(), r.Due(s, undated, func(tariffs.Account) {}))
}

// Smallest is the least purchase now, in steps, with which so much is left.
func (r Rules) Smallest(s State, now time.Time, need, step units.Money, undated bool) (amount units.Money, ok bool) {
	return r.Engine.SmallestTopUp(s.Credit, now, need, step, r.Due(s, undated, func(tariffs.Account) {}))
}

// After is the credit after a purchase of amount now; ok is false where it would not
// be taken, or the supply stays off after it.
func (r Rules) After(s State, now time.Time, amount units.Money, undated bool) (left units.Money, ok bool) {
	return r.Engine.AfterTopUp(s.Credit, now, amount, r.Due(s, undated, func(tariffs.Account) {}))
}

// Coin is the smallest step of an amount that can be paid: the currency's
// smallest coin, or a tenth of a kWh, which is what a token can carry.
func (r Rules) Coin() units.Money {
	step := units.One
	if r.InKWh {
		return step / 10
	}
	for range r.Tariff.Decimals() {
		step /= 10
	}
	return max(1, step)
}
