package planning

import (
	"slices"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/optimizer"
)

// futureCount is how many ways the base load may turn out the plan must last in
// where credit is scarce: of 20 it may fail in one, which keeps the chance within
// the optimizer's limit of 10 %.
const futureCount = 20

// workOverFutures bounds the search over them: a fifth of a second on a desktop.
// The plan goes on from the one in force, so what it leaves the next one finds.
const workOverFutures = 30_000_000

// futures are ways the base load may turn out, for a plan whose credit may not
// last; none where it does although all loads run as soon as they may and the
// base load is at the high end of its range throughout.  Those in which it ends
// although no load runs are left out: no plan keeps the light on in them, and
// loads would be given up for nothing.
func (p *Planner) futures(b *Brief, problem *optimizer.Problem, o outlook) []optimizer.Scenario {
	if problem.Credit == nil {
		return nil
	}
	worst := *problem
	worst.BaseKW, worst.PVKW = slices.Clone(problem.BaseKW), nil
	for t := range worst.BaseKW {
		worst.BaseKW[t] += max(0, o.high[t]) - max(0, o.mid[t])
	}
	if o.cost(&worst, earliest(problem)) < b.Left {
		return nil
	}
	paths := p.ahead.Scenarios(b.Now, p.rules.Ahead+p.rules.Interval, futureCount, p.rules.Seed)
	out := make([]optimizer.Scenario, 0, len(paths.Paths))
	for _, path := range paths.Paths {
		if len(path) == 0 {
			continue
		}
		base, sun := sunApart(powers(path, paths, o))
		if sun == nil && problem.PVKW != nil {
			sun = make([]float64, len(base)) // nil would be the central forecast's
		}
		for t := range base {
			base[t] += problem.BaseKW[t] - max(0, o.mid[t]) // what runs whatever the plan says
		}
		alone := *problem
		alone.BaseKW, alone.PVKW = base, sun
		if o.cost(&alone, &optimizer.Plan{}) >= b.Left {
			continue
		}
		out = append(out, optimizer.Scenario{Weight: 1, BaseKW: base, PVKW: sun})
	}
	return out
}

// powers is a path in the plan's slots, in kW.
func powers(path []float64, of forecast.Scenarios, o outlook) []float64 {
	kw := make([]float64, len(o.slots))
	for t, slot := range o.slots {
		i := int(slot.Start.Sub(of.Start) / of.Step)
		kw[t] = path[min(max(i, 0), len(path)-1)] / of.Step.Hours()
	}
	return kw
}

// sunApart divides a net base load into what is drawn and the sun that is over;
// sun is nil where there is none.
func sunApart(net []float64) (base, sun []float64) {
	base = make([]float64, len(net))
	for t, kw := range net {
		if base[t] = max(0, kw); kw >= 0 {
			continue
		}
		if sun == nil {
			sun = make([]float64, len(net))
		}
		sun[t] = -kw
	}
	return base, sun
}
