package model_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// site is a home with a load of each kind, and a plan of it that breaks no rule.
func site() (*model.Problem, *model.Plan) {
	n := 8
	p := &model.Problem{
		Name: "site", SlotMinutes: 60, N: n, BaseKW: generate.Flat(n, 0.5), PVKW: generate.Flat(n, 0), ImportPrice: []float64{.1, .1, .2, .2, .2, .2, .1, .1},
		ExportPrice: generate.Flat(n, 0.05), SiteLimitKW: generate.Flat(n, 6), ExportLimitKW: 3, ShedPenalty: 4,
		Blocks:       []model.Block{{To: n, MTD: 3, Steps: []model.Step{{Adder: 0.01}}}},
		FixedCharges: []model.FixedCharge{{Slot: 2, Amount: 0.3}},
		Credit:       &model.Credit{Balance: 5, UntilSlot: n, TopUps: []model.TopUp{{Slot: 4, Amount: 1}}},
		Battery:      &model.Battery{CapKWh: 5, SoC0: 2, SoCMax: 5, MaxChargeKW: 2, MaxDischargeKW: 2, EffC: 0.9, EffD: 0.9, Wear: 0.01},
		Loads: []model.Load{
			{ID: "washer", Cycle: &model.Cycle{ProfileKW: []float64{2, 1}, LatestFinish: n, SkipPenalty: 2}},
			{ID: "pump", Deadline: &model.Deadline{Slot: 2, LatePenalty: 0.02}, OnOff: &model.OnOff{KW: 1, NeedSlots: 3, To: n, MaxStarts: 1, StartCost: 0.01, ShortPenalty: 0.5, Switching: model.Switching{MinOn: 2, MinOff: 1}}},
			{ID: "car", Variable: &model.Variable{MinKW: 1, MaxKW: 3, NeedKWh: 4, To: n, MaxStarts: 2, StartCost: 0.02, ShortPenalty: 0.6, Switching: model.Switching{MinOn: 1, MinOff: 1}}},
			{ID: "geyser", Thermal: &model.Thermal{KW: 2, A: 0.98, B: 5, TEnv: model.Series{20}, T0: 50, TMin: generate.Flat(n, 45), TMax: 70, ComfortPenalty: 0.1, EndTarget: 50, EndPenalty: 0.05}},
		},
	}
	plan := &model.Plan{Loads: map[string]model.LoadPlan{
		"washer": {KW: []float64{2, 1, 0, 0, 0, 0, 0, 0}}, "pump": {KW: []float64{0, 1, 1, 0, 0, 0, 0, 0}},
		"car": {KW: []float64{0, 0, 0, 0, 0, 0, 3, 0}}, "geyser": {KW: []float64{0, 0, 0, 2, 0, 0, 0, 0}},
	}, BatteryKW: []float64{1, 0, 0, -1, 0, 0, 0, 0}, PVUsedKW: generate.Flat(n, 0), ShedKW: generate.Flat(n, 0)}
	return p, plan
}

func TestARuleThatIsBrokenIsNamed(t *testing.T) {
	p, plan := site()
	if bad := model.Check(p, priced(p, plan)); len(bad) > 0 {
		t.Fatalf("the plan itself breaks %v", bad)
	}
	for _, row := range []struct {
		name string
		do   func(p *model.Problem, plan *model.Plan)
		want model.ShortfallKind
	}{
		{"a load is missing", func(_ *model.Problem, plan *model.Plan) { delete(plan.Loads, "car") }, model.BadForm},
		{"a slot too many", func(_ *model.Problem, plan *model.Plan) { plan.BatteryKW = append(plan.BatteryKW, 0) }, model.BadForm},
		{"a power that is no number", func(_ *model.Problem, plan *model.Plan) { plan.Loads["car"].KW[0] = math.NaN() }, model.BadForm},
		{"a cycle that is broken off", func(_ *model.Problem, plan *model.Plan) { plan.Loads["washer"].KW[1] = 0 }, model.BadPower},
		{"a pump at half its power", func(_ *model.Problem, plan *model.Plan) { plan.Loads["pump"].KW[1] = 0.5 }, model.BadPower},
		{"a car below its least power", func(_ *model.Problem, plan *model.Plan) { plan.Loads["car"].KW[6] = 0.5 }, model.BadPower},
		{"a car that gets too much", func(_ *model.Problem, plan *model.Plan) { plan.Loads["car"].KW[7] = 3 }, model.BadPower},
		{"outside the window", func(p *model.Problem, _ *model.Plan) { p.Loads[1].OnOff.From = 2 }, model.BadWindow},
		{"a run too short", func(p *model.Problem, _ *model.Plan) { p.Loads[1].OnOff.MinOn = 3 }, model.BadSwitching},
		{"a start too many", func(p *model.Problem, _ *model.Plan) { p.Loads[1].OnOff.MaxStarts = 0 }, model.BadSwitching},
		{"too hot", func(p *model.Problem, _ *model.Plan) { p.Loads[3].Thermal.TMax = 53 }, model.ShortHot},
		{"more than the connection gives", func(p *model.Problem, _ *model.Plan) { p.SiteLimitKW[0] = 2 }, model.ShortLimit},
		{"the battery is too small", func(p *model.Problem, _ *model.Plan) { p.Battery.SoCMax = 2.5 }, model.ShortBattery},
		{"the battery ends empty", func(p *model.Problem, _ *model.Plan) { p.Battery.SoCEnd = 4 }, model.ShortBattery},
		{"the credit runs out", func(p *model.Problem, _ *model.Plan) { p.Credit.Balance = 1 }, model.ShortCredit},
		{"the credit ends below its reserve", func(p *model.Problem, _ *model.Plan) { p.Credit.EndReserve = 4.9 }, model.ShortReserve},
		{"a shared breaker", func(p *model.Problem, _ *model.Plan) {
			p.Circuits = []model.Circuit{{Name: "kitchen", LimitKW: 1.5, Loads: []string{"washer", "pump"}}}
		}, model.ShortCircuit},
		{"loads that exclude each other", func(p *model.Problem, _ *model.Plan) { p.Exclusions = [][]string{{"washer", "pump"}} }, model.ShortExclude},
		{"a cost that is not the cost", func(_ *model.Problem, plan *model.Plan) { plan.Cost *= 1.001 }, model.BadCost},
		{"a bound above the cost", func(_ *model.Problem, plan *model.Plan) { plan.LowerBound = plan.Cost + 0.1 }, model.BadBound},
	} {
		p, plan := site()
		priced(p, plan)
		row.do(p, plan)
		if row.want != model.BadCost && row.want != model.BadBound && row.want != model.BadForm {
			priced(p, plan)
		}
		kinds := ""
		for _, v := range model.Check(p, plan) {
			kinds += string(v.Kind) + ", "
		}
		if !strings.Contains(kinds, string(row.want)) {
			t.Errorf("%s: told is %q, want %q", row.name, kinds, row.want)
		}
	}
}

// priced writes into the plan what it costs.
func priced(p *model.Problem, plan *model.Plan) *model.Plan {
	if e, _ := model.Evaluate(p, plan); e != nil {
		model.Fill(plan, e)
	}
	return plan
}

func TestAFaultOfAProblemIsToldWhereItIs(t *testing.T) {
	for _, row := range []struct {
		at string
		do func(p *model.Problem)
	}{
		{"n", func(p *model.Problem) { p.N = 0 }},
		{"slot_min", func(p *model.Problem) { p.SlotMinutes = math.Inf(1) }},
		{"base_kw", func(p *model.Problem) { p.BaseKW = p.BaseKW[1:] }},
		{"import_price[3]", func(p *model.Problem) { p.ImportPrice[3] = math.NaN() }},
		{"export_price[2]", func(p *model.Problem) { p.ExportPrice[2] = 1 }},
		{"fixed_charges[0].slot", func(p *model.Problem) { p.FixedCharges[0].Slot = 8 }},
		{"blocks[0].steps[1].adder", func(p *model.Problem) { p.Blocks[0].Steps = append(p.Blocks[0].Steps, model.Step{}) }},
		{"demand[0].interval_slots", func(p *model.Problem) { p.Demand = []model.DemandWindow{{}} }},
		{"credit.until_slot", func(p *model.Problem) { p.Credit.UntilSlot = 9 }},
		{"credit.topups[0].slot", func(p *model.Problem) { p.Credit.TopUps[0].Slot = -1 }},
		{"battery.eff_d", func(p *model.Problem) { p.Battery.EffD = 1.1 }},
		{"scenarios[0].weight", func(p *model.Problem) { p.Scenarios = []model.Scenario{{BaseKW: p.BaseKW}} }},
		{"loads[1].id", func(p *model.Problem) { p.Loads[1].ID = "washer" }},
		{"loads[0].type", func(p *model.Problem) { p.Loads[0].Cycle = nil }},
		{"loads[2].min_kw", func(p *model.Problem) { p.Loads[2].Variable.MinKW = 9 }},
		{"loads[3].a", func(p *model.Problem) { p.Loads[3].Thermal.A = 0 }},
		{"exclusions[0]", func(p *model.Problem) { p.Exclusions = [][]string{{"nobody"}} }},
		{"circuits[0].limits_kw", func(p *model.Problem) {
			p.Circuits = []model.Circuit{{LimitsKW: []float64{1}}}
		}},
		{"circuits[0].limit_kw", func(p *model.Problem) { p.Circuits = []model.Circuit{{LimitKW: -1}} }},
	} {
		p, _ := site()
		if faults := p.Check(); len(faults) > 0 {
			t.Fatalf("the site itself has %v", faults)
		}
		row.do(p)
		var paths []string
		for _, f := range p.Check() {
			paths = append(paths, f.Path)
		}
		if !slices.Contains(paths, row.at) {
			t.Errorf("told are faults at %q, want %s", paths, row.at)
		}
	}
}

// Money in another unit is money: each part of the cost is the same number of units.
func TestMoneyCountedInAnotherUnitIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, plan := site()
		p.Demand = []model.DemandWindow{{Slots: []int{0, 1, 2, 3}, Interval: 2, PricePerKW: 2}}
		p.Loads[1].PriceCap = 0.3
		plan.Loads["car"].KW[6] = rapid.Float64Range(1, 3).Draw(t, "car")
		plan.ShedKW[4] = float64(rapid.IntRange(0, 32).Draw(t, "shed")) / 64
		unit := math.Ldexp(1, 2*rapid.IntRange(-15, 15).Draw(t, "unit"))
		q := p.Counted(unit)
		if got := q.Unit() * unit; got != p.Unit() {
			t.Fatalf("the unit is %v, in the first one %v", got, p.Unit())
		}
		other := *plan
		a, b := priced(p, plan), priced(q, &other)
		for name, x := range map[string][2]float64{
			"cost": {a.Cost, b.Cost}, "energy": {a.Parts.Energy, b.Parts.Energy}, "blocks": {a.Parts.Blocks, b.Parts.Blocks}, "demand": {a.Parts.Demand, b.Parts.Demand},
			"fixed": {a.Parts.Fixed, b.Parts.Fixed}, "wear": {a.Parts.Wear, b.Parts.Wear}, "starts": {a.Parts.Starts, b.Parts.Starts}, "short": {a.Parts.Short, b.Parts.Short},
			"late": {a.Parts.Late, b.Parts.Late}, "comfort": {a.Parts.Comfort, b.Parts.Comfort}, "end": {a.Parts.End, b.Parts.End}, "shed": {a.Parts.Shed, b.Parts.Shed},
		} {
			if x[0] != x[1]*unit {
				t.Fatalf("%s: %v units of %v, %v of one", name, x[1], unit, x[0])
			}
		}
		if x, y := plan.Balance, other.Balance; !slices.EqualFunc(x, y, func(a, b float64) bool { return a == b*unit }) {
			t.Fatalf("balances %v and %v", x, y)
		}
	})
}

func TestTheUnitBringsTheMeanPriceNear(t *testing.T) {
	for _, row := range []struct{ price, unit float64 }{{0, 1}, {0.0625, 1}, {0.2, 1}, {0.249, 1}, {0.25, 4}, {2.5, 16}, {250, 1024}, {0.06, 0.25}, {0.0002, 1. / 1024}} {
		p, _ := site()
		p.ImportPrice = generate.Flat(p.N, row.price)
		if got := p.Unit(); got != row.unit {
			t.Errorf("where a kWh costs %v the unit is %v, want %v", row.price, got, row.unit)
		}
	}
}

// A slot later everything is where the plan left it.
func TestASlotLaterTheSiteIsWhereThePlanLeftIt(t *testing.T) {
	p, plan := site()
	plan = priced(p, plan)
	q := p.Advance(plan)
	if q.N != p.N || q.ImportPrice[0] != p.ImportPrice[1] || q.Loads[0].Cycle.Running != true || len(q.Loads[0].Cycle.ProfileKW) != 1 {
		t.Errorf("%+v, the washer %+v", q, q.Loads[0].Cycle)
	}
	if got, want := q.Credit.Balance, plan.Balance[0]; got != want || q.Credit.TopUps[0].Slot != 3 || q.FixedCharges[0].Slot != 1 {
		t.Errorf("the credit is %v, %v was left; %+v", got, want, q.Credit)
	}
	if got, want := q.Blocks[0].MTD, 3+plan.ImportKW[0]; math.Abs(got-want) > 1e-12 {
		t.Errorf("%v kWh in the block, want %v", got, want)
	}
	if got := q.Battery.SoC0; math.Abs(got-2.9) > 1e-12 {
		t.Errorf("the battery holds %v kWh, want 2.9", got)
	}
	if got, want := q.Loads[3].Thermal.T0, 0.98*50+0.02*20; math.Abs(got-want) > 1e-12 {
		t.Errorf("the geyser is at %v, want %v", got, want)
	}
	// The rest of the plan goes on: it breaks no rule, and running costs the same.
	rest := plan.Shift(1)
	rest.PVUsedKW, rest.ShedKW = generate.Flat(p.N, 0), generate.Flat(p.N, 0)
	if bad := model.Check(q, priced(q, rest)); len(bad) > 0 {
		t.Errorf("the rest of the plan breaks %v", bad)
	}
}
