package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/keeplit/keeplit/optimizer"
)

// planRiskCmd measures the chance limit on the credit: each instance with credit
// is planned over some drawn scenarios, and the plan is then tried in futures
// drawn alike that it has not seen.
type planRiskCmd struct {
	Dir       string        `arg:"" help:"Folder with instances/*.json."`
	Match     string        `default:"home*" help:"Only the instances whose name matches."`
	TimeLimit time.Duration `help:"As for plan."`
	Seed      uint64        `help:"As for plan, and of the scenarios and futures."`
	Scenarios int           `default:"40" help:"Scenarios that a plan is made over."`
	Futures   int           `default:"1000" help:"Futures that it is tried in."`
	Draws     int           `default:"1" help:"Plans an instance, each over scenarios of its own."`
	Chance    float64       `default:"0.1" help:"Allowed chance that the credit runs out."`
	Spread    float64       `default:"0.1" help:"Relative spread of a day's base load and of its sun, and of the base load in a slot."`
	CPU       bool          `name:"cpu" help:"Measure processor time instead of wall time, on a busy machine."`
}

func (c *planRiskCmd) Run(e *env) error {
	if c.Scenarios < 1 || c.Futures < 1 || c.Draws < 1 {
		return &exitError{exitUsage, fmt.Errorf("--scenarios, --futures and --draws must be 1 or more")}
	}
	boundMemory()
	files, err := planFiles(c.Dir, c.Match)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "%-14s %10s %12s %12s %12s %12s\n", "instance", "cost", "protection", "of scenarios", "of futures", "no load runs")
	var sum float64
	n := 0
	for _, file := range files {
		p, err := readPlanInstance(file, nil)
		if err != nil {
			return &exitError{exitInvalid, err}
		}
		if p.Credit == nil {
			continue
		}
		credit := *p.Credit
		credit.ChanceLimit = c.Chance
		p.Credit = &credit
		r := rand.New(rand.NewPCG(c.Seed, 5))
		for range c.Draws {
			over, tried := p, p
			over.Scenarios, tried.Scenarios = c.draw(r, &p, c.Scenarios), c.draw(r, &p, c.Futures)
			plan := timedPlan(e, &over, optimizer.Options{Seed: c.Seed}, c.TimeLimit, clockOf(c.CPU))
			if e.Ctx.Err() != nil {
				return e.Ctx.Err()
			}
			out := optimizer.RunOut(&tried, plan)
			sum, n = sum+out, n+1
			fmt.Fprintf(e.Stdout, "%-14s %10.4f %12.4f %11.1f%% %11.1f%% %11.1f%%\n", p.Name, plan.Cost, plan.Risk.Protection, 100*plan.Risk.RunOut, 100*out, 100*hopeless(&tried))
		}
	}
	if n == 0 {
		fmt.Fprintln(e.Stdout, "None of the instances has credit.")
		return nil
	}
	fmt.Fprintf(e.Stdout, "mean of futures: %.1f %%, allowed %.1f %%; the standard error of one plan, by its scenarios alone: %.1f %%.\n", 100*sum/float64(n), 100*c.Chance,
		100*math.Sqrt(c.Chance*(1-c.Chance)/float64(c.Scenarios+2)))
	return nil
}

// draw makes scenarios around the instance's forecast: a day that is high or low
// as a whole, slots that scatter around it.
func (c *planRiskCmd) draw(r *rand.Rand, p *optimizer.Problem, n int) []optimizer.Scenario {
	out := make([]optimizer.Scenario, n)
	for i := range out {
		s := optimizer.Scenario{Weight: 1, BaseKW: make([]float64, p.N), PVKW: make([]float64, len(p.PVKW))}
		day, sun := math.Exp(c.Spread*r.NormFloat64()), math.Exp(c.Spread*r.NormFloat64())
		for t := range s.BaseKW {
			s.BaseKW[t] = p.BaseKW[t] * day * math.Exp(c.Spread*r.NormFloat64())
		}
		for t := range s.PVKW {
			s.PVKW[t] = p.PVKW[t] * sun
		}
		if len(s.PVKW) == 0 {
			s.PVKW = nil
		}
		out[i] = s
	}
	return out
}

// hopeless is the share of the scenarios in which the credit runs out although
// no load runs.
func hopeless(p *optimizer.Problem) float64 {
	alone := *p
	alone.Loads, alone.Battery, alone.Circuits, alone.Exclusions = nil, nil, nil, nil
	zero := make([]float64, p.N)
	return optimizer.RunOut(&alone, &optimizer.Plan{Format: optimizer.PlanFormat, Loads: map[string]optimizer.LoadPlan{}, PVUsedKW: zero, ShedKW: zero})
}
