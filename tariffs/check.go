package tariffs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Bounds that keep every product within 64 bits: a price of a million the kWh
// on the greatest Energy there is still fits Money.
const (
	mostPrice  = units.Price(1_000_000) * units.Price(units.One)
	mostAmount = 1_000_000_000 * units.One
	mostEnergy = 1_000_000 * units.KilowattHour // a month
	mostDaily  = 30_000 * units.KilowattHour    // a day, for steps per day
	mostPower  = 1_000_000 * units.Kilowatt
	mostNames  = 60
	mostCharge = 200 // components of one kind, steps of a charge, versions
)

// tooLong says where a list is longer than any tariff's, so that no document
// takes long to check or to charge by.
func tooLong(l *fault.List, path string, n, most int) {
	if n > most {
		l.Add(path, fmt.Sprintf("keep to %d; put what is charged alike into one", most), "there are %d entries", n)
	}
}

// Check finds all that is wrong with the document; paths are those of the YAML
// document.
func (d *Document) Check() fault.List {
	var l fault.List
	if len(d.Currency) != 3 || strings.ToUpper(d.Currency) != d.Currency {
		l.Add("currency", "write the three letters of ISO 4217, e.g. ZAR", "%q is not a currency code", d.Currency)
	}
	if d.Decimals != nil && (*d.Decimals < 0 || *d.Decimals > 6) {
		l.Add("decimals", "write 0 to 6; most currencies have 2", "%d is not a number of decimals", *d.Decimals)
	}
	switch _, err := time.LoadLocation(d.Zone); {
	case d.Zone == "" || d.Zone == "Local":
		l.Add("zone", "name the zone of the supply, e.g. Africa/Nairobi", "the time zone is not given")
	case err != nil:
		l.Add("zone", "write a name of the IANA time zone database, e.g. Africa/Nairobi", "%q is not a known time zone", d.Zone)
	}
	if d.ResetDay < 0 || d.ResetDay > 31 {
		l.Add("reset_day", "write the day of the month, 1 to 31", "%d is not a day of the month", d.ResetDay)
	}
	if d.ResetMonths < 0 || d.ResetMonths > 12 || d.ResetMonths > 0 && 12%d.ResetMonths != 0 {
		l.Add("reset_months", "write how many months a bill is of: 1, 2, 3, 4, 6 or 12", "a year has no whole number of %d months", d.ResetMonths)
	}
	if d.ResetMonth < 0 || d.ResetMonth > 12 {
		l.Add("reset_month", "write a month in which a bill begins, 1 to 12", "%d is not a month", d.ResetMonth)
	}
	if d.Contracted < 0 || d.Contracted > mostPower {
		l.Add("contracted", "write the sanctioned load, e.g. 2 kW", "%s is out of range", d.Contracted)
	}
	oneOf(&names{l: &l}, "rounding", d.Rounding, RoundHalfUp, RoundHalfEven, RoundUp, RoundDown)
	oneOf(&names{l: &l}, "current", d.Current, CurrentYes, CurrentNo, CurrentUnknown, CurrentExample)
	l.Under("calendar", d.Calendar.check())
	if len(d.Versions) == 0 {
		l.Add("versions", "write at least one version with its energy prices", "there are no prices")
	}
	tooLong(&l, "versions", len(d.Versions), mostCharge)
	tooLong(&l, "sources", len(d.Sources), mostCharge)
	for i := range d.Versions[:min(len(d.Versions), mostCharge)] {
		v := &d.Versions[i]
		path := fmt.Sprintf("versions[%d]", i)
		if i > 0 && v.From <= d.Versions[i-1].From {
			l.Add(path+".from", "order the versions by the date from which they hold", "%s does not come after the version before it", v.From)
		}
		if v.Until != 0 && v.Until < v.From {
			l.Add(path+".until", "write the last day the figures are known for", "%s is before the version begins", v.Until)
		}
		l.Under(path, d.checkVersion(v))
	}
	return l
}

// names are what the components of a version may refer to.
type names struct {
	l                       *fault.List
	seasons, periods, class []string
	components, taxes       []string
	contracted              bool
}

func (d *Document) checkVersion(v *Version) fault.List {
	var l fault.List
	cal := &d.Calendar
	if v.Calendar != nil {
		cal = v.Calendar
		l.Under("calendar", cal.check())
	}
	n := names{l: &l, contracted: d.Contracted > 0}
	oneOf(&n, "current", v.Current, CurrentYes, CurrentNo, CurrentUnknown, CurrentExample)
	for i := range cal.Seasons {
		n.seasons = append(n.seasons, cal.Seasons[i].Name)
	}
	for i := range cal.Periods {
		n.periods = append(n.periods, cal.Periods[i].Name)
	}
	if n.sizes(v); len(l) > 0 {
		return l
	}
	n.checkClasses(v.Classes)
	n.collect(v)
	for i := range v.Energy {
		n.checkEnergy(fmt.Sprintf("energy[%d]", i), &v.Energy[i])
	}
	for i := range v.Export {
		n.checkEnergy(fmt.Sprintf("export[%d]", i), &v.Export[i])
		if v.Export[i].Whole {
			l.Add(fmt.Sprintf("export[%d].whole_month", i), "leave it out", "whole_month is for import only")
		}
		if v.Export[i].CarryOver {
			l.Add(fmt.Sprintf("export[%d].carry_over", i), "leave it out", "carry_over is for import only")
		}
	}
	for i := range v.Charges {
		n.checkCharge(fmt.Sprintf("charges[%d]", i), &v.Charges[i])
	}
	for i := range v.Demand {
		n.checkDemand(fmt.Sprintf("demand[%d]", i), &v.Demand[i])
	}
	for i := range v.Reactive {
		r, path := &v.Reactive[i], fmt.Sprintf("reactive[%d]", i)
		n.filter(path, r.Seasons, r.Periods, nil)
		n.price(path+".price", r.Price)
		n.share(path+".free", r.Free, hundred)
	}
	n.checkEnds(v)
	n.checkTaxes(v)
	n.covered(v)
	return l
}

// sizes finds lists that are too long.
func (n *names) sizes(v *Version) {
	for _, x := range []struct {
		path string
		n    int
	}{
		{"energy", len(v.Energy)},
		{"export", len(v.Export)},
		{"charges", len(v.Charges)},
		{"demand", len(v.Demand)},
		{"reactive", len(v.Reactive)},
	} {
		tooLong(n.l, x.path, x.n, mostCharge)
	}
	if v.Classes != nil {
		tooLong(n.l, "classes.list", len(v.Classes.List), mostNames)
	}
	for i := range v.Energy {
		tooLong(n.l, fmt.Sprintf("energy[%d].steps", i), len(v.Energy[i].Steps), mostCharge)
	}
	for i := range v.Demand {
		tooLong(n.l, fmt.Sprintf("demand[%d].steps", i), len(v.Demand[i].Steps), mostCharge)
	}
	for i := range v.Export {
		tooLong(n.l, fmt.Sprintf("export[%d].steps", i), len(v.Export[i].Steps), mostCharge)
	}
}

// collect lists the components' names and finds those missing or given twice.
func (n *names) collect(v *Version) {
	add := func(path, name string) {
		switch {
		case name == "":
			n.l.Add(path+".name", "name it as it stands on the bill", "the name is missing")
		case slices.Contains(n.components, name):
			n.l.Add(path+".name", "give each component of a version its own name", "%q is the name of another component", name)
		}
		n.components = append(n.components, name)
	}
	for i := range v.Energy {
		add(fmt.Sprintf("energy[%d]", i), v.Energy[i].Name)
	}
	for i := range v.Export {
		add(fmt.Sprintf("export[%d]", i), v.Export[i].Name)
	}
	for i := range v.Charges {
		add(fmt.Sprintf("charges[%d]", i), v.Charges[i].Name)
	}
	for i := range v.Demand {
		add(fmt.Sprintf("demand[%d]", i), v.Demand[i].Name)
	}
	for i := range v.Reactive {
		add(fmt.Sprintf("reactive[%d]", i), v.Reactive[i].Name)
	}
	if v.Factor != nil {
		add("power_factor", v.Factor.Name)
	}
	if v.Minimum != nil {
		add("minimum", v.Minimum.Name)
	}
	if v.Rebate != nil {
		add("rebate", v.Rebate.Name)
	}
	if v.Debt != nil {
		add("debt", v.Debt.Name)
	}
}

func (n *names) known(path string, list, all []string, what string) {
	for i, s := range list {
		if !slices.Contains(all, s) {
			remedy := "there are none here; leave it out"
			if len(all) > 0 {
				remedy = "use one of: " + strings.Join(all, ", ")
			}
			n.l.Add(fmt.Sprintf("%s[%d]", path, i), remedy, "%q is not a %s", s, what)
		}
	}
}

func (n *names) filter(path string, seasons, periods, classes []string) {
	n.known(path+".seasons", seasons, n.seasons, "season")
	n.known(path+".periods", periods, n.periods, "period")
	n.known(path+".classes", classes, n.class, "class")
}

// oneOf checks a word that did not come through SetText.
func oneOf[T ~string](n *names, path string, w T, all ...T) {
	if w != "" && !slices.Contains(all, w) {
		n.l.Add(path, fmt.Sprintf("use one of: %v", all), "%q is not known here", string(w))
	}
}

func (n *names) price(path string, p units.Price) {
	if p < -mostPrice || p > mostPrice {
		n.l.Add(path, "write currency per kWh, e.g. 2.0967", "%s is out of range", p)
	}
}

func (n *names) amount(path string, m units.Money) {
	if m < 0 || m > mostAmount {
		n.l.Add(path, "write an amount from 0, e.g. 130.00", "%s is out of range", m)
	}
}

func (n *names) share(path string, r, most Rate) {
	if r < 0 || r > most {
		n.l.Add(path, fmt.Sprintf("write 0 %% to %s", most), "%s is out of range", r)
	}
}

func (n *names) checkClasses(c *Classes) {
	if c == nil {
		return
	}
	oneOf(n, "classes.by", c.By, ByMonth, ByPastAverage, ByPastMaximum)
	if len(c.List) < 2 {
		n.l.Add("classes.list", "write the classes by rising kWh, the last without to; or leave classes out", "there are fewer than two classes")
	}
	if c.Months < 0 || c.Months > 24 {
		n.l.Add("classes.months", "write how many past months count, 1 to 24", "%d is out of range", c.Months)
	}
	for i := range c.List {
		x, path := &c.List[i], fmt.Sprintf("classes.list[%d]", i)
		if x.Name == "" || slices.Contains(n.class, x.Name) {
			n.l.Add(path+".name", "give each class its own name", "%q is missing or given twice", x.Name)
		}
		n.class = append(n.class, x.Name)
		last := i == len(c.List)-1
		n.limit(path+".to", x.To, last, i > 0 && x.To <= c.List[i-1].To, mostEnergy)
	}
	if c.Initial != "" && !slices.Contains(n.class, c.Initial) {
		n.l.Add("classes.initial", "use one of: "+strings.Join(n.class, ", "), "%q is not a class", c.Initial)
	}
	if c.ThisMonth && !c.past() {
		n.l.Add("classes.this_month", "leave it out; it is for past_average and past_maximum", "by month it is this month's total that counts anyway")
	}
	if c.past() && c.Initial == "" {
		n.l.Add("classes.initial", "name the class of a customer without past months", "the class before there are past months is missing")
	}
}

// limit checks the upper limit of a step or class.
func (n *names) limit(path string, to units.Energy, last, notRising bool, most units.Energy) {
	switch {
	case last && to != 0:
		n.l.Add(path, "leave to out of the last one, or add one without it after it", "nothing says what more than %s costs", to)
	case last:
	case to <= 0 || to > most:
		n.l.Add(path, fmt.Sprintf("write an energy up to %.0f kWh", most.KWh()), "the limit is missing or out of range")
	case notRising:
		n.l.Add(path, "order them by rising kWh", "%s is not more than the limit before it", to)
	}
}

func (n *names) checkEnergy(path string, e *EnergyCharge) {
	n.filter(path, e.Seasons, e.Periods, e.Classes)
	n.price(path+".price", e.Price)
	if len(e.Steps) > 0 && e.Price != 0 {
		n.l.Add(path+".price", "keep either price or steps", "there are both a price and steps")
	}
	if e.Whole && len(e.Steps) == 0 {
		n.l.Add(path+".whole_month", "add steps or leave it out", "whole_month is for steps")
	}
	oneOf(n, path+".per", e.Per, PerMonth, PerDay)
	oneOf(n, path+".reset", e.Reset, PerMonth, PerDay)
	switch {
	case e.Reset == PerDay && (len(e.Steps) == 0 || e.Per != PerDay):
		n.l.Add(path+".reset", "write per: day and steps, or leave it out", "only steps per day begin anew each day")
	case e.Daily() && e.Whole:
		n.l.Add(path+".whole_month", "leave it out, or write reset: month", "steps that begin anew each day price no whole month")
	}
	n.checkCarry(path, e)
	most := mostEnergy
	if e.Per == PerDay {
		most = mostDaily
	}
	for i := range e.Steps {
		s := &e.Steps[i]
		at := fmt.Sprintf("%s.steps[%d]", path, i)
		n.price(at+".price", s.Price)
		n.limit(at+".to", s.To, i == len(e.Steps)-1, i > 0 && s.To <= e.Steps[i-1].To, most)
	}
}

// checkCarry checks an allowance that piles up.
func (n *names) checkCarry(path string, e *EnergyCharge) {
	if e.CarryOverMonths < 0 || e.CarryOverMonths > 24 {
		n.l.Add(path+".carry_over_months", "write for how many months, 1 to 24, or leave it out: for ever", "%d is out of range", e.CarryOverMonths)
	}
	if e.CarryOverMost < 0 || e.CarryOverMost > mostEnergy {
		n.l.Add(path+".carry_over_most", fmt.Sprintf("write an energy up to %.0f kWh, or leave it out", mostEnergy.KWh()), "%s is out of range", e.CarryOverMost)
	}
	switch {
	case !e.CarryOver && e.CarryOverMonths != 0:
		n.l.Add(path+".carry_over_months", "write carry_over: true, or leave it out", "nothing is carried over")
	case !e.CarryOver && e.CarryOverMost != 0:
		n.l.Add(path+".carry_over_most", "write carry_over: true, or leave it out", "nothing is carried over")
	case !e.CarryOver:
	case len(e.Steps) < 2:
		n.l.Add(path+".carry_over", "write steps, the first one the allowance: [{to: 50 kWh, price: 0}, {price: 2.10}]", "it is the first step that is carried over, and there are no two")
	case e.Whole:
		n.l.Add(path+".carry_over", "leave whole_month out", "where the whole month has one price nothing is left of a step")
	case e.Daily():
		n.l.Add(path+".carry_over", "write reset: month, or leave it out", "what a day leaves of its allowance is gone with the day")
	case e.Steps[0].Price >= e.Steps[1].Price:
		n.l.Add(path+".carry_over", "leave it out", "the first step costs %s and the next one %s: nothing is won by what is carried over", e.Steps[0].Price, e.Steps[1].Price)
	}
}

func (n *names) perKW(path string, used bool) {
	if used && !n.contracted {
		n.l.Add(path+".per_kw", `write the site's load at the top, e.g. "contracted: 2 kW"`, "the contracted load is not given")
	}
}

func (n *names) checkCharge(path string, c *FixedCharge) {
	n.known(path+".classes", c.Classes, n.class, "class")
	oneOf(n, path+".due", c.Due, DueDay, DueMonth, DueMonthStart, DueFirstPurchase, DuePurchase)
	if c.Amount < 0 && (c.Due == DueFirstPurchase || c.Due == DuePurchase) {
		n.l.Add(path+".amount", "write an amount from 0; what is given back on purchases is a rebate", "%s is below zero", c.Amount)
	} else {
		n.amount(path+".amount", max(c.Amount, -c.Amount))
	}
	n.amount(path+".split_over", c.SplitOver)
	n.share(path+".share", c.Share, hundred)
	if c.KW != 0 && (!c.PerKW || c.KW < 0 || c.KW > mostPower) {
		n.l.Add(path+".contracted", "write e.g. 4.6 kW together with per_kw: true", "%s is out of range, or the charge is not per kW", c.KW)
	}
	n.perKW(path, c.PerKW && c.KW == 0)
	if c.Due != DueFirstPurchase {
		const remedy = "leave it out, or write due: first_purchase"
		if c.SplitOver != 0 {
			n.l.Add(path+".split_over", remedy, "only a charge on the first purchase is split")
		}
		if c.CatchUp || c.MaxMonths != 0 {
			n.l.Add(path+".catch_up", remedy, "only a charge on the first purchase is caught up")
		}
	}
	if c.MaxMonths < 0 || c.MaxMonths > 1200 {
		n.l.Add(path+".catch_up_months", "write 0 (no limit) to 1200", "%d is out of range", c.MaxMonths)
	}
	if c.Share != 0 && c.Due != DuePurchase {
		n.l.Add(path+".share", "leave it out, or write due: purchase", "only a charge on every purchase is a share of it")
	}
	if c.Prorate && (c.Due == DueDay || c.Due == DuePurchase) {
		n.l.Add(path+".prorate", "leave it out", "only a charge per month is prorated")
	}
}

func (n *names) checkDemand(path string, c *DemandCharge) {
	n.filter(path, c.Seasons, c.Periods, c.Classes)
	oneOf(n, path+".unit", c.Unit, KW, KVA)
	n.amount(path+".price", c.Price)
	n.demandSteps(path, c)
	if c.Interval != 0 && (c.Interval < time.Minute || c.Interval > time.Hour || time.Hour%c.Interval != 0) {
		n.l.Add(path+".interval", "write 1m to 1h, e.g. 30m", "%s does not divide an hour", c.Interval)
	}
	n.share(path+".ratchet", c.Ratchet, hundred)
	n.share(path+".assume_factor", c.AssumeFactor, hundred)
	if c.RatchetOver < 0 || c.RatchetOver > 24 {
		n.l.Add(path+".ratchet_months", "write 1 to 24", "%d is out of range", c.RatchetOver)
	}
	if c.Free < 0 || c.Free > mostPower || c.AtLeast < 0 || c.AtLeast > mostPower {
		n.l.Add(path, "write free and at_least from 0 kW", "a demand is out of range")
	}
}

// demandSteps checks how the demand that is charged is found and priced.
func (n *names) demandSteps(path string, c *DemandCharge) {
	oneOf(n, path+".per", c.Per, PerMonth, PerDay)
	if c.MostPerKWh < 0 || c.MostPerKWh > mostPrice {
		n.l.Add(path+".most_per_kwh", "write currency per kWh from 0", "%s is out of range", c.MostPerKWh)
	}
	if c.MeanOf < 0 || c.MeanOf > 31 {
		n.l.Add(path+".mean_of", "write of how many days, 1 to 31", "%d is out of range", c.MeanOf)
	}
	if c.MeanMonths < 0 || c.MeanMonths > 24 {
		n.l.Add(path+".average_months", "write of how many months, 1 to 24", "%d is out of range", c.MeanMonths)
	}
	if len(c.Steps) > 0 && c.Price != 0 {
		n.l.Add(path+".price", "keep either price or steps", "there are both a price and steps")
	}
	if c.EachKW && len(c.Steps) == 0 {
		n.l.Add(path+".each_kw", "add steps or leave it out", "each_kw is for steps")
	}
	for i, s := range c.Steps {
		at := fmt.Sprintf("%s.steps[%d]", path, i)
		n.amount(at+".price", s.Price)
		last := i == len(c.Steps)-1
		switch {
		case last && s.To == 0:
		case s.To <= 0 || s.To > mostPower:
			n.l.Add(at+".to", "write a power, e.g. 5 kW", "the limit is missing or out of range")
		case i > 0 && s.To <= c.Steps[i-1].To:
			n.l.Add(at+".to", "order them by rising kW", "%s is not more than the limit before it", s.To)
		}
	}
}

// checkEnds checks what is reckoned at the month's end and on purchases.
func (n *names) checkEnds(v *Version) {
	if f := v.Factor; f != nil {
		n.known("power_factor.on", f.On, n.components, "component")
		n.share("power_factor.threshold", f.Threshold, hundred)
		n.share("power_factor.surcharge", f.Surcharge, hundred)
		n.share("power_factor.step", f.Step, hundred)
	}
	if m := v.Minimum; m != nil {
		n.known("minimum.on", m.On, n.components, "component")
		n.known("minimum.classes", m.Classes, n.class, "class")
		n.amount("minimum.amount", m.Amount)
		n.perKW("minimum", m.PerKW)
	}
	if r := v.Rebate; r != nil {
		n.share("rebate.rate", r.Rate, hundred)
	}
	if d := v.Debt; d != nil {
		oneOf(n, "debt.per", d.Per, PerDay, PerWeek, PerMonth)
		n.share("debt.share", d.Share, hundred)
		n.amount("debt.cap", d.Cap)
	}
}

func (n *names) checkTaxes(v *Version) {
	for i := range v.Taxes {
		x, path := &v.Taxes[i], fmt.Sprintf("taxes[%d]", i)
		if x.Name == "" || slices.Contains(n.taxes, x.Name) {
			n.l.Add(path+".name", "give each tax its own name", "%q is missing or given twice", x.Name)
		}
		if x.Rate < -10*hundred || x.Rate > 10*hundred {
			n.l.Add(path+".rate", "write a percentage, e.g. 15 %; what is given back is a charge with an amount below zero", "%s is out of range", x.Rate)
		}
		n.known(path+".on", x.On, n.components, "component")
		n.known(path+".except", x.Except, n.components, "component")
		n.known(path+".over", x.Over, n.taxes, "tax that comes before it")
		n.taxes = append(n.taxes, x.Name)
	}
	if len(v.Taxes) > 12 {
		n.l.Add("taxes", "join taxes with the same rule", "there are more than 12 taxes")
		return
	}
	for _, name := range n.components {
		if c := newComponent(v, name, KindEnergy); c.gross > 1_000*grossUnit || c.gross <= 0 && !v.turns(name) {
			n.l.Add("taxes", "correct the rates; what is given back is a charge with an amount below zero", "the taxes on %q come to less than -100 %% or more than 100 000 %%", name)
		}
	}
}

// turns tells whether taxes may turn a component into what is given back: a fixed amount
// that falls due with time, before taxes.
func (v *Version) turns(name string) bool {
	i := slices.IndexFunc(v.Charges, func(c FixedCharge) bool { return c.Name == name })
	return i >= 0 && !v.TaxIncluded && v.Charges[i].Due != DueFirstPurchase && v.Charges[i].Due != DuePurchase
}

// covered finds energy that no price is given for.
func (n *names) covered(v *Version) {
	if len(v.Energy) == 0 {
		n.l.Add("energy", "write the price per kWh; write price: 0 where it is free", "there is no energy price")
		return
	}
	or := func(list []string) []string {
		if len(list) == 0 {
			return []string{""}
		}
		return list
	}
	missing := 0
	for _, s := range or(n.seasons) {
		for _, p := range or(n.periods) {
			for _, c := range or(n.class) {
				if !slices.ContainsFunc(v.Energy, func(e EnergyCharge) bool {
					return e.matches(s, p) && (len(e.Classes) == 0 || slices.Contains(e.Classes, c))
				}) {
					if missing++; missing > 10 {
						return // the rest is of the same kind
					}
					n.l.Add("energy", "add an energy price for it; write price: 0 where it is free", "no price is given for%s%s%s", said(" season ", s), said(" period ", p), said(" class ", c))
				}
			}
		}
	}
}

func said(what, name string) string {
	if name == "" {
		return ""
	}
	return what + name
}
