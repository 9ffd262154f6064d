package optimizer

import (
	"context"
	"math"
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// TestSolveAgainstEverything compares with the best of all plans there are.
func TestSolveAgainstEverything(t *testing.T) {
	missed, worst := 0, 0.0
	for seed := range uint64(40) {
		p := generate.Problem(seed, "tiny")
		p.Battery = nil
		var loads []Load
		for _, l := range p.Loads {
			if l.Cycle != nil || l.OnOff != nil || l.Thermal != nil && !l.Thermal.Modulating {
				loads = append(loads, l)
			}
		}
		p.Loads = loads
		plan := solve(t, p, Options{})
		best := math.Inf(1)
		choice := make(map[string]LoadPlan)
		var try func(i int)
		try = func(i int) {
			if i == len(loads) {
				trial := newSearch(context.Background(), p, Options{}).place(0, presetOf(choice), nil)
				e, bad := model.Evaluate(p, trial)
				for _, v := range bad {
					if v.Kind.Hard() {
						return
					}
				}
				best = min(best, e.Expected)
				return
			}
			for _, kw := range allSchedules(p, &loads[i]) {
				choice[loads[i].ID] = LoadPlan{KW: kw}
				try(i + 1)
			}
		}
		try(0)
		if math.IsInf(best, 1) {
			continue // the credit never lasts; shedding decides
		}
		if model.HardAmount(plan) > model.MoneyTol || plan.Cost < best-1e-6 && plan.Parts.Shed == 0 {
			t.Errorf("seed %d: cost %v, the least possible is %v: %v", seed, plan.Cost, best, plan.Shortfalls)
		}
		if plan.LowerBound > best+1e-6 {
			t.Errorf("seed %d: bound %v is above the least cost %v", seed, plan.LowerBound, best)
		}
		if above := (plan.Cost - best) / math.Abs(best); above > 1e-3 {
			t.Logf("seed %d: %.3f %% above the least possible", seed, 100*above)
			missed++
			worst = max(worst, above)
		}
	}
	if missed > 2 || worst > 0.02 {
		t.Errorf("%d of 40 plans are more than 0.1 %% above the least possible, the worst by %.3f %%", missed, 100*worst)
	}
}

func presetOf(choice map[string]LoadPlan) map[string][]float64 {
	out := make(map[string][]float64)
	for id, l := range choice {
		out[id] = l.KW
	}
	return out
}

func allSchedules(p *Problem, l *Load) [][]float64 {
	switch {
	case l.Cycle != nil:
		q := pricing.New(p, l, new(pricing.Scratch)).(*pricing.Cycle)
		out := [][]float64{make([]float64, p.N)}
		for s := q.Lo; s <= q.Hi; s++ {
			out = append(out, q.At(s).KW)
		}
		return out
	case l.OnOff != nil:
		return everySwitching(p, l, l.OnOff.KW)
	}
	return everySwitching(p, l, l.Thermal.KW)
}

// everySwitching lists all schedules of on and off a switched load may run.
func everySwitching(p *Problem, l *Load, kw float64) [][]float64 {
	var out [][]float64
	for mask := range 1 << p.N {
		x := make([]float64, p.N)
		for t := range x {
			if mask>>t&1 == 1 {
				x[t] = kw
			}
		}
		if l.Permits(p, x) {
			out = append(out, x)
		}
	}
	return out
}
