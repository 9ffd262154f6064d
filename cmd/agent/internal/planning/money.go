package planning

import (
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// perKWh is what a kWh takes from an account in kWh.
const perKWh = units.Price(units.One)

// purse reckons in the account's unit what energy takes from it: by the tariff, as the
// ledger will, or where the account is kept in kWh by itself.  There is no other money
// in a plan.
type purse struct {
	tariff  *tariffs.Tariff // nil: the account is kept in kWh
	account tariffs.Account
	slots   []units.Slot
}

func (s *Rules) purse(b *Brief, slots []units.Slot) purse {
	if s.InKWh {
		return purse{slots: slots}
	}
	return purse{s.tariff(b), b.Account, slots}
}

// cost is what all consumption of a plan costs, with what falls due by time.
func (m purse) cost(p *optimizer.Problem, plan *optimizer.Plan) units.Money {
	used := make([]units.Energy, p.N)
	for t := range used {
		kw := p.BaseKW[t]
		if p.PVKW != nil {
			kw -= p.PVKW[t]
		}
		for _, l := range plan.Loads {
			kw += l.KW[t]
		}
		if plan.BatteryKW != nil {
			kw += plan.BatteryKW[t]
		}
		used[t] = units.FromKW(kw).Over(m.slots[t].Len)
	}
	if m.tariff != nil {
		return m.tariff.Cost(m.account, m.slots, used)
	}
	var drawn units.Energy
	for _, e := range used {
		drawn += max(0, e)
	}
	return perKWh.Cost(drawn)
}

// price is what the next kWh costs in a slot.
func (m purse) price(t *tariffs.Table, slot int) units.Price {
	if m.tariff == nil {
		return perKWh
	}
	return t.Import[slot]
}

// path is what energy costs in the slots of a path, which is asked for each in turn, by
// the table of the purse's slots; the demand that it comes to among them.
func (m purse) path(table *tariffs.Table) func(slot int, _, kwh float64) float64 {
	if m.tariff == nil {
		return func(_ int, _, kwh float64) float64 { return max(0, kwh) }
	}
	p := table.Path(m.slots)
	return func(slot int, _, kwh float64) float64 { return p.Cost(slot, units.FromKWh(kwh)).Float() }
}

// apart is path without the demand, and what the demand comes to.
func (m purse) apart(table *tariffs.Table) (energy, demand func(slot int, kwh float64) float64) {
	if m.tariff == nil {
		return func(_ int, kwh float64) float64 { return max(0, kwh) }, func(int, float64) float64 { return 0 }
	}
	p := table.Path(m.slots)
	return func(slot int, kwh float64) float64 { return p.Energy(slot, units.FromKWh(kwh)).Float() },
		func(slot int, kwh float64) float64 { return p.Demand(slot, units.FromKWh(kwh)).Float() }
}

// buys is about what the balance buys at the prices ahead.
func (m purse) buys(balance units.Money, t *tariffs.Table) units.Energy {
	if m.tariff == nil {
		return perKWh.Buys(max(0, balance))
	}
	return t.Buys(balance)
}
