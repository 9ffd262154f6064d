package pricing

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// convex is a slot's cost of power: at first sun left over is used up, then the
// grid is, and above a limit something else must give way.
type convex struct{ sun, sold, bought, limit, over float64 }

func (c convex) cost(kw float64) float64 {
	return min(kw, c.sun)*c.sold + max(0, min(kw, c.limit)-c.sun)*c.bought + max(0, kw-c.limit)*c.over
}

func (c convex) cuts(from, to float64, out []float64) []float64 {
	for _, x := range []float64{c.sun, c.limit} {
		if x > from && x < to {
			out = append(out, x)
		}
	}
	return out
}

func open(q *Variable, slots []convex) {
	q.Beside.Open(
		func(t int, kw float64) float64 { return slots[t].cost(kw) },
		func(t int, from, to float64, out []float64) []float64 { return slots[t].cuts(from, to, out) },
	)
}

func costBeside(slots []convex, s Schedule) float64 {
	sum := s.Own
	for t, x := range s.KW {
		if x > 0 {
			sum += slots[t].cost(x)
		}
	}
	return sum
}

// bestBeside fills each pattern of runs exactly.
func bestBeside(p *model.Problem, l *model.Load, q *Variable, slots []convex) float64 {
	best := math.Inf(1)
	open(q, slots)
	for mask := range 1 << p.N {
		for t := range q.Beside.kw {
			q.Beside.kw[t] = float64(mask >> t & 1)
		}
		q.Beside.total = math.Inf(1)
		if slices.ContainsFunc(q.Beside.kw[:q.From], func(x float64) bool { return x > 0 }) {
			continue
		}
		if q.Beside.try(); !math.IsInf(q.Beside.total, 1) && l.Permits(p, q.Beside.best) {
			best = min(best, q.Beside.total)
		}
	}
	return best
}

func drawSlots(t *rapid.T, n int) []convex {
	slots := make([]convex, n)
	for i := range slots {
		sun, bought := rapid.Float64Range(0, 2).Draw(t, "sun"), rapid.Float64Range(0.1, 1).Draw(t, "bought")
		slots[i] = convex{sun, rapid.Float64Range(0, 0.1).Draw(t, "sold"), bought, sun + rapid.Float64Range(0, 3).Draw(t, "room"), bought + 3}
	}
	return slots
}

func TestAVariableLoadBesideOthers(t *testing.T) {
	var found, best, off float64
	rapid.Check(t, func(t *rapid.T) {
		p := &model.Problem{N: 8, SlotMinutes: 60}
		l := &model.Load{ID: "x", Variable: &model.Variable{
			MinKW: 1, MaxKW: 3, NeedKWh: rapid.Float64Range(0, 14).Draw(t, "need"), From: 1, To: 8, MaxStarts: rapid.IntRange(1, 3).Draw(t, "starts"),
			StartCost: 0.05, ShortPenalty: 0.8, Switching: model.Switching{MinOn: 2, MinOff: 1},
		}}
		q, slots := newVariablePricer(p, l), drawSlots(t, 8)
		least := bestBeside(p, l, q, slots)
		for _, way := range []struct {
			name string
			find func() Schedule
		}{
			{"exactly", q.Beside.Exactly},
			{"by mean", func() Schedule { return q.Beside.ByMean(rapid.Float64Range(0, 1).Draw(t, "share")) }},
		} {
			open(q, slots)
			got := way.find()
			if !l.Permits(p, got.KW) {
				t.Fatalf("%s: %v is not permitted", way.name, got.KW)
			}
			v := costBeside(slots, got)
			if v < least-1e-9 {
				t.Fatalf("%s: %v costs %v, less than the best of all patterns, %v", way.name, got.KW, v, least)
			}
			if !math.IsInf(q.Beside.total, 1) && math.Abs(v-q.Beside.total) > 1e-9 {
				t.Fatalf("%s: it costs %v and is said to cost %v", way.name, v, q.Beside.total)
			}
			if way.name == "exactly" {
				found, best, off = found+v, best+least, off+q.Cost(q.Beside.zero)
			}
		}
	})
	// The price of the energy leaves a gap; it is small beside what running saves.
	if found-best > 0.02*(off-best) {
		t.Errorf("found %v, the best is %v and being off costs %v", found, best, off)
	}
	t.Logf("found %.3f, best %.3f, off %.3f", found, best, off)
}

// A car that may draw 1.4 to 7.4 kW on a morning with 1.3 kW of sun: by what a kW
// costs in the mean it would charge from the grid in a few slots, or not at all.
func TestAVariableLoadFollowsTheSun(t *testing.T) {
	p := &model.Problem{N: 24, SlotMinutes: 15}
	l := &model.Load{ID: "car", Variable: &model.Variable{MinKW: 1.4, MaxKW: 7.4, NeedKWh: 4.2, To: 24, MaxStarts: 2, StartCost: 0.02, ShortPenalty: 1.05, Switching: model.Switching{MinOn: 2, MinOff: 2}}}
	slots := make([]convex, p.N)
	for t := range slots {
		slots[t] = convex{0, 0, 1.08 * p.Hours(), 9, 9}
		if t >= 8 && t < 20 {
			slots[t].sun = 1.3
		}
	}
	q := newVariablePricer(p, l)
	open(q, slots)
	got := q.Beside.Exactly()
	for t2, x := range got.KW {
		want := 0.0
		if t2 >= 8 && t2 < 20 {
			want = 1.4
		}
		if math.Abs(x-want) > 1e-9 {
			t.Fatalf("it draws %v", got.KW)
		}
	}
}
