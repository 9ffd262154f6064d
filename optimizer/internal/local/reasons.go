package local

import (
	"fmt"
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// moved is unit i's schedule with its first run begun in slot to, nil where
// the run does not fit before what follows.
func (l *Search) moved(kw []float64, first model.Span, to int) []float64 {
	length := first.To - first.From
	if to < 0 || to+length > len(kw) {
		return nil
	}
	out := append([]float64(nil), kw...)
	for t := first.From; t < first.To; t++ {
		out[t] = 0
	}
	for k := range length {
		if out[to+k] > 0 {
			return nil
		}
		out[to+k] = kw[first.From+k]
	}
	return out
}

// with is the plan's cost if unit i ran as given, and whether no hard rule
// breaks; why says which would.
func (l *Search) with(i int, kw []float64) (cost float64, why string) {
	u := l.Units[i]
	if !u.Load.Permits(l.p, kw) {
		if w, ok := u.Pricer.(*pricing.Thermal); ok && w.Hot(kw) {
			return 0, "it would get too hot"
		}
		if w, ok := u.Pricer.(*pricing.Modulating); ok && w.Hot(kw) {
			return 0, "it would get too hot"
		}
		return 0, "its window or its switch does not allow it"
	}
	keep, own := append([]float64(nil), l.KW[i]...), l.own[i]
	l.swap(i, kw, u.Pricer.Cost(kw))
	cost = l.Evaluate()
	short := l.Short
	over := l.overloaded()
	l.swap(i, keep, own)
	switch {
	case short > model.MoneyTol:
		return cost, "the credit would run out"
	case over:
		return cost, "the site limit does not leave the power"
	}
	if text := l.conflict(i, kw); text != "" {
		return cost, text
	}
	return cost, ""
}

func (l *Search) swap(i int, kw []float64, own float64) {
	for t := range l.z {
		l.z[t] += kw[t] - l.KW[i][t]
	}
	copy(l.KW[i], kw)
	l.own[i] = own
}

// overloaded tells whether the central forecast would exceed a limit that the
// plan itself keeps.
func (l *Search) overloaded() bool {
	for t := range l.z {
		x := l.p.BaseKW[t] - model.At(l.p.PVKW, t) + l.z[t]
		if x > max(l.limit[t], l.p.BaseKW[t]-model.At(l.p.PVKW, t))+model.PowerTol {
			return true
		}
	}
	return false
}

// conflict names the shared circuit or the exclusion that kw would break.
func (l *Search) conflict(i int, kw []float64) string {
	id := l.Units[i].Load.ID
	others := func(ids []string, t int) (sum float64, on int) {
		for k, u := range l.Units {
			if k != i && master.Contains(ids, u.Load.ID) && l.KW[k][t] > model.OnFrom {
				sum += l.KW[k][t]
				on++
			}
		}
		return sum, on
	}
	for _, c := range l.p.Circuits {
		if !master.Contains(c.Loads, id) {
			continue
		}
		for t, x := range kw {
			if sum, _ := others(c.Loads, t); x > model.OnFrom && sum+x > c.At(t)+model.PowerTol {
				return "circuit " + c.Name + " does not leave the power"
			}
		}
	}
	for _, g := range l.p.Exclusions {
		if !master.Contains(g, id) {
			continue
		}
		for t, x := range kw {
			if _, on := others(g, t); x > model.OnFrom && on > 0 {
				return "a load that excludes it runs then"
			}
		}
	}
	return ""
}

// Reason answers for one unit: rate is what the site spends in an hour, money is what a
// unit of the search's money is to whoever reads the answer.
func (l *Search) Reason(i int, rate, money float64, hurried bool) *model.Reason {
	u := l.Units[i]
	kw := append([]float64(nil), l.KW[i]...)
	r := &model.Reason{Start: -1, EarlierSlot: -1}
	runs := model.Spans(kw)
	base := l.Evaluate()
	l.s.Spent += int64(6 * l.p.N)
	if len(runs) == 0 {
		r.Text, r.NowText = l.idle(u, money), "it is not planned to run"
		return r
	}
	first := runs[0]
	r.Start = first.From
	// What a load would rather not is no money.
	soft := func(alt []float64) float64 { return u.Load.SlotCosts(alt) - u.Load.SlotCosts(kw) }
	// What it costs as planned: against the same plan without it.
	own := l.own[i]
	l.swap(i, make([]float64, len(kw)), 0)
	r.Cost = base - own - l.Evaluate()
	l.swap(i, kw, own)
	r.NowPossible = true
	r.NowCost = r.Cost
	if first.From > 0 {
		r.NowPossible = false
		if alt := l.moved(kw, first, 0); alt == nil {
			r.NowText = "it would run into its own next run"
		} else if cost, why := l.with(i, alt); why != "" {
			r.NowText = why
		} else {
			r.NowPossible = true
			r.NowExtra = cost - base - soft(alt)
			r.NowCost = r.Cost + r.NowExtra
			if rate > 0 {
				r.NowCreditHours = r.NowExtra / rate
			}
		}
		looks := 24 // as many earlier starts are priced
		if len(l.Units) > 50 {
			looks = 6
		}
		if hurried {
			looks = min(looks/2, 6)
		}
		step := max(1, first.From/looks)
		best := math.Inf(1)
		for t := 0; t < first.From; t += step {
			alt := l.moved(kw, first, t)
			if alt == nil {
				continue
			}
			if cost, why := l.with(i, alt); why == "" && cost-base-soft(alt) < best {
				best = cost - base - soft(alt)
				r.EarlierSlot, r.EarlierExtra = t, best
			}
		}
	}
	for _, x := range []*float64{&r.Cost, &r.NowCost, &r.NowExtra, &r.NowCreditHours, &r.EarlierExtra} {
		if math.Abs(*x) < nothing {
			*x = 0
		}
	}
	for _, x := range []*float64{&r.Cost, &r.NowCost, &r.NowExtra, &r.EarlierExtra} {
		*x *= money
	}
	r.Text = l.words(r, first, money)
	return r
}

// idle says why a load does not run.
func (l *Search) idle(u *master.Unit, money float64) string {
	switch {
	case u.Load.Thermal != nil:
		return "warm enough without"
	case u.Load.PriceCap > 0:
		return fmt.Sprintf("no hours cost less than its cap of %.4g a kWh", money*u.Load.PriceCap)
	case u.Load.OnOff != nil && u.Load.OnOff.Need() == 0, u.Load.Variable != nil && u.Load.Variable.Need() == 0:
		return "nothing is needed"
	}
	return "running it would cost more than going without, or there is no room in its window"
}

// words puts a reason into a sentence.
func (l *Search) words(r *model.Reason, first model.Span, money float64) string {
	mean := money * l.p.ImportPrice[first.From]
	text := fmt.Sprintf("starts %s", l.when(first.From))
	if first.From == 0 {
		text = "runs now"
	}
	sun := l.p.BaseKW[first.From]-model.At(l.p.PVKW, first.From) < 0
	switch {
	case sun:
		text += ": there is sun to use"
	default:
		text += fmt.Sprintf(": a kWh costs %.4g then", mean)
		if first.From > 0 {
			text += fmt.Sprintf(", %.4g now", money*l.p.ImportPrice[0])
		}
	}
	switch {
	case first.From == 0:
	case r.EarlierSlot >= 0 && r.EarlierExtra > worthSaying:
		text += fmt.Sprintf("; the best earlier start, %s, costs %.4f more", l.when(r.EarlierSlot), r.EarlierExtra)
	case r.EarlierSlot >= 0:
		text += "; an earlier start gains nothing"
	default:
		text += "; no earlier start is possible"
	}
	if first.From > 0 && !r.NowPossible {
		text += "; not now: " + r.NowText
	}
	return text
}

// when names a slot by its distance from the first one.
func (l *Search) when(t int) string {
	m := int(math.Round(float64(t) * l.p.SlotMinutes))
	switch {
	case m == 0:
		return "now"
	case m < 60:
		return fmt.Sprintf("in %d min", m)
	case m%60 == 0:
		return fmt.Sprintf("in %d h", m/60)
	}
	return fmt.Sprintf("in %d h %d min", m/60, m%60)
}
