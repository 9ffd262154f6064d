package optimizer

import (
	"math"
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/local"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Two heaters that take each other's room in every hour: none of them lowers the peak
// alone, and in the mean of their schedules there is none.
func TestThePeakOfTwoLoadsThatMustBothMoveIsTheLeastPossible(t *testing.T) {
	p := &Problem{
		Name: "hourly", SlotMinutes: 30, N: 48, BaseKW: generate.Flat(48, 0.5), ImportPrice: generate.Flat(48, 1), ShedPenalty: 200,
		Demand: []DemandWindow{{Name: "peak", Interval: 2, PricePerKW: 100}},
	}
	for t := range p.N {
		p.Demand[0].Slots = append(p.Demand[0].Slots, t)
	}
	for _, id := range []string{"a", "b"} {
		p.Loads = append(p.Loads, Load{ID: id, OnOff: &OnOff{KW: 3, NeedSlots: 4, To: 48, MaxStarts: 4, ShortPenalty: 150, Switching: Switching{MinOn: 1, MinOff: 1}}})
	}
	plan := solve(t, p, Options{})
	// Each hour holds one half hour of one of them: 0.5 kW and half of 3 kW.
	if want := 100*2 + 12 + 12.0; math.Abs(plan.Cost-want) > 1e-6 {
		t.Errorf("cost %v with a peak of %v kW, the least is %v with one of 2 kW", plan.Cost, plan.Parts.Demand/100, want)
	}
}

// againstEverything tries all plans of problems of cycles and switched loads, and compares.
func againstEverything(t *testing.T, class string, seeds uint64, work int64) {
	t.Helper()
	tried := 0
	for seed := range seeds {
		p := generate.Problem(seed, class)
		p.Battery = nil
		var loads []Load
		for _, l := range p.Loads {
			if l.Cycle != nil || l.OnOff != nil || l.Thermal != nil && !l.Thermal.Modulating {
				loads = append(loads, l)
			}
		}
		p.Loads = loads
		have := func(ids []string) (out []string) {
			for _, l := range loads {
				for _, id := range ids {
					if id == l.ID {
						out = append(out, id)
					}
				}
			}
			return out
		}
		for i := range p.Circuits {
			p.Circuits[i].Loads = have(p.Circuits[i].Loads)
		}
		for i := range p.Exclusions {
			p.Exclusions[i] = have(p.Exclusions[i])
		}
		best := leastCost(p)
		if math.IsInf(best, 1) {
			continue
		}
		tried++
		plan := solve(t, p, Options{WorkLimit: work})
		switch {
		case model.HardAmount(plan) > model.MoneyTol:
			t.Errorf("%s: %v", p.Name, plan.Shortfalls)
		case plan.Cost > best+1e-3*math.Abs(best):
			t.Errorf("%s: %v, %.3f %% above the least, %v", p.Name, plan.Cost, 100*(plan.Cost/best-1), best)
		case plan.LowerBound > best+1e-6:
			t.Errorf("%s: bound %v is above the least cost %v", p.Name, plan.LowerBound, best)
		}
	}
	if tried < int(seeds)/2 {
		t.Errorf("only %d problems were tried", tried)
	}
}

func TestPeaksAgainstEverything(t *testing.T) {
	againstEverything(t, "tiny peaks", 20, quick)
}

func TestCircuitsAndExclusionsAgainstEverything(t *testing.T) {
	againstEverything(t, "tiny shared", 20, quick)
}

// A search that has not proven what was asked for goes on to its limit.
func TestNoSearchIsExhaustedAboveTheGapAskedFor(t *testing.T) {
	for _, class := range []string{"peaks", "tiny", "tiny peaks", "tiny shared"} {
		for seed := range uint64(6) {
			if plan := solve(t, generate.Problem(seed, class), Options{}); plan.Stopped == StopExhausted && plan.Gap > DefaultGap {
				t.Errorf("%s: exhausted with %.3f %% unproven", plan.Instance, 100*plan.Gap)
			}
		}
	}
}

// With peaks held no state seems cheaper than it is: what is kept for its cost is.
func TestAStateBelowPeaksThatAreHeldCostsNoLessThanItIsSaidTo(t *testing.T) {
	for seed := range uint64(12) {
		p := generate.Problem(seed, "peaks")
		s := newSearch(t.Context(), p, Options{WorkLimit: 200_000})
		s.run()
		l := local.New(s.Effort, s.m)
		l.Load(s.best)
		for _, share := range []float64{0, 0.5, 0.9, 1, 1.3} {
			at := l.Peaks(nil)
			for i := range at {
				at[i] = max(p.Demand[0].FloorKW, at[i]*share)
			}
			l.HoldPeaks(at)
			if l.Cost < l.Real-1e-9 {
				t.Errorf("%s: %v with the peak held at %v kW, it costs %v", p.Name, l.Cost, at, l.Real)
			}
			l.Anew()
			if l.Cost < l.Promise-1e-9 {
				t.Errorf("%s: %v with the peak held at %v kW, it promises %v", p.Name, l.Cost, at, l.Promise)
			}
			plan := l.Plan()
			e, _ := model.Evaluate(s.p, plan)
			if model.Fill(plan, e); model.HardAmount(plan) == 0 && math.Abs(plan.Cost-l.Real) > 1e-6*math.Abs(plan.Cost) {
				t.Errorf("%s: %v is said to be the cost, %v it is", p.Name, l.Real, plan.Cost)
			}
			l.FreePeaks()
		}
	}
}

// A peak is worth to be held where the rest might be so cheap that a plan with it is the best
// one yet, and nowhere else above that of the state a cycle begins in.
func TestPeaksAreHeldOnlyWhereTheyMayPay(t *testing.T) {
	for seed := range uint64(8) {
		p := generate.Problem(seed, "peaks")
		s := newSearch(t.Context(), p, Options{WorkLimit: 3_000_000})
		s.run()
		l := local.New(s.Effort, s.m)
		l.Load(s.best)
		at, w := l.Peaks(nil)[0], s.p.Demand[0]
		lower := 0
		for k := range 200 {
			x := s.aimAt(0, at, k%2 == 0, k%5 == 0)
			if x < s.leastPeaks[0]-1e-9 || x > at+1e-9 && w.PricePerKW*(x-w.FloorKW)+s.leastRest > s.best.Cost+1e-9 {
				t.Errorf("%s: %v kW, the best plan has %v kW, none less than %v kW; what it would cost beside the rest: %v, the best plan %v", p.Name, x, at, s.leastPeaks[0], w.PricePerKW*(x-w.FloorKW)+s.leastRest, s.best.Cost)
			}
			if x < at-1e-9 {
				lower++
			}
		}
		if lower == 0 && at > s.leastPeaks[0]+1e-6 {
			t.Errorf("%s: no peak below %v kW was tried, %v kW may be possible", p.Name, at, s.leastPeaks[0])
		}
	}
}
