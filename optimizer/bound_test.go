package optimizer

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/optimizer/internal/bound"
	"github.com/keeplit/keeplit/optimizer/internal/generate"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// leastCost is the cost of the best of all plans there are, for problems of
// cycles and switched loads without a battery; infinite where none keeps the
// rules.
func leastCost(p *Problem) float64 {
	best := math.Inf(1)
	choice := make(map[string][]float64)
	var try func(i int)
	try = func(i int) {
		if i < len(p.Loads) {
			for _, kw := range allSchedules(p, &p.Loads[i]) {
				choice[p.Loads[i].ID] = kw
				try(i + 1)
			}
			return
		}
		e, bad := model.Evaluate(p, newSearch(context.Background(), p, Options{}).place(0, choice, nil))
		for _, v := range bad {
			if v.Kind.Hard() {
				return
			}
		}
		best = min(best, e.Expected)
	}
	try(0)
	return best
}

// climbed is the tighter bound after some rounds; ok is false where it does
// not apply.
func climbed(t *testing.T, p *Problem) (best float64, ok bool) {
	t.Helper()
	s := newSearch(context.Background(), p, Options{WorkLimit: quick})
	s.run()
	s.stop, s.opt.WorkLimit, s.share = "", math.MaxInt64, 1
	if s.yBest == nil {
		return 0, false
	}
	q := bound.New(s.Effort, s.m, s.yBest)
	if q == nil {
		return 0, false
	}
	q.Climb(150, math.Inf(1))
	return q.Best, true
}

func TestTheTighterBoundIsBelowEveryPlan(t *testing.T) {
	tried := 0
	for seed := range uint64(40) {
		p := generate.Problem(seed, "tiny")
		p.Battery = nil
		var loads []Load
		for _, l := range p.Loads {
			if l.Cycle != nil || l.OnOff != nil || l.Thermal != nil && !l.Thermal.Modulating {
				loads = append(loads, l)
			}
		}
		p.Loads = loads
		best := leastCost(p)
		bound, ok := climbed(t, p)
		if !ok || math.IsInf(best, 1) {
			continue
		}
		tried++
		if bound > best+1e-9 {
			t.Errorf("seed %d: bound %v is above the least cost %v", seed, bound, best)
		}
	}
	if tried < 20 {
		t.Errorf("only %d problems were tried", tried)
	}
}

// With variable loads, free heaters and batteries there is no list of all
// plans, but a long search must not get below the bound either.
func TestTheTighterBoundIsBelowPlansOfAllKinds(t *testing.T) {
	for seed := range uint64(12) {
		p := generate.Problem(seed, "home")
		plan := solve(t, p, Options{WorkLimit: 20_000_000})
		if model.HardAmount(plan) > 0 {
			continue
		}
		if bound, ok := climbed(t, p); ok && bound > plan.Cost+1e-9*math.Abs(plan.Cost) {
			t.Errorf("seed %d: bound %v is above the cost %v of a plan", seed, bound, plan.Cost)
		}
	}
}

// later is the problem a slot later with another forecast, the plan in force
// for it and what is remembered.
func later(p *Problem) (next *Problem, inForce *Plan, memory *Memory) {
	memory = new(Memory)
	plan := Solve(context.Background(), p, Options{WorkLimit: 20_000_000, Memory: memory})
	next = p.Advance(plan)
	for t := range next.BaseKW {
		next.BaseKW[t] *= 1 + 0.05*math.Sin(float64(t))
	}
	memory.Shift(1)
	return next, plan.Shift(1), memory
}

func TestARePlanWithMemory(t *testing.T) {
	used := 0
	for seed := range uint64(10) {
		p := generate.Problem(seed, "home")
		next, inForce, memory := later(p)
		if memory.mixed.N == p.N {
			used++
		}
		warm := solve(t, next, Options{WorkLimit: 20_000_000, Previous: inForce, Memory: memory})
		kept := newSearch(context.Background(), next, Options{}).inForceCost(inForce)
		if model.HardAmount(warm) == 0 && warm.Cost > kept+1e-9 {
			t.Errorf("seed %d: cost %v, the plan in force costs %v", seed, warm.Cost, kept)
		}
		next, inForce, memory = later(p)
		if d := cmp.Diff(warm, solve(t, next, Options{WorkLimit: 20_000_000, Previous: inForce, Memory: memory})); d != "" {
			t.Errorf("seed %d: two runs differ:\n%s", seed, d)
		}
	}
	if used < 5 {
		t.Errorf("only %d of 10 searches left a memory", used)
	}
}

func TestAMemoryOfAnotherHorizonIsNotUsed(t *testing.T) {
	p := generate.Problem(4, "home")
	_, _, memory := later(p)
	q := generate.Problem(5, "tiny")
	want := solve(t, q, Options{})
	if d := cmp.Diff(want, solve(t, q, Options{Memory: memory})); d != "" {
		t.Errorf("it changed the plan:\n%s", d)
	}
	memory.Shift(1000)
	if memory.mixed.N != 0 && memory.mixed.N <= 1000 {
		t.Errorf("a memory shifted beyond its end still knows %d slots", memory.mixed.N)
	}
}
