package optimizer

import (
	"math"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// greedy plans by price order: each load in turn goes where it is cheapest
// beside those already placed, the least flexible first.  Where the credit
// does not last, everything is tried again with imports made dearer.
func (s *search) greedy() {
	for _, mu := range dearness() {
		plan := s.place(mu, nil, nil)
		e, bad := model.Evaluate(s.p, plan)
		s.Spent += int64(s.p.N * len(s.p.Loads))
		if s.best == nil || !model.HasHard(bad) || mu == desperate {
			model.Fill(plan, e)
			if s.best == nil || model.Better(plan, s.best) {
				s.best, s.greedyMu = plan, mu
			}
		}
		if !model.HasHard(bad) || s.over() {
			return
		}
	}
}

// place builds one plan with imports costing 1+mu times their price, around
// the schedules that are given.
func (s *search) place(mu float64, preset map[string][]float64, battery []float64) *Plan {
	p, n := s.p, s.p.N
	plan := &Plan{Format: PlanFormat, Instance: p.Name, Loads: make(map[string]LoadPlan, len(p.Loads)), PVUsedKW: make([]float64, n), ShedKW: make([]float64, n)}
	net := make([]float64, n)
	limit := make([]float64, n)
	for t := range n {
		limit[t] = math.Inf(1)
		if p.SiteLimitKW != nil {
			limit[t] = max(0, p.SiteLimitKW[t])
		}
		net[t] = p.BaseKW[t] - model.At(p.PVKW, t)
	}
	if b := p.Battery; b != nil {
		if plan.BatteryKW = battery; battery == nil {
			plan.BatteryKW = s.recharge(net, limit)
		}
		for t, x := range plan.BatteryKW {
			net[t] += x
		}
	}
	for i := range p.Loads {
		kw := make([]float64, n)
		copy(kw, preset[p.Loads[i].ID])
		for t, x := range kw {
			net[t] += x
		}
		plan.Loads[p.Loads[i].ID] = LoadPlan{KW: kw}
	}
	steps := blockMarginals(p, net)
	cost := func(t int, kw float64) float64 {
		x, y := net[t], net[t]+kw
		if y > limit[t]+pricing.Rounding && kw > 0 {
			return pricing.Forbidden
		}
		return s.h * ((1+mu)*(p.ImportPrice[t]+steps[t])*(max(y, 0)-max(x, 0)) + model.At(p.ExportPrice, t)*(min(y, 0)-min(x, 0)))
	}
	order := make([]int, len(p.Loads))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return s.slack(order[a]) < s.slack(order[b]) })
	for _, i := range order {
		l := &p.Loads[i]
		if preset[l.ID] != nil {
			continue
		}
		free := s.room(plan, l)
		c := func(t int, kw float64) float64 {
			if kw > free(t)+pricing.Rounding {
				return pricing.Forbidden
			}
			return cost(t, kw) * (1 + effort.TieBreak*s.Tie(i, t))
		}
		kw := pricing.Beside(s.pricers[l.ID], n, c).KW
		s.Spent += s.pricers[l.ID].Work()
		for t, x := range kw {
			net[t] += x
		}
		plan.Loads[l.ID] = LoadPlan{KW: kw}
	}
	for t := range n {
		pv := model.At(p.PVKW, t)
		if under := -p.ExportLimitKW - net[t]; under > 0 { // leave sun unused
			pv -= min(pv, under)
			net[t] += model.At(p.PVKW, t) - pv
		}
		plan.PVUsedKW[t] = pv
		if over := net[t] - limit[t]; over > 0 {
			plan.ShedKW[t] = min(over, p.BaseKW[t])
		}
	}
	if mu >= desperate {
		s.shedForCredit(plan)
	}
	return plan
}

// shedForCredit sheds base consumption, the last slots first, until the credit
// lasts.
func (s *search) shedForCredit(plan *Plan) {
	for t := s.p.N - 1; t >= 0; t-- {
		e, bad := model.Evaluate(s.p, plan)
		if !model.HasHard(bad) {
			return
		}
		if e.ImportKW[t] > 0 {
			plan.ShedKW[t] += min(e.ImportKW[t], s.p.BaseKW[t]-plan.ShedKW[t])
		}
	}
}

// room is what shared circuits and exclusions leave for a load.
func (s *search) room(plan *Plan, l *Load) func(t int) float64 {
	has := func(ids []string) bool {
		for _, id := range ids {
			if id == l.ID {
				return true
			}
		}
		return false
	}
	free := make([]float64, s.p.N)
	for t := range free {
		free[t] = math.Inf(1)
		for _, g := range s.p.Exclusions {
			if !has(g) {
				continue
			}
			for _, id := range g {
				if id != l.ID && plan.Loads[id].KW[t] > model.OnFrom {
					free[t] = 0
				}
			}
		}
		for _, c := range s.p.Circuits {
			if !has(c.Loads) {
				continue
			}
			left := c.At(t)
			for _, id := range c.Loads {
				if id != l.ID {
					left -= plan.Loads[id].KW[t]
				}
			}
			free[t] = min(free[t], max(0, left))
		}
	}
	return func(t int) float64 { return free[t] }
}

// slack orders loads: committed and narrow ones are placed first.
func (s *search) slack(i int) float64 {
	l := &s.p.Loads[i]
	switch {
	case l.Cycle != nil:
		if l.Cycle.Running {
			return -1
		}
		return float64(l.Cycle.LatestFinish - l.Cycle.Earliest - len(l.Cycle.ProfileKW))
	case l.OnOff != nil:
		return float64(l.OnOff.To - l.OnOff.From - l.OnOff.Need())
	case l.Variable != nil:
		return float64(l.Variable.To-l.Variable.From) - l.Variable.Need()/max(pricing.Rounding, l.Variable.MaxKW*s.h)
	}
	return float64(s.p.N)
}

// recharge charges the battery to its final level in the cheapest slots.
func (s *search) recharge(net, limit []float64) []float64 {
	b, p := s.p.Battery, s.p
	out := make([]float64, p.N)
	missing := max(b.SoCEnd-b.SoC0, b.SoCMin-b.SoC0)
	order := make([]int, p.N)
	for t := range order {
		order[t] = t
	}
	sort.SliceStable(order, func(i, j int) bool { return p.ImportPrice[order[i]] < p.ImportPrice[order[j]] })
	for _, t := range order {
		if missing <= 0 {
			break
		}
		x := min(b.MaxChargeKW, missing/(b.EffC*s.h), max(0, limit[t]-net[t]))
		out[t] = x
		missing -= x * b.EffC * s.h
	}
	return out
}

// blockMarginals is the adder each slot would pay if consumption were as
// forecast.
func blockMarginals(p *Problem, net []float64) []float64 {
	out := make([]float64, p.N)
	for _, b := range p.Blocks {
		have := b.MTD
		for t := b.From; t < b.To; t++ {
			have += max(0, net[t]) * p.Hours()
			for _, st := range b.Steps {
				if out[t] = st.Adder; st.UpTo == nil || have < *st.UpTo {
					break
				}
			}
		}
	}
	return out
}
