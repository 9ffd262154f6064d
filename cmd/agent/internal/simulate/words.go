package simulate

import (
	"fmt"
	"math"
	"strings"
)

// words are what differs between the policies, and why, in sentences that follow from
// the figures.
func (r *Report) words() []string {
	mine, p := r.Policies[Keeplit], Keeplit
	have := r.have()
	if len(have) == 0 {
		return nil
	}
	if mine == nil {
		p = have[len(have)-1]
		mine = r.Policies[p]
	}
	out := []string{fmt.Sprintf("Under %s a kWh cost %.3f %s, %s.", p, mine.CostPerKWh, r.Currency, serviceOf(mine))}
	for _, q := range have {
		if q != p {
			out = append(out, r.beside(p, q)...)
		}
	}
	out = append(out, r.why(p)...)
	if s := r.peaks(p); s != "" {
		out = append(out, s)
	}
	if r.GainShare != nil {
		out = append(out, fmt.Sprintf("Of what %s gains a kWh over %s, %s has %.0f %%.", Foresight, None, Keeplit, 100**r.GainShare))
	}
	if mine.Plans > 0 {
		out = append(out, fmt.Sprintf("Of %d plans %d announced something that would be short and was not; an announced start was moved %.2f times a day.",
			mine.Plans, mine.FalseShortfalls, float64(mine.Moves)/float64(max(1, r.Days))))
	}
	return out
}

// serviceOf is what people had for it.
func serviceOf(r *Result) string {
	var parts []string
	if r.HoursOff < sameHours {
		parts = append(parts, "the supply was never off")
	} else {
		parts = append(parts, fmt.Sprintf("the supply was off for %s", hours(r.HoursOff)))
	}
	if r.UnmetKWh < sameKWh {
		parts = append(parts, "loads had all that they were to have")
	} else {
		parts = append(parts, fmt.Sprintf("loads went short of %.1f kWh on %s", r.UnmetKWh, count(r.UnmetDays, "day")))
	}
	if r.HotHours != nil {
		parts = append(parts, fmt.Sprintf("there was hot water for %.1f hours of 24", *r.HotHours))
	}
	return list(parts)
}

// beside are the sentences on two policies.
func (r *Report) beside(p, q Policy) []string {
	a, b := r.Policies[p], r.Policies[q]
	var out []string
	change := 0.0
	if b.CostPerKWh != 0 {
		change = (a.CostPerKWh - b.CostPerKWh) / math.Abs(b.CostPerKWh)
	}
	var first string
	switch {
	case math.Abs(change) < 0.0005:
		first = fmt.Sprintf("Under %s a kWh cost as much", q)
	case change < 0:
		first = fmt.Sprintf("Under %s a kWh cost %.3f: %s paid %.1f %% less", q, b.CostPerKWh, p, -100*change)
	default:
		first = fmt.Sprintf("Under %s a kWh cost %.3f: %s paid %.1f %% more", q, b.CostPerKWh, p, 100*change)
	}
	var but []string
	if d := a.HoursOff - b.HoursOff; math.Abs(d) >= sameHours {
		but = append(but, fmt.Sprintf("the supply was off for %s under %s and %s under %s", hours(b.HoursOff), q, hours(a.HoursOff), p))
	}
	if d := a.UnmetKWh - b.UnmetKWh; math.Abs(d) >= sameKWh {
		but = append(but, fmt.Sprintf("%.1f kWh of what loads were to have was missing under %s and %.1f under %s", b.UnmetKWh, q, a.UnmetKWh, p))
	}
	if a.HotHours != nil && b.HotHours != nil && math.Abs(*a.HotHours-*b.HotHours) >= 0.25 {
		but = append(but, fmt.Sprintf("there was hot water for %.1f hours of 24 under %s and %.1f under %s", *b.HotHours, q, *a.HotHours, p))
	}
	if d := a.LoadsKWh - b.LoadsKWh; math.Abs(d) >= max(1, b.LoadsKWh/100) {
		but = append(but, fmt.Sprintf("the loads took %.0f kWh under %s and %.0f under %s", b.LoadsKWh, q, a.LoadsKWh, p))
	}
	if len(but) == 0 {
		return append(out, first+", for the same service.")
	}
	return append(out, first+"; "+list(but)+".")
}

// paid is the mean price that the loads' energy was taken at in the week.
func (r *Report) paid(p Policy) (price float64, ok bool) {
	res := r.Policies[p]
	if res == nil {
		return 0, false
	}
	sum, cost := 0.0, 0.0
	for _, s := range res.Week {
		for _, e := range s.Loads {
			sum += e
			cost += e * s.Price
		}
	}
	return cost / sum, sum > 0
}

// why tells at what prices the loads ran in the week.
func (r *Report) why(p Policy) []string {
	price, ok := r.paid(p)
	if !ok {
		return nil
	}
	var same []string
	var out []string
	for _, q := range []Policy{None, Timer} {
		other, there := r.paid(q)
		switch {
		case !there || q == p:
		case math.Abs(price-other) < 0.0005:
			same = append(same, string(q))
		default:
			how := "cheaper"
			if price > other {
				how = "dearer"
			}
			out = append(out, fmt.Sprintf("In the week looked at closely %s ran the loads when it was %s: at %.3f a kWh on average, and %s at %.3f.", p, how, price, q, other))
		}
	}
	if len(same) > 0 {
		out = append(out, fmt.Sprintf("In the week looked at closely %s ran the loads at %.3f a kWh on average, no cheaper and no dearer than %s.", p, price, list(same)))
	}
	return out
}

// peaks tells of the demand charge, where there is one.
func (r *Report) peaks(p Policy) string {
	a, b := r.Policies[p], r.Policies[None]
	if b == nil || p == None || a.Demand == 0 && b.Demand == 0 {
		return ""
	}
	return fmt.Sprintf("The charge for the greatest demand was %.2f %s of the cost, and %.2f under %s; the peak was %.2f kW, and %.2f.",
		a.Demand, r.Currency, b.Demand, None, a.PeakKW, b.PeakKW)
}

func hours(h float64) string {
	if h < sameHours {
		return "no time"
	}
	return fmt.Sprintf("%.1f h", h)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// list joins parts of a sentence.
func list(parts []string) string {
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return strings.Join(parts, "")
}
