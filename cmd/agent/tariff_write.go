package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// writeTariff writes a document of one version as a person would, each part with what it
// is.  It knows what the questions ask and what receipts can tell.
func writeTariff(w io.Writer, d *tariffs.Document, head []string) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, h := range head {
		line("# %s", h)
	}
	if d.Name != "" {
		line("name: %q", d.Name)
	}
	line("currency: %s", d.Currency)
	line("zone: %s", d.Zone)
	if d.ResetDay > 1 {
		line("reset_day: %d # the day on which bills begin", d.ResetDay)
	}
	line("current: unknown # write yes when you have compared the prices with a bill")
	if c := &d.Calendar; len(c.Periods) > 0 {
		line("calendar:")
		if len(c.DayTypes) > 0 {
			line("  day_types:")
			for _, t := range c.DayTypes {
				days := make([]string, len(t.Days))
				for i, day := range t.Days {
					days[i] = day.String()
				}
				holidays := ""
				if t.Holidays {
					holidays = ", holidays: true"
				}
				line("    - {name: %s, days: [%s]%s}", t.Name, strings.Join(days, ", "), holidays)
			}
		}
		line("  periods: # the last one is the rest of the week")
		for _, p := range c.Periods {
			var times []string
			for _, s := range p.Times {
				days := ""
				if len(s.Days) > 0 {
					days = fmt.Sprintf("days: [%s], ", strings.Join(s.Days, ", "))
				}
				times = append(times, fmt.Sprintf("{%sfrom: %s, to: %s}", days, s.From, s.To))
			}
			if len(times) == 0 {
				line("    - {name: %q}", p.Name)
				continue
			}
			line("    - {name: %q, times: [%s]}", p.Name, strings.Join(times, ", "))
		}
	}
	v := &d.Versions[0]
	if v.TaxIncluded {
		line("versions:\n  - tax_included: true # the prices below hold the taxes")
	} else {
		line("versions:\n  - tax_included: false # taxes come on top of the prices below")
	}
	if v.Classes != nil {
		line("    classes: # by what the month comes to; crossing a limit prices it anew")
		line("      list:")
		for _, c := range v.Classes.List {
			if c.To == 0 {
				line("        - {name: %q}", c.Name)
				continue
			}
			line("        - {name: %q, to: %s}", c.Name, kwhText(c.To))
		}
	}
	line("    energy: # a kWh")
	for i := range v.Energy {
		writeEnergy(line, &v.Energy[i])
	}
	if len(v.Export) > 0 {
		line("    export: # what a kWh that you feed in earns")
		for i := range v.Export {
			writeEnergy(line, &v.Export[i])
		}
	}
	if len(v.Charges) > 0 {
		line("    charges: # whatever is used")
		for _, c := range v.Charges {
			due := ""
			if c.Due != "" {
				due = ", due: " + string(c.Due)
			}
			line("      - {name: %q, %samount: %s%s}", c.Name, only("classes", c.Classes), exact(c.Amount), due)
		}
	}
	if len(v.Demand) > 0 {
		line("    demand: # on the highest mean of the month; see mean_of, at_least and steps for other ways")
		for _, c := range v.Demand {
			line("      - {name: %q, price: %s, interval: %s}", c.Name, exact(c.Price), strings.TrimSuffix(c.Interval.String(), "0s"))
		}
	}
	if len(v.Taxes) > 0 {
		line("    taxes: # of everything but what is fed in")
		for _, x := range v.Taxes {
			line("      - {name: %q, %srate: %s}", x.Name, only("except", x.Except), x.Rate)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeEnergy(line func(string, ...any), e *tariffs.EnergyCharge) {
	filter := only("classes", e.Classes) + only("periods", e.Periods)
	if len(e.Steps) == 0 {
		line("      - {name: %q, %sprice: %s}", e.Name, filter, exact(units.Money(e.Price)))
		return
	}
	steps := make([]string, len(e.Steps))
	for i, s := range e.Steps {
		steps[i] = fmt.Sprintf("{to: %s, price: %s}", kwhText(s.To), exact(units.Money(s.Price)))
		if s.To == 0 {
			steps[i] = fmt.Sprintf("{price: %s}", exact(units.Money(s.Price)))
		}
	}
	carry := ""
	if e.CarryOver {
		carry = ", carry_over: true"
		if e.CarryOverMonths > 0 {
			carry += fmt.Sprintf(", carry_over_months: %d", e.CarryOverMonths)
		}
	}
	line("      - {name: %q, %ssteps: [%s]%s}", e.Name, filter, strings.Join(steps, ", "), carry)
}

// only is a key and its list of names, followed by more; nothing where there are none.
func only(key string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(n)
	}
	return fmt.Sprintf("%s: [%s], ", key, strings.Join(quoted, ", "))
}

func kwhText(e units.Energy) string { return string(kwh(e)) + " kWh" }
