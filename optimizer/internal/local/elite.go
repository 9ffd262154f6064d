package local

import (
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Elites are good plans that are unlike each other, the cheapest first.  A
// good plan is mostly found near, or between, other good plans; and when the
// forecast changes a little, the best plan is often one that was nearly the
// best before.
type Elites struct{ All []*Snapshot }

// Add takes in the present state of l where it is good and new.
func (e *Elites) Add(l *Search) {
	if len(e.All) == EliteCount && l.Cost >= e.All[EliteCount-1].Cost {
		return
	}
	// Of two that differ in one load at most the cheaper is kept.
	drop := -1
	for k, x := range e.All {
		if l.unlike(x) > 1 {
			continue
		}
		if x.Cost <= l.Cost {
			return
		}
		if drop < 0 {
			drop = k
		}
	}
	if drop < 0 && len(e.All) == EliteCount {
		drop = EliteCount - 1
	}
	into := new(Snapshot)
	if drop >= 0 {
		into = e.All[drop]
		e.All = slices.Delete(e.All, drop, drop+1)
	}
	l.Save(into)
	k := 0
	for k < len(e.All) && e.All[k].Cost <= into.Cost {
		k++
	}
	e.All = slices.Insert(e.All, k, into)
}

// unlike is how many units with patterns of their own run otherwise than in
// the snapshot.
func (l *Search) unlike(x *Snapshot) int {
	n := 0
	for i, kw := range l.KW {
		if _, free := l.Units[i].Pricer.(*pricing.Modulating); !free && !slices.Equal(kw, x.KW[i]) {
			n++
		}
	}
	return n
}

// Put gives unit i the schedule kw.
func (l *Search) Put(i int, kw []float64) {
	l.remove(i)
	copy(l.KW[i], kw)
	l.own[i] = l.Units[i].Pricer.Cost(kw)
	for t, x := range kw {
		l.z[t] += x
	}
}
