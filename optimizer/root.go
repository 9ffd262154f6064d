package optimizer

import "math"

// seed puts a plan's schedules into the master and starts from them.
func (s *search) seed(plan *Plan) bool {
	chosen := make([]int, len(s.m.units))
	for k, u := range s.m.units {
		kw := plan.Loads[u.l.ID].KW
		sc := schedule{kw: kw, own: u.pricer.cost(kw), pattern: u.pattern(kw)}
		chosen[k] = s.m.addSchedule(u, sc)
	}
	return s.m.crash(chosen)
}

// optimise runs the linear programme; it sets up a new basis where the old
// one went bad.
func (s *search) optimise(limit int) bool {
	if s.m.lp.solve(limit, s.over) {
		return true
	}
	s.trace("singular basis")
	return s.seed(s.best) && s.m.lp.solve(limit, s.over)
}

// generate prices the units at the duals y, adds the schedules that are worth
// it at the programme's own duals, and returns how many there were and the
// sum of the units' values at y.
func (s *search) generate(units []*unit, y []float64) (added int, value float64) {
	own := s.m.lp.y
	for _, u := range units {
		if s.over() {
			break
		}
		price, on := s.m.prices(u, y)
		var sc schedule
		if u.fixed != nil {
			if u.pricerIsRigid() {
				continue
			}
			sc = u.pricer.within(u.heldSchedule(), price, on)
			if sc.pattern != *u.fixed {
				continue
			}
		} else {
			sc = u.pricer.best(price, on)
		}
		s.spent += u.pricer.work()
		v := sc.total(price, on)
		least := v
		for i := range u.cols { // rounding may have hidden one that is known
			if c := s.m.lp.reduced(u.cols[i].col, y) + y[u.row]; !u.cols[i].banned && c < least {
				least = c
			}
		}
		value += least
		if &own[0] != &y[0] {
			price, on = s.m.prices(u, own)
			v = sc.total(price, on)
		}
		if v < own[u.row]-1e-7 {
			if before := len(u.cols); s.m.addSchedule(u, sc) == before {
				added++
			}
		}
	}
	return added, value
}

// root solves the linear programme over all schedules by column generation
// with smoothed duals (Wentges 1997).
func (s *search) root(until float64) {
	m := s.m
	bestValue := math.Inf(-1)
	y := make([]float64, m.rows)
	alpha := 0.0
	for round := 0; round < 400; round++ {
		if !s.optimise(1<<30) || s.over() {
			break
		}
		obj := m.lp.objective() + m.konst
		own := m.lp.y
		if s.yBest == nil {
			s.yBest = append([]float64(nil), own...)
		}
		for i := range y {
			y[i] = alpha*s.yBest[i] + (1-alpha)*own[i]
		}
		added, value := s.generate(m.units, y)
		if s.over() {
			break
		}
		if v := value + m.staticBound(y); v > bestValue {
			bestValue = v
			copy(s.yBest, y)
		}
		if added == 0 && alpha > 0 { // the smoothed duals misled: ask at the true ones
			added, value = s.generate(m.units, own)
			if v := value + m.staticBound(own); v > bestValue {
				bestValue = v
				copy(s.yBest, own)
			}
		}
		s.trace("round %d: lp %.6f value %.6f added %d pivots %d work %d", round, obj, bestValue, added, m.lp.pivots, s.work())
		if s.progress() > 0.5 && math.IsInf(s.lower, -1) { // a bound for a search that will be cut short
			s.prove(1)
		}
		if added == 0 || obj-bestValue < s.opt.Gap*0.2*math.Abs(obj) || s.share < 1 && s.progress() > until {
			break
		}
		alpha = 0.6
	}
}

// prove computes a bound at the best duals that holds whatever was rounded.
func (s *search) prove(effort int) {
	if s.yBest == nil {
		return
	}
	v := s.m.staticBound(s.yBest)
	for _, u := range s.m.units {
		if s.over() {
			return
		}
		price, on := s.m.prices(u, s.yBest)
		v += u.pricer.bound(price, on, effort)
		s.spent += u.pricer.work() * 4 * int64(effort)
	}
	v -= 1e-9 * max(1, math.Abs(v))
	s.lower = max(s.lower, v)
	s.trace("proved %.6f", v)
	s.tell()
}
