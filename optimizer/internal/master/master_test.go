package master

import (
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/lp"
	"github.com/keeplit/keeplit/optimizer/internal/lp/lptest"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

var dump = flag.String("dump", "", "write the programmes, in the LP format that solvers read, to this folder")

func never() bool { return false }

// programme is a problem's linear programme with some schedules of each load, and a
// basis of the first of each.
func programme(t *testing.T, p *model.Problem, schedules int) *Programme {
	t.Helper()
	pricers := make(map[string]pricing.Pricer, len(p.Loads))
	var shared pricing.Scratch
	for i := range p.Loads {
		pricers[p.Loads[i].ID] = pricing.New(p, &p.Loads[i], &shared)
	}
	m := New(p, NewOutlook(p), 1000*p.ShedPenalty, pricers)
	r := rand.New(rand.NewPCG(1, 5))
	price, on := make([]float64, p.N), make([]float64, p.N)
	for _, u := range m.Units {
		for range schedules {
			m.AddSchedule(u, u.Pricer.Best(price, on))
			for s := range price {
				price[s] = 2 * p.ImportPrice[s] * m.Hours * r.Float64()
			}
		}
	}
	if !m.Crash(make([]int, len(m.Units))) {
		t.Fatalf("%s: no basis", p.Name)
	}
	return m
}

// problems are of every kind that has rows of its own.
func problems() []*model.Problem {
	var out []*model.Problem
	for seed := range uint64(10) {
		out = append(out, generate.Problem(seed, "tiny"), generate.Problem(seed, "home"))
	}
	futures := generate.Problem(4, "tiny")
	futures.Name = "futures"
	for i := range 5 {
		s := model.Scenario{Weight: float64(1 + i)}
		for _, x := range futures.BaseKW {
			s.BaseKW = append(s.BaseKW, x*(0.7+0.15*float64(i)))
		}
		futures.Scenarios = append(futures.Scenarios, s)
	}
	futures.Credit = &model.Credit{Balance: 4, UntilSlot: futures.N, TopUps: []model.TopUp{{Slot: 4, Amount: 1}}}
	shared := generate.Problem(7, "tiny")
	shared.Name = "shared"
	shared.Exclusions = [][]string{{"load00", "load01"}}
	shared.Circuits = []model.Circuit{{Name: "garage", LimitKW: 2, Loads: []string{"load00", "load01"}}}
	return append(out, futures, shared, generate.Problem(1, "business"))
}

// The optima in testdata were found by another solver, HiGHS, from the files that -dump
// writes.
func TestTheProgrammesOfSitesHaveTheOptimaOfAnotherSolver(t *testing.T) {
	var optima map[string]float64
	raw, err := os.ReadFile(filepath.Join("testdata", "optima.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &optima); err != nil {
		t.Fatal(err)
	}
	for _, p := range problems() {
		m := programme(t, p, 4)
		if *dump != "" {
			s := m.LP
			if err := os.WriteFile(filepath.Join(*dump, p.Name+".lp"), []byte(lptest.Text(s.Cost, s.UB, s.B, s.Ptr, s.Ind, s.Val)), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, ok := optima[p.Name]
		if !ok {
			t.Fatalf("testdata has no optimum of %s", p.Name)
		}
		if status := m.LP.Solve(100000, never); status != lp.Optimal {
			t.Errorf("%s: ended with status %d", p.Name, status)
		}
		if got := m.LP.Objective(); math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
			t.Errorf("%s: the optimum is %.9g, found %.9g", p.Name, want, got)
		}
		// Of the loads nothing is known but their schedules, so the bound is at most
		// the optimum: with their values at the duals it is the optimum.
		bound := m.StaticBound(m.LP.Y)
		for _, u := range m.Units {
			bound += m.LP.Y[u.Row]
		}
		if math.Abs(bound-m.Const-want) > 1e-5*max(1, math.Abs(want)) {
			t.Errorf("%s: the duals are worth %v, the optimum is %v", p.Name, bound-m.Const, want)
		}
	}
}

// A programme in which each load has one schedule costs what the measure of plans says
// of it, where the battery rests or there is none.
func TestOneScheduleALoadCostsWhatItsPlanDoes(t *testing.T) {
	tried := 0
	for _, p := range problems() {
		if p.Battery != nil || len(p.Demand) > 0 { // where a peak is charged it may pay to shed base
			continue
		}
		m := programme(t, p, 1)
		m.LP.Solve(100000, never)
		plan := &model.Plan{Loads: make(map[string]model.LoadPlan), PVUsedKW: make([]float64, p.N), ShedKW: make([]float64, p.N)}
		z := make([]float64, p.N)
		for _, u := range m.Units {
			plan.Loads[u.Load.ID] = model.LoadPlan{KW: u.Cols[0].KW}
			for t, x := range u.Cols[0].KW {
				z[t] += x
			}
		}
		for t := range z {
			Balance(p, plan, t, z[t], 0)
		}
		e, bad := model.Evaluate(p, plan)
		if len(bad) > 0 {
			continue // at the price of what must not be
		}
		tried++
		if got := m.LP.Objective() + m.Const; math.Abs(got-e.Expected) > 1e-7*max(1, math.Abs(e.Expected)) {
			t.Errorf("%s: the programme costs %v, the plan %v", p.Name, got, e.Expected)
		}
	}
	if tried < 5 {
		t.Errorf("only %d plans keep the rules", tried)
	}
}

// With every schedule of every load in it the programme is a bound: no plan costs less.
func TestTheProgrammeOverAllSchedulesIsBelowTheBestPlan(t *testing.T) {
	tried := 0
	for seed := range uint64(30) {
		p := generate.Problem(seed, "tiny")
		p.Battery = nil
		cycles := p.Loads[:0:0]
		for _, l := range p.Loads {
			if l.Cycle != nil {
				cycles = append(cycles, l)
			}
		}
		if p.Loads = cycles; len(cycles) == 0 {
			continue
		}
		m := programme(t, p, 1)
		best := math.Inf(1)
		var all [][]pricing.Schedule
		for _, u := range m.Units {
			q := u.Pricer.(*pricing.Cycle)
			of := []pricing.Schedule{q.At(-1)}
			for s := q.Lo; s <= q.Hi; s++ {
				of = append(of, q.At(s))
			}
			for _, sc := range of {
				m.AddSchedule(u, sc)
			}
			all = append(all, of)
		}
		var try func(i int, plan *model.Plan, z []float64)
		try = func(i int, plan *model.Plan, z []float64) {
			if i < len(all) {
				for _, sc := range all[i] {
					plan.Loads[m.Units[i].Load.ID] = model.LoadPlan{KW: sc.KW}
					sum := append([]float64(nil), z...)
					for t, x := range sc.KW {
						sum[t] += x
					}
					try(i+1, plan, sum)
				}
				return
			}
			plan.PVUsedKW, plan.ShedKW = make([]float64, p.N), make([]float64, p.N)
			for t := range z {
				Balance(p, plan, t, z[t], 0)
			}
			if e, bad := model.Evaluate(p, plan); len(bad) == 0 {
				best = min(best, e.Expected)
			}
		}
		try(0, &model.Plan{Loads: make(map[string]model.LoadPlan)}, make([]float64, p.N))
		m.LP.Solve(100000, never)
		if math.IsInf(best, 1) {
			continue
		}
		tried++
		got := m.LP.Objective() + m.Const
		if got > best+1e-7*math.Abs(best) {
			t.Errorf("seed %d: the programme costs %v, the best plan %v", seed, got, best)
		}
		if len(all) == 1 && len(p.Blocks) == 0 && got < best-0.5*math.Abs(best) {
			t.Errorf("seed %d: one load alone, %v and %v", seed, got, best)
		}
	}
	if tried < 8 {
		t.Errorf("only %d problems were tried", tried)
	}
}

func TestALoadThatIsHeldRunsThatPatternOnly(t *testing.T) {
	m := programme(t, generate.Problem(3, "home"), 5)
	for _, u := range m.Units {
		if len(u.Cols) < 2 {
			continue
		}
		want := u.Cols[len(u.Cols)-1].Pattern
		m.Hold(u, &want)
		m.LP.Solve(100000, never)
		got, weight := Heaviest(u, m.Weights(u, nil))
		if got != want || weight < 1-1e-6 {
			t.Errorf("%s is held to one pattern and runs %v of it", u.Load.ID, weight)
		}
		m.Hold(u, nil)
		for i := range u.Cols {
			if c := &u.Cols[i]; c.Banned || m.LP.Cost[c.Col] != c.Own {
				t.Errorf("%s is free again, and column %d costs %v of %v", u.Load.ID, i, m.LP.Cost[c.Col], c.Own)
			}
		}
	}
}

func TestTheBatteryIsKeptWithinItsBand(t *testing.T) {
	p := generate.Problem(0, "home")
	p.Battery = &model.Battery{CapKWh: 5, SoC0: 0.2, SoCMin: 1, SoCMax: 4, MaxChargeKW: 2, MaxDischargeKW: 3, EffC: 0.9, EffD: 0.95, SoCEnd: 2}
	lo, hi := BatteryBand(p)
	r := rand.New(rand.NewPCG(9, 9))
	for range 50 {
		kw := make([]float64, p.N)
		for k := range kw {
			kw[k] = 8 * (r.Float64() - 0.5)
		}
		SettleBattery(p, kw)
		soc := p.Battery.SoC0
		for k, x := range kw {
			if soc += p.Battery.Inflow(x) * p.Hours(); soc < lo[k]-1e-9 || soc > hi[k]+1e-9 || x > 2+1e-6 || x < -3-1e-6 {
				t.Fatalf("slot %d: %v kW lead to %v kWh, outside %v to %v", k, x, soc, lo[k], hi[k])
			}
		}
	}
}

func TestTheBalanceIsLookedAtWhereItCanBeLeast(t *testing.T) {
	p := &model.Problem{N: 10, FixedCharges: []model.FixedCharge{{Slot: 3, Amount: 1}}, Credit: &model.Credit{
		Balance: 5, MinBalance: 1, UntilSlot: 8, EndReserve: 2, TopUps: []model.TopUp{{Slot: 4, Amount: 3}, {Slot: 9, Amount: 2}},
	}}
	want := []CreditCheck{{3, 3}, {7, 6}, {9, 7}}
	got := CreditChecks(p)
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("check %d is %v, want %v", i, got[i], want[i])
		}
	}
}
