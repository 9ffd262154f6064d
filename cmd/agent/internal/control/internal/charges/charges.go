// Package charges is a tariff's items as the account takes them.
package charges

import (
	"slices"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// Of are a tariff's items as the account takes them.  A kWh may be priced
// by several components; its energy is told once, with the first of them, so
// that the ledger's energy adds up to the meter's.
func Of(items []tariffs.Item, used units.Energy) []credit.Charge {
	out := make([]credit.Charge, 0, len(items)+1)
	for _, it := range items {
		c := One(it)
		if c.Kind == credit.Consumption {
			c.Energy, used = used, 0
		}
		if c.Amount != 0 || c.Energy != 0 {
			out = append(out, c)
		}
	}
	if used != 0 {
		out = append(out, credit.Charge{Name: "energy", Kind: credit.Consumption, Energy: used})
	}
	return out
}

// One is a tariff's item as the account takes it.
func One(it tariffs.Item) credit.Charge {
	c := credit.Charge{Name: it.Name, Kind: credit.Standing, Amount: it.Gross(), Tax: it.Tax, Energy: it.Energy}
	switch it.Kind {
	case tariffs.KindEnergy:
		c.Kind = credit.Consumption
	case tariffs.KindExport:
		c.Kind = credit.Export
	case tariffs.KindDemand:
		c.Kind = credit.Demand
	case tariffs.KindReactive, tariffs.KindFactor, tariffs.KindMinimum, tariffs.KindRebate:
		c.Kind = credit.Levy
	case tariffs.KindDebt:
		c.Kind = credit.Debt
	case tariffs.KindFixed:
	}
	return c
}

// Merge adds sign times the charges of b to those of a, one a name and kind.
func Merge(a, b []credit.Charge, sign units.Money) []credit.Charge {
	out := slices.Clone(a)
	for _, c := range b {
		c.Amount, c.Tax, c.Energy = sign*c.Amount, sign*c.Tax, 0
		i := slices.IndexFunc(out, func(o credit.Charge) bool { return o.Name == c.Name && o.Kind == c.Kind })
		if i < 0 {
			out = append(out, c)
			continue
		}
		out[i].Amount += c.Amount
		out[i].Tax += c.Tax
	}
	return out
}
