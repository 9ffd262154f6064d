package optimizer

import (
	"math"
	"slices"
)

// elites are good plans that are unlike each other, the cheapest first.  A
// good plan is mostly found near, or between, other good plans; and when the
// forecast changes a little, the best plan is often one that was nearly the
// best before.
type elites struct{ all []*snapshot }

const eliteCount = 12

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

// revive takes over the plan in force and the remembered elites, each with some
// steps of the local search under the new forecast: a plan whose credit no longer
// lasts is made to fit here.
func (s *search) revive() {
	l := newLocal(s)
	if s.yBest != nil {
		l.creditPrice(s.yBest)
	}
	l.load(s.start)
	s.anneal(l, 25*len(l.units), 0.0005*math.Abs(s.best.Cost), 0.3)
	each := s.whole() / 100
	s.nudge(l, each, 0.0005, 0.6)
	s.elites.add(l)
	for _, plan := range s.opt.Memory.elites {
		if s.over() {
			return
		}
		preset, battery, _ := s.fit(plan)
		l.load(s.place(0, preset, battery))
		s.anneal(l, 4*len(l.units), 0, 0.6)
		s.nudge(l, each, 0.0005, 0.6)
		s.elites.add(l)
	}
}
