package optimizer

import (
	"math"
	"slices"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/local"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// finish makes the answer of the best plan found, in the money of the Problem given.
func (s *search) finish() *Plan {
	s.stay()
	plan := s.best
	plan.Work = s.work()
	plan.Stopped = s.stop
	if s.p.Credit != nil && s.yBest != nil {
		l := local.New(s.Effort, s.m)
		l.CreditPrice(s.yBest)
		plan.CreditPrice = l.MuRow
	} else if prev := s.opt.Previous; s.p.Credit != nil && prev != nil && len(prev.CreditPrice) == s.p.N {
		plan.CreditPrice = slices.Clone(prev.CreditPrice)
	}
	if s.opt.Memory != nil {
		s.remember(s.opt.Memory)
	}
	s.explain()
	s.risk()
	// Nothing costs less than serving nothing and paying no penalty.
	var fixed, export float64
	for _, f := range s.p.FixedCharges {
		fixed += f.Amount
	}
	for t := range s.p.N {
		export += s.p.ExportLimitKW * s.h * model.At(s.p.ExportPrice, t)
	}
	if s.unit != 1 {
		if e, _ := model.Evaluate(s.given, plan); e != nil {
			model.Fill(plan, e)
		}
	}
	plan.LowerBound = min(plan.Cost, max(s.lower, fixed-export)*s.unit)
	plan.Gap = (plan.Cost - plan.LowerBound) / max(costless*s.unit, math.Abs(plan.Cost))
	return plan
}

// stay puts the plan in force back where the best one found is not better by
// the margin.
func (s *search) stay() {
	if s.inForce == nil || s.best == s.inForce {
		if s.inForce != nil {
			s.best.Kept = true
		}
		return
	}
	if model.HardAmount(s.inForce) > model.HardAmount(s.best)+model.MoneyTol {
		return
	}
	if s.inForce.Cost-s.best.Cost <= s.opt.Margin+same*math.Abs(s.best.Cost) {
		s.best = s.inForce
		s.best.Kept = true
	}
}

// explain gives every load its Reason: the plan is priced again with that
// load's first run moved, everything else kept.
func (s *search) explain() {
	if s.m == nil {
		return
	}
	l := local.New(s.Effort, s.m)
	l.Load(s.best)
	hours := float64(s.p.N) * s.h
	rate := (s.best.Parts.Energy + s.best.Parts.Blocks) / hours // money an hour
	for i, u := range l.Units {
		lp := s.best.Loads[u.Load.ID]
		lp.Reason = l.Reason(i, rate, s.unit, s.stop == StopCancelled)
		s.best.Loads[u.Load.ID] = lp
	}
}

// risk fills in what the scenarios say, and what keeping the credit costs: the
// same problem is planned again as if it were paid after use.
func (s *search) risk() {
	if len(s.p.Scenarios) == 0 {
		return
	}
	e, _ := model.Evaluate(s.p, s.best)
	if e == nil {
		return
	}
	r := &Risk{RunOut: e.RunOut}
	r.CostLow, r.CostHigh = s.unit*quantile(s.p, e.Scenario, riskTail), s.unit*quantile(s.p, e.Scenario, 1-riskTail)
	if s.p.Credit != nil {
		if s.stop != StopCancelled && (s.stop != StopTime || s.reserve > 0) {
			free := *s.p
			free.Credit = nil
			opt := s.opt
			opt.WorkLimit = max(1, s.work()/2)
			opt.Previous, opt.Margin, opt.TimeLimit, opt.Memory, opt.Improved = s.best, 0, s.reserve, nil, nil
			other := newSearch(s.ctx, &free, opt)
			other.thorough = true
			other.run()
			r.Protection = s.unit * max(0, s.best.Cost-other.best.Cost)
			s.Spent += other.work()
		}
	}
	s.best.Risk = r
}

// quantile is a weighted quantile of the scenarios' costs.
func quantile(p *Problem, cost []float64, q float64) float64 {
	order := make([]int, len(cost))
	var sum float64
	for i := range order {
		order[i] = i
		sum += p.Scenarios[i].Weight
	}
	sort.SliceStable(order, func(a, b int) bool { return cost[order[a]] < cost[order[b]] })
	var have float64
	for _, i := range order {
		if have += p.Scenarios[i].Weight; have >= q*sum {
			return cost[i]
		}
	}
	return cost[order[len(order)-1]]
}
