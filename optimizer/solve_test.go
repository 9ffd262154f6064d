package optimizer

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// quick is enough work for a small problem.
const quick = 3_000_000

func solve(t interface {
	Helper()
	Fatalf(string, ...any)
}, p *Problem, opt Options,
) *Plan {
	t.Helper()
	if opt.WorkLimit == 0 {
		opt.WorkLimit = quick
	}
	plan := Solve(context.Background(), p, opt)
	for _, v := range Check(p, plan) {
		if !v.Kind.Hard() {
			t.Fatalf("%s: %v", p.Name, v)
		}
	}
	if plan.LowerBound > plan.Cost+1e-6*math.Abs(plan.Cost) {
		t.Fatalf("%s: bound %v above cost %v", p.Name, plan.LowerBound, plan.Cost)
	}
	return plan
}

func TestSolvePutsACycleIntoTheCheapHours(t *testing.T) {
	p := &Problem{
		Name: "one cycle", SlotMinutes: 30, N: 8, BaseKW: generate.Flat(8, 0.3), ImportPrice: []float64{.4, .4, .4, .4, .1, .1, .1, .4},
		Loads: []Load{{ID: "washer", Cycle: &Cycle{ProfileKW: []float64{2, 1}, LatestFinish: 8, SkipPenalty: 5}}},
	}
	plan := solve(t, p, Options{})
	if r := model.Spans(plan.Loads["washer"].KW); len(r) != 1 || r[0].From < 4 || r[0].To > 7 {
		t.Errorf("the washer runs in %v, the cheap slots are 4 to 6", r)
	}
	if plan.Gap > 1e-6 {
		t.Errorf("gap %v: one load alone is solved exactly", plan.Gap)
	}
	r := plan.Loads["washer"].Reason
	if !r.NowPossible || math.Abs(r.NowExtra-0.3*1.5) > 1e-9 { // 2 kW and 1 kW through half an hour, 0.3 dearer
		t.Errorf("running it now: possible %v, costs %v more, want 0.45", r.NowPossible, r.NowExtra)
	}
}

func TestSolveIsDeterministic(t *testing.T) {
	for _, class := range []string{"home", "business"} {
		p := generate.Problem(3, class)
		a, b := solve(t, p, Options{Seed: 5}), solve(t, p, Options{Seed: 5})
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("%s: two runs differ:\n%s", class, d)
		}
	}
}

func TestSolveNeverWorseThanGreedyOrThePlanInForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := generate.Problem(rapid.Uint64().Draw(t, "seed"), "home")
		work := rapid.Int64Range(1, 2_000_000).Draw(t, "work")
		greedy := newSearch(context.Background(), p, Options{})
		greedy.greedy()
		plan := solve(t, p, Options{WorkLimit: work})
		if model.Better(greedy.best, plan) && greedy.best.Cost < plan.Cost-1e-9 {
			t.Fatalf("cost %v, by price order %v", plan.Cost, greedy.best.Cost)
		}
		p.BaseKW = append([]float64(nil), p.BaseKW...)
		for i := range p.BaseKW {
			p.BaseKW[i] *= 1.05
		}
		force := newSearch(context.Background(), p, Options{}).inForceCost(plan)
		next := solve(t, p, Options{WorkLimit: work, Previous: plan})
		if force < math.Inf(1) && next.Cost > force+1e-9 {
			t.Fatalf("cost %v, the plan in force costs %v", next.Cost, force)
		}
	})
}

// inForceCost is what a plan costs if it is simply kept, infinite where that
// breaks a rule.
func (s *search) inForceCost(plan *Plan) float64 {
	battery := plan.BatteryKW
	choice := presetOf(plan.Loads)
	e, bad := model.Evaluate(s.p, s.place(0, choice, battery))
	if e == nil || len(bad) > 0 {
		return math.Inf(1)
	}
	return e.Expected
}

func TestALooserLimitNeverCostsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := generate.Problem(rapid.Uint64().Draw(t, "seed"), "home")
		tight := solve(t, p, Options{WorkLimit: 1_000_000})
		q := *p
		q.SiteLimitKW = generate.Flat(p.N, 50)
		loose := solve(t, &q, Options{WorkLimit: 1_000_000, Previous: tight})
		if model.HardAmount(loose) <= model.HardAmount(tight) && loose.Cost > tight.Cost+1e-9 {
			t.Fatalf("%v with a limit of 50 kW, %v with about 4", loose.Cost, tight.Cost)
		}
		// And the proofs must not contradict each other.
		if model.HardAmount(tight) == 0 && loose.LowerBound > tight.Cost+1e-6 {
			t.Fatalf("bound %v without the limit is above the cost %v with it", loose.LowerBound, tight.Cost)
		}
	})
}

func TestAPlanInForceThatShedsToSaveCreditIsNotMadeDearer(t *testing.T) {
	p := generate.Problem(0x177, "home")
	tight := Solve(t.Context(), p, Options{WorkLimit: 1_000_000})
	q := *p
	q.SiteLimitKW = generate.Flat(p.N, 50)
	if loose := Solve(t.Context(), &q, Options{WorkLimit: 1_000_000, Previous: tight}); loose.Cost > tight.Cost+1e-9 {
		t.Errorf("%v, the plan in force costs %v", loose.Cost, tight.Cost)
	}
}

func TestPlanAndProblemRoundTrip(t *testing.T) {
	for seed := range uint64(10) {
		p := generate.Problem(seed, "home")
		var buf bytes.Buffer
		if err := generate.Write(&buf, p); err != nil {
			t.Fatal(err)
		}
		q, err := ReadInstance(&buf)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(p, &q); d != "" {
			t.Fatalf("the problem changed:\n%s", d)
		}
		plan := solve(t, p, Options{WorkLimit: 1_000_000})
		buf.Reset()
		if err := WritePlan(&buf, plan); err != nil {
			t.Fatal(err)
		}
		back, err := ReadPlan(&buf)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(plan, back); d != "" {
			t.Fatalf("the plan changed:\n%s", d)
		}
	}
}

func TestTheSeedSettlesTies(t *testing.T) {
	p := &Problem{
		Name: "a flat night", SlotMinutes: 30, N: 24, BaseKW: generate.Flat(24, 0.3), ImportPrice: generate.Flat(24, 0.2),
		Loads: []Load{{ID: "pump", OnOff: &OnOff{KW: 1, NeedSlots: 4, To: 24, MaxStarts: 1, ShortPenalty: 5, Switching: Switching{MinOn: 1, MinOff: 1}}}},
	}
	starts := make(map[int]bool)
	for seed := range uint64(40) {
		starts[model.Spans(solve(t, p, Options{Seed: seed}).Loads["pump"].KW)[0].From] = true
	}
	if len(starts) < 8 {
		t.Errorf("40 sites start in only %d different slots", len(starts))
	}
}

func TestThePlanInForceStaysWithinTheMargin(t *testing.T) {
	p := generate.Problem(2, "home")
	first := solve(t, p, Options{WorkLimit: 200_000})
	kept := solve(t, p, Options{Previous: first, Margin: 100})
	if !kept.Kept || math.Abs(kept.Cost-first.Cost) > 1e-9 {
		t.Errorf("kept %v, cost %v after %v, with a margin nothing can beat", kept.Kept, kept.Cost, first.Cost)
	}
	for id, l := range first.Loads {
		if d := cmp.Diff(l.KW, kept.Loads[id].KW); d != "" {
			t.Errorf("%s moved:\n%s", id, d)
		}
	}
	if free := solve(t, p, Options{Previous: first}); free.Cost > first.Cost+1e-9 {
		t.Errorf("without a margin the cost rose from %v to %v", first.Cost, free.Cost)
	}
}

func TestACommittedRunIsNotBroken(t *testing.T) {
	for seed := range uint64(12) {
		p := generate.Problem(seed, "home")
		for range 6 {
			plan := solve(t, p, Options{WorkLimit: 400_000, Seed: seed})
			next := p.Advance(plan)
			if faults := next.Check(); len(faults) > 0 {
				t.Fatal(faults)
			}
			after := solve(t, next, Options{WorkLimit: 400_000, Previous: plan.Shift(1), Seed: seed})
			for i := range next.Loads {
				l := &next.Loads[i]
				if l.Cycle != nil && l.Cycle.Running {
					if d := cmp.Diff(l.Cycle.ProfileKW, after.Loads[l.ID].KW[:len(l.Cycle.ProfileKW)]); d != "" {
						t.Errorf("seed %d: the running %s is broken:\n%s", seed, l.ID, d)
					}
				}
			}
			p = next
		}
	}
}

func TestDeadlinesCapsAndPriorities(t *testing.T) {
	base := func(loads ...Load) *Problem {
		return &Problem{Name: "x", SlotMinutes: 60, N: 8, BaseKW: generate.Flat(8, 0), ImportPrice: []float64{.5, .5, .5, .5, .1, .1, .1, .1}, SiteLimitKW: generate.Flat(8, 2), ShedPenalty: 9, Loads: loads}
	}
	pump := func(id string, need int) Load {
		return Load{ID: id, OnOff: &OnOff{KW: 2, NeedSlots: need, To: 8, MaxStarts: 8, ShortPenalty: 3, Switching: Switching{MinOn: 1, MinOff: 1}}}
	}
	t.Run("a soft deadline is missed only for more than it costs", func(t *testing.T) {
		for _, late := range []float64{0.2, 2} {
			l := pump("pump", 2)
			l.Deadline = &Deadline{Slot: 4, LatePenalty: late}
			plan := solve(t, base(l), Options{})
			early := model.Spans(plan.Loads["pump"].KW)[0].From < 4
			if want := late > 0.8; early != want { // two slots of 2 kWh are 0.8 cheaper each when late
				t.Errorf("late penalty %v: runs in %v", late, model.Spans(plan.Loads["pump"].KW))
			}
		}
	})
	t.Run("a price cap leaves dear hours out", func(t *testing.T) {
		l := pump("pump", 8)
		l.PriceCap = 0.3
		plan := solve(t, base(l), Options{})
		if r := model.Spans(plan.Loads["pump"].KW); len(r) != 1 || r[0] != (model.Span{From: 4, To: 8}) {
			t.Errorf("runs in %v, only slots 4 to 7 cost less than 0.3", r)
		}
	})
	t.Run("the more important load goes first", func(t *testing.T) {
		a, b := pump("a", 8), pump("b", 8)
		b.Priority = 2
		plan := solve(t, base(a, b), Options{})
		if n := len(model.Spans(plan.Loads["b"].KW)); n != 1 || model.MaxOf(plan.Loads["a"].KW) > 0 {
			t.Errorf("a runs in %v, b in %v", model.Spans(plan.Loads["a"].KW), model.Spans(plan.Loads["b"].KW))
		}
		if len(plan.Shortfalls) != 1 || plan.Shortfalls[0].Load != "a" {
			t.Errorf("shortfalls %v", plan.Shortfalls)
		}
	})
	t.Run("exclusions and circuits are kept", func(t *testing.T) {
		p := base(pump("a", 3), pump("b", 3), pump("c", 2))
		p.SiteLimitKW = nil
		p.Exclusions = [][]string{{"a", "b"}}
		p.Circuits = []Circuit{{Name: "garage", LimitKW: 3, Loads: []string{"b", "c"}}}
		plan := solve(t, p, Options{})
		if len(plan.Shortfalls) > 0 || plan.Gap > 0.2 {
			t.Errorf("shortfalls %v, gap %v", plan.Shortfalls, plan.Gap)
		}
		if best := 2 * (0.1*4 + 0.5*2 + 0.1*2); math.Abs(plan.Cost-best) > 1e-6 { // a and b share the cheap slots, c needs those of a
			t.Errorf("cost %v, the least is %v", plan.Cost, best)
		}
	})
	t.Run("a circuit of which some slots have less", func(t *testing.T) {
		p := base(pump("a", 2), pump("b", 2))
		p.SiteLimitKW = nil
		p.Circuits = []Circuit{{Name: "limit", Loads: []string{"a", "b"}, LimitsKW: []float64{9, 9, 9, 9, 1, 1, 2, 4}}}
		plan := solve(t, p, Options{})
		if len(plan.Shortfalls) > 0 {
			t.Errorf("shortfalls %v", plan.Shortfalls)
		}
		if best := 2 * (0.1*3 + 0.5); math.Abs(plan.Cost-best) > 1e-6 { // of four cheap slots two leave no power, and one that of one
			t.Errorf("cost %v, the least is %v", plan.Cost, best)
		}
		for s, most := range p.Circuits[0].LimitsKW {
			if sum := plan.Loads["a"].KW[s] + plan.Loads["b"].KW[s]; sum > most {
				t.Errorf("%v kW in slot %d, above %v", sum, s, most)
			}
		}
		if q := p.Advance(plan); len(q.Circuits) != 1 || q.Circuits[0].At(6) != 4 || q.Circuits[0].At(3) != 1 {
			t.Errorf("a slot later: %+v", q.Circuits)
		}
	})
}

func TestWhatCannotBeHadIsAShortfall(t *testing.T) {
	pump := Load{ID: "pump", OnOff: &OnOff{KW: 1, NeedSlots: 4, To: 8, MaxStarts: 2, ShortPenalty: 1, Switching: Switching{MinOn: 1, MinOff: 1}}}
	base := func() *Problem {
		return &Problem{Name: "hard", SlotMinutes: 60, N: 8, BaseKW: generate.Flat(8, 1), ImportPrice: generate.Flat(8, 0.2), SiteLimitKW: generate.Flat(8, 5), ShedPenalty: 4, Loads: []Load{pump}}
	}
	for _, row := range []struct {
		name string
		kind ShortfallKind
		set  func(*Problem)
	}{
		{"the limit is below the base", ShortShed, func(p *Problem) { p.SiteLimitKW = generate.Flat(8, 0.4) }},
		{"the limit is negative", ShortShed, func(p *Problem) { p.SiteLimitKW = generate.Flat(8, -1) }},
		{"the window is too short", ShortEnergy, func(p *Problem) { p.Loads[0].OnOff.To = 2 }},
		{"the window is empty", ShortEnergy, func(p *Problem) { p.Loads[0].OnOff.From, p.Loads[0].OnOff.To = 6, 3 }},
		{"no start is allowed", ShortEnergy, func(p *Problem) { p.Loads[0].OnOff.MaxStarts = 0 }},
		{"the least run is longer than the need", ShortEnergy, func(p *Problem) { p.Loads[0].OnOff.MinOn = 6 }},
		{"a cycle longer than its window", ShortSkip, func(p *Problem) {
			p.Loads[0] = Load{ID: "c", Cycle: &Cycle{ProfileKW: []float64{1, 1, 1}, Earliest: 3, LatestFinish: 5, SkipPenalty: 1}}
		}},
		{"a cycle longer than the horizon", ShortSkip, func(p *Problem) {
			p.Loads[0] = Load{ID: "c", Cycle: &Cycle{ProfileKW: generate.Flat(20, 1), LatestFinish: 30, SkipPenalty: 1}}
		}},
		{"a least power that exceeds the need", ShortEnergy, func(p *Problem) {
			p.Loads[0] = Load{ID: "v", Variable: &Variable{MinKW: 3, MaxKW: 4, NeedKWh: 1, To: 8, MaxStarts: 1, ShortPenalty: 1, Switching: Switching{MinOn: 1, MinOff: 1}}}
		}},
		{"the credit is spent", ShortCredit, func(p *Problem) { p.Credit = &Credit{Balance: -1, UntilSlot: 8} }},
		{"a charge the credit cannot pay", ShortCredit, func(p *Problem) {
			p.Credit = &Credit{Balance: 1, UntilSlot: 8}
			p.FixedCharges = []FixedCharge{{Slot: 3, Amount: 2}}
		}},
		{"the credit pays part of the base", ShortShed, func(p *Problem) { p.Credit = &Credit{Balance: 0.5, UntilSlot: 8} }},
		{"a store too hot from the start", ShortHot, func(p *Problem) {
			p.Loads[0] = Load{ID: "t", Thermal: &Thermal{KW: 2, A: 0.99, B: 3, TEnv: Series{20}, T0: 90, TMin: generate.Flat(8, 45), TMax: 60, ComfortPenalty: 1, EndPenalty: 1, Switching: Switching{MinOn: 1, MinOff: 1}}}
		}},
		{"a store too cold", ShortComfort, func(p *Problem) {
			p.Loads[0] = Load{ID: "t", Thermal: &Thermal{KW: 0.1, A: 0.9, B: 1, TEnv: Series{0}, T0: 20, TMin: generate.Flat(8, 45), TMax: 60, ComfortPenalty: 1, Switching: Switching{MinOn: 1, MinOff: 1}}}
		}},
		{"a battery that cannot be full in time", ShortBattery, func(p *Problem) {
			p.Battery = &Battery{CapKWh: 10, SoC0: 0, SoCMax: 10, MaxChargeKW: 0.5, MaxDischargeKW: 1, EffC: 1, EffD: 1, SoCEnd: 9}
		}},
		{"a battery below its least charge", ShortBattery, func(p *Problem) {
			p.Battery = &Battery{CapKWh: 10, SoC0: 0, SoCMin: 5, SoCMax: 10, MaxChargeKW: 0.5, MaxDischargeKW: 1, EffC: 1, EffD: 1}
		}},
		{"loads that exclude each other are both committed", ShortExclude, func(p *Problem) {
			for _, id := range []string{"a", "b"} {
				p.Loads = append(p.Loads, Load{ID: id, Cycle: &Cycle{ProfileKW: []float64{1, 1}, Running: true}})
			}
			p.Exclusions = [][]string{{"a", "b"}}
		}},
		{"committed runs exceed the limit", ShortLimit, func(p *Problem) {
			p.Loads = append(p.Loads, Load{ID: "a", Cycle: &Cycle{ProfileKW: []float64{9, 9}, Running: true}})
		}},
		{"a document that makes no sense", BadForm, func(p *Problem) { p.BaseKW = nil }},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := base()
			o := *pump.OnOff
			p.Loads[0].OnOff = &o
			row.set(p)
			plan := Solve(context.Background(), p, Options{WorkLimit: quick})
			found := false
			for _, s := range plan.Shortfalls {
				found = found || s.Kind == row.kind
			}
			if !found {
				t.Errorf("shortfalls %v, one of kind %q is expected", plan.Shortfalls, row.kind)
			}
			if row.kind == BadForm {
				return
			}
			for _, v := range Check(p, plan) {
				if !v.Kind.Hard() || v.Kind == BadPower || v.Kind == BadSwitching || v.Kind == BadWindow || v.Kind == BadCost {
					t.Errorf("%v", v)
				}
			}
		})
	}
}

func TestACancelledSearchReturnsAPlan(t *testing.T) {
	p := generate.Problem(5, "business")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	plan := Solve(ctx, p, Options{})
	if plan.Stopped != StopCancelled {
		t.Errorf("stopped by %q", plan.Stopped)
	}
	for _, v := range Check(p, plan) {
		t.Error(v)
	}
}

func TestTheCreditLastsAsOftenAsAsked(t *testing.T) {
	p := generate.Problem(4, "home")
	var spend float64
	for i := range p.N {
		spend += p.BaseKW[i] * p.ImportPrice[i] * p.Hours()
	}
	p.Credit = &Credit{Balance: 1.9*spend + 0.3, UntilSlot: p.N, ChanceLimit: 0.1}
	future := func(r *rand.Rand) Scenario {
		s := Scenario{Weight: 1, BaseKW: make([]float64, p.N), PVKW: make([]float64, p.N)}
		day, sun := math.Exp(0.25*r.NormFloat64()), math.Min(1.3, math.Exp(0.3*r.NormFloat64()))
		for i := range p.N {
			s.BaseKW[i] = p.BaseKW[i] * day * math.Exp(0.2*r.NormFloat64())
			s.PVKW[i] = model.At(p.PVKW, i) * sun
		}
		return s
	}
	// Forty scenarios drawn once know a share of 0.1 only to within 0.047, one
	// standard error, so it is the mean over independent draws that is kept to.
	const draws, futures = 10, 1000
	r := rand.New(rand.NewPCG(11, 12))
	var sum float64
	for range draws {
		p.Scenarios = nil
		for range 40 {
			p.Scenarios = append(p.Scenarios, future(r))
		}
		plan := solve(t, p, Options{WorkLimit: 3_000_000})
		if plan.Risk == nil || plan.Risk.RunOut > 0.1+1e-9 {
			t.Fatalf("risk %+v", plan.Risk)
		}
		test := *p
		test.Scenarios = nil
		for range futures {
			test.Scenarios = append(test.Scenarios, future(r))
		}
		out := RunOut(&test, plan)
		sum += out
		t.Logf("run-out share: %.3f of the 40 scenarios, %.3f of %d futures; protection costs %.4f of %.4f", plan.Risk.RunOut, out, futures, plan.Risk.Protection, plan.Cost)
	}
	if mean := sum / draws; mean > 0.1+2*0.047/math.Sqrt(draws) {
		t.Errorf("the credit runs out in %.1f %% of the futures", 100*mean)
	} else {
		t.Logf("mean run-out share: %.3f", mean)
	}
}

func ExampleSolve() {
	p := &Problem{
		Name: "evening", SlotMinutes: 60, N: 4, BaseKW: []float64{1, 1, 1, 1}, ImportPrice: []float64{0.4, 0.4, 0.1, 0.1},
		Loads: []Load{{ID: "dishwasher", Cycle: &Cycle{ProfileKW: []float64{2}, LatestFinish: 4, SkipPenalty: 5}}},
	}
	plan := Solve(context.Background(), p, Options{Seed: 1})
	fmt.Printf("%.2f %s\n", plan.Cost, plan.Stopped)
	// Output: 1.20 gap
}

// A week of slots, with sun and a battery: the linear programme alone would take all of the
// limits, and leave the first plan as it is and next to nothing proven.
func TestALongHorizonIsPlannedAndProvenBeforeTheLinearProgrammeIsSolved(t *testing.T) {
	p := generate.Problem(4, "home")
	const n = 7 * 96
	long := Problem{
		Name: "week", SlotMinutes: 15, N: n, ExportLimitKW: 5, ShedPenalty: 4,
		Battery: &Battery{CapKWh: 5, SoC0: 2, SoCMin: 0.5, SoCMax: 5, MaxChargeKW: 2.5, MaxDischargeKW: 2.5, EffC: 0.95, EffD: 0.95, Wear: 0.01, SoCEnd: 1.5},
	}
	for t := range n {
		long.BaseKW = append(long.BaseKW, p.BaseKW[t%96])
		long.PVKW = append(long.PVKW, p.PVKW[t%96])
		long.ImportPrice = append(long.ImportPrice, p.ImportPrice[t%96])
		long.ExportPrice = append(long.ExportPrice, p.ExportPrice[t%96])
		long.SiteLimitKW = append(long.SiteLimitKW, p.SiteLimitKW[t%96])
	}
	for day := range 7 {
		from := day * 96
		long.Loads = append(long.Loads, Load{ID: fmt.Sprintf("car%d", day), Variable: &Variable{
			MinKW: 1.4, MaxKW: 3.7, NeedKWh: 8, From: from, To: from + 96, MaxStarts: 2, StartCost: 0.02, ShortPenalty: 1, Switching: Switching{MinOn: 1, MinOff: 1},
		}})
	}
	plan := Solve(context.Background(), &long, Options{WorkLimit: 150_000_000})
	if bad := Check(&long, plan); len(bad) > 0 {
		t.Fatal(bad)
	}
	if plan.Gap > 0.2 {
		t.Errorf("%.1f %% are left unproven (%s), a plan costs %.3f", 100*plan.Gap, plan.Stopped, plan.Cost)
	}
	first := newSearch(context.Background(), &long, Options{})
	first.greedy()
	if plan.Cost > 0.5*first.best.Cost {
		t.Errorf("it costs %.3f, the first plan %.3f", plan.Cost, first.best.Cost)
	}
}
