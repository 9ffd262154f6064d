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
// from nothing and from the plan in force.
type planReplanCmd struct {
	Dir       string        `arg:"" help:"Folder with instances/*.json."`
	Match     string        `default:"home*" help:"Only the instances whose name matches."`
	TimeLimit time.Duration `help:"As for plan."`
	Gap       float64       `default:"0.0001" help:"As for plan."`
	Seed      uint64        `help:"As for plan, and of the change of the forecast."`
	Change    float64       `default:"0.05" help:"Relative spread of the change of the forecast in a slot, and of that of the sun over the whole day."`
	CPU       bool          `name:"cpu" help:"Measure processor time instead of wall time, on a busy machine."`
}

// replanQuality is how much dearer than the cold plan a warm one may be to
// count as equal.
const replanQuality = 0.0005

func (c *planReplanCmd) Run(e *env) error {
	files, err := planFiles(c.Dir, c.Match)
	if err != nil {
		return err
	}
	clock := clockOf(c.CPU)
	fmt.Fprintf(e.Stdout, "%-14s %11s %8s %11s %8s %8s %8s %8s %8s %8s\n", "instance", "cold", "s", "warm", "s", "dearer", "of cold", "reached", "warm", "stopped")
	missed := 0
	for _, file := range files {
		p, err := readPlanInstance(file, nil)
		if err != nil {
			return &exitError{exitInvalid, err}
		}
		opt := optimizer.Options{Gap: c.Gap, Seed: c.Seed}
		var memory optimizer.Memory
		first := opt
		first.Memory = &memory
		before := timedPlan(e, &p, first, c.TimeLimit, clock)
		memory.Shift(1)
		next := p.Advance(before)
		r := rand.New(rand.NewPCG(c.Seed, 3))
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
		if e.Ctx.Err() != nil {
			return e.Ctx.Err()
		}
		goal := cold.Cost + replanQuality*math.Abs(cold.Cost)
		reached := func(steps []step) float64 {
			if i := slices.IndexFunc(steps, func(s step) bool { return s.cost <= goal }); i >= 0 {
				return steps[i].at
			}
			return math.NaN()
		}
		dearer := (warm.Cost - cold.Cost) / math.Abs(cold.Cost)
		if warm.WallMS > 0.25*cold.WallMS || dearer > replanQuality {
			missed++
		}
		fmt.Fprintf(e.Stdout, "%-14s %11.5f %8.4f %11.5f %8.4f %7.3f%% %7.1f%% %8.4f %8.4f %8s\n", p.Name, cold.Cost, cold.WallMS/1000, warm.Cost, warm.WallMS/1000,
			100*dearer, 100*warm.WallMS/cold.WallMS, reached(coldSteps), reached(warmSteps), string(cold.Stopped)+"/"+string(warm.Stopped))
	}
	fmt.Fprintf(e.Stdout, "of cold: the warm search's whole time over the cold one's; reached: seconds until within %.2g %% of the cold plan's cost, cold and warm.\n", 100*replanQuality)
	fmt.Fprintf(e.Stdout, "%d of %d re-plans took more than 25 %% of the cold time or were dearer than that.\n", missed, len(files))
	return nil
}
