package optimizer

import (
	"fmt"
	"math"
	"sort"
)

// Tolerances of Check, in the units of what they are compared with.
const (
	powerTol   = 1e-5 // kW
	energyTol  = 1e-5 // kWh
	moneyTol   = 1e-5
	kelvinTol  = 1e-4
	onFrom     = 1e-4 // kW from which a load counts as on
	costRelTol = 1e-6
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
	e, bad := evaluate(p, plan)
	if e == nil {
		return bad
	}
	total := e.expected
	if d := math.Abs(plan.Cost - total); !(d <= costRelTol*max(1, math.Abs(total))) {
		bad = append(bad, Violation{Kind: BadCost, By: d, Text: fmt.Sprintf("the plan claims a cost of %v; it is %v", plan.Cost, total)})
	}
	if plan.LowerBound > total+costRelTol*max(1, math.Abs(total)) && len(bad) == 0 {
		bad = append(bad, Violation{Kind: BadBound, By: plan.LowerBound - total, Text: fmt.Sprintf("the lower bound claimed, %v, is above the cost %v", plan.LowerBound, total)})
	}
	return bad
}

// evaluation is what a plan comes to.
type evaluation struct {
	parts      Cost
	expected   float64 // over the scenarios; parts.Total() without any
	importKW   []float64
	balance    []float64
	shortfalls []Shortfall
	runOut     float64 // weight share of the scenarios in which the credit falls short
	scenario   []float64
}

// evaluate costs a plan and lists the rules it breaks.  The evaluation is nil
// where the plan's form makes that impossible.
func evaluate(p *Problem, plan *Plan) (*evaluation, []Violation) {
	var bad []Violation
	n, h := p.N, p.Hours()
	form := func(text string, args ...any) {
		bad = append(bad, Violation{Kind: BadForm, Text: fmt.Sprintf(text, args...)})
	}
	array := func(name string, xs []float64, optional bool) {
		if xs == nil && optional {
			return
		}
		if len(xs) != n {
			form("%s has %d values for %d slots", name, len(xs), n)
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
	if len(bad) > 0 {
		return nil, bad
	}

	e := &evaluation{importKW: make([]float64, n)}
	total := make([]float64, n)
	for i := range p.Loads {
		l := &p.Loads[i]
		kw := plan.Loads[l.ID].KW
		for t, x := range kw {
			total[t] += x
		}
		bad = append(bad, e.load(p, l, kw)...)
	}
	bad = append(bad, groups(p, plan)...)
	bad = append(bad, e.battery(p, plan.BatteryKW)...)
	bad = append(bad, e.grid(p, plan, total)...)
	bad = append(bad, e.money(p)...)

	e.expected = e.parts.Total()
	if len(p.Scenarios) > 0 {
		e.overScenarios(p, plan, total)
		if c := p.Credit; c != nil && e.runOut > chanceLimit(c)+1e-9 {
			bad = append(bad, Violation{Kind: ShortCredit, By: e.runOut, Text: fmt.Sprintf("the credit runs out in %.1f %% of the scenarios, more than %.1f %%", 100*e.runOut, 100*chanceLimit(c))})
		}
	}
	for _, v := range bad {
		if v.Kind.Hard() {
			e.shortfalls = append(e.shortfalls, Shortfall{Kind: v.Kind, Load: v.Load, Slot: v.Slot, Amount: v.By, Unit: hardUnit(v.Kind), Reason: v.Text})
		}
	}
	for t, x := range plan.ShedKW {
		if x > powerTol {
			var sum float64
			for _, y := range plan.ShedKW {
				sum += y * h
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
	return e, bad
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

func chanceLimit(c *Credit) float64 {
	if c.ChanceLimit > 0 {
		return c.ChanceLimit
	}
	return DefaultChanceLimit
}

// span is a maximal run of slots with power.
type span struct{ from, to int }

func spans(kw []float64) []span {
	var out []span
	for t := 0; t < len(kw); t++ {
		if kw[t] <= onFrom {
			continue
		}
		s := span{from: t}
		for t < len(kw) && kw[t] > onFrom {
			t++
		}
		s.to = t
		out = append(out, s)
	}
	return out
}

// load checks one load's powers and adds its own costs.
func (e *evaluation) load(p *Problem, l *Load, kw []float64) []Violation {
	var bad []Violation
	n, h := p.N, p.Hours()
	add := func(k ShortfallKind, slot int, by float64, text string, args ...any) {
		bad = append(bad, Violation{Kind: k, Load: l.ID, Slot: slot, By: by, Text: l.ID + ": " + fmt.Sprintf(text, args...)})
	}
	short := func(k ShortfallKind, slot int, amount float64, unit string, cost float64) {
		e.shortfalls = append(e.shortfalls, Shortfall{Kind: k, Load: l.ID, Slot: slot, Amount: amount, Unit: unit, Cost: cost})
	}
	for t, x := range kw {
		if x < -1e-6 {
			add(BadPower, t, -x, "negative power in slot %d", t)
			break
		}
	}
	runs := spans(kw)
	switch {
	case l.Cycle != nil:
		c := l.Cycle
		L := len(c.ProfileKW)
		lo, hi := c.Earliest, c.LatestFinish-L
		if c.Running {
			lo, hi = 0, 0
		}
		if len(runs) == 0 && !(c.Running && maxOf(c.ProfileKW) > onFrom) {
			e.parts.Skip += l.skipPrice(h)
			short(ShortSkip, max(0, min(c.Earliest, n-1)), 1, "runs", l.skipPrice(h))
			return bad
		}
		for s := max(lo, 0); s <= hi; s++ {
			if fits(kw, c.ProfileKW, s, c.Running) {
				e.parts.Late += l.latePrice(s + L - 1)
				return bad
			}
		}
		add(BadPower, 0, 1, "the power is not one unbroken cycle inside its window")
	case l.OnOff != nil:
		o := l.OnOff
		bad = append(bad, e.switched(l, kw, runs, o.Switching, o.From, o.To, o.MaxStarts, o.StartCost)...)
		on := 0
		for t, x := range kw {
			if x <= onFrom {
				continue
			}
			on++
			e.parts.Late += l.latePrice(t)
			if math.Abs(x-o.KW) > powerTol {
				add(BadPower, t, math.Abs(x-o.KW), "draws %v kW in slot %d, neither 0 nor %v", x, t, o.KW)
				break
			}
		}
		if on > o.need() && !(bool(o.InitOn) && on <= o.Hold) {
			add(BadPower, 0, float64(on-o.need()), "on for %d slots, %d are needed", on, o.need())
		}
		if miss := o.need() - on; miss > 0 {
			c := float64(miss) * l.shortPrice(h)
			e.parts.Short += c
			short(ShortEnergy, max(0, o.From), float64(miss), "slots", c)
		}
	case l.Variable != nil:
		v := l.Variable
		bad = append(bad, e.switched(l, kw, runs, v.Switching, v.From, v.To, v.MaxStarts, v.StartCost)...)
		var sum float64
		for t, x := range kw {
			sum += x * h
			if x <= onFrom {
				continue
			}
			e.parts.Late += l.latePrice(t)
			if x < v.MinKW-powerTol || x > v.MaxKW+powerTol {
				add(BadPower, t, 0, "draws %v kW in slot %d, outside %v to %v", x, t, v.MinKW, v.MaxKW)
				break
			}
		}
		if sum > v.need()+energyTol && !(bool(v.InitOn) && sum <= float64(v.Hold)*v.MinKW*h+energyTol) {
			add(BadPower, 0, sum-v.need(), "gets %v kWh, needs %v", sum, v.need())
		}
		if miss := v.need() - sum; miss > 0 {
			c := miss * l.shortPrice(h)
			e.parts.Short += c
			if miss > energyTol {
				short(ShortEnergy, max(0, v.From), miss, "kWh", c)
			}
		}
	case l.Thermal != nil:
		bad = append(bad, e.thermal(l, kw, runs)...)
		for t, x := range kw {
			if x > onFrom {
				e.parts.Late += l.latePrice(t)
			}
		}
	}
	return bad
}

func maxOf(xs []float64) float64 {
	m := 0.0
	for _, x := range xs {
		m = max(m, x)
	}
	return m
}

// fits tells whether kw is the profile begun in slot s, and nothing else.  A
// running profile may reach past the horizon.
func fits(kw, profile []float64, s int, running bool) bool {
	if s+len(profile) > len(kw) && !running {
		return false
	}
	for t, x := range kw {
		want := 0.0
		if t >= s && t < s+len(profile) {
			want = profile[t-s]
		}
		if math.Abs(x-want) > powerTol {
			return false
		}
	}
	return true
}

// switched checks a switched load's runs against its window and its switch,
// and adds the cost of starting.
func (e *evaluation) switched(l *Load, kw []float64, runs []span, sw Switching, from, to, maxStarts int, startCost float64) []Violation {
	var bad []Violation
	add := func(k ShortfallKind, slot int, text string, args ...any) {
		bad = append(bad, Violation{Kind: k, Load: l.ID, Slot: slot, By: 1, Text: l.ID + ": " + fmt.Sprintf(text, args...)})
	}
	starts := len(runs)
	if bool(sw.InitOn) && len(runs) > 0 && runs[0].from == 0 {
		starts--
	}
	for t, x := range kw {
		if x > onFrom && (t < from || t >= to) && !(bool(sw.InitOn) && t < sw.Hold) {
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
func switching(id string, kw []float64, runs []span, sw Switching, cut int) []Violation {
	var bad []Violation
	add := func(slot int, text string, args ...any) {
		bad = append(bad, Violation{Kind: BadSwitching, Load: id, Slot: slot, By: 1, Text: id + ": " + fmt.Sprintf(text, args...)})
	}
	for t := 0; t < min(sw.Hold, len(kw)); t++ {
		if (kw[t] > onFrom) != bool(sw.InitOn) {
			add(t, "switched in slot %d, before its hold of %d slots is over", t, sw.Hold)
			break
		}
	}
	for k, r := range runs {
		carried := bool(sw.InitOn) && r.from == 0
		if r.to-r.from < sw.MinOn && !carried && r.to != cut {
			add(r.from, "the run %d to %d is shorter than %d slots", r.from, r.to, sw.MinOn)
		}
		prev := -1
		if k > 0 {
			prev = runs[k-1].to
		} else if sw.InitOn {
			prev = 0
		}
		if prev >= 0 && !carried && r.from-prev < sw.MinOff {
			add(r.from, "the break before slot %d is shorter than %d slots", r.from, sw.MinOff)
		}
	}
	return bad
}

// thermal follows a store's temperature.
func (e *evaluation) thermal(l *Load, kw []float64, runs []span) []Violation {
	var bad []Violation
	th := l.Thermal
	for t, x := range kw {
		if x > th.KW+powerTol || (!th.Modulating && x > onFrom && math.Abs(x-th.KW) > powerTol) {
			bad = append(bad, Violation{Kind: BadPower, Load: l.ID, Slot: t, By: x - th.KW, Text: fmt.Sprintf("%s: draws %v kW in slot %d", l.ID, x, t)})
			break
		}
	}
	if !th.Modulating {
		bad = append(bad, switching(l.ID, kw, runs, th.Switching, len(kw))...)
	}
	T, cold, first, hot, hotAt := th.T0, 0.0, -1, 0.0, 0
	for t, x := range kw {
		T = th.A*T + (1-th.A)*th.TEnv.At(t) + th.B*x - at(th.Drop, t)
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
		c := cold * th.ComfortPenalty * l.importance()
		e.parts.Comfort += c
	}
	if cold >= kelvinTol {
		c := cold * th.ComfortPenalty * l.importance()
		e.shortfalls = append(e.shortfalls, Shortfall{Kind: ShortComfort, Load: l.ID, Slot: first, Amount: cold, Unit: "K*slot", Cost: c})
	}
	if d := th.EndTarget - T; d > 0 {
		c := d * th.EndPenalty * l.importance()
		e.parts.End += c
		if d >= kelvinTol {
			e.shortfalls = append(e.shortfalls, Shortfall{Kind: ShortEnd, Load: l.ID, Slot: len(kw) - 1, Amount: d, Unit: "K", Cost: c})
		}
	}
	return bad
}

func at(xs []float64, t int) float64 {
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
				if plan.Loads[id].KW[t] > onFrom {
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
			if kw > c.LimitKW+powerTol {
				bad = append(bad, Violation{Kind: ShortCircuit, Slot: t, By: kw - c.LimitKW, Text: fmt.Sprintf("circuit %s: %.3f kW in slot %d, above %v", c.Name, kw, t, c.LimitKW)})
				break
			}
		}
	}
	return bad
}

func (e *evaluation) battery(p *Problem, kw []float64) []Violation {
	var bad []Violation
	b, h := p.Battery, p.Hours()
	if b == nil {
		for t, x := range kw {
			if math.Abs(x) > 1e-6 {
				return []Violation{{Kind: BadPower, Slot: t, By: math.Abs(x), Text: "battery power without a battery"}}
			}
		}
		return nil
	}
	soc := b.SoC0
	worst, slot := 0.0, 0
	for t := range p.N {
		x := at(kw, t)
		ch, ds := max(x, 0), max(-x, 0)
		if ch > b.MaxChargeKW+powerTol || ds > b.MaxDischargeKW+powerTol {
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
func (e *evaluation) grid(p *Problem, plan *Plan, total []float64) []Violation {
	var bad []Violation
	h := p.Hours()
	overLimit, overExport := false, false
	for t := range p.N {
		pv := at(p.PVKW, t)
		if plan.PVUsedKW != nil {
			pv = plan.PVUsedKW[t]
		}
		shed := at(plan.ShedKW, t)
		if pv < -1e-6 || pv > at(p.PVKW, t)+1e-6 {
			bad = append(bad, Violation{Kind: BadPower, Slot: t, By: pv, Text: fmt.Sprintf("%v kW of sun used in slot %d, there are %v", pv, t, at(p.PVKW, t))})
		}
		if shed < -1e-6 || shed > p.BaseKW[t]+1e-6 {
			bad = append(bad, Violation{Kind: BadPower, Slot: t, By: shed, Text: fmt.Sprintf("%v kW shed in slot %d, the base is %v", shed, t, p.BaseKW[t])})
		}
		e.parts.Shed += max(0, shed) * h * p.ShedPenalty
		net := p.BaseKW[t] - shed + total[t] + at(plan.BatteryKW, t) - pv
		e.importKW[t] = net
		in, out := max(net, 0), max(-net, 0)
		if p.SiteLimitKW != nil && in > max(0, p.SiteLimitKW[t])+powerTol && !overLimit {
			overLimit = true
			bad = append(bad, Violation{Kind: ShortLimit, Slot: t, By: in - max(0, p.SiteLimitKW[t]), Text: fmt.Sprintf("%.4f kW imported in slot %d, the limit is %v", in, t, p.SiteLimitKW[t])})
		}
		if out > p.ExportLimitKW+powerTol && !overExport {
			overExport = true
			bad = append(bad, Violation{Kind: ShortLimit, Slot: t, By: out - p.ExportLimitKW, Text: fmt.Sprintf("%.4f kW exported in slot %d, the limit is %v", out, t, p.ExportLimitKW)})
		}
		e.parts.Energy += in * h * p.ImportPrice[t]
		e.parts.Export -= out * h * at(p.ExportPrice, t)
	}
	return bad
}

// money costs the imports and follows the credit.
func (e *evaluation) money(p *Problem) []Violation {
	adders := blockCosts(p, e.importKW)
	for _, x := range adders {
		e.parts.Blocks += x
	}
	e.parts.Demand = demandCost(p, e.importKW)
	for _, f := range p.FixedCharges {
		e.parts.Fixed += f.Amount
	}
	if p.Credit == nil {
		return nil
	}
	e.balance = balances(p, e.importKW, adders)
	if len(p.Scenarios) > 0 {
		return nil // the chance limit is the rule
	}
	var bad []Violation
	if slot, by := creditShort(p, e.balance); by > moneyTol {
		kind, text := ShortCredit, fmt.Sprintf("the credit is %.4f short after slot %d", by, slot)
		if slot >= p.Credit.UntilSlot {
			kind, text = ShortReserve, fmt.Sprintf("the credit ends %.4f below its reserve", by)
		}
		bad = append(bad, Violation{Kind: kind, Slot: slot, By: by, Text: text})
	}
	return bad
}

// blockCosts is what the block adders cost in each slot.
func blockCosts(p *Problem, importKW []float64) []float64 {
	out := make([]float64, p.N)
	h := p.Hours()
	for _, b := range p.Blocks {
		have := b.MTD
		for t := b.From; t < b.To; t++ {
			next := have + max(0, importKW[t])*h
			from := 0.0
			for _, s := range b.Steps {
				to := math.Inf(1)
				if s.UpTo != nil {
					to = *s.UpTo
				}
				out[t] += max(0, min(next, to)-max(have, from)) * s.Adder
				from = to
			}
			have = next
		}
	}
	return out
}

// demandCost is what the demand windows cost.
func demandCost(p *Problem, importKW []float64) float64 {
	var cost float64
	for _, d := range p.Demand {
		in := make([]bool, p.N)
		for _, t := range d.Slots {
			in[t] = true
		}
		peak := d.FloorKW
		for g := 0; g+d.Interval <= p.N; g += d.Interval {
			var sum float64
			whole := true
			for t := g; t < g+d.Interval; t++ {
				whole = whole && in[t]
				sum += max(0, importKW[t])
			}
			if whole {
				peak = max(peak, sum/float64(d.Interval))
			}
		}
		cost += d.PricePerKW * (peak - d.FloorKW)
	}
	return cost
}

// balances is the credit after each slot.
func balances(p *Problem, importKW, adders []float64) []float64 {
	move := make([]float64, p.N)
	for _, u := range p.Credit.TopUps {
		move[u.Slot] += u.Amount
	}
	for _, f := range p.FixedCharges {
		move[f.Slot] -= f.Amount
	}
	bal := p.Credit.Balance
	for t := range move {
		bal += move[t] - max(0, importKW[t])*p.Hours()*p.ImportPrice[t] - adders[t]
		move[t] = bal
	}
	return move
}

// creditShort is by how much the credit falls short at worst, and where.
func creditShort(p *Problem, balance []float64) (slot int, by float64) {
	c := p.Credit
	for t := 0; t < c.UntilSlot; t++ {
		if d := c.MinBalance - balance[t]; d > by {
			slot, by = t, d
		}
	}
	if d := c.EndReserve - balance[p.N-1]; d > by && by <= moneyTol {
		slot, by = p.N, d
	}
	return slot, by
}

// overScenarios costs the plan in every scenario: loads and battery draw what
// was planned; base and sun are the scenario's; sun is left unused where the
// export limit demands it, and base is shed where the site limit does.
func (e *evaluation) overScenarios(p *Problem, plan *Plan, total []float64) {
	h := p.Hours()
	own := e.parts.Wear + e.parts.Starts + e.parts.Skip + e.parts.Short + e.parts.Late + e.parts.Comfort + e.parts.End + e.parts.Fixed
	var weight, sum, out float64
	net := make([]float64, p.N)
	e.scenario = make([]float64, len(p.Scenarios))
	for i, s := range p.Scenarios {
		cost := own
		for t := range p.N {
			pv := at(p.PVKW, t)
			if s.PVKW != nil {
				pv = s.PVKW[t]
			}
			x := s.BaseKW[t] - pv + total[t] + at(plan.BatteryKW, t)
			x = max(x, -p.ExportLimitKW)
			if p.SiteLimitKW != nil {
				if over := x - max(0, p.SiteLimitKW[t]); over > 0 {
					shed := min(over, s.BaseKW[t])
					x -= shed
					cost += shed * h * p.ShedPenalty
				}
			}
			net[t] = x
			if x > 0 {
				cost += x * h * p.ImportPrice[t]
			} else {
				cost += x * h * at(p.ExportPrice, t)
			}
		}
		adders := blockCosts(p, net)
		for _, a := range adders {
			cost += a
		}
		cost += demandCost(p, net)
		if p.Credit != nil {
			if _, by := creditShort(p, balances(p, net, adders)); by > moneyTol {
				out += s.Weight
			}
		}
		e.scenario[i] = cost
		weight += s.Weight
		sum += s.Weight * cost
	}
	e.expected = sum / weight
	e.runOut = out / weight
}
