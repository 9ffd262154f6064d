package optimizer

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/master"
)

// What the money is counted in must not matter: the same site in a currency of which a
// kWh costs 0.0000001 or 100,000 gets the same plan to the last bit, with the same work,
// and what it costs in that currency.  The units are powers of four, in which nothing is
// rounded.
func TestMoneyInAnotherUnitGivesTheSamePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := generate.Problem(rapid.Uint64Range(0, 400).Draw(t, "site"), "home")
		unit := math.Ldexp(1, 2*rapid.IntRange(-10, 10).Draw(t, "unit"))
		opt := Options{Seed: rapid.Uint64().Draw(t, "seed"), WorkLimit: 2_000_000, Margin: 0.01}
		want := Solve(context.Background(), p, opt)
		opt.Margin /= unit
		q := p.Counted(unit)
		got := Solve(context.Background(), q, opt)
		if bad := Check(q, got); len(bad) != len(Check(p, want)) {
			t.Fatalf("it breaks %v", bad)
		}
		for id := range want.Loads {
			if d := cmp.Diff(want.Loads[id].KW, got.Loads[id].KW); d != "" {
				t.Fatalf("%s runs otherwise:\n%s", id, d)
			}
			if a, b := want.Loads[id].Reason, got.Loads[id].Reason; a.EarlierExtra != b.EarlierExtra*unit || a.NowPossible != b.NowPossible || a.NowCreditHours != b.NowCreditHours {
				t.Fatalf("%s has another reason: %+v, in the first unit %+v", id, b, a)
			}
		}
		if got.Cost*unit != want.Cost || got.LowerBound*unit != want.LowerBound || got.Gap != want.Gap || got.Work != want.Work {
			t.Fatalf("cost %v, bound %v, gap %v, work %d; in the first unit %v, %v, %v, %d", got.Cost*unit, got.LowerBound*unit, got.Gap, got.Work, want.Cost, want.LowerBound, want.Gap, want.Work)
		}
	})
}

// Prices that rise over the border between two units leave the memory of use.
func TestAMemoryIsOfUseInAnotherUnit(t *testing.T) {
	p := generate.Problem(4, "home")
	p = p.Counted(meanPrice(p) / 0.2495)
	var m Memory
	before := Solve(context.Background(), p, Options{WorkLimit: 20_000_000, Memory: &m})
	next := p.Counted(1 / 1.004)
	if p.Unit() == next.Unit() || m.mixed.N != p.N {
		t.Fatalf("units %v and %v, a memory of %d slots", p.Unit(), next.Unit(), m.mixed.N)
	}
	s := newSearch(context.Background(), next, Options{WorkLimit: 20_000_000, Memory: &m, Previous: before})
	s.greedy()
	s.warm()
	s.m = master.New(s.p, s.outlook(), impossible*s.p.ShedPenalty, s.pricers)
	s.tight = s.recall()
	s.bound(2)
	if got, want := s.lower*s.unit, 1.004*before.LowerBound; got < want-0.05*math.Abs(want) {
		t.Errorf("the memory begins with a bound of %v; proven was %v", got, want)
	}
}

func meanPrice(p *Problem) (mean float64) {
	for _, x := range p.ImportPrice {
		mean += x / float64(p.N)
	}
	return mean
}

// sizedUp is a site f times as large whose power costs so much less that the money is
// the same.
func sizedUp(p *Problem, f float64) *Problem {
	q := p.Counted(1)
	times := func(xs []float64, f float64) {
		for i := range xs {
			xs[i] *= f
		}
	}
	q.BaseKW, q.PVKW, q.SiteLimitKW = slices.Clone(p.BaseKW), slices.Clone(p.PVKW), slices.Clone(p.SiteLimitKW)
	for _, xs := range [][]float64{q.BaseKW, q.PVKW, q.SiteLimitKW} {
		times(xs, f)
	}
	times(q.ImportPrice, 1/f)
	times(q.ExportPrice, 1/f)
	q.ExportLimitKW *= f
	q.ShedPenalty /= f
	for i := range q.Blocks {
		b := &q.Blocks[i]
		b.MTD *= f
		for k := range b.Steps {
			b.Steps[k].Adder /= f
			if b.Steps[k].UpTo != nil {
				upTo := *b.Steps[k].UpTo * f
				b.Steps[k].UpTo = &upTo
			}
		}
	}
	if b := q.Battery; b != nil {
		for _, x := range []*float64{&b.CapKWh, &b.SoC0, &b.SoCMin, &b.SoCMax, &b.SoCEnd, &b.MaxChargeKW, &b.MaxDischargeKW} {
			*x *= f
		}
		b.Wear /= f
	}
	for i := range q.Loads {
		switch l := &q.Loads[i]; {
		case l.Cycle != nil:
			l.Cycle.ProfileKW = slices.Clone(l.Cycle.ProfileKW)
			times(l.Cycle.ProfileKW, f)
		case l.OnOff != nil:
			l.OnOff.KW *= f
		case l.Variable != nil:
			l.Variable.MinKW, l.Variable.MaxKW, l.Variable.NeedKWh = f*l.Variable.MinKW, f*l.Variable.MaxKW, f*l.Variable.NeedKWh
			l.Variable.ShortPenalty /= f
		case l.Thermal != nil:
			l.Thermal.KW, l.Thermal.B = f*l.Thermal.KW, l.Thermal.B/f
		}
	}
	return q
}

// In units that are no powers of four each number is rounded, so that a search may turn
// off somewhere and end at another good plan; what it costs is the same, or nearly.
func TestUnitsAndSizesThatRoundGiveAPlanAsGood(t *testing.T) {
	for seed := range uint64(10) {
		p := generate.Problem(seed, "home")
		opt := Options{Seed: seed, WorkLimit: 4_000_000}
		want := Solve(context.Background(), p, opt)
		for _, row := range []struct {
			name  string
			p     *Problem
			money float64
		}{
			{"money in thousands", p.Counted(1000), 1000},
			{"money in thousandths", p.Counted(0.001), 0.001},
			{"power in units of 0.1 kW", sizedUp(p, 10), 1},
			{"a site a hundred times as large", sizedUp(p, 100), 1},
			{"a site an eighth as large", sizedUp(p, 0.125), 1},
			{"a large site in a small currency", sizedUp(p.Counted(0.001), 10), 0.001},
		} {
			got := Solve(context.Background(), row.p, opt)
			if bad := Check(row.p, got); len(bad) > 0 {
				t.Errorf("seed %d, %s: %v", seed, row.name, bad)
			}
			d := got.Cost*row.money/want.Cost - 1
			t.Logf("seed %d, %s: %.2e", seed, row.name, d)
			if d > 0.01 {
				t.Errorf("seed %d, %s: the plan costs %v, in the first unit %v", seed, row.name, got.Cost*row.money, want.Cost)
			}
		}
	}
}
