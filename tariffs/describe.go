package tariffs

import (
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Describe says in words what the version in force on a day charges, a line a
// component, in the document's own prices (without taxes unless they hold them).
func (t *Tariff) Describe(day Date) []string {
	v := t.versionOn(day).doc
	var out []string
	say := func(kind Kind, name, what string, filters ...string) {
		line := fmt.Sprintf("%s: %s: %s", kind, name, what)
		if f := strings.Join(filters, ""); f != "" {
			line += " (" + strings.TrimPrefix(f, "; ") + ")"
		}
		out = append(out, line)
	}
	for i := range v.Energy {
		c := &v.Energy[i]
		pushed := ""
		if c.Pushed {
			pushed = "; prices sent at run time take its place"
		}
		say(KindEnergy, c.Name, c.inWords(), only("season", c.Seasons), only("period", c.Periods), only("class", c.Classes), pushed)
	}
	for i := range v.Export {
		c := &v.Export[i]
		say(KindExport, c.Name, "credit of "+c.inWords(), only("season", c.Seasons), only("period", c.Periods), only("class", c.Classes))
	}
	for i := range v.Charges {
		say(KindFixed, v.Charges[i].Name, v.Charges[i].inWords(), only("class", v.Charges[i].Classes))
	}
	for i := range v.Demand {
		c := &v.Demand[i]
		say(KindDemand, c.Name, c.inWords(), only("season", c.Seasons), only("period", c.Periods), only("class", c.Classes))
	}
	for i := range v.Reactive {
		c := &v.Reactive[i]
		say(KindReactive, c.Name, fmt.Sprintf("%s per kvarh above %s of the kWh", plain(c.Price), c.Free), only("season", c.Seasons), only("period", c.Periods))
	}
	if f := v.Factor; f != nil {
		say(KindFactor, f.Name, fmt.Sprintf("%s for each %s of power factor below %s", f.Surcharge, orRate(f.Step, hundred/100), f.Threshold), only("on", f.On))
	}
	if m := v.Minimum; m != nil {
		say(KindMinimum, m.Name, plain(m.Amount)+perKWInWords(m.PerKW)+" a month", only("of", m.On), only("class", m.Classes))
	}
	for i := range v.Taxes {
		x := &v.Taxes[i]
		on := "everything but export"
		if len(x.On) > 0 {
			on = strings.Join(x.On, ", ")
		}
		if len(x.Except) > 0 {
			on += " except " + strings.Join(x.Except, ", ")
		}
		say("tax", x.Name, x.Rate.String()+" on "+on, only("over", x.Over))
	}
	if v.TaxIncluded && len(v.Taxes) > 0 {
		out = append(out, "tax: the prices above hold the taxes")
	}
	if r := v.Rebate; r != nil {
		say(KindRebate, r.Name, r.Rate.String()+" of what is left of each purchase")
	}
	if d := v.Debt; d != nil {
		what := d.Share.String() + " of each purchase"
		if d.Cap > 0 {
			what += fmt.Sprintf(", at most %s a %s", plain(d.Cap), or(string(d.Per), string(PerMonth)))
		}
		say(KindDebt, d.Name, what)
	}
	return out
}

func only(what string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; " + what + " " + strings.Join(names, ", ")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func orRate(r, otherwise Rate) Rate {
	if r == 0 {
		return otherwise
	}
	return r
}

// plain is an amount or price without needless zeros.
func plain[T units.Money | units.Price](v T) string {
	return strings.TrimSuffix(strings.TrimRight(units.Money(v).String(), "0"), ".")
}

func perKWInWords(is bool) string {
	if is {
		return " per contracted kW"
	}
	return ""
}

func (e *EnergyCharge) inWords() string {
	if len(e.Steps) == 0 {
		return plain(e.Price) + " per kWh"
	}
	per := " a month"
	switch {
	case e.Daily():
		per = " a day, each day anew"
	case e.Per == PerDay:
		per = " a day, times the days of the month"
	}
	parts := make([]string, len(e.Steps))
	for i := range e.Steps {
		s := &e.Steps[i]
		switch {
		case i == len(e.Steps)-1:
			parts[i] = plain(s.Price) + " above"
		case i == 0:
			parts[i] = fmt.Sprintf("%s per kWh up to %g kWh%s", plain(s.Price), s.To.KWh(), per)
		default:
			parts[i] = fmt.Sprintf("%s up to %g", plain(s.Price), s.To.KWh())
		}
	}
	words := strings.Join(parts, ", ")
	if len(parts) == 1 {
		words = plain(e.Steps[0].Price) + " per kWh"
	}
	if e.CarryOver {
		words += fmt.Sprintf("; what a month leaves of the first %g kWh is carried over", e.Steps[0].To.KWh())
		if e.CarryOverMonths > 0 {
			words += fmt.Sprintf(" for %d months", e.CarryOverMonths)
		}
		if e.CarryOverMost > 0 {
			words += fmt.Sprintf(", at most %g kWh", e.CarryOverMost.KWh())
		}
	}
	if e.Whole {
		words += ", all of it at the price the month reaches"
	}
	return words
}

func (c *FixedCharge) inWords() string {
	what := plain(c.Amount) + perKWInWords(c.PerKW)
	if c.KW != 0 {
		what = fmt.Sprintf("%s for each of %g contracted kW", plain(c.Amount), c.KW.KW())
	}
	if c.Amount < 0 {
		what = "given back: " + strings.TrimPrefix(what, "-")
	}
	switch c.Due {
	case DueDay:
		return what + " a day"
	case DueMonthStart:
		what += " at the month's start"
	case DueFirstPurchase:
		what += " with the month's first purchase"
		if c.SplitOver > 0 {
			what += fmt.Sprintf(", in proportion until %s are bought", plain(c.SplitOver))
		}
		if c.CatchUp {
			what += ", past months caught up"
			if c.MaxMonths > 0 {
				what += fmt.Sprintf(" (at most %d)", c.MaxMonths)
			}
		} else {
			what += ", forgiven with the month"
		}
	case DuePurchase:
		switch {
		case c.Share != 0 && c.Amount != 0:
			what += " and " + c.Share.String()
		case c.Share != 0:
			what = c.Share.String()
		}
		what += " of every purchase"
	default:
		what += " a month"
	}
	if c.Prorate {
		what += ", by days in a month begun late"
	}
	return what
}

func (c *DemandCharge) inWords() string {
	unit := or(string(c.Unit), string(KW))
	interval := c.Interval
	if interval == 0 {
		interval = 30 * time.Minute
	}
	of := "the month's highest mean"
	if c.MeanOf > 1 {
		of = fmt.Sprintf("the mean of the month's highest means of %d days", c.MeanOf)
	}
	if c.MeanMonths > 1 {
		of += fmt.Sprintf(", averaged over %d months,", c.MeanMonths)
	}
	what := fmt.Sprintf("%s per %s%s of %s over %g minutes", plain(c.Price), unit, aDay(c.Per), of, interval.Minutes())
	if len(c.Steps) > 0 {
		what = c.stepsInWords(unit, of, interval)
	}
	if c.Free > 0 {
		what += fmt.Sprintf(", %g %s free", c.Free.KW(), unit)
	}
	if c.AtLeast > 0 {
		what += fmt.Sprintf(", at least %g %s", c.AtLeast.KW(), unit)
	}
	if c.Ratchet > 0 {
		over := c.RatchetOver
		if over == 0 {
			over = 11
		}
		what += fmt.Sprintf(", at least %s of the highest of the %d months before", c.Ratchet, over)
	}
	if c.MostPerKWh > 0 {
		what += fmt.Sprintf(", at most %s for each kWh of the month", plain(c.MostPerKWh))
	}
	return what
}

// stepsInWords is what a demand charge by steps costs.
func (c *DemandCharge) stepsInWords(unit, of string, interval time.Duration) string {
	per := ""
	if c.EachKW {
		per = " per " + unit
	}
	parts := make([]string, len(c.Steps))
	for i, s := range c.Steps {
		if parts[i] = fmt.Sprintf("%s%s up to %g %s", plain(s.Price), per, s.To.KW(), unit); i == len(c.Steps)-1 {
			parts[i] = plain(s.Price) + per + " above"
		}
	}
	return fmt.Sprintf("%s%s by %s over %g minutes", strings.Join(parts, ", "), aDay(c.Per), of, interval.Minutes())
}

func aDay(per Per) string {
	if per == PerDay {
		return " and day"
	}
	return ""
}
