package optimizer

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// A search in another currency rounds otherwise and may take another way: it may
// end as far from the other as it may from the best plan.
func TestScalingPricesScalesCost(t *testing.T) {
	var apart []float64
	for seed := range uint64(9) {
		p := generate.Problem(seed, "home")
		k := []float64{0.25, 10, 400}[seed%3]
		a, b := solve(t, p, Options{WorkLimit: 40_000_000}), solve(t, scaled(p, k), Options{WorkLimit: 40_000_000})
		if a.LowerBound > b.Cost/k*(1+1e-6) && model.HardAmount(b) == 0 || b.LowerBound/k > a.Cost*(1+1e-6) && model.HardAmount(a) == 0 {
			t.Errorf("seed %d: bounds contradict: %v..%v, scaled back %v..%v", seed, a.LowerBound, a.Cost, b.LowerBound/k, b.Cost/k)
		}
		d := math.Abs(a.Cost-b.Cost/k) / math.Abs(a.Cost)
		if d > 0.01 {
			t.Errorf("seed %d: costs %v and, scaled by %v and back, %v", seed, a.Cost, k, b.Cost/k)
		}
		apart = append(apart, d)
	}
	if slices.Sort(apart); apart[len(apart)/2] > 1e-6 {
		t.Errorf("scaled and back, costs are apart by %v", apart)
	}
}

// scaled is the problem in another currency.
func scaled(p *Problem, k float64) *Problem {
	var buf bytes.Buffer
	if err := generate.Write(&buf, p); err != nil {
		panic(err)
	}
	q, err := ReadInstance(&buf)
	if err != nil {
		panic(err)
	}
	for t := range q.N {
		q.ImportPrice[t] *= k
		q.ExportPrice[t] *= k
	}
	q.ShedPenalty *= k
	for i := range q.FixedCharges {
		q.FixedCharges[i].Amount *= k
	}
	for i := range q.Blocks {
		for j := range q.Blocks[i].Steps {
			q.Blocks[i].Steps[j].Adder *= k
		}
	}
	if c := q.Credit; c != nil {
		c.Balance, c.EndReserve, c.MinBalance = c.Balance*k, c.EndReserve*k, c.MinBalance*k
	}
	if q.Battery != nil {
		q.Battery.Wear *= k
	}
	for i := range q.Loads {
		switch l := &q.Loads[i]; {
		case l.Cycle != nil:
			l.Cycle.SkipPenalty *= k
		case l.OnOff != nil:
			l.OnOff.ShortPenalty, l.OnOff.StartCost = l.OnOff.ShortPenalty*k, l.OnOff.StartCost*k
		case l.Variable != nil:
			l.Variable.ShortPenalty, l.Variable.StartCost = l.Variable.ShortPenalty*k, l.Variable.StartCost*k
		case l.Thermal != nil:
			l.Thermal.ComfortPenalty, l.Thermal.EndPenalty = l.Thermal.ComfortPenalty*k, l.Thermal.EndPenalty*k
		}
	}
	return &q
}

func TestPermutingLoadsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := generate.Problem(rapid.Uint64().Draw(t, "seed"), "home")
		q := *p
		q.Loads = append([]Load(nil), p.Loads...)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(q.Loads), func(i, j int) { q.Loads[i], q.Loads[j] = q.Loads[j], q.Loads[i] })
		a, b := Solve(context.Background(), p, Options{WorkLimit: 500_000}), Solve(context.Background(), &q, Options{WorkLimit: 500_000})
		if d := cmp.Diff(a, b); d != "" {
			t.Fatalf("the order of the loads matters:\n%s", d)
		}
	})
}
