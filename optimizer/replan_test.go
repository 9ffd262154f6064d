package optimizer

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/local"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// changed is the problem a slot later, with another forecast.
func changed(p *Problem, plan *Plan, seed uint64) *Problem {
	next := p.Advance(plan)
	r := rand.New(rand.NewPCG(seed, 1))
	for t := range next.BaseKW {
		next.BaseKW[t] *= 1 + 0.05*r.NormFloat64()
	}
	return next
}

func TestARePlanDivesFirstWhereThatFoundTheBestPlan(t *testing.T) {
	p := generate.Problem(73, "home")
	var m Memory
	before := Solve(t.Context(), p, Options{WorkLimit: 60_000_000, Memory: &m})
	if m.dives != p.N {
		t.Fatalf("the dive did not find the best plan of %v", before.Cost)
	}
	m.Shift(1)
	next := changed(p, before, 73)
	cold := Solve(t.Context(), next, Options{WorkLimit: 60_000_000})
	warm := Solve(t.Context(), next, Options{WorkLimit: 60_000_000, Previous: before.Shift(1), Memory: &m})
	if cold.Stopped != StopGap || warm.Stopped != StopGap {
		t.Errorf("the searches ended with %q and %q, not proven", cold.Stopped, warm.Stopped)
	}
	if 4*warm.Work > cold.Work {
		t.Errorf("the re-plan took %d units of work, a plan from nothing %d", warm.Work, cold.Work)
	}
	if warm.Cost > cold.Cost*(1+DefaultGap) {
		t.Errorf("the re-plan costs %v, a plan from nothing %v", warm.Cost, cold.Cost)
	}
}

func TestARePlanProvenNearlyBestEndsThere(t *testing.T) {
	ended := 0
	for seed := range uint64(40) {
		p := generate.Problem(seed, "home")
		var m Memory
		before := Solve(t.Context(), p, Options{WorkLimit: 20_000_000, Memory: &m})
		m.Shift(1)
		next := changed(p, before, seed)
		warm := Solve(t.Context(), next, Options{Gap: 1e-12, WorkLimit: 20_000_000, Previous: before.Shift(1), Memory: &m})
		if warm.Stopped != StopSettled || warm.Work >= 20_000_000*replanShare*9/10 {
			continue
		}
		ended++
		if warm.Gap > replanGap {
			t.Errorf("seed %d: ended early though only proven to within %.3f %%", seed, 100*warm.Gap)
		}
		if cold := Solve(t.Context(), next, Options{Gap: 1e-12, WorkLimit: 20_000_000}); warm.Cost > cold.Cost+replanGap*math.Abs(warm.Cost) {
			t.Errorf("seed %d: ended early at %v, a plan from nothing costs %v", seed, warm.Cost, cold.Cost)
		}
	}
	if ended == 0 {
		t.Error("no re-plan ended early")
	}
	t.Logf("%d of 40 ended early", ended)
}

// Whole loads put back beside the others leave one out where the credit falls a
// little short; small steps find room for all that the plan had.
func TestAPlanALittleShortOfCreditIsNudgedUntilItFits(t *testing.T) {
	tried, fits, paid, lost := 0, 0, 0.0, 0.0
	for seed := range uint64(40) {
		p := generate.Problem(seed, "home")
		p.Credit = nil
		rich := Solve(t.Context(), p, Options{WorkLimit: 3_000_000})
		q := *p
		q.Credit = &Credit{Balance: 0.98 * (rich.Parts.Energy + rich.Parts.Blocks + rich.Parts.Fixed), UntilSlot: p.N}
		s := newSearch(t.Context(), &q, Options{WorkLimit: 3_000_000})
		s.run()
		if model.HardAmount(s.best) > model.MoneyTol || s.yBest == nil {
			continue
		}
		s.stop, s.opt.WorkLimit = "", math.MaxInt64
		l := local.New(s.Effort, s.m)
		l.CreditPrice(s.yBest)
		l.Load(rich)
		if !l.Tight() || l.Short <= 0 {
			continue
		}
		tried++
		local.NewNudger(l).Run(3_000_000, 0.001*math.Abs(rich.Cost), 1)
		if l.Short <= 0 {
			fits++
			paid += l.Cost
			lost += s.best.Cost
		}
	}
	if tried < 5 || fits < tried*3/4 {
		t.Errorf("of %d plans short of credit %d were made to fit", tried, fits)
	}
	if paid > 1.02*lost {
		t.Errorf("they cost %v, searches from nothing %v", paid, lost)
	}
	t.Logf("%d of %d fit, at %v; searches from nothing %v", fits, tried, paid, lost)
}

func TestARePlanOfAPlanThatHoldsSettlesEarly(t *testing.T) {
	const limit = 4_000_000
	settled := 0
	for seed := range uint64(4) {
		p := generate.Problem(seed, "home")
		before := solve(t, p, Options{WorkLimit: limit, Gap: 1e-9})
		if before.Stopped != StopWork {
			continue
		}
		settled++
		after := solve(t, p, Options{WorkLimit: limit, Gap: 1e-9, Previous: before})
		if after.Stopped != StopSettled || after.Work > 3*limit/10 {
			t.Errorf("seed %d: the re-plan stopped by %q after %d of %d units of work", seed, after.Stopped, after.Work, limit)
		}
		if after.Cost > before.Cost+1e-9 {
			t.Errorf("seed %d: the re-plan costs %v, the plan in force %v", seed, after.Cost, before.Cost)
		}
	}
	if settled == 0 {
		t.Error("no search took its whole limit: nothing was tested")
	}
}
