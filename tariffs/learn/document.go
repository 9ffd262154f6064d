package learn

import (
	"fmt"
	"math"
	"slices"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// version is what was found as a tariff.
func (f *fitter) version(taxed bool) tariffs.Version {
	v := tariffs.Version{Name: "from receipts", TaxIncluded: !taxed}
	if !taxed {
		f.say("taxes are inside the prices: give their part of each receipt in a column tax to have them told apart")
	}
	several := len(f.classes) > 1
	if several {
		v.Classes = &tariffs.Classes{}
	}
	for i, c := range f.classes {
		var in []string
		name := "energy"
		if several {
			class := fmt.Sprintf("to %g kWh", c.to)
			if i == len(f.classes)-1 {
				class = fmt.Sprintf("above %g kWh", f.classes[i-1].to)
			}
			in, name = []string{class}, "energy "+class
			v.Classes.List = append(v.Classes.List, tariffs.Class{Name: class, To: units.FromKWh(c.to)})
		}
		e := tariffs.EnergyCharge{Name: name, Classes: in}
		if len(c.steps) == 1 {
			e.Price = units.Price(money(c.steps[0].price))
		} else {
			for _, s := range c.steps {
				e.Steps = append(e.Steps, tariffs.Step{To: units.FromKWh(s.to), Price: units.Price(money(s.price))})
			}
		}
		v.Energy = append(v.Energy, e)
		if c.fixed == 0 {
			continue
		}
		charge := tariffs.FixedCharge{Name: "fixed", Classes: in, Amount: money(c.fixed)}
		if several {
			charge.Name = "fixed " + in[0]
		}
		if f.several && c.fixed > 0 {
			charge.Due = tariffs.DueFirstPurchase
		}
		v.Charges = append(v.Charges, charge)
	}
	return v
}

func money(x float64) units.Money { return units.Money(math.Round(x * 1e6)) }

// tax finds the share that tax is of what it is on: of all, of the energy, or of what is
// fixed.
func (f *fitter) tax(v *tariffs.Version) {
	on := func(parts func(r Receipt) (units.Money, bool)) (span, bool) {
		s, half := span{-1, 100}, f.o.Rounding.Float()*0.51
		for i, r := range f.rows {
			if f.odd[i] {
				continue
			}
			base, known := parts(r)
			if !known || base.Float() <= 2*half {
				continue
			}
			b, t := base.Float(), r.Tax.Float()
			s = s.with(span{(t - half) / (b + 2*half), (t + half) / (b - 2*half)})
		}
		return s, !s.empty()
	}
	whole := func(r Receipt) (units.Money, bool) { return r.Amount - r.Tax, true }
	if s, ok := on(whole); ok {
		f.addTax(v, s, nil)
		return
	}
	if len(f.classes) == 1 && !f.several {
		fixed := money(f.classes[0].fixed)
		if s, ok := on(func(r Receipt) (units.Money, bool) { return r.Amount - r.Tax - fixed, true }); ok {
			f.addTax(v, s, []string{"fixed"})
			return
		}
	}
	rates := span{1, 0}
	for i, r := range f.rows {
		if n := (r.Amount - r.Tax).Float(); n > 0 && !f.odd[i] {
			x := r.Tax.Float() / n
			if rates.empty() {
				rates = span{x, x}
			}
			rates = span{min(rates.low, x), max(rates.high, x)}
		}
	}
	f.say("the tax is not one share of anything that was found: from %.2f to %.2f %% of what is before it", 100*rates.low, 100*rates.high)
}

func (f *fitter) addTax(v *tariffs.Version, s span, except []string) {
	rate := roundest(span{s.low * 100, s.high * 100}, 0)
	if rate == 0 {
		return
	}
	if rate > 100 {
		f.say("what is called tax is %g %% of what is before it: more than a tax can be", rate)
		return
	}
	except = slices.DeleteFunc(except, func(name string) bool {
		return !slices.ContainsFunc(v.Charges, func(c tariffs.FixedCharge) bool { return c.Name == name })
	})
	v.Taxes = []tariffs.Tax{{Name: "tax", Rate: tariffs.Rate(math.Round(rate * 1e4)), Except: except}}
}
