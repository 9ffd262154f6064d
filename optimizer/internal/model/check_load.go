package model

import (
	"fmt"
	"math"
)

// Load checks one load's powers and adds its own costs.
func (e *Evaluation) Load(p *Problem, l *Load, kw []float64) []Violation {
	c := loadCheck{Evaluation: e, p: p, l: l, kw: kw, runs: Spans(kw)}
	for t, x := range kw {
		if x < -tinyTol {
			c.badPower(t, -x, "negative power in slot %d", t)
			break
		}
	}
	switch {
	case l.Cycle != nil:
		c.cycle(l.Cycle)
	case l.OnOff != nil:
		c.onOff(l.OnOff)
	case l.Variable != nil:
		c.variable(l.Variable)
	case l.Thermal != nil:
		c.bad = append(c.bad, e.thermal(l, kw, c.runs)...)
		c.late()
	}
	return c.bad
}

// loadCheck is one load of an evaluation.
type loadCheck struct {
	*Evaluation
	p    *Problem
	l    *Load
	kw   []float64
	runs []Span
	bad  []Violation
}

// badPower notes a power that the load cannot have.
func (c *loadCheck) badPower(slot int, by float64, text string, args ...any) {
	c.bad = append(c.bad, Violation{Kind: BadPower, Load: c.l.ID, Slot: slot, By: by, Text: c.l.ID + ": " + fmt.Sprintf(text, args...)})
}

// short notes what the load does without.
func (c *loadCheck) short(k ShortfallKind, slot int, amount float64, unit string, cost float64) {
	c.shortfalls = append(c.shortfalls, Shortfall{Kind: k, Load: c.l.ID, Slot: slot, Amount: amount, Unit: unit, Cost: cost})
}

// late adds what running past the soft deadline costs.
func (c *loadCheck) late() {
	for t, x := range c.kw {
		if x > OnFrom {
			c.parts.Late += c.l.LatePrice(t)
		}
	}
}

func (c *loadCheck) cycle(x *Cycle) {
	L := len(x.ProfileKW)
	lo, hi := x.Earliest, x.LatestFinish-L
	if x.Running {
		lo, hi = 0, 0
	}
	if len(c.runs) == 0 && !(x.Running && MaxOf(x.ProfileKW) > OnFrom) {
		price := c.l.SkipPrice(c.p.Hours())
		c.parts.Skip += price
		c.short(ShortSkip, max(0, min(x.Earliest, c.p.N-1)), 1, "runs", price)
		return
	}
	for s := max(lo, 0); s <= hi; s++ {
		if Fits(c.kw, x.ProfileKW, s, x.Running) {
			c.parts.Late += c.l.LatePrice(s + L - 1)
			return
		}
	}
	c.badPower(0, 1, "the power is not one unbroken cycle inside its window")
}

func (c *loadCheck) onOff(o *OnOff) {
	c.bad = append(c.bad, c.switched(c.l, c.kw, c.runs, o.Switching, o.From, o.To, o.MaxStarts, o.StartCost)...)
	on := 0
	for t, x := range c.kw {
		if x <= OnFrom {
			continue
		}
		on++
		c.parts.Late += c.l.LatePrice(t)
		if o.IsShut(t) && !(bool(o.InitOn) && t < o.Hold) {
			c.bad = append(c.bad, Violation{Kind: BadWindow, Load: c.l.ID, Slot: t, By: 1, Text: fmt.Sprintf("%s: on in slot %d, in which it may not run", c.l.ID, t)})
			break
		}
		if math.Abs(x-o.KW) > PowerTol {
			c.badPower(t, math.Abs(x-o.KW), "draws %v kW in slot %d, neither 0 nor %v", x, t, o.KW)
			break
		}
	}
	if on > o.Need() && !(bool(o.InitOn) && on <= o.Hold) {
		c.badPower(0, float64(on-o.Need()), "on for %d slots, %d are needed", on, o.Need())
	}
	if miss := o.Need() - on; miss > 0 {
		price := float64(miss) * c.l.ShortPrice(c.p.Hours())
		c.parts.Short += price
		c.short(ShortEnergy, max(0, o.From), float64(miss), "slots", price)
	}
}

func (c *loadCheck) variable(v *Variable) {
	h := c.p.Hours()
	c.bad = append(c.bad, c.switched(c.l, c.kw, c.runs, v.Switching, v.From, v.To, v.MaxStarts, v.StartCost)...)
	var sum float64
	for t, x := range c.kw {
		sum += x * h
		if x <= OnFrom {
			continue
		}
		c.parts.Late += c.l.LatePrice(t)
		if x < v.MinKW-PowerTol || x > v.MaxKW+PowerTol {
			c.badPower(t, 0, "draws %v kW in slot %d, outside %v to %v", x, t, v.MinKW, v.MaxKW)
			break
		}
	}
	if sum > v.Need()+energyTol && !(bool(v.InitOn) && sum <= float64(v.Hold)*v.MinKW*h+energyTol) {
		c.badPower(0, sum-v.Need(), "gets %v kWh, needs %v", sum, v.Need())
	}
	if miss := v.Need() - sum; miss > 0 {
		price := miss * c.l.ShortPrice(h)
		c.parts.Short += price
		if miss > energyTol {
			c.short(ShortEnergy, max(0, v.From), miss, "kWh", price)
		}
	}
}

// MaxOf is the greatest of the values, 0 at least.
func MaxOf(xs []float64) float64 {
	m := 0.0
	for _, x := range xs {
		m = max(m, x)
	}
	return m
}

// Fits tells whether kw is the profile begun in slot s, and nothing else.  A
// running profile may reach past the horizon.
func Fits(kw, profile []float64, s int, running bool) bool {
	if s+len(profile) > len(kw) && !running {
		return false
	}
	if s < len(kw) && len(profile) > 0 && math.Abs(kw[s]-profile[0]) > PowerTol {
		return false // most starts
	}
	for t, x := range kw {
		want := 0.0
		if t >= s && t < s+len(profile) {
			want = profile[t-s]
		}
		if math.Abs(x-want) > PowerTol {
			return false
		}
	}
	return true
}

// switched checks a switched load's runs against its window and its switch,
// and adds the cost of starting.
func (e *Evaluation) switched(l *Load, kw []float64, runs []Span, sw Switching, from, to, maxStarts int, startCost float64) []Violation {
	var bad []Violation
	add := func(k ShortfallKind, slot int, text string, args ...any) {
		bad = append(bad, Violation{Kind: k, Load: l.ID, Slot: slot, By: 1, Text: l.ID + ": " + fmt.Sprintf(text, args...)})
	}
	starts := len(runs)
	if bool(sw.InitOn) && len(runs) > 0 && runs[0].From == 0 {
		starts--
	}
	for t, x := range kw {
		if x > OnFrom && (t < from || t >= to) && !(bool(sw.InitOn) && t < sw.Hold) {
			add(BadWindow, t, "on in slot %d, outside its window %d to %d", t, from, to)
			break
		}
	}
	if starts > maxStarts {
		add(BadSwitching, 0, "%d starts, %d are allowed", starts, maxStarts)
	}
	e.parts.Starts += float64(starts) * startCost
	return append(bad, switching(l.ID, kw, runs, sw, -1)...)
}

// switching checks the lengths of runs and breaks.  A run that reaches slot
// cut (the horizon's end, where that excuses it) may be too short.
func switching(id string, kw []float64, runs []Span, sw Switching, cut int) []Violation {
	var bad []Violation
	add := func(slot int, text string, args ...any) {
		bad = append(bad, Violation{Kind: BadSwitching, Load: id, Slot: slot, By: 1, Text: id + ": " + fmt.Sprintf(text, args...)})
	}
	for t := 0; t < min(sw.Hold, len(kw)); t++ {
		if (kw[t] > OnFrom) != bool(sw.InitOn) {
			add(t, "switched in slot %d, before its hold of %d slots is over", t, sw.Hold)
			break
		}
	}
	for k, r := range runs {
		carried := bool(sw.InitOn) && r.From == 0
		if r.To-r.From < sw.MinOn && !carried && r.To != cut {
			add(r.From, "the run %d to %d is shorter than %d slots", r.From, r.To, sw.MinOn)
		}
		prev := -1
		if k > 0 {
			prev = runs[k-1].To
		} else if sw.InitOn {
			prev = 0
		}
		if prev >= 0 && !carried && r.From-prev < sw.MinOff {
			add(r.From, "the break before slot %d is shorter than %d slots", r.From, sw.MinOff)
		}
	}
	return bad
}

// thermal follows a store's temperature.
func (e *Evaluation) thermal(l *Load, kw []float64, runs []Span) []Violation {
	var bad []Violation
	th := l.Thermal
	for t, x := range kw {
		if x > th.KW+PowerTol || (!th.Modulating && x > OnFrom && math.Abs(x-th.KW) > PowerTol) {
			bad = append(bad, Violation{Kind: BadPower, Load: l.ID, Slot: t, By: x - th.KW, Text: fmt.Sprintf("%s: draws %v kW in slot %d", l.ID, x, t)})
			break
		}
	}
	if !th.Modulating {
		bad = append(bad, switching(l.ID, kw, runs, th.Switching, len(kw))...)
	}
	T, cold, first, hot, hotAt := th.T0, 0.0, -1, 0.0, 0
	for t, x := range kw {
		T = th.A*T + (1-th.A)*th.TEnv.At(t) + th.B*x - At(th.Drop, t)
		if d := th.TMin[t] - T; d > 0 {
			if first < 0 {
				first = t
			}
			cold += d
		}
		if d := T - th.TMax; d > hot {
			hot, hotAt = d, t
		}
	}
	if hot > kelvinTol {
		bad = append(bad, Violation{Kind: ShortHot, Load: l.ID, Slot: hotAt, By: hot, Text: fmt.Sprintf("%s: %.4f K above its limit after slot %d", l.ID, hot, hotAt)})
	}
	if cold > 0 {
		c := cold * th.ComfortPenalty * l.Importance()
		e.parts.Comfort += c
	}
	if cold >= kelvinTol {
		c := cold * th.ComfortPenalty * l.Importance()
		e.shortfalls = append(e.shortfalls, Shortfall{Kind: ShortComfort, Load: l.ID, Slot: first, Amount: cold, Unit: "K*slot", Cost: c})
	}
	if d := th.EndTarget - T; d > 0 {
		c := d * th.EndPenalty * l.Importance()
		e.parts.End += c
		if d >= kelvinTol {
			e.shortfalls = append(e.shortfalls, Shortfall{Kind: ShortEnd, Load: l.ID, Slot: len(kw) - 1, Amount: d, Unit: "K", Cost: c})
		}
	}
	return bad
}
