package optimizer

import (
	"bytes"
	"math"
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
)

func TestMutatedPlansAreCaught(t *testing.T) {
	upTo := 5.0
	n := 8
	p := &Problem{
		Name: "all", SlotMinutes: 60, N: n, BaseKW: generate.Flat(n, 1), PVKW: generate.Flat(n, 0.5), ImportPrice: generate.Flat(n, 0.2), ExportPrice: generate.Flat(n, 0.1), SiteLimitKW: generate.Flat(n, 9), ExportLimitKW: 1, ShedPenalty: 5,
		Blocks: []Block{{From: 0, To: n, Steps: []Step{{UpTo: &upTo, Adder: 0}, {UpTo: nil, Adder: 0.1}}}},
		Demand: []DemandWindow{{Slots: []int{0, 1, 2, 3}, Interval: 2, PricePerKW: 1}},
		Credit: &Credit{Balance: 30, UntilSlot: n, EndReserve: 1},
		Loads: []Load{
			{ID: "cycle", Cycle: &Cycle{ProfileKW: []float64{2, 1}, Earliest: 1, LatestFinish: 7, SkipPenalty: 50}},
			{ID: "onoff", OnOff: &OnOff{KW: 1, NeedSlots: 4, From: 1, To: 7, MaxStarts: 1, ShortPenalty: 50, Switching: Switching{MinOn: 2, MinOff: 1}}},
			{ID: "var", Variable: &Variable{MinKW: 1, MaxKW: 2, NeedKWh: 4, From: 1, To: 7, MaxStarts: 2, ShortPenalty: 50, Switching: Switching{MinOn: 1, MinOff: 1}}},
			{ID: "warm", Thermal: &Thermal{KW: 2, A: 0.95, B: 3, TEnv: Series{20}, T0: 50, TMin: generate.Flat(n, 45), TMax: 60, ComfortPenalty: 5, EndTarget: 50, EndPenalty: 5, Switching: Switching{MinOn: 1, MinOff: 1}}},
		},
		Battery:    &Battery{CapKWh: 4, SoC0: 2, SoCMin: 1, SoCMax: 4, MaxChargeKW: 1, MaxDischargeKW: 1, EffC: 0.9, EffD: 0.9, SoCEnd: 2},
		Exclusions: [][]string{{"cycle", "onoff"}},
		Circuits:   []Circuit{{Name: "c", LimitKW: 3.5, Loads: []string{"onoff", "var"}}},
	}
	good := solve(t, p, Options{})
	if bad := Check(p, good); len(bad) > 0 {
		t.Fatal(bad)
	}
	set := func(id string, kw ...float64) func(*Problem, *Plan) {
		return func(_ *Problem, x *Plan) { copy(x.Loads[id].KW, kw) }
	}
	for _, row := range []struct {
		name string
		kind ShortfallKind
		do   func(*Problem, *Plan)
	}{
		{"a load is missing", BadForm, func(_ *Problem, x *Plan) { delete(x.Loads, "var") }},
		{"too few slots", BadForm, func(_ *Problem, x *Plan) { x.Loads["var"] = LoadPlan{KW: []float64{1}} }},
		{"not a number", BadForm, set("var", math.NaN())},
		{"the cost is claimed wrongly", BadCost, func(_ *Problem, x *Plan) { x.Cost += 0.001 }},
		{"the bound is above the cost", BadBound, func(_ *Problem, x *Plan) { x.LowerBound = x.Cost + 1 }},
		{"a cycle is cut short", BadPower, set("cycle", 0, 2, 0, 0, 0, 0, 0, 0)},
		{"a cycle starts too early", BadPower, set("cycle", 2, 1, 0, 0, 0, 0, 0, 0)},
		{"a cycle ends too late", BadPower, set("cycle", 0, 0, 0, 0, 0, 0, 2, 1)},
		{"negative power", BadPower, set("var", -1)},
		{"half power", BadPower, set("onoff", 0, .5, .5, .5, .5, 0, 0, 0)},
		{"on outside the window", BadWindow, set("onoff", 1, 1, 1, 1, 0, 0, 0, 0)},
		{"more slots than needed", BadPower, set("onoff", 0, 1, 1, 1, 1, 1, 0, 0)},
		{"a start too many", BadSwitching, set("onoff", 0, 1, 1, 0, 1, 1, 0, 0)},
		{"a run too short", BadSwitching, set("onoff", 0, 1, 0, 0, 0, 0, 0, 0)},
		{"below the least power", BadPower, set("var", 0, .5, 0, 0, 0, 0, 0, 0)},
		{"more energy than needed", BadPower, set("var", 0, 2, 2, 2, 0, 0, 0, 0)},
		{"too hot", ShortHot, set("warm", 2, 2, 2, 2, 2, 2, 2, 2)},
		{"above the load's power", BadPower, set("warm", 3, 0, 0, 0, 0, 0, 0, 0)},
		{"an exclusion is broken", ShortExclude, func(_ *Problem, x *Plan) {
			copy(x.Loads["cycle"].KW, []float64{0, 2, 1, 0, 0, 0, 0, 0})
			copy(x.Loads["onoff"].KW, []float64{0, 1, 1, 1, 1, 0, 0, 0})
		}},
		{"a circuit is overloaded", ShortCircuit, func(q *Problem, x *Plan) { q.Circuits[0].LimitKW = 0.5 }},
		{"the battery is overcharged", ShortBattery, func(_ *Problem, x *Plan) { copy(x.BatteryKW, []float64{1, 1, 1, 1}) }},
		{"the battery ends empty", ShortBattery, func(_ *Problem, x *Plan) { copy(x.BatteryKW[n-3:], []float64{-.2, -.2, -.4}) }},
		{"the battery's power", BadPower, func(_ *Problem, x *Plan) { x.BatteryKW[0] = 3 }},
		{"more sun than there is", BadPower, func(_ *Problem, x *Plan) { x.PVUsedKW[2] = 2 }},
		{"more shed than there is", BadPower, func(_ *Problem, x *Plan) { x.ShedKW[2] = 2 }},
		{"above the site limit", ShortLimit, func(q *Problem, _ *Plan) { q.SiteLimitKW = generate.Flat(n, 0.2) }},
		{"above the export limit", ShortLimit, func(q *Problem, x *Plan) {
			q.ExportLimitKW = 0
			q.BaseKW = generate.Flat(n, 0)
			q.PVKW = generate.Flat(n, 20)
			copy(x.PVUsedKW, generate.Flat(n, 20))
		}},
		{"the credit runs out", ShortCredit, func(q *Problem, _ *Plan) { q.Credit.Balance = 1 }},
		{"the reserve is touched", ShortReserve, func(q *Problem, _ *Plan) { q.Credit.EndReserve = 29.9 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := WritePlan(&buf, good); err != nil {
				t.Fatal(err)
			}
			plan, err := ReadPlan(&buf)
			if err != nil {
				t.Fatal(err)
			}
			if err := generate.Write(&buf, p); err != nil {
				t.Fatal(err)
			}
			q, err := ReadInstance(&buf)
			if err != nil {
				t.Fatal(err)
			}
			row.do(&q, plan)
			found := false
			for _, v := range Check(&q, plan) {
				found = found || v.Kind == row.kind
			}
			if !found {
				t.Errorf("no violation of kind %q among %v", row.kind, Check(&q, plan))
			}
		})
	}
}
