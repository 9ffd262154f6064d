package bound

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// tightener begins at the prices of each slot, without a linear programme; nil where the
// problem is not of the kind it helps with.
func tightener(p *model.Problem) *Tightener {
	e := &effort.Effort{
		Rng: rand.New(rand.NewPCG(1, 1)), Over: func() bool { return false }, Progress: func() float64 { return 0 },
		GapOf: func(float64) float64 { return 1 }, Trace: func(string, ...any) {},
	}
	pricers := make(map[string]pricing.Pricer, len(p.Loads))
	var shared pricing.Scratch
	for i := range p.Loads {
		pricers[p.Loads[i].ID] = pricing.New(p, &p.Loads[i], &shared)
	}
	m := master.New(p, master.NewOutlook(p), 1000*p.ShedPenalty, pricers)
	y := make([]float64, m.Rows)
	for t := range p.N {
		y[t] = p.ImportPrice[t] * m.Hours
	}
	return New(e, m, y)
}

// plans draws plans that keep each load's own rules, and lists what those cost that keep
// all hard rules.
func plans(p *model.Problem, q *Tightener, r *rand.Rand, count int) (costs []float64) {
	n := p.N
	price, on := make([]float64, n), make([]float64, n)
	for range count {
		plan := &model.Plan{Loads: make(map[string]model.LoadPlan, len(p.Loads)), PVUsedKW: make([]float64, n), ShedKW: make([]float64, n)}
		z := make([]float64, n)
		for _, u := range q.Master.Units {
			for t := range price {
				price[t] = p.ImportPrice[t] * p.Hours() * 3 * r.Float64()
			}
			kw := u.Pricer.Best(price, on).KW
			plan.Loads[u.Load.ID] = model.LoadPlan{KW: kw}
			for t, x := range kw {
				z[t] += x
			}
		}
		if b := p.Battery; b != nil {
			plan.BatteryKW = make([]float64, n)
			for t := range n {
				plan.BatteryKW[t] = b.MaxChargeKW * (1 - 2*r.Float64())
			}
			master.SettleBattery(p, plan.BatteryKW)
			for t, x := range plan.BatteryKW {
				z[t] += x
			}
		}
		for t := range n {
			master.Balance(p, plan, t, z[t], 0)
		}
		e, bad := model.Evaluate(p, plan)
		if e != nil && len(bad) == 0 {
			costs = append(costs, e.Expected)
		}
	}
	return costs
}

// At any prices whatever the value is below what each plan costs that keeps the rules.
func TestTheValueAtAnyPricesIsBelowEveryPlan(t *testing.T) {
	held := 0
	type site struct {
		seed  uint64
		class string
	}
	problem := func(s site) *model.Problem { return generate.Problem(s.seed, s.class) }
	sites := rapid.Custom(func(t *rapid.T) site {
		return site{rapid.Uint64Range(0, 500).Draw(t, "seed"), rapid.SampledFrom([]string{"tiny", "home"}).Draw(t, "class")}
	}).Filter(func(s site) bool { return tightener(problem(s)) != nil }) // of a kind that the bound is for
	rapid.Check(t, func(t *rapid.T) {
		p := problem(sites.Draw(t, "site"))
		q := tightener(p)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		costs := plans(p, q, r, 6)
		for range 4 {
			for i := range q.Pi {
				for k := range q.Pi[i] {
					q.Pi[i][k] = 0.3 * p.Hours() * r.Float64()
				}
			}
			for k := range q.mu {
				q.mu[k] = -r.Float64()
			}
			v := q.value()
			for _, c := range costs {
				held++
				if v > c+1e-9*math.Abs(c) {
					t.Fatalf("the value is %v, a plan costs %v", v, c)
				}
			}
		}
	})
	if held < 100 {
		t.Errorf("only %d pairs of a value and a plan were compared", held)
	}
}

// So it is where more variable loads may run in a slot than it tries both ways, whose being
// on then has no price.
func TestTheBoundHoldsWithManyVariableLoadsInASlot(t *testing.T) {
	for seed := range uint64(5) {
		p := generate.Problem(seed, "tiny")
		r := rand.New(rand.NewPCG(seed, 5))
		p.Loads, p.Blocks, p.Credit, p.Battery = nil, nil, nil, nil
		for i := range mostVars + 3 {
			p.Loads = append(p.Loads, model.Load{ID: fmt.Sprintf("car%d", i), Variable: &model.Variable{
				MinKW: 1.4, MaxKW: 3, NeedKWh: 2 + 2*r.Float64(), To: p.N, MaxStarts: 2, ShortPenalty: 1, Switching: model.Switching{MinOn: 1, MinOff: 1},
			}})
		}
		for t := range p.N {
			p.SiteLimitKW[t] = 30
		}
		q := tightener(p)
		costs := plans(p, q, r, 40)
		if len(costs) == 0 {
			t.Fatalf("seed %d: no plan keeps the rules", seed)
		}
		q.Climb(40, math.Inf(1))
		if least := slices.Min(costs); q.Best > least*(1+1e-9) {
			t.Errorf("seed %d: the bound is %v, a plan costs %v", seed, q.Best, least)
		}
	}
}

// What note takes down costs, at the prices of the value, exactly what the value says.
func TestTheChoicesNotedAreWorthTheValue(t *testing.T) {
	for seed := range uint64(12) {
		q := tightener(generate.Problem(seed, "home"))
		if q == nil {
			continue
		}
		r := rand.New(rand.NewPCG(seed, 3))
		for i := range q.Pi {
			for k := range q.Pi[i] {
				q.Pi[i][k] *= 0.5 + r.Float64()
			}
		}
		q.Mix = newMixer(q)
		v := q.value()
		q.Mix.note()
		if m := q.Mix.model(); math.Abs(m-v) > 1e-6*math.Abs(v) {
			t.Errorf("seed %d: the choices noted are worth %v, the value is %v", seed, m, v)
		}
	}
}

// The sums of powers find the best of all combinations in a slot.
func TestASlotIsSolvedAsByTryingAllCombinations(t *testing.T) {
	tried := 0
	for seed := range uint64(20) {
		if q := tightener(generate.Problem(seed, "home")); q != nil {
			tried += trySlots(t, q, rand.New(rand.NewPCG(seed, 4)))
		}
	}
	if tried < 100 {
		t.Errorf("only %d slots were tried", tried)
	}
}

// trySlots compares the slots that only loads of on and off draw from.
func trySlots(t *testing.T, q *Tightener, r *rand.Rand) (tried int) {
	for i := range q.Pi {
		for k := range q.Pi[i] {
			q.Pi[i][k] *= 2 * r.Float64()
		}
	}
	for slot := range q.N {
		sl := &q.slots[slot]
		if len(sl.units) == 0 || len(sl.vars) > 0 || len(sl.soft) > 0 {
			continue
		}
		tried++
		best := math.Inf(1)
		var try func(i int, kw, earns float64)
		try = func(i int, kw, earns float64) {
			if i < len(sl.units) {
				u := &sl.units[i]
				try(i+1, kw, earns)
				for l, x := range u.levels {
					try(i+1, kw+x, earns+x*q.Pi[u.unit][u.at[l]])
				}
				return
			}
			left, cost := sl.need+kw, -earns
			for k := range sl.segs {
				x := min(left, sl.segs[k].length)
				slope := sl.segs[k].slope
				for j, c := range sl.segs[k].coef {
					slope -= c * q.mu[j]
				}
				cost += x * slope
				left -= x
			}
			best = min(best, cost)
		}
		try(0, 0, 0)
		if got := q.slot(slot); math.Abs(got-best) > 1e-9*max(1, math.Abs(best)) {
			t.Errorf("slot %d: %v, the best of all combinations is %v", slot, got, best)
		}
	}
	return tried
}

// Blending moves weight only: it goes on adding up to 1, and a climb never lowers the
// bound.
func TestBlendingKeepsWeightsAndAClimbKeepsTheBound(t *testing.T) {
	for seed := range uint64(8) {
		q := tightener(generate.Problem(seed, "home"))
		if q == nil {
			continue
		}
		last := math.Inf(-1)
		for range 6 {
			q.Climb(3, math.Inf(1))
			if q.Best < last {
				t.Errorf("seed %d: the bound fell from %v to %v", seed, last, q.Best)
			}
			last = q.Best
			for _, set := range [][]mixture{q.Mix.Loads, q.Mix.slots} {
				for i := range set {
					var sum float64
					for k := range set[i].all {
						if w := set[i].all[k].Weight; w < 0 {
							t.Errorf("seed %d: a weight of %v", seed, w)
						} else {
							sum += w
						}
					}
					if math.Abs(sum-1) > 1e-9 {
						t.Errorf("seed %d: weights that add up to %v", seed, sum)
					}
				}
			}
		}
	}
}

// What is remembered and recalled begins about where it ended, in another unit of money
// too.
func TestRecalledMixturesBeginWhereTheyEnded(t *testing.T) {
	tried := 0
	for seed := range uint64(4) {
		p := generate.Problem(seed, "home")
		q := tightener(p)
		if q == nil {
			continue
		}
		q.Climb(30, math.Inf(1))
		plan := &model.Plan{Loads: make(map[string]model.LoadPlan)}
		for _, u := range q.Master.Units {
			plan.Loads[u.Load.ID] = model.LoadPlan{KW: u.Pricer.Best(q.Pi[0][:q.N], make([]float64, q.N)).KW}
		}
		for _, unit := range []float64{1, 4} {
			mem := NewMixtures(q)
			mem.Recount(1 / unit)
			again, _ := mem.Recall(q.s, tightener(p.Counted(unit)).Master, plan)
			if again == nil {
				t.Errorf("seed %d: not recalled", seed)
				continue
			}
			tried++
			again.Climb(3, math.Inf(1))
			if got := again.Best * unit; got < q.Best-0.05*math.Abs(q.Best) {
				t.Errorf("seed %d, a unit of %v: it begins with %v, and ended with %v", seed, unit, got, q.Best)
			}
		}
	}
	if tried < 6 {
		t.Errorf("only %d were recalled", tried)
	}
}

// BenchmarkValue measures one evaluation of the bound.
func BenchmarkValue(b *testing.B) {
	q := tightener(generate.Problem(4, "home"))
	for range b.N {
		q.value()
	}
}
