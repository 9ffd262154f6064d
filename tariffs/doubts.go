package tariffs

import (
	"fmt"
	"slices"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Doubts are what can be charged as it is written but is what no utility does, and so most
// likely a slip: prices in cents, limits of a month given for a day, a month that two
// versions or two seasons share.  Each says what to write if it is one.  The document is
// one that Check finds nothing wrong with.
func (d *Document) Doubts() fault.List {
	var l fault.List
	cycle := cycle{max(1, d.ResetDay), max(1, d.ResetMonths), max(1, d.ResetMonth)}
	for i := range d.Versions {
		v := &d.Versions[i]
		var in fault.List
		v.doubtPrices(&in, perDollar(d.Currency))
		v.doubtLimits(&in)
		v.doubtTaxes(&in)
		if start, next := cycle.at(v.From); i > 0 && start != v.From && (v.monthly() || d.Versions[i-1].monthly()) {
			in.Add("from", fmt.Sprintf("write %s or %s, or a reset_day, if bills are not divided", start, next),
				"%s is in the middle of a billing month: its charges per month are divided by days, and blocks go on counting", v.From)
		}
		cal := &d.Calendar
		if v.Calendar != nil {
			cal = v.Calendar
		}
		v.doubtSeasons(&in, cal, max(1, d.ResetDay))
		l.Under(fmt.Sprintf("versions[%d]", i), in)
	}
	return l
}

// doubtPrices finds prices that are most likely in another unit than the currency's.
func (v *Version) doubtPrices(l *fault.List, dollar int64) {
	if dollar == 0 {
		return
	}
	most := units.Price(2*dollar) * units.Price(units.One)
	for _, list := range []struct {
		name string
		all  []EnergyCharge
	}{{"energy", v.Energy}, {"export", v.Export}} {
		for i := range list.all {
			e := &list.all[i]
			highest, path := e.Price, "price"
			for j, s := range e.Steps {
				if s.Price > highest {
					highest, path = s.Price, fmt.Sprintf("steps[%d].price", j)
				}
			}
			if highest > most {
				l.Add(fmt.Sprintf("%s[%d].%s", list.name, i, path),
					fmt.Sprintf("write %s if it is in hundredths, %s if it is per MWh", plain(highest/100), plain(highest/1000)),
					"%s a kWh is more than energy costs anywhere", plain(highest))
			}
		}
	}
}

// doubtLimits finds limits that are most likely a month's, written for a day, or the
// other way round, or in Wh.
func (v *Version) doubtLimits(l *fault.List) {
	for i := range v.Energy {
		e := &v.Energy[i]
		for j, s := range e.Steps {
			path := fmt.Sprintf("energy[%d].steps[%d].to", i, j)
			switch {
			case s.To == 0:
			case e.Per == PerDay && s.To > 200*units.KilowattHour:
				l.Add(path, "leave per: day out if it is a month's", "%s is much for a limit of a day", s.To)
			case e.Per != PerDay && s.To < 2*units.KilowattHour:
				l.Add(path, "write per: day if it is a day's, and kWh if that is meant", "%s is little for a limit of a month", s.To)
			}
		}
	}
}

// doubtTaxes finds rates that are most likely written wrongly.
func (v *Version) doubtTaxes(l *fault.List) {
	for i := range v.Taxes {
		switch x := &v.Taxes[i]; {
		case x.Rate > 6*hundred/10:
			l.Add(fmt.Sprintf("taxes[%d].rate", i), fmt.Sprintf("write %s if that is meant", x.Rate/100), "%s is much for a tax", x.Rate)
		case x.Rate < -hundred:
			l.Add(fmt.Sprintf("taxes[%d].rate", i), "write the charge with an amount below zero in its place", "%s turns what is charged into what is given back", x.Rate)
		}
	}
}

// monthly tells whether something is charged by the month.
func (v *Version) monthly() bool {
	return v.Classes.retro() || v.Minimum != nil || len(v.Demand) > 0 ||
		slices.ContainsFunc(v.Energy, func(e EnergyCharge) bool { return len(e.Steps) > 0 && !e.Daily() }) ||
		slices.ContainsFunc(v.Charges, func(c FixedCharge) bool { return c.Due == DueMonth || c.Due == DueMonthStart || c.Due == "" })
}

// doubtSeasons finds limits of a month that are given anew to each of two seasons in it.
func (v *Version) doubtSeasons(l *fault.List, cal *Calendar, reset int) {
	shared := slices.ContainsFunc(cal.Seasons, func(s Season) bool { return s.From != MonthDay{} && s.From.Day != reset })
	for i := range v.Energy {
		e := &v.Energy[i]
		if len(e.Seasons) == 0 || len(e.Steps) == 0 || e.Per == PerDay || !shared {
			continue
		}
		l.Add(fmt.Sprintf("energy[%d].seasons", i), "write per: day with a day's limits if they are divided by days, or let the seasons begin with the billing month",
			"a month that two seasons share has the whole limits of both")
	}
}

// perDollar is about how many units of a currency a dollar of the United States was worth
// in 2025, to an order of magnitude: enough to tell cents from units.  0: not known.
func perDollar(currency string) int64 {
	switch currency {
	case "USD", "EUR", "GBP", "AUD", "CAD", "NZD", "CHF", "SGD", "BND", "KWD", "BHD", "OMR", "JOD", "XCD", "BBD", "FJD", "ZWG":
		return 3
	case "BRL", "PLN", "SAR", "AED", "QAR", "MYR", "ILS", "PEN", "RON", "GEL", "BYN", "TND", "LYD", "PGK", "BGN", "AZN":
		return 5
	case "NOK", "SEK", "DKK", "HKD", "CNY", "BOB", "MAD", "GHS", "BWP", "GTQ", "MVR", "SBD", "TTD":
		return 10
	case "ZAR", "NAD", "LSL", "SZL", "MXN", "MDL", "ZMW", "CZK", "TWD", "HNL", "SCR", "SLE":
		return 20
	case "TRY", "UAH", "PHP", "THB", "UYU", "EGP", "MUR", "NIO", "DOP", "MKD", "MZN", "GMD":
		return 50
	case "INR", "NPR", "BTN", "BDT", "KES", "JMD", "ISK", "JPY", "RSD", "ALL", "ETB", "CVE", "HTG", "RUB", "KGS", "LRD":
		return 120
	case "PKR", "LKR", "HUF", "AMD", "DZD", "KZT", "SDG":
		return 350
	case "CRC", "XOF", "XAF", "CLP", "AOA", "ARS", "IQD":
		return 900
	case "NGN", "MWK", "RWF", "KRW", "TZS", "CDF", "MMK", "BIF":
		return 2500
	case "UGX", "KHR", "COP", "MGA", "MNT", "PYG", "GNF":
		return 6000
	case "UZS", "IDR", "LAK", "VND":
		return 20000
	}
	return 0
}
