package model

import "math"

// Better tells whether plan a is to be preferred: fewer hard rules broken, by
// less, then cost.
func Better(a, b *Plan) bool {
	x, y := HardAmount(a), HardAmount(b)
	if math.Abs(x-y) > MoneyTol {
		return x < y
	}
	return a.Cost < b.Cost
}

// HardAmount is by how much a plan breaks hard rules.
func HardAmount(p *Plan) float64 {
	var sum float64
	for _, s := range p.Shortfalls {
		if s.Kind.Hard() {
			sum += s.Amount
		}
	}
	return sum
}

// HasHard tells whether the credit falls short.
func HasHard(bad []Violation) bool {
	for _, v := range bad {
		if v.Kind == ShortCredit || v.Kind == ShortReserve {
			return true
		}
	}
	return false
}

// Fill writes an evaluation into its plan.
func Fill(plan *Plan, e *Evaluation) {
	plan.Parts, plan.Cost = e.parts, e.Expected
	plan.ImportKW, plan.Balance, plan.Shortfalls = e.ImportKW, e.balance, e.shortfalls
}

// Permits tells whether a load may run as given.
func (l *Load) Permits(p *Problem, kw []float64) bool {
	for _, x := range kw {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	e := Evaluation{}
	return len(e.Load(p, l, kw)) == 0
}

// Shift is the plan as seen k slots later: the first k slots are dropped and
// the last is followed by k slots in which nothing runs.
func (plan *Plan) Shift(k int) *Plan {
	move := func(xs []float64) []float64 {
		if xs == nil {
			return nil
		}
		out := make([]float64, len(xs))
		if k < len(xs) {
			copy(out, xs[k:])
		}
		return out
	}
	next := &Plan{Format: plan.Format, Instance: plan.Instance, Loads: make(map[string]LoadPlan, len(plan.Loads))}
	for id, l := range plan.Loads {
		next.Loads[id] = LoadPlan{KW: move(l.KW)}
	}
	next.BatteryKW = move(plan.BatteryKW)
	next.PVUsedKW = move(plan.PVUsedKW)
	next.ShedKW = move(plan.ShedKW)
	next.CreditPrice = move(plan.CreditPrice)
	return next
}
