package simulate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A drawing has no text in it and is stretched to the width that there is; what it says
// stands beside it.  Its height is 100.

// bar is one policy's share of the greatest figure.
type bar struct {
	Policy Policy
	Text   string
	Share  float64 // percent
	Mine   bool
}

// panel is one figure of each policy.
type panel struct {
	Name, Note string
	Bars       []bar
}

// panels are the figures that are shown side by side: money, and the service.
func (r *Report) panels() []panel {
	var out []panel
	add := func(name, note, form string, of func(*Result) (float64, bool)) {
		p := panel{Name: name, Note: note}
		most := 0.0
		for _, q := range r.have() {
			if v, ok := of(r.Policies[q]); ok {
				most = max(most, math.Abs(v))
			}
		}
		for _, q := range r.have() {
			v, ok := of(r.Policies[q])
			if !ok {
				continue
			}
			b := bar{Policy: q, Text: fmt.Sprintf(form, v), Mine: q == Keeplit}
			if most > 0 {
				b.Share = round(100*max(0, v)/most, 2)
			}
			p.Bars = append(p.Bars, b)
		}
		if len(p.Bars) > 0 {
			out = append(out, p)
		}
	}
	all := func(of func(*Result) float64) func(*Result) (float64, bool) {
		return func(r *Result) (float64, bool) { return of(r), true }
	}
	add("Cost of a kWh", "with all charges, "+r.Currency, "%.3f", all(func(r *Result) float64 { return r.CostPerKWh }))
	add("Cost", r.Currency, "%.0f", all(func(r *Result) float64 { return r.Cost }))
	add("Hours without supply", "less is better", "%.1f", all(func(r *Result) float64 { return r.HoursOff }))
	add("Need unmet", "kWh, less is better", "%.1f", all(func(r *Result) float64 { return r.UnmetKWh }))
	add("Hot water", "hours of 24, more is better", "%.1f", func(r *Result) (float64, bool) {
		if r.HotHours == nil {
			return 0, false
		}
		return *r.HotHours, true
	})
	add("Energy of the loads", "kWh", "%.0f", all(func(r *Result) float64 { return r.LoadsKWh }))
	return out
}

// curve is the balance of one policy, a point a day.
type curve struct {
	Policy    Policy
	Width     int
	Band, Off string // paths
	Zero      float64
	Low, High string
	Note      string
}

// curves are the balances of all policies on one scale.
func (r *Report) curves() []curve {
	low, high := 0.0, 0.0
	for _, p := range r.have() {
		for _, d := range r.Policies[p].Balance {
			low, high = min(low, d.Low), max(high, d.High)
		}
	}
	if high == low {
		return nil
	}
	var out []curve
	for _, p := range r.have() {
		res := r.Policies[p]
		n := len(res.Balance)
		if n == 0 {
			continue
		}
		y := func(v float64) float64 { return round(100*(high-v)/(high-low), 2) }
		var band, off strings.Builder
		dark := 0.0
		for i, d := range res.Balance {
			fmt.Fprintf(&band, "M%d %v H%d V%v H%dZ", i, y(d.High), i+1, y(d.Low)+0.6, i)
			if d.Off > 0 {
				fmt.Fprintf(&off, "M%d 100h1v-%vh-1z", i, round(min(100, max(8, 100*d.Off/24)), 2)) // an hour is seen
			}
			dark += d.Off
		}
		c := curve{Policy: p, Width: n, Band: band.String(), Off: off.String(), Zero: y(0), Low: fmt.Sprintf("%.0f", low), High: fmt.Sprintf("%.0f", high)}
		c.Note = "never dark"
		if dark > 0 {
			c.Note = fmt.Sprintf("dark for %.1f h, mains and credit", dark)
		}
		out = append(out, c)
	}
	return out
}

// area is what one thing took over a day.
type area struct {
	Color int // 0: the base load
	Path  string
}

// band is a stretch of one price.
type band struct {
	Color   int // 1 cheap to 6 dear
	X, Wide float64
}

// strip is one day of one policy.
type strip struct {
	Name, Note string
	Prices     []band
	Areas      []area
	Off        string
	Balance    string
}

// closeUp is the week of one policy.
type closeUp struct {
	Policy Policy
	Open   bool
	Note   string
	Days   []strip
}

// scale is what the drawings of a week have in common.
type scale struct {
	zone         *time.Location
	power, money float64
	least, most  float64 // price
}

func (r *Report) scale() scale {
	s := scale{zone: time.UTC, least: math.Inf(1), most: math.Inf(-1)}
	if z, err := time.LoadLocation(r.Zone); err == nil {
		s.zone = z
	}
	for _, p := range r.have() {
		for _, x := range r.Policies[p].Week {
			sum := x.Base
			for _, e := range x.Loads {
				sum += e
			}
			s.power, s.money = max(s.power, sum), max(s.money, x.Balance)
			s.least, s.most = min(s.least, x.Price), max(s.most, x.Price)
		}
	}
	return s
}

// color is a price's, 1 to 6.
func (s scale) color(price float64) int {
	if s.most <= s.least {
		return 2
	}
	return 1 + min(5, int(6*(price-s.least)/(s.most-s.least)))
}

// weeks are the weeks of all policies.
func (r *Report) weeks() []closeUp {
	s := r.scale()
	if s.power == 0 {
		return nil
	}
	var out []closeUp
	have := r.have() // keeplit and who does nothing stand first, side by side where there is room
	slices.SortStableFunc(have, func(a, b Policy) int { return order(a) - order(b) })
	for _, p := range have {
		c := closeUp{Policy: p, Open: p == Keeplit || p == None}
		if price, ok := r.paid(p); ok {
			c.Note = fmt.Sprintf("loads at %.3f a kWh", price)
		}
		week := r.Policies[p].Week
		for from := 0; from < len(week); {
			day := week[from].Start.In(s.zone).Format(time.DateOnly)
			to := from
			for to < len(week) && week[to].Start.In(s.zone).Format(time.DateOnly) == day {
				to++
			}
			c.Days = append(c.Days, s.strip(week[from:to]))
			from = to
		}
		if len(c.Days) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// order is a policy's place among the weeks.
func order(p Policy) int {
	switch p {
	case Keeplit:
		return 0
	case None:
		return 1
	default:
		return 2
	}
}

// strip draws one day; its width is 24 hours of the clock.
func (s scale) strip(slots []Slot) strip {
	first := slots[0].Start.In(s.zone)
	midnight := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, s.zone)
	whole := midnight.AddDate(0, 0, 1).Sub(midnight).Hours()
	x := func(t time.Time) float64 { return round(24*t.Sub(midnight).Hours()/whole, 3) }
	length := 30 * time.Minute
	if len(slots) > 1 {
		length = slots[1].Start.Sub(slots[0].Start)
	}
	out := strip{Name: first.Format("Mon 2 Jan")}
	foot := make([]float64, len(slots))
	energy, dark, coldest := 0.0, 0.0, math.Inf(1)
	layer := func(color int, of func(Slot) float64) {
		var b strings.Builder
		for i, sl := range slots {
			e := of(sl)
			if e <= 0 {
				continue
			}
			energy += e
			top := foot[i] + 80*e/s.power
			fmt.Fprintf(&b, "M%v %vV%vH%vV%vz", x(sl.Start), round(90-foot[i], 2), round(90-top, 2), x(sl.Start.Add(length)), round(90-foot[i], 2))
			foot[i] = top
		}
		if b.Len() > 0 {
			out.Areas = append(out.Areas, area{color, b.String()})
		}
	}
	layer(0, func(sl Slot) float64 { return sl.Base })
	for k := range slots[0].Loads {
		layer(k%6+1, func(sl Slot) float64 { return sl.Loads[k] })
	}
	var off, line strings.Builder
	for i, sl := range slots {
		from, to := x(sl.Start), x(sl.Start.Add(length))
		if n, c := len(out.Prices), s.color(sl.Price); n > 0 && out.Prices[n-1].Color == c {
			out.Prices[n-1].Wide = round(to-out.Prices[n-1].X, 3)
		} else {
			out.Prices = append(out.Prices, band{c, from, round(to-from, 3)})
		}
		if sl.Off > 0 {
			fmt.Fprintf(&off, "M%v 0H%vV90H%vz", from, round(from+(to-from)*sl.Off, 3), from)
			dark += sl.Off * length.Hours()
		}
		if s.money > 0 {
			fmt.Fprintf(&line, "%c%v %v", "ML"[min(i, 1)], to, round(90-85*max(0, sl.Balance)/s.money, 2))
		}
		if sl.Hot != nil {
			coldest = min(coldest, *sl.Hot)
		}
	}
	out.Off, out.Balance = off.String(), line.String()
	notes := []string{fmt.Sprintf("%.1f kWh", energy), fmt.Sprintf("balance %.0f", slots[len(slots)-1].Balance)}
	if !math.IsInf(coldest, 1) {
		notes = append(notes, fmt.Sprintf("tank down to %.0f\u00b0", coldest))
	}
	if dark > 0.01 {
		notes = append(notes, fmt.Sprintf("dark %.1f h", dark))
	}
	out.Note = strings.Join(notes, " \u00b7 ")
	return out
}

// priceLegend names the colours of prices that occur in the week.
func (r *Report) priceLegend() []legend {
	s := r.scale()
	least, most := map[int]float64{}, map[int]float64{}
	for _, p := range r.have() {
		for _, x := range r.Policies[p].Week {
			c := s.color(x.Price)
			if _, ok := least[c]; !ok {
				least[c], most[c] = x.Price, x.Price
			}
			least[c], most[c] = min(least[c], x.Price), max(most[c], x.Price)
		}
	}
	var out []legend
	for c, from := range least {
		name := fmt.Sprintf("%.2f", from)
		if to := fmt.Sprintf("%.2f", most[c]); to != name {
			name += " to " + to
		}
		out = append(out, legend{c, name})
	}
	slices.SortFunc(out, func(a, b legend) int { return a.Color - b.Color })
	return out
}

// legend is a name and its colour.
type legend struct {
	Color int
	Name  string
}
