package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// exact is an amount as a JSON number with all its decimals.
func exact(m units.Money) json.Number {
	return json.Number(strings.TrimSuffix(strings.TrimRight(m.String(), "0"), "."))
}

func kwh(e units.Energy) json.Number {
	return exact(units.Money(units.MulDiv(int64(e), 1_000_000, int64(units.KilowattHour))))
}

type componentOut struct {
	Name   string      `json:"name"`
	Kind   string      `json:"kind"`
	Amount json.Number `json:"amount"` // before taxes
	Tax    json.Number `json:"tax"`
	Energy json.Number `json:"energy_kwh,omitempty"`
}

type amountOut struct {
	Amount json.Number `json:"amount"` // with taxes
	Energy json.Number `json:"energy_kwh"`
	Export json.Number `json:"export_kwh,omitempty"`
}

type dayOut struct {
	Day string `json:"day"`
	amountOut
}

type billOut struct {
	Total      json.Number            `json:"total"`
	Currency   string                 `json:"currency"`
	From       time.Time              `json:"from"`
	To         time.Time              `json:"to"`
	Energy     json.Number            `json:"energy_kwh"`
	Export     json.Number            `json:"export_kwh"`
	Components []componentOut         `json:"components"`
	Taxes      map[string]json.Number `json:"taxes"`
	ByPeriod   map[string]amountOut   `json:"by_period"`           // what belongs to no period is "fixed"; all is "all" where there are no periods
	BySeason   map[string]amountOut   `json:"by_season,omitempty"` // energy by season, where there are seasons
	ByMonth    []dayOut               `json:"by_month"`
	ByDay      []dayOut               `json:"by_day"`
	Warnings   []string               `json:"warnings,omitempty"`
}

func billJSON(b tariffs.Bill) billOut {
	out := billOut{
		Total: exact(b.Total), Currency: b.Currency, From: b.From, To: b.To, Energy: kwh(b.Import), Export: kwh(b.Export),
		Components: []componentOut{}, Taxes: map[string]json.Number{}, Warnings: b.Warnings,
	}
	for _, c := range b.Components {
		x := componentOut{Name: c.Name, Kind: string(c.Kind), Amount: exact(c.Amount), Tax: exact(c.Tax)}
		if c.Energy != 0 {
			x.Energy = kwh(c.Energy)
		}
		out.Components = append(out.Components, x)
	}
	for _, t := range b.Taxes {
		out.Taxes[t.Name] = exact(t.Amount)
	}
	out.ByPeriod = amountsBy(b.Periods, func(p tariffs.PeriodSum) (string, bool) { return cmp.Or(p.Period, "all"), true })
	out.BySeason = amountsBy(b.Periods, func(p tariffs.PeriodSum) (string, bool) { return p.Season, p.Season != "" })
	out.ByDay, out.ByMonth = daysOf(b.Days), daysOf(b.Months)
	return out
}

func amountOf(m units.Money, in, out units.Energy) amountOut {
	a := amountOut{Amount: exact(m), Energy: kwh(in)}
	if out != 0 {
		a.Export = kwh(out)
	}
	return a
}

func daysOf(days []tariffs.DaySum) []dayOut {
	out := make([]dayOut, len(days))
	for i, d := range days {
		out[i] = dayOut{d.Day.String(), amountOf(d.Amount, d.Import, d.Export)}
	}
	return out
}

// amountsBy adds up the sums that share a name.
func amountsBy(list []tariffs.PeriodSum, name func(tariffs.PeriodSum) (string, bool)) map[string]amountOut {
	sums := map[string]tariffs.PeriodSum{}
	for _, p := range list {
		if n, ok := name(p); ok {
			x := sums[n]
			x.Import, x.Export, x.Amount = x.Import+p.Import, x.Export+p.Export, x.Amount+p.Amount
			sums[n] = x
		}
	}
	out := make(map[string]amountOut, len(sums))
	for n, x := range sums {
		out[n] = amountOf(x.Amount, x.Import, x.Export)
	}
	return out
}

// printBill writes a bill for people, each amount brought to the currency's
// decimals by the tariff's rule.
func printBill(w io.Writer, t *tariffs.Tariff, b tariffs.Bill) error {
	zone := t.Location()
	fmt.Fprintf(w, "%s, %s to %s\n", nameOf(t.Document(), "bill"), b.From.In(zone).Format("2006-01-02 15:04"), b.To.In(zone).Format("2006-01-02 15:04"))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "component\tkWh\t%s\ttaxes\t\n", b.Currency)
	for _, c := range b.Components {
		energy := ""
		if c.Energy != 0 {
			energy = fmt.Sprintf("%.3f", c.Energy.KWh())
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t\n", c.Name, energy, t.Show(c.Amount), t.Show(c.Tax))
	}
	for _, x := range b.Taxes {
		fmt.Fprintf(tw, "of it %s\t\t\t%s\t\n", x.Name, t.Show(x.Amount))
	}
	fmt.Fprintf(tw, "total\t%.3f\t%s\t\t\n", b.Import.KWh(), t.Show(b.Total))
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, m := range b.Warnings {
		fmt.Fprintln(w, "note:", m)
	}
	return nil
}

// printComparison writes two bills of the same load side by side.
func printComparison(w io.Writer, names [2]string, both [2]*tariffs.Tariff, bills [2]tariffs.Bill) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "%s\t%s\t%s\tdifference\t\n", bills[0].Currency, names[0], names[1])
	line := func(name string, a, b units.Money) {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t\n", name, both[0].Show(a), both[1].Show(b), both[0].Show(b-a))
	}
	for _, m := range bills[0].Months {
		for _, n := range bills[1].Months {
			if m.Day == n.Day {
				line(m.Day.String(), m.Amount, n.Amount)
			}
		}
	}
	line("total", bills[0].Total, bills[1].Total)
	if err := tw.Flush(); err != nil {
		return err
	}
	for i, b := range bills {
		for _, m := range b.Warnings {
			fmt.Fprintf(w, "note: %s: %s\n", names[i], m)
		}
	}
	return nil
}

type tariffShowCmd struct {
	File string `arg:"" help:"Tariff document, or ready:NAME."`
	At   string `help:"The version in force on this day, e.g. 2024-07-01; the default is the last one."`
}

func (c *tariffShowCmd) Run(e *env) error {
	t, err := readTariff(e.Stderr, c.File)
	if err != nil {
		return err
	}
	doc := t.Document()
	day := doc.Versions[len(doc.Versions)-1].From
	if c.At != "" {
		if err := day.SetText(c.At); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--at %w", err)}
		}
	}
	at := day.Start(t.Location())
	fmt.Fprintf(e.Stdout, "%s (%s, %s)\n", nameOf(doc, c.File), doc.Currency, doc.Zone)
	for _, w := range t.Weeks(at) {
		printWeek(e.Stdout, w)
	}
	for _, line := range t.Describe(day) {
		fmt.Fprintln(e.Stdout, line)
	}
	for _, s := range doc.Sources {
		fmt.Fprintf(e.Stdout, "source: %s (%s) %s\n", s.Title, s.Dated, s.URL)
	}
	for _, w := range t.Warnings(at, at.Add(time.Second)) {
		fmt.Fprintln(e.Stdout, "note:", w)
	}
	return nil
}

// printWeek draws a week by half hours, a letter for each period and price.
func printWeek(w io.Writer, week tariffs.Week) {
	fmt.Fprintf(w, "\nversion %s", week.Version)
	if week.Season != "" {
		fmt.Fprintf(w, ", season %s", week.Season)
	}
	fmt.Fprintf(w, "\n     %s\n", strings.Join([]string{"00    ", "03    ", "06    ", "09    ", "12    ", "15    ", "18    ", "21    "}, ""))
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var legend []tariffs.Moment
	for d, name := range []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} {
		fmt.Fprintf(w, "%s  ", name)
		for _, m := range week.Days[d] {
			i := 0
			for i < len(legend) && legend[i] != m {
				i++
			}
			if i == len(legend) {
				legend = append(legend, m)
			}
			fmt.Fprintf(w, "%c", letters[i%len(letters)])
		}
		fmt.Fprintln(w)
	}
	for i, m := range legend {
		fmt.Fprintf(w, "%c  %s per kWh with taxes  %s\n", letters[i%len(letters)], m.Price, m.Period)
	}
}
