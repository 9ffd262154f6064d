package optimizer

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// least is the least cost of all plans of a problem of switched loads, where credit and
// limits play no part.
func least(p *Problem) float64 {
	best := math.Inf(1)
	choice := make(map[string]LoadPlan)
	var try func(i int)
	try = func(i int) {
		if i == len(p.Loads) {
			e, _ := model.Evaluate(p, newSearch(context.Background(), p, Options{}).place(0, presetOf(choice), nil))
			best = min(best, e.Expected)
			return
		}
		for _, kw := range allSchedules(p, &p.Loads[i]) {
			choice[p.Loads[i].ID] = LoadPlan{KW: kw}
			try(i + 1)
		}
	}
	try(0)
	return best
}

// wishes is a small problem of switched loads that would rather not run in some slots.
func wishes(seed uint64) *Problem {
	r := rand.New(rand.NewPCG(seed, 11))
	const n = 8
	p := &Problem{Name: "wishes", SlotMinutes: 60, N: n, BaseKW: make([]float64, n), ImportPrice: make([]float64, n), ShedPenalty: 100}
	for t := range n {
		p.BaseKW[t], p.ImportPrice[t] = r.Float64(), 0.1+0.01*float64(r.IntN(3))
	}
	for _, id := range []string{"a", "b"} {
		l := Load{ID: id, SlotCost: make([]float64, n)}
		if r.IntN(2) == 0 {
			l.OnOff = &OnOff{KW: 1 + r.Float64(), NeedSlots: 1 + r.IntN(3), To: n, MaxStarts: 2, ShortPenalty: 2, Switching: Switching{MinOn: 1 + r.IntN(2), MinOff: 1}}
			if r.IntN(2) == 0 {
				from := r.IntN(n - 2)
				l.OnOff.Shut = [][2]int{{from, from + 1 + r.IntN(3)}}
			}
		} else {
			l.Cycle = &Cycle{ProfileKW: []float64{2 * float64(r.IntN(2)), 1}, LatestFinish: n, SkipPenalty: 3}
		}
		for t := range n {
			l.SlotCost[t] = 0.03 * r.Float64() * float64(r.IntN(2))
		}
		p.Loads = append(p.Loads, l)
	}
	return p
}

func TestALoadRunsInTheSlotsThatItPrefersUnlessOthersAreCheaperByMore(t *testing.T) {
	for seed := range uint64(60) {
		p := wishes(seed)
		plan := solve(t, p, Options{Gap: 1e-9})
		if best := least(p); math.Abs(plan.Cost-best) > 1e-6 || plan.LowerBound > best+1e-6 {
			t.Errorf("seed %d: cost %v and bound %v, the least possible is %v", seed, plan.Cost, plan.LowerBound, best)
		}
		for _, l := range p.Loads {
			for k, kw := range plan.Loads[l.ID].KW {
				if l.OnOff != nil && kw > 0 && l.OnOff.IsShut(k) {
					t.Errorf("seed %d: %s runs in slot %d, in which it may not", seed, l.ID, k)
				}
			}
		}
	}
}

func TestWhatALoadWouldRatherNotIsNoMoneyInItsReason(t *testing.T) {
	p := &Problem{
		Name: "rather late", SlotMinutes: 60, N: 4, BaseKW: make([]float64, 4), ImportPrice: generate.Flat(4, 1),
		Loads: []Load{{ID: "pump", SlotCost: []float64{5, 5, 5, 0}, OnOff: &OnOff{KW: 1, NeedSlots: 1, To: 4, MaxStarts: 1, ShortPenalty: 50, Switching: Switching{MinOn: 1, MinOff: 1}}}},
	}
	r := solve(t, p, Options{}).Loads["pump"].Reason
	if r.Start != 3 || math.Abs(r.NowExtra) > 1e-9 || math.Abs(r.EarlierExtra) > 1e-9 {
		t.Errorf("it starts in slot %d; at once would cost %v more, earlier %v", r.Start, r.NowExtra, r.EarlierExtra)
	}
}

func TestADemandIntervalUnderWayCountsWhatItHoldsAndIntervalsLieOnTheClock(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 12))
		p := wishes(seed)
		p.Demand = []DemandWindow{{Name: "peak", Interval: 2 + r.IntN(2), PricePerKW: 3, Slots: []int{0, 1, 2, 3, 4, 5, 6, 7}}}
		d := &p.Demand[0]
		d.Phase = r.IntN(d.Interval)
		d.HeldKW = 2 * r.Float64() * float64(d.Phase+r.IntN(2)) // without a phase: above what is expected of slot 0
		d.FloorKW = max(r.Float64(), d.HeldKW/float64(d.Interval))
		plan := solve(t, p, Options{Gap: 1e-9})
		best := least(p)
		if plan.LowerBound > best+1e-6 || plan.Cost < best-1e-6 {
			t.Errorf("seed %d: cost %v and bound %v, the least possible is %v", seed, plan.Cost, plan.LowerBound, best)
		}
		// By hand: the mean of each interval of the clock.
		peak := d.FloorKW
		for from := -d.Phase; from+d.Interval <= p.N; from += d.Interval {
			sum := 0.0
			if from <= 0 {
				sum = d.HeldKW
			}
			for t := max(0, from); t < from+d.Interval; t++ {
				sum += plan.ImportKW[t]
			}
			peak = max(peak, sum/float64(d.Interval))
		}
		if want := 3 * (peak - d.FloorKW); math.Abs(plan.Parts.Demand-want) > 1e-9 {
			t.Errorf("seed %d: demand costs %v, by hand %v", seed, plan.Parts.Demand, want)
		}
	}
}

func TestASlotLaterADemandIntervalHoldsWhatWasDrawn(t *testing.T) {
	p := wishes(3)
	p.Demand = []DemandWindow{{Name: "peak", Interval: 3, PricePerKW: 3, Slots: []int{0, 1, 2, 3, 4, 5, 6, 7}}}
	plan := solve(t, p, Options{})
	next := p.Advance(plan)
	if d := next.Demand[0]; d.Phase != 1 || math.Abs(d.HeldKW-plan.ImportKW[0]) > 1e-9 {
		t.Errorf("a slot later: %+v, after %v kW", d, plan.ImportKW[0])
	}
	if faults := next.Check(); len(faults) > 0 {
		t.Error(faults)
	}
	if d := next.Advance(solve(t, next, Options{})).Demand[0]; d.Phase != 2 {
		t.Errorf("two slots later: %+v", d)
	}
}
