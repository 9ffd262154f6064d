package optimizer

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// polish settles everything continuous of the best plan, its patterns held.
func (s *search) polish() { s.polishOf(s.best, "polish") }

// polishOf settles everything continuous of a plan, its patterns held.
func (s *search) polishOf(plan *Plan, from string) {
	for _, u := range s.m.Units {
		kw := plan.Loads[u.Load.ID].KW
		p := u.Pattern(kw)
		s.m.AddSchedule(u, pricing.Schedule{KW: kw, Own: u.Pricer.Cost(kw), Pattern: p})
		s.m.Hold(u, &p)
	}
	for range 10 {
		if !s.optimise() || s.over() {
			return
		}
		if added, _ := s.generate(s.m.Units, s.m.LP.Y); added == 0 {
			break
		}
	}
	s.adopt(from)
}

// dive rounds the units' mixtures of schedules to one pattern each: the
// clearest choices first, with new schedules for the others in between.
func (s *search) dive(units []*master.Unit) {
	var w []float64
	for step := 0; step < 3*len(units)+5; step++ {
		if !s.optimise() {
			return
		}
		open := 0
		var pick *master.Unit
		var pickPattern uint64
		pickWeight := -1.0
		for _, u := range units {
			if u.Fixed != nil {
				continue
			}
			w = s.m.Weights(u, w)
			pattern, weight := master.Heaviest(u, w)
			if weight > sure {
				p := pattern
				s.m.Hold(u, &p)
				continue
			}
			open++
			if weight > pickWeight {
				pick, pickPattern, pickWeight = u, pattern, weight
			}
		}
		if open == 0 {
			break
		}
		s.m.Hold(pick, &pickPattern)
		if s.over() {
			// round what is left at once
			for _, u := range units {
				if u.Fixed == nil {
					w = s.m.Weights(u, w)
					p, _ := master.Heaviest(u, w)
					s.m.Hold(u, &p)
				}
			}
		}
		for range 2 {
			if !s.optimise() {
				return
			}
			if added, _ := s.generate(units, s.m.LP.Y); added == 0 || s.over() {
				break
			}
		}
	}
	for range 10 { // settle what is continuous
		if !s.optimise() || s.over() {
			return
		}
		if added, _ := s.generate(s.m.Units, s.m.LP.Y); added == 0 {
			break
		}
	}
}

// extract reads a plan from the linear programme's present point; nil where
// some unit still mixes patterns.
func (s *search) extract() *Plan {
	m, n := s.m, s.p.N
	plan := &Plan{Format: PlanFormat, Instance: s.p.Name, Loads: make(map[string]LoadPlan, len(s.p.Loads)), PVUsedKW: make([]float64, n), ShedKW: make([]float64, n)}
	z := make([]float64, n)
	var w []float64
	for _, u := range m.Units {
		w = m.Weights(u, w)
		pattern, weight := master.Heaviest(u, w)
		if weight < sure {
			return nil
		}
		kw := make([]float64, n)
		var sum float64
		only := -1
		for i, x := range w {
			if x > weightless && u.Cols[i].Pattern == pattern {
				sum += x
				if only == -1 {
					only = i
				} else {
					only = -2
				}
			}
		}
		if only >= 0 {
			copy(kw, u.Cols[only].KW)
		} else {
			for i, x := range w {
				if x > weightless && u.Cols[i].Pattern == pattern {
					for t, y := range u.Cols[i].KW {
						kw[t] += x / sum * y
					}
				}
			}
			for t := range kw {
				if kw[t] < 2*model.OnFrom {
					kw[t] = 0
				}
			}
		}
		plan.Loads[u.Load.ID] = LoadPlan{KW: kw}
		for t, x := range kw {
			z[t] += x
		}
	}
	if b := s.p.Battery; b != nil {
		plan.BatteryKW = make([]float64, n)
		for t := range n {
			ch, dis := m.LP.Value(m.ChCol[t]), m.LP.Value(m.DisCol[t])
			if ch > 0 && dis > 0 { // the same change of charge by one of them
				if d := b.EffC*ch - dis/b.EffD; d >= 0 {
					ch, dis = d/b.EffC, 0
				} else {
					ch, dis = 0, -d*b.EffD
				}
			}
			plan.BatteryKW[t] = ch - dis
		}
		master.SettleBattery(s.p, plan.BatteryKW)
		for t, x := range plan.BatteryKW {
			z[t] += x
		}
	}
	for t := range n {
		var shed float64
		for i := range m.Slots[t] {
			if g := &m.Slots[t][i]; g.Shed {
				shed += m.LP.Value(g.Col)
			}
		}
		if shed < leastShed {
			shed = 0
		}
		master.Balance(s.p, plan, t, z[t], shed)
	}
	return plan
}

// adopt evaluates the present point and keeps it where it is better; it returns its
// cost, +Inf where it is not a plan that keeps the hard rules.
func (s *search) adopt(from string) float64 {
	plan := s.extract()
	if plan == nil {
		s.Trace("%s: not a plan", from)
		return math.Inf(1)
	}
	e, _ := model.Evaluate(s.p, plan)
	s.Spent += int64(s.p.N * (len(s.p.Loads) + 5))
	if e == nil {
		return math.Inf(1)
	}
	model.Fill(plan, e)
	s.Trace("%s: %.6f (lp %.6f) best %.6f work %d", from, plan.Cost, s.m.LP.Objective()+s.m.Const, s.best.Cost, s.work())
	if model.Better(plan, s.best) {
		s.best = plan
		s.tell()
	}
	if model.HardAmount(plan) > model.MoneyTol {
		return math.Inf(1)
	}
	s.last = plan
	return plan.Cost
}

// neighbourhood frees a few loads of the best plan and plans them again
// together, everything continuous with them.
func (s *search) neighbourhood() bool {
	m := s.m
	if len(m.Units) == 0 {
		return false
	}
	size := diveLeast + s.Rng.IntN(diveMore)
	size = min(size, len(m.Units))
	perm := s.Rng.Perm(len(m.Units))
	free := make([]*master.Unit, 0, size)
	isFree := make([]bool, len(m.Units))
	for _, i := range perm[:size] {
		isFree[i] = true
		free = append(free, m.Units[i])
	}
	for i, u := range m.Units {
		kw := s.best.Loads[u.Load.ID].KW
		p := u.Pattern(kw)
		m.AddSchedule(u, pricing.Schedule{KW: kw, Own: u.Pricer.Cost(kw), Pattern: p})
		if isFree[i] {
			m.Hold(u, nil)
		} else {
			m.Hold(u, &p)
		}
	}
	for range 8 {
		if !s.optimise() {
			return false
		}
		if s.over() {
			return true
		}
		if added, _ := s.generate(m.Units, m.LP.Y); added == 0 {
			break
		}
	}
	if m.LP.Objective()+m.Const > s.best.Cost-diveHope*math.Abs(s.best.Cost) {
		return true
	}
	s.dive(free)
	if m.LP.Objective()+m.Const < s.best.Cost-priceTol {
		s.adopt("lns")
	}
	return true
}
