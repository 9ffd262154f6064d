package simulate

import (
	"fmt"
	"io"
	"strings"
)

// Table writes the figures for people: money and service side by side.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, seed %d, %s\n", r.Name(), count(r.Days, "day"), r.Seed, r.Currency)
	have := r.have()
	row := func(name string, value func(*Result) string) {
		fmt.Fprintf(&b, "%-34s", name)
		for _, p := range have {
			fmt.Fprintf(&b, " %11s", value(r.Policies[p]))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%-34s", "")
	for _, p := range have {
		fmt.Fprintf(&b, " %11s", p)
	}
	b.WriteByte('\n')
	for _, l := range lines() {
		if l.show == nil || l.show(r) {
			row(l.name, l.value)
		}
	}
	if r.GainShare != nil {
		fmt.Fprintf(&b, "keeplit has %.0f %% of what foresight could save a kWh\n", 100**r.GainShare)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Name is the world's, with what differs in its variant.
func (r *Report) Name() string {
	if r.Variant == "" {
		return r.World
	}
	return r.World + ": " + r.Variant
}

// have are the policies that were run, in order.
func (r *Report) have() []Policy {
	var out []Policy
	for _, p := range Policies() {
		if r.Policies[p] != nil {
			out = append(out, p)
		}
	}
	return out
}

// Markdown writes the same figures as a table of a document.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	have := r.have()
	b.WriteString("| |")
	for _, p := range have {
		fmt.Fprintf(&b, " `%s` |", p)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(have)) + "\n")
	for _, l := range lines() {
		if l.show != nil && !l.show(r) {
			continue
		}
		fmt.Fprintf(&b, "| %s |", l.name)
		for _, p := range have {
			fmt.Fprintf(&b, " %s |", l.value(r.Policies[p]))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// line is one figure of a table.
type line struct {
	name  string
	value func(*Result) string
	show  func(*Report) bool // nil: always
}

func lines() []line {
	f := func(form string, of func(*Result) float64) func(*Result) string {
		return func(r *Result) string { return fmt.Sprintf(form, of(r)) }
	}
	any := func(of func(*Result) bool) func(*Report) bool {
		return func(r *Report) bool {
			for _, x := range r.Policies {
				if of(x) {
					return true
				}
			}
			return false
		}
	}
	return []line{
		{"cost a kWh", f("%.4f", func(r *Result) float64 { return r.CostPerKWh }), nil},
		{"cost", f("%.2f", func(r *Result) float64 { return r.Cost }), nil},
		{"of it demand charge", f("%.2f", func(r *Result) float64 { return r.Demand }), any(func(r *Result) bool { return r.Demand != 0 })},
		{"energy, kWh", f("%.1f", func(r *Result) float64 { return r.Energy }), nil},
		{"given by the sun, kWh", f("%.1f", func(r *Result) float64 { return r.Sun }), any(func(r *Result) bool { return r.Sun > 0 })},
		{"fed in, kWh", f("%.1f", func(r *Result) float64 { return r.FedIn }), any(func(r *Result) bool { return r.Sun > 0 || r.FedIn > 0 })},
		{"of it loads, kWh", f("%.1f", func(r *Result) float64 { return r.LoadsKWh }), nil},
		{"hours off", f("%.1f", func(r *Result) float64 { return r.HoursOff }), nil},
		{"cut-offs", f("%.0f", func(r *Result) float64 { return float64(r.Cutoffs) }), nil},
		{"need unmet, kWh", f("%.1f", func(r *Result) float64 { return r.UnmetKWh }), nil},
		{"need unmet, days", f("%.0f", func(r *Result) float64 { return float64(r.UnmetDays) }), nil},
		{"hot water, hours of 24", func(r *Result) string {
			if r.HotHours == nil {
				return "-"
			}
			return fmt.Sprintf("%.2f", *r.HotHours)
		}, any(func(r *Result) bool { return r.HotHours != nil })},
		{"hot water drawn, cold at last", func(r *Result) string { return fmt.Sprintf("%d of %d", r.ColdDraws, r.Draws) }, any(func(r *Result) bool { return r.Draws > 0 })},
		{"too cold, K h", f("%.0f", func(r *Result) float64 { return r.Comfort }), any(func(r *Result) bool { return r.HotHours != nil })},
		{"taken from an empty tank, kWh", f("%.1f", func(r *Result) float64 { return r.Dry }), any(func(r *Result) bool { return r.Dry > 0 })},
		{"cars lacked as they left, kWh", func(r *Result) string {
			if r.LateCar == nil {
				return "-"
			}
			return fmt.Sprintf("%.1f", *r.LateCar)
		}, any(func(r *Result) bool { return r.LateCar != nil })},
		{"peak, kW", f("%.2f", func(r *Result) float64 { return r.PeakKW }), nil},
		{"days of supply per 100", f("%.2f", func(r *Result) float64 { return r.DaysPer100 }), nil},
		{"starts", f("%.0f", func(r *Result) float64 { return float64(r.Starts) }), nil},
		{"moves of announced starts", f("%.0f", func(r *Result) float64 { return float64(r.Moves) }), nil},
		{"of them less than 2 h away", f("%.0f", func(r *Result) float64 { return float64(r.MovesNear) }), nil},
		{"announced starts gone, in all", f("%.0f", func(r *Result) float64 { return float64(r.Gone) }), nil},
		{"plans", f("%.0f", func(r *Result) float64 { return float64(r.Plans) }), nil},
		{"of them with a shortfall", f("%.0f", func(r *Result) float64 { return float64(r.Announced) }), nil},
		{"of those with a false one", f("%.0f", func(r *Result) float64 { return float64(r.FalseShortfalls) }), nil},
		{"end of credit, median error in h", f("%.1f", func(r *Result) float64 { return r.RunOut.Error }), any(func(r *Result) bool { return r.RunOut.Said > 0 })},
		{"ended before p10 / after p90, %", func(r *Result) string { return fmt.Sprintf("%.0f / %.0f", 100*r.RunOut.Before, 100*r.RunOut.After) }, any(func(r *Result) bool { return r.RunOut.Said > 0 })},
		{"grid down, hours", f("%.1f", func(r *Result) float64 { return r.MainsHours }), any(func(r *Result) bool { return r.MainsHours > 0 })},
		{"seconds to run", f("%.1f", func(r *Result) float64 { return r.Seconds }), any(func(r *Result) bool { return r.Seconds > 0 })},
	}
}
