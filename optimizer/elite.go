package optimizer

import (
	"cmp"
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/local"
)

// cross goes to a state between two elites: some loads as in the one, the
// others and the battery as in the other.
func (s *search) cross(l *local.Search) {
	a := s.Rng.IntN(len(s.elites.All))
	b := (a + 1 + s.Rng.IntN(len(s.elites.All)-1)) % len(s.elites.All)
	l.Restore(s.elites.All[a])
	other := s.elites.All[b]
	for i := range l.Units {
		if s.Rng.IntN(2) == 0 {
			l.Put(i, other.KW[i])
		}
	}
	l.Cost = l.Evaluate()
}

// revive takes over the plan in force and those of the remembered elites that promise
// most, each with some steps of the local search under the new forecast.  One whose
// credit no longer lasts is made to fit by nudging: putting whole loads back would
// leave one of them out at once.
func (s *search) revive() {
	l := local.New(s.Effort, s.m)
	if s.yBest != nil {
		l.CreditPrice(s.yBest)
	}
	each := s.whole() / reviveShare
	nudge := func(work int64) { s.nudge(l, work, nudgeHot, resumeUntilAgain) }
	l.Load(s.start)
	if l.Short > 0 {
		nudge(each)
	}
	s.anneal(l, firstSteps*len(l.Units), resumeHot*math.Abs(s.best.Cost), replanUntil)
	nudge(each)
	s.elites.Add(l)
	type start struct {
		plan *Plan
		cost float64
	}
	var starts []start
	for _, plan := range s.opt.Memory.elites {
		preset, battery, _ := s.fit(plan)
		plan = s.place(0, preset, battery)
		l.Load(plan)
		starts = append(starts, start{plan, l.Cost + l.Short*(l.SoftPenalty()-l.Penalty)})
	}
	slices.SortStableFunc(starts, func(a, b start) int { return cmp.Compare(a.cost, b.cost) })
	for _, x := range starts[:min(local.ReviveCount, len(starts))] {
		if s.over() {
			return
		}
		l.Load(x.plan)
		if l.Short > 0 {
			nudge(each)
			s.anneal(l, reviveSteps*len(l.Units), 0, resumeUntilAgain)
		} else {
			s.anneal(l, reviveSteps*len(l.Units), 0, resumeUntilAgain)
			nudge(each)
		}
		s.elites.Add(l)
	}
}
