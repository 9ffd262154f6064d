package optimizer

import (
	"cmp"
	"math"
	"slices"
)

// elites are good plans that are unlike each other, the cheapest first.  A
// good plan is mostly found near, or between, other good plans; and when the
// forecast changes a little, the best plan is often one that was nearly the
// best before.
type elites struct{ all []*snapshot }

const (
	eliteCount  = 12
	reviveCount = 6 // of them are taken over by a re-plan
)

// add takes in the present state of l where it is good and new.
func (e *elites) add(l *local) {
	if len(e.all) == eliteCount && l.cost >= e.all[eliteCount-1].cost {
		return
	}
	// Of two that differ in one load at most the cheaper is kept.
	drop := -1
	for k, x := range e.all {
		if l.unlike(x) > 1 {
			continue
		}
		if x.cost <= l.cost {
			return
		}
		if drop < 0 {
			drop = k
		}
	}
	if drop < 0 && len(e.all) == eliteCount {
		drop = eliteCount - 1
	}
	into := new(snapshot)
	if drop >= 0 {
		into = e.all[drop]
		e.all = slices.Delete(e.all, drop, drop+1)
	}
	l.save(into)
	k := 0
	for k < len(e.all) && e.all[k].cost <= into.cost {
		k++
	}
	e.all = slices.Insert(e.all, k, into)
}

// unlike is how many units with patterns of their own run otherwise than in
// the snapshot.
func (l *local) unlike(x *snapshot) int {
	n := 0
	for i, kw := range l.kw {
		if _, free := l.units[i].pricer.(*modulatingPricer); !free && !slices.Equal(kw, x.kw[i]) {
			n++
		}
	}
	return n
}

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

// put gives unit i the schedule kw.
func (l *local) put(i int, kw []float64) {
	l.remove(i)
	copy(l.kw[i], kw)
	l.own[i] = l.units[i].pricer.cost(kw)
	for t, x := range kw {
		l.z[t] += x
	}
}

// revive takes over the plan in force and those of the remembered elites that promise
// most, each with some steps of the local search under the new forecast.  One whose
// credit no longer lasts is made to fit by nudging: putting whole loads back would
// leave one of them out at once.
func (s *search) revive() {
	l := newLocal(s)
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
