package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keeplit/keeplit/optimizer"
)

// planReplanCmd measures what a re-plan costs: each instance is planned, a
// slot goes by as planned, the forecast changes, and the rest is planned both
// from nothing and from the plan in force.  Both searches draw lots, and one plan
// may be lucky, so it is done for several changes of the forecast.
type planReplanCmd struct {
	Dir       string        `arg:"" help:"Folder with instances/*.json."`
	Match     string        `default:"home*" help:"Only the instances whose name matches."`
	TimeLimit time.Duration `help:"As for plan."`
	Gap       float64       `default:"0.0001" help:"As for plan."`
	Seed      uint64        `help:"As for plan, and of the change of the forecast, for the first change."`
	Changes   int           `default:"8" help:"Changes of the forecast to try, each with the next seed."`
	Change    float64       `default:"0.05" help:"Relative spread of the change of the forecast in a slot, and of that of the sun over the whole day."`
	CPU       bool          `name:"cpu" help:"Measure processor time instead of wall time, on a busy machine."`
}

// A re-plan is as good as a plan from nothing where it is dearer by no more than
// replanQuality of it, and quick where it takes no more than replanTime of the time.
const (
	replanQuality = 0.0005
	replanTime    = 0.25
)

// replanTrial is one change of the forecast.
type replanTrial struct {
	cold, warm               float64 // seconds
	dearer                   float64 // the warm plan beside the cold one, as a share of its cost
	coldReached, warmReached float64 // seconds until as good as the cold plan, +Inf: never
}

func (c *planReplanCmd) Run(e *env) error {
	if c.Changes < 2 {
		return &exitError{exitUsage, fmt.Errorf("--changes must be 2 or more: a mean of one has no standard error")}
	}
	files, err := planFiles(c.Dir, c.Match)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "%-14s %8s %8s %8s %9s %8s %9s %9s %8s %8s %8s\n", "instance", "cold s", "warm s", "of cold", "dearer", "+-", "best", "worst", "as good", "reached", "warm")
	var all []float64
	slow, dear, within := 0, 0, 0
	for _, file := range files {
		p, err := readPlanInstance(file, nil)
		if err != nil {
			return &exitError{exitInvalid, err}
		}
		var trials []replanTrial
		for k := range c.Changes {
			trials = append(trials, c.try(e, &p, c.Seed+uint64(k)))
			if e.Ctx.Err() != nil {
				return e.Ctx.Err()
			}
		}
		of := func(value func(replanTrial) float64) []float64 {
			var out []float64
			for _, t := range trials {
				out = append(out, value(t))
			}
			return out
		}
		dearer := of(func(t replanTrial) float64 { return t.dearer })
		cold, warm := mean(of(func(t replanTrial) float64 { return t.cold })), mean(of(func(t replanTrial) float64 { return t.warm }))
		good := 0
		for _, t := range trials {
			if t.dearer <= replanQuality {
				good++
			}
			if t.dearer <= replanQuality && t.warm <= replanTime*t.cold {
				within++
			}
		}
		if warm > replanTime*cold {
			slow++
		}
		if mean(dearer) > replanQuality {
			dear++
		}
		all = append(all, dearer...)
		fmt.Fprintf(e.Stdout, "%-14s %8.4f %8.4f %7.1f%% %8.3f%% %7.3f%% %8.3f%% %8.3f%% %4d/%-3d %8.4f %8.4f\n", p.Name, cold, warm, 100*warm/cold,
			100*mean(dearer), 100*standardError(dearer), 100*slices.Min(dearer), 100*slices.Max(dearer), good, len(trials),
			median(of(func(t replanTrial) float64 { return t.coldReached })), median(of(func(t replanTrial) float64 { return t.warmReached })))
	}
	fmt.Fprintf(e.Stdout, "dearer: the warm plan beside the cold one in the mean of %d changes, with its standard error; as good: within %.2g %%; reached: median seconds until then, cold and warm.\n", c.Changes, 100*replanQuality)
	fmt.Fprintf(e.Stdout, "Of %d instances %d took more than %.0f %% of the cold time and %d were dearer than %.2g %%, each in the mean; all were dearer by %.3f %% (+- %.3f). Of %d re-plans %d kept both limits.\n",
		len(files), slow, 100*replanTime, dear, 100*replanQuality, 100*mean(all), 100*standardError(all), len(all), within)
	return nil
}

// try plans, lets a slot go by, changes the forecast and plans twice.
func (c *planReplanCmd) try(e *env, p *optimizer.Problem, seed uint64) replanTrial {
	clock := clockOf(c.CPU)
	opt := optimizer.Options{Gap: c.Gap, Seed: seed}
	var memory optimizer.Memory
	first := opt
	first.Memory = &memory
	before := timedPlan(e, p, first, c.TimeLimit, clock)
	memory.Shift(1)
	next := p.Advance(before)
	r := rand.New(rand.NewPCG(seed, 3))
	sun := math.Exp(c.Change * r.NormFloat64())
	for t := range next.BaseKW {
		next.BaseKW[t] *= math.Max(0, 1+c.Change*r.NormFloat64())
	}
	for t := range next.PVKW {
		next.PVKW[t] *= sun
	}
	type step struct{ at, cost float64 }
	solve := func(previous *optimizer.Plan) (*optimizer.Plan, []step) {
		var steps []step
		o := opt
		if o.Previous = previous; previous != nil {
			o.Memory = &memory
		}
		begin := clock()
		o.Improved = func(cost, _ float64) { steps = append(steps, step{(clock() - begin).Seconds(), cost}) }
		return timedPlan(e, next, o, c.TimeLimit, clock), steps
	}
	cold, coldSteps := solve(nil)
	warm, warmSteps := solve(before.Shift(1))
	goal := cold.Cost + replanQuality*math.Abs(cold.Cost)
	reached := func(steps []step) float64 {
		if i := slices.IndexFunc(steps, func(s step) bool { return s.cost <= goal }); i >= 0 {
			return steps[i].at
		}
		return math.Inf(1)
	}
	return replanTrial{
		cold: cold.WallMS / 1000, warm: warm.WallMS / 1000, dearer: (warm.Cost - cold.Cost) / max(1e-9, math.Abs(cold.Cost)),
		coldReached: reached(coldSteps), warmReached: reached(warmSteps),
	}
}

func mean(xs []float64) float64 {
	var sum float64
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

// standardError is that of the mean of two values or more.
func standardError(xs []float64) float64 {
	m, sum, n := mean(xs), 0.0, float64(len(xs))
	for _, x := range xs {
		sum += (x - m) * (x - m)
	}
	return math.Sqrt(sum / (n - 1) / n)
}
