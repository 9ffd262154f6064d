package pricing

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

func drawPrices(t *rapid.T, n int) (price, on []float64) {
	return rapid.SliceOfN(rapid.Float64Range(0, 1), n, n).Draw(t, "price"), rapid.SliceOfN(rapid.Float64Range(0, 0.1), n, n).Draw(t, "on")
}

func drawSwitching(t *rapid.T) model.Switching {
	s := model.Switching{MinOn: rapid.IntRange(1, 3).Draw(t, "min_on"), MinOff: rapid.IntRange(1, 3).Draw(t, "min_off"), InitOn: model.OnBit(rapid.Bool().Draw(t, "init"))}
	s.Hold = rapid.IntRange(0, 2).Draw(t, "hold")
	return s
}

func TestOnOffPricerIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &model.Problem{N: 8, SlotMinutes: 60}
		from := rapid.IntRange(0, 3).Draw(t, "from")
		l := &model.Load{ID: "x", OnOff: &model.OnOff{
			KW: 2, NeedSlots: rapid.IntRange(0, 6).Draw(t, "need"), From: from, To: rapid.IntRange(from, 8).Draw(t, "to"),
			MaxStarts: rapid.IntRange(0, 3).Draw(t, "starts"), StartCost: 0.05, ShortPenalty: 0.9, Switching: drawSwitching(t),
		}}
		price, on := drawPrices(t, 8)
		q := newOnOffPricer(p, l)
		best := math.Inf(1)
		for _, kw := range every(p, l, 2) {
			best = min(best, Schedule{KW: kw, Own: q.Cost(kw)}.Total(price, on))
		}
		got := q.Best(price, on)
		if !l.Permits(p, got.KW) {
			if math.IsInf(best, 1) {
				t.Skip("nothing is permitted")
			}
			t.Fatalf("%v is not permitted", got.KW)
		}
		if v := got.Total(price, on); math.Abs(v-best) > 1e-9 {
			t.Fatalf("found %v at %v, the best is %v", got.KW, v, best)
		}
		if b := q.Bound(price, on, 1); math.Abs(b-best) > 1e-9 {
			t.Fatalf("bound %v, the best is %v", b, best)
		}
	})
}

func TestVariablePricerBoundsEverySchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &model.Problem{N: 8, SlotMinutes: 60}
		l := &model.Load{ID: "x", Variable: &model.Variable{
			MinKW: 1, MaxKW: 3, NeedKWh: rapid.Float64Range(0, 14).Draw(t, "need"), From: 1, To: 8, MaxStarts: rapid.IntRange(1, 3).Draw(t, "starts"),
			StartCost: 0.05, ShortPenalty: 0.8, Switching: model.Switching{MinOn: 2, MinOff: 1},
		}}
		price, on := drawPrices(t, 8)
		q := newVariablePricer(p, l)
		best := math.Inf(1)
		for mask := range 1 << 8 {
			x := make([]float64, 8)
			for i := range x {
				if mask>>i&1 == 1 {
					x[i] = 1
				}
			}
			if q.fill(x, price) && l.Permits(p, x) {
				best = min(best, Schedule{KW: x, Own: q.Cost(x)}.Total(price, on))
			}
		}
		got := q.Best(price, on)
		if !l.Permits(p, got.KW) {
			t.Fatalf("%v is not permitted", got.KW)
		}
		v, b := got.Total(price, on), q.Bound(price, on, 1)
		if b > best+1e-9 || v < best-1e-9 || v > best+0.25*math.Abs(best)+0.3 {
			t.Fatalf("bound %v, best %v, found %v", b, best, v)
		}
	})
}

func TestThermalPricerBoundsEverySchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &model.Problem{N: 8, SlotMinutes: 60}
		l := &model.Load{ID: "x", Thermal: &model.Thermal{
			KW: 2, A: 0.95, B: 3, TEnv: model.Series{20}, Drop: rapid.SliceOfN(rapid.Float64Range(0, 4), 8, 8).Draw(t, "drop"), T0: rapid.Float64Range(46, 64).Draw(t, "t0"),
			TMin: generate.Flat(8, 50), TMax: 65, ComfortPenalty: 0.1, EndTarget: 55, EndPenalty: 0.2, Switching: drawSwitching(t),
		}}
		price, on := drawPrices(t, 8)
		q := newThermalPricer(p, l, new(Scratch))
		best := math.Inf(1)
		for _, kw := range every(p, l, 2) {
			best = min(best, Schedule{KW: kw, Own: q.Cost(kw)}.Total(price, on))
		}
		if math.IsInf(best, 1) {
			t.Skip("nothing is permitted")
		}
		if b := q.Bound(price, on, 1); b > best+1e-9 {
			t.Fatalf("bound %v is above the best, %v", b, best)
		}
		got := q.Best(price, on)
		if !l.Permits(p, got.KW) {
			t.Fatalf("%v is not permitted: %v", got.KW, (&model.Evaluation{}).Load(p, l, got.KW))
		}
		if v := got.Total(price, on); v < best-1e-9 || v > best+0.35 {
			t.Fatalf("found %v, the best is %v", v, best)
		}
	})
}

func TestModulatingPricerIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &model.Problem{N: 8, SlotMinutes: 60}
		l := &model.Load{ID: "x", Thermal: &model.Thermal{
			KW: 2, Modulating: true, A: 0.95, B: 3, TEnv: model.Series{20}, Drop: rapid.SliceOfN(rapid.Float64Range(0, 4), 8, 8).Draw(t, "drop"),
			T0: rapid.Float64Range(46, 64).Draw(t, "t0"), TMin: generate.Flat(8, 50), TMax: 65, ComfortPenalty: 0.1, EndTarget: 55, EndPenalty: 0.2,
		}}
		price, _ := drawPrices(t, 8)
		on := make([]float64, 8)
		q := newModulatingPricer(p, l)
		got := q.Best(price, on)
		if !l.Permits(p, got.KW) {
			t.Fatalf("%v is not permitted", got.KW)
		}
		bound := q.Bound(price, on, 1)
		if v := got.Total(price, on); math.Abs(v-bound) > 1e-3 { // powers below 0.2 W are dropped
			t.Fatalf("found %v, bound %v", v, bound)
		}
		other := rapid.SliceOfN(rapid.Float64Range(0, 2), 8, 8).Draw(t, "other")
		if l.Permits(p, other) {
			if v := (Schedule{KW: other, Own: q.Cost(other)}).Total(price, on); v < bound-1e-9 {
				t.Fatalf("%v costs %v, below the bound %v", other, v, bound)
			}
		}
	})
}

func TestStoreIsOptimalForABattery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Whole kWh: the optimum of this network problem is integral.
		n := 5
		q := NewStore(n)
		q.Start = float64(rapid.IntRange(0, 3).Draw(t, "start"))
		price := rapid.SliceOfN(rapid.Float64Range(0, 1), n, n).Draw(t, "price")
		for i := range n {
			q.Lo[i], q.Hi[i], q.Drift[i] = 0, 4, -1
			q.Offers[i] = []Offer{{1, price[i] * 0.9}, {2, price[i]}}
		}
		q.Lo[n-1] = float64(rapid.IntRange(0, 2).Draw(t, "end"))
		best := math.Inf(1)
		for code := range 1 << (2 * n) {
			level, cost := q.Start, 0.0
			ok := true
			for i := range n {
				in := float64(code >> (2 * i) & 3)
				cost += min(in, 1)*price[i]*0.9 + max(in-1, 0)*price[i]
				level += in - 1
				ok = ok && level >= q.Lo[i] && level <= q.Hi[i]
			}
			if ok {
				best = min(best, cost)
			}
		}
		if math.IsInf(best, 1) {
			t.Skip("no way to the end level")
		}
		if v := q.Value(); math.Abs(v-best) > 1e-9 {
			t.Fatalf("value %v, the best is %v", v, best)
		}
		flow := make([]float64, n)
		q.Follow(flow)
		level, cost := q.Start, 0.0
		for i, in := range flow {
			cost += min(in, 1)*price[i]*0.9 + max(in-1, 0)*price[i]
			level += in - 1
			if level < q.Lo[i]-1e-9 || level > q.Hi[i]+1e-9 {
				t.Fatalf("level %v after slot %d", level, i)
			}
		}
		if math.Abs(cost-best) > 1e-9 {
			t.Fatalf("follows %v for %v, the best is %v", flow, cost, best)
		}
	})
}

func TestAVariableLoadHeldToItsPatternRunsInNoOtherSlot(t *testing.T) {
	p := &model.Problem{SlotMinutes: 15, N: 4, BaseKW: generate.Flat(4, 1), ImportPrice: generate.Flat(4, 0.2), Loads: []model.Load{{ID: "car", Variable: &model.Variable{
		MinKW: 1.4, MaxKW: 7, NeedKWh: 3, To: 4, MaxStarts: 2, ShortPenalty: 1, Switching: model.Switching{MinOn: 1, MinOff: 1},
	}}}}
	q := newVariablePricer(p, &p.Loads[0])
	kw := []float64{0, model.OnFrom / 2, 2, 0} // slot 1 counts as off
	held := q.Within(Schedule{KW: kw, Pattern: PatternOf(kw)}, generate.Flat(4, 0.05), generate.Flat(4, 0))
	if held.KW[1] != 0 || held.KW[2] < 1.4 {
		t.Errorf("held to slot 2 it draws %v", held.KW)
	}
	if held.Pattern != PatternOf(held.KW) {
		t.Error("it is another pattern than it says")
	}
}

// every lists all schedules of on and off a switched load may run.
func every(p *model.Problem, l *model.Load, kw float64) [][]float64 {
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
