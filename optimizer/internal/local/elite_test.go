package local

import (
	"math"
	"slices"
	"testing"
)

func TestElitesAreGoodAndUnlike(t *testing.T) {
	l := nudging(4, "home").Local
	var elites Elites
	var undo, trial Snapshot
	l.Cost = l.Evaluate()
	least := math.Inf(1)
	var met []float64
	for range 400 {
		l.Step(0.05*math.Abs(l.Cost), &undo, &trial)
		elites.Add(l)
		met = append(met, l.Cost)
		least = min(least, l.Cost)
	}
	all := elites.All
	if len(all) < 3 || len(all) > EliteCount {
		t.Fatalf("%d elites of %d states", len(all), len(met))
	}
	if all[0].Cost != least {
		t.Errorf("the best elite costs %v, the best state met %v", all[0].Cost, least)
	}
	if !slices.IsSortedFunc(all, func(a, b *Snapshot) int { return int(math.Copysign(1, a.Cost-b.Cost)) }) {
		t.Error("the elites are not sorted by cost")
	}
	for i, a := range all {
		l.Restore(a)
		if c := l.Evaluate(); math.Abs(c-a.Cost) > 1e-9*math.Abs(c) {
			t.Errorf("elite %d is said to cost %v; it costs %v", i, a.Cost, c)
		}
		for j, b := range all[:i] {
			if l.unlike(b) < 2 {
				t.Errorf("elites %d and %d differ in %d loads", i, j, l.unlike(b))
			}
		}
	}
}
