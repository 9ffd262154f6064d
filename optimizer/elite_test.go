package optimizer

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/local"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

func TestElitesAreGoodAndUnlike(t *testing.T) {
	p := generate.Problem(4, "home")
	s := newSearch(t.Context(), p, Options{WorkLimit: math.MaxInt64})
	s.greedy()
	s.m = master.New(p, s.outlook(), 1e6, s.pricers)
	l := local.New(s.Effort, s.m)
	l.Load(s.best)
	least := math.Inf(1)
	var met []float64
	for range 400 {
		l.Step(0.05*math.Abs(l.Cost), &s.undo, &s.trial)
		s.elites.Add(l)
		met = append(met, l.Cost)
		least = min(least, l.Cost)
	}
	all := s.elites.All
	if len(all) < 3 || len(all) > local.EliteCount {
		t.Fatalf("%d elites of %d states", len(all), len(met))
	}
	if all[0].Cost != least {
		t.Errorf("the best elite costs %v, the best state met %v", all[0].Cost, least)
	}
	if !slices.IsSortedFunc(all, func(a, b *local.Snapshot) int { return int(math.Copysign(1, a.Cost-b.Cost)) }) {
		t.Error("the elites are not sorted by cost")
	}
	for i, a := range all {
		l.Restore(a)
		if c := l.Evaluate(); math.Abs(c-a.Cost) > 1e-9*math.Abs(c) {
			t.Errorf("elite %d is said to cost %v; it costs %v", i, a.Cost, c)
		}
		for j, b := range all[:i] {
			if l.Unlike(b) < 2 {
				t.Errorf("elites %d and %d differ in %d loads", i, j, l.Unlike(b))
			}
		}
	}
}

func TestACrossingRunsEachLoadAsOneOfTheTwo(t *testing.T) {
	p := generate.Problem(4, "home")
	s := newSearch(t.Context(), p, Options{WorkLimit: 60_000_000})
	s.run()
	if len(s.elites.All) < 2 {
		t.Fatalf("the search left %d elites", len(s.elites.All))
	}
	s.elites.All = s.elites.All[:2]
	l := local.New(s.Effort, s.m)
	mixed := false
	for range 20 {
		s.cross(l)
		for i := range l.Units {
			if !slices.Equal(l.KW[i], s.elites.All[0].KW[i]) && !slices.Equal(l.KW[i], s.elites.All[1].KW[i]) {
				t.Fatalf("load %d runs as in neither", i)
			}
		}
		z := slices.Clone(l.Bat)
		for i := range l.Units {
			for k, x := range l.KW[i] {
				z[k] += x
			}
		}
		for k := range z {
			if math.Abs(z[k]-l.Z[k]) > 1e-9 {
				t.Fatalf("slot %d draws %v, its loads %v", k, l.Z[k], z[k])
			}
		}
		mixed = mixed || l.Unlike(s.elites.All[0]) > 0 && l.Unlike(s.elites.All[1]) > 0
	}
	if !mixed {
		t.Error("no crossing was between the two")
	}
}

func TestAMemoryKeepsElites(t *testing.T) {
	p := generate.Problem(4, "home")
	var m Memory
	plan := Solve(t.Context(), p, Options{WorkLimit: 60_000_000, Memory: &m})
	if len(m.elites) < 2 {
		t.Fatalf("%d elites are remembered", len(m.elites))
	}
	first := m.elites[0]
	for id, l := range first.Loads {
		if len(l.KW) != p.N {
			t.Errorf("%s has %d slots of %d", id, len(l.KW), p.N)
		}
	}
	if e, bad := model.Evaluate(p, first); e == nil || model.HasHard(bad) || e.Expected > plan.Cost*1.05 {
		t.Errorf("the best one remembered costs %+v, the plan %v: %v", e, plan.Cost, bad)
	}
	m.Shift(3)
	if d := cmp.Diff(first.Shift(3).Loads, m.elites[0].Loads); d != "" {
		t.Errorf("the memory's shift is not the plan's:\n%s", d)
	}
}

func TestAPlanIsMadeToFitACreditThatIsGone(t *testing.T) {
	for seed := range uint64(12) {
		p := generate.Problem(seed, "home")
		p.Credit = nil
		var m Memory
		rich := Solve(t.Context(), p, Options{WorkLimit: 5_000_000, Memory: &m})
		q := *p
		q.Credit = &Credit{Balance: 0.97 * (rich.Parts.Energy + rich.Parts.Export + rich.Parts.Blocks + rich.Parts.Fixed), UntilSlot: p.N}
		cold := Solve(t.Context(), &q, Options{WorkLimit: 5_000_000})
		warm := Solve(t.Context(), &q, Options{WorkLimit: 5_000_000, Previous: rich, Memory: &m})
		if model.HardAmount(cold) < model.MoneyTol && model.HardAmount(warm) > model.MoneyTol {
			t.Errorf("seed %d: from the plan in force the credit is short by %v; from nothing it lasts", seed, model.HardAmount(warm))
		}
	}
}

func TestScenariosAreGivenUpAsOftenAsTheNextFutureAllows(t *testing.T) {
	for _, c := range []struct {
		limit float64
		n     int
		want  int // scenarios that may fail
	}{{0.1, 40, 3}, {0.1, 20, 1}, {0.1, 19, 1}, {0.1, 18, 0}, {0.1, 5, 0}, {0, 100, 9}, {0.5, 9, 4}} {
		p := &Problem{Credit: &Credit{ChanceLimit: c.limit}, Scenarios: make([]Scenario, c.n)}
		if got := int(math.Floor(strict(p).ChanceLimit*float64(c.n) + 1e-6)); got != c.want {
			t.Errorf("limit %v, %d scenarios: %d may fail, want %d", c.limit, c.n, got, c.want)
		}
		if p.Credit.ChanceLimit != c.limit {
			t.Error("the caller's credit was changed")
		}
	}
}
