package optimizer

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/bound"
	"github.com/keeplit/keeplit/optimizer/internal/lp"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// seed puts a plan's schedules into the master and starts from them.
func (s *search) seed(plan *Plan) bool {
	chosen := make([]int, len(s.m.Units))
	for k, u := range s.m.Units {
		kw := plan.Loads[u.Load.ID].KW
		sc := pricing.Schedule{KW: kw, Own: u.Pricer.Cost(kw), Pattern: u.Pattern(kw)}
		chosen[k] = s.m.AddSchedule(u, sc)
	}
	return s.m.Crash(chosen)
}

// optimise runs the linear programme; it sets up a new basis where the old
// one went bad.
func (s *search) optimise() bool {
	for range 2 {
		switch s.m.LP.Solve(math.MaxInt, s.over) {
		case lp.Singular:
			s.Trace("singular basis")
			if !s.seed(s.best) {
				return false
			}
			continue
		case lp.Stalled:
			s.Trace("the linear programme stalls")
		case lp.Unbounded: // cannot be, every cost is bounded below
			s.Trace("the linear programme is unbounded")
		case lp.Optimal, lp.Stopped:
		}
		return true
	}
	return false
}

// generate prices the units at the duals y, adds the schedules that are worth
// it at the programme's own duals, and returns how many there were and the
// sum of the units' values at y.
func (s *search) generate(units []*master.Unit, y []float64) (added int, value float64) {
	own := s.m.LP.Y
	for _, u := range units {
		if s.over() {
			break
		}
		price, on := s.m.Prices(u, y)
		var sc pricing.Schedule
		if u.Fixed != nil {
			if u.PricerIsRigid() {
				continue
			}
			sc = u.Pricer.Within(u.HeldSchedule(), price, on)
			if sc.Pattern != *u.Fixed {
				continue
			}
		} else {
			sc = u.Pricer.Best(price, on)
		}
		s.Spent += u.Pricer.Work()
		v := sc.Total(price, on)
		least := v
		for i := range u.Cols { // rounding may have hidden one that is known
			if c := s.m.LP.Reduced(u.Cols[i].Col, y) + y[u.Row]; !u.Cols[i].Banned && c < least {
				least = c
			}
		}
		value += least
		if &own[0] != &y[0] {
			price, on = s.m.Prices(u, own)
			v = sc.Total(price, on)
		}
		if v < own[u.Row]-priceTol {
			if before := len(u.Cols); s.m.AddSchedule(u, sc) == before {
				added++
			}
		}
	}
	return added, value
}

// root solves the linear programme over all schedules by column generation
// with smoothed duals (Wentges 1997).
func (s *search) root(early, until float64) (done bool) {
	m := s.m
	defer func() {
		for i := range s.mixedPeaks {
			s.mixedPeaks[i] = m.Peak(i)
		}
	}()
	bestValue := math.Inf(-1)
	y := make([]float64, m.Rows)
	alpha := 0.0
	for round := 0; round < rootRounds; round++ {
		if !s.optimise() || s.over() {
			break
		}
		obj := m.LP.Objective() + m.Const
		own := m.LP.Y
		if s.yBest == nil {
			s.yBest = append([]float64(nil), own...)
		}
		for i := range y {
			y[i] = alpha*s.yBest[i] + (1-alpha)*own[i]
		}
		added, value := s.generate(m.Units, y)
		if s.over() {
			break
		}
		if v := value + m.StaticBound(y); v > bestValue {
			bestValue = v
			copy(s.yBest, y)
		}
		if added == 0 && alpha > 0 { // the smoothed duals misled: ask at the true ones
			added, value = s.generate(m.Units, own)
			if v := value + m.StaticBound(own); v > bestValue {
				bestValue = v
				copy(s.yBest, own)
			}
		}
		s.Trace("round %d: lp %.6f value %.6f added %d pivots %d work %d", round, obj, bestValue, added, m.LP.Pivots, s.work())
		if s.progress() > proveAt && math.IsInf(s.lower, -1) { // a bound for a search that will be cut short
			s.prove(1)
		}
		if added == 0 || obj-bestValue < s.opt.Gap*rootGap*math.Abs(obj) || s.share < 1 && s.progress() > until {
			break
		}
		if s.progress() > early {
			return false
		}
		alpha = smoothing
	}
	return true
}

// prove computes a bound at the best duals that holds whatever was rounded.
func (s *search) prove(effort int) {
	if s.yBest == nil {
		return
	}
	v := s.m.StaticBound(s.yBest)
	for _, u := range s.m.Units {
		if s.over() {
			return
		}
		price, on := s.m.Prices(u, s.yBest)
		v += u.Pricer.Bound(price, on, effort)
		s.Spent += u.Pricer.Work() * 4 * int64(effort)
	}
	v -= bound.Safety * max(1, math.Abs(v))
	s.lower = max(s.lower, v)
	s.Trace("proved %.6f", v)
	s.tell()
}
