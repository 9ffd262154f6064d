package model

import (
	"fmt"
	"math"
	"sort"
)

// Violation is one rule of the Problem that a plan breaks.
type Violation struct {
	Kind ShortfallKind
	Load string // "" where it is not about one load
	Slot int    // the first slot concerned
	By   float64
	Text string
}

func (v Violation) String() string { return v.Text }

// Kinds of violation that are no shortfall: a plan of Solve never has them.
const (
	BadForm      ShortfallKind = "form"      // wrong lengths, missing loads, numbers that are not finite
	BadPower     ShortfallKind = "power"     // a power the load cannot draw
	BadWindow    ShortfallKind = "window"    // power outside the load's window
	BadSwitching ShortfallKind = "switching" // a run or break too short, a start too many, a hold broken
	BadCost      ShortfallKind = "cost"      // the cost claimed is not the cost
	BadBound     ShortfallKind = "bound"     // the bound claimed is above the cost
)

// Check evaluates a plan from its raw powers, on its own: it shares no code
// with the search.  It returns every rule broken, none for a plan that is in
// order, and compares the cost claimed with the true one.
func Check(p *Problem, plan *Plan) []Violation {
	e, bad := Evaluate(p, plan)
	if e == nil {
		return bad
	}
	total := e.Expected
	if d := math.Abs(plan.Cost - total); !(d <= costRelTol*max(p.Unit(), math.Abs(total))) {
		bad = append(bad, Violation{Kind: BadCost, By: d, Text: fmt.Sprintf("the plan claims a cost of %v; it is %v", plan.Cost, total)})
	}
	if plan.LowerBound > total+costRelTol*max(p.Unit(), math.Abs(total)) && len(bad) == 0 {
		bad = append(bad, Violation{Kind: BadBound, By: plan.LowerBound - total, Text: fmt.Sprintf("the lower bound claimed, %v, is above the cost %v", plan.LowerBound, total)})
	}
	return bad
}

// RunOut is the share of the Problem's scenarios, by weight, in which the credit
// falls short under the plan: 0 without credit or scenarios, or for a plan of
// another form.
func RunOut(p *Problem, plan *Plan) float64 {
	e, _ := Evaluate(p, plan)
	if e == nil {
		return 0
	}
	return e.RunOut
}

// Evaluation is what a plan comes to.
type Evaluation struct {
	parts      Cost
	Expected   float64 // over the scenarios; parts.Total() without any
	ImportKW   []float64
	balance    []float64
	shortfalls []Shortfall
	RunOut     float64 // weight share of the scenarios in which the credit falls short
	Scenario   []float64
}

// Evaluate costs a plan and lists the rules it breaks.  The evaluation is nil
// where the plan's form makes that impossible.
func Evaluate(p *Problem, plan *Plan) (*Evaluation, []Violation) {
	if bad := misshapen(p, plan); len(bad) > 0 {
		return nil, bad
	}
	var bad []Violation
	e := &Evaluation{ImportKW: make([]float64, p.N)}
	total := make([]float64, p.N)
	for i := range p.Loads {
		l := &p.Loads[i]
		kw := plan.Loads[l.ID].KW
		for t, x := range kw {
			total[t] += x
		}
		bad = append(bad, e.Load(p, l, kw)...)
	}
	bad = append(bad, groups(p, plan)...)
	bad = append(bad, e.battery(p, plan.BatteryKW)...)
	bad = append(bad, e.grid(p, plan, total)...)
	bad = append(bad, e.money(p)...)

	e.Expected = e.parts.Total()
	if len(p.Scenarios) > 0 {
		e.overScenarios(p, plan, total)
		if c := p.Credit; c != nil && e.RunOut > ChanceLimit(c)+ShareTol {
			bad = append(bad, Violation{Kind: ShortCredit, By: e.RunOut, Text: fmt.Sprintf("the credit runs out in %.1f %% of the scenarios, more than %.1f %%", 100*e.RunOut, 100*ChanceLimit(c))})
		}
	}
	e.gather(p, plan, bad)
	return e, bad
}

// misshapen lists what is wrong with a plan's form: loads that are missing or too many,
// arrays of another length, numbers that are not finite.
func misshapen(p *Problem, plan *Plan) (bad []Violation) {
	form := func(text string, args ...any) {
		bad = append(bad, Violation{Kind: BadForm, Text: fmt.Sprintf(text, args...)})
	}
	array := func(name string, xs []float64, optional bool) {
		if xs == nil && optional {
			return
		}
		if len(xs) != p.N {
			form("%s has %d values for %d slots", name, len(xs), p.N)
			return
		}
		for t, x := range xs {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				form("%s is %v in slot %d", name, x, t)
				return
			}
		}
	}
	for i := range p.Loads {
		lp, ok := plan.Loads[p.Loads[i].ID]
		if !ok {
			form("the plan lacks load %q", p.Loads[i].ID)
			continue
		}
		array("load "+p.Loads[i].ID, lp.KW, false)
	}
	if len(plan.Loads) > len(p.Loads) {
		form("the plan has %d loads, the problem %d", len(plan.Loads), len(p.Loads))
	}
	array("battery_kw", plan.BatteryKW, true)
	array("pv_used_kw", plan.PVUsedKW, true)
	array("shed_kw", plan.ShedKW, true)
	return bad
}

// gather adds the hard rules broken and the base shed to the shortfalls of the loads,
// and puts the hard ones first, then the dearest.
func (e *Evaluation) gather(p *Problem, plan *Plan, bad []Violation) {
	for _, v := range bad {
		if v.Kind.Hard() {
			e.shortfalls = append(e.shortfalls, Shortfall{Kind: v.Kind, Load: v.Load, Slot: v.Slot, Amount: v.By, Unit: hardUnit(v.Kind), Reason: v.Text})
		}
	}
	for t, x := range plan.ShedKW {
		if x > PowerTol {
			var sum float64
			for _, y := range plan.ShedKW {
				sum += y * p.Hours()
			}
			e.shortfalls = append(e.shortfalls, Shortfall{Kind: ShortShed, Slot: t, Amount: sum, Unit: "kWh", Cost: sum * p.ShedPenalty})
			break
		}
	}
	sort.SliceStable(e.shortfalls, func(i, j int) bool {
		a, b := e.shortfalls[i], e.shortfalls[j]
		if a.Kind.Hard() != b.Kind.Hard() {
			return a.Kind.Hard()
		}
		if a.Cost != b.Cost {
			return a.Cost > b.Cost
		}
		return a.Load < b.Load
	})
}

func hardUnit(k ShortfallKind) string {
	switch k {
	case ShortCredit, ShortReserve:
		return "money"
	case ShortBattery:
		return "kWh"
	case ShortHot:
		return "K"
	}
	return "kW"
}

// ChanceLimit is the credit's chance limit, or the default.
func ChanceLimit(c *Credit) float64 {
	if c.ChanceLimit > 0 {
		return c.ChanceLimit
	}
	return DefaultChanceLimit
}

// Span is a maximal run of slots with power.
type Span struct{ From, To int }

// Spans are the maximal runs of slots with power.
func Spans(kw []float64) []Span { return AppendSpans(nil, kw) }

// AppendSpans appends the Spans to out.
func AppendSpans(out []Span, kw []float64) []Span {
	for t := 0; t < len(kw); t++ {
		if kw[t] <= OnFrom {
			continue
		}
		s := Span{From: t}
		for t < len(kw) && kw[t] > OnFrom {
			t++
		}
		s.To = t
		out = append(out, s)
	}
	return out
}

// At is the value in slot t, 0 beyond the end.
func At(xs []float64, t int) float64 {
	if t < len(xs) {
		return xs[t]
	}
	return 0
}

// groups checks exclusions and shared circuits.
func groups(p *Problem, plan *Plan) []Violation {
	var bad []Violation
	for i, g := range p.Exclusions {
		for t := range p.N {
			on := 0
			for _, id := range g {
				if plan.Loads[id].KW[t] > OnFrom {
					on++
				}
			}
			if on > 1 {
				bad = append(bad, Violation{Kind: ShortExclude, Slot: t, By: float64(on), Text: fmt.Sprintf("exclusion %d: %d loads run together in slot %d", i, on, t)})
				break
			}
		}
	}
	for _, c := range p.Circuits {
		for t := range p.N {
			var kw float64
			for _, id := range c.Loads {
				kw += plan.Loads[id].KW[t]
			}
			if kw > c.At(t)+PowerTol {
				bad = append(bad, Violation{Kind: ShortCircuit, Slot: t, By: kw - c.At(t), Text: fmt.Sprintf("circuit %s: %.3f kW in slot %d, above %v", c.Name, kw, t, c.At(t))})
				break
			}
		}
	}
	return bad
}

func (e *Evaluation) battery(p *Problem, kw []float64) []Violation {
	var bad []Violation
	b, h := p.Battery, p.Hours()
	if b == nil {
		for t, x := range kw {
			if math.Abs(x) > tinyTol {
				return []Violation{{Kind: BadPower, Slot: t, By: math.Abs(x), Text: "battery power without a battery"}}
			}
		}
		return nil
	}
	soc := b.SoC0
	worst, slot := 0.0, 0
	for t := range p.N {
		x := At(kw, t)
		ch, ds := max(x, 0), max(-x, 0)
		if ch > b.MaxChargeKW+PowerTol || ds > b.MaxDischargeKW+PowerTol {
			bad = append(bad, Violation{Kind: BadPower, Slot: t, By: math.Abs(x), Text: fmt.Sprintf("the battery cannot take %v kW in slot %d", x, t)})
			break
		}
		soc += b.EffC*ch*h - ds*h/b.EffD
		e.parts.Wear += b.Wear * ds * h
		if d := max(b.SoCMin-soc, soc-b.SoCMax); d > worst {
			worst, slot = d, t
		}
	}
	if worst > energyTol {
		bad = append(bad, Violation{Kind: ShortBattery, Slot: slot, By: worst, Text: fmt.Sprintf("the battery's charge is %.5f kWh out of bounds after slot %d", worst, slot)})
	}
	if d := b.SoCEnd - soc; d > energyTol {
		bad = append(bad, Violation{Kind: ShortBattery, Slot: p.N - 1, By: d, Text: fmt.Sprintf("the battery ends %.5f kWh below %v", d, b.SoCEnd)})
	}
	return bad
}

// grid balances every slot and checks the connection's limits.
func (e *Evaluation) grid(p *Problem, plan *Plan, total []float64) []Violation {
	var bad []Violation
	h := p.Hours()
	overLimit, overExport := false, false
	for t := range p.N {
		pv := At(p.PVKW, t)
		if plan.PVUsedKW != nil {
			pv = plan.PVUsedKW[t]
		}
		shed := At(plan.ShedKW, t)
		if pv < -tinyTol || pv > At(p.PVKW, t)+tinyTol {
			bad = append(bad, Violation{Kind: BadPower, Slot: t, By: pv, Text: fmt.Sprintf("%v kW of sun used in slot %d, there are %v", pv, t, At(p.PVKW, t))})
		}
		if shed < -tinyTol || shed > p.BaseKW[t]+tinyTol {
			bad = append(bad, Violation{Kind: BadPower, Slot: t, By: shed, Text: fmt.Sprintf("%v kW shed in slot %d, the base is %v", shed, t, p.BaseKW[t])})
		}
		e.parts.Shed += max(0, shed) * h * p.ShedPenalty
		net := p.BaseKW[t] - shed + total[t] + At(plan.BatteryKW, t) - pv
		e.ImportKW[t] = net
		in, out := max(net, 0), max(-net, 0)
		if p.SiteLimitKW != nil && in > max(0, p.SiteLimitKW[t])+PowerTol && !overLimit {
			overLimit = true
			bad = append(bad, Violation{Kind: ShortLimit, Slot: t, By: in - max(0, p.SiteLimitKW[t]), Text: fmt.Sprintf("%.4f kW imported in slot %d, the limit is %v", in, t, p.SiteLimitKW[t])})
		}
		if out > p.ExportLimitKW+PowerTol && !overExport {
			overExport = true
			bad = append(bad, Violation{Kind: ShortLimit, Slot: t, By: out - p.ExportLimitKW, Text: fmt.Sprintf("%.4f kW exported in slot %d, the limit is %v", out, t, p.ExportLimitKW)})
		}
		e.parts.Energy += in * h * p.ImportPrice[t]
		e.parts.Export -= out * h * At(p.ExportPrice, t)
	}
	return bad
}
