package optimizer

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/local"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

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
		plan := l.Plan()
		if e, bad := model.Evaluate(p, plan); e == nil || len(bad) == 0 && math.Abs(e.Expected-l.Cost) > 1e-7*math.Abs(l.Cost) {
			t.Fatalf("the crossing is said to cost %v; its plan does not: %v", l.Cost, bad)
		}
		unlike := func(x *local.Snapshot) bool {
			return slices.ContainsFunc(l.KW, func(kw []float64) bool {
				return !slices.ContainsFunc(x.KW, func(y []float64) bool { return slices.Equal(kw, y) })
			})
		}
		mixed = mixed || unlike(s.elites.All[0]) && unlike(s.elites.All[1])
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
