package optimizer

import "slices"

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

// put gives unit i the schedule kw.
func (l *local) put(i int, kw []float64) {
	l.remove(i)
	copy(l.kw[i], kw)
	l.own[i] = l.units[i].pricer.cost(kw)
	for t, x := range kw {
		l.z[t] += x
	}
}
