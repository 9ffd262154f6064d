package control

import (
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// due is what the tariff takes from a purchase now, for credit.Engine.TopUp.
// keep is called with the tariff's account after it: only a token that is taken
// asks, so that a refused one leaves the tariff's account as it was.
func (s *Site) due(st *State, keep func(tariffs.Account)) credit.Due {
	return func(amount units.Money) []credit.Charge {
		money, ok := s.inMoney(amount)
		if !ok {
			return nil // the vendor has taken it: the token is bare kWh
		}
		if st.Clock.Young && unset(st.Clock.Raw) || st.newMonth() {
			return nil // of which month?  The next purchase is asked for them.
		}
		// Charges on purchases belong to the month that the charges by time have
		// come to: a clock that is wrong now opens no other one.
		at := st.Elapsed
		acc, items := s.Tariff.Purchase(st.Tariff, at, money)
		keep(acc)
		charges := make([]credit.Charge, 0, len(items))
		for _, it := range items {
			if c := chargeOf(it); c.Amount != 0 {
				c.Energy = 0 // it was told when it was used
				charges = append(charges, c)
			}
		}
		return charges
	}
}

// inMoney is an amount of the account's unit in the tariff's currency, and
// whether there is a price to say so.
func (s *Site) inMoney(amount units.Money) (units.Money, bool) {
	if !s.InKWh {
		return amount, true
	}
	if s.KWhPrice <= 0 {
		return 0, false
	}
	return units.Money(units.MulDiv(int64(amount), int64(s.KWhPrice), int64(units.One))), true
}
