package optimizer

import (
	"cmp"
	"math"
	"slices"
)

// cross goes to a state between two elites: some loads as in the one, the
// others and the battery as in the other.
func (s *search) cross(l *local) {
	a := s.rng.IntN(len(s.elites.all))
	b := (a + 1 + s.rng.IntN(len(s.elites.all)-1)) % len(s.elites.all)
	l.restore(s.elites.all[a])
	other := s.elites.all[b]
	for i := range l.units {
		if s.rng.IntN(2) == 0 {
			l.put(i, other.kw[i])
		}
	}
	l.cost = l.evaluate()
}

// revive takes over the plan in force and those of the remembered elites that promise
// most, each with some steps of the local search under the new forecast.  One whose
// credit no longer lasts is made to fit by nudging: putting whole loads back would
// leave one of them out at once.
func (s *search) revive() {
	l := newLocal(s.effort, s.m)
	if s.yBest != nil {
		l.creditPrice(s.yBest)
	}
	each := s.whole() / 50
	nudge := func(work int64) { s.nudge(l, work, 0.0015, 0.6) }
	l.load(s.start)
	if l.short > 0 {
		nudge(each)
	}
	s.anneal(l, 25*len(l.units), 0.0005*math.Abs(s.best.Cost), 0.3)
	nudge(each)
	s.elites.add(l)
	type start struct {
		plan *Plan
		cost float64
	}
	var starts []start
	for _, plan := range s.opt.Memory.elites {
		preset, battery, _ := s.fit(plan)
		plan = s.place(0, preset, battery)
		l.load(plan)
		starts = append(starts, start{plan, l.cost + l.short*(l.softPenalty()-l.penalty)})
	}
	slices.SortStableFunc(starts, func(a, b start) int { return cmp.Compare(a.cost, b.cost) })
	for _, x := range starts[:min(reviveCount, len(starts))] {
		if s.over() {
			return
		}
		l.load(x.plan)
		if l.short > 0 {
			nudge(each)
			s.anneal(l, 4*len(l.units), 0, 0.6)
		} else {
			s.anneal(l, 4*len(l.units), 0, 0.6)
			nudge(each)
		}
		s.elites.add(l)
	}
}
