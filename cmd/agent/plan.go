package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/keeplit/keeplit/optimizer"
)

// planCmd is the optimizer on a file, for trying it and for measuring it.
type planCmd struct {
	Make   planMakeCmd   `cmd:"" default:"withargs" help:"Plan the loads of an instance file (the default)."`
	Bench  planBenchCmd  `cmd:"" help:"Plan every instance of a folder and print how good and how fast."`
	Replan planReplanCmd `cmd:"" help:"Measure what a re-plan after one slot costs, beside a plan from nothing."`
	Risk   planRiskCmd   `cmd:"" help:"Measure in how many futures the credit runs out under plans that are to prevent it."`
}

// planMakeCmd plans one instance.
type planMakeCmd struct {
	Instance  string        `arg:"" help:"Instance file (dsbench/1 JSON), or - for standard input."`
	TimeLimit time.Duration `help:"Longest search; the default goes with the size: 1s for a home, 5s for a business, 10s for more."`
	Gap       float64       `default:"0.0001" help:"Stop once the plan is proven to be within this share of the optimum."`
	Seed      uint64        `help:"Settles ties, so that neighbours do not all start at once."`
	Previous  string        `help:"Plan in force, to start from and to keep unless a better one is found."`
	Margin    float64       `help:"Money by which a new plan must be better than the previous one."`
	Out       string        `short:"o" help:"Write the plan here instead of to standard output."`
	Explain   bool          `help:"Print the plan as a chart with its reasons instead of JSON."`
	CPU       bool          `name:"cpu" help:"Measure processor time instead of wall time, on a busy machine."`
}

func (c *planMakeCmd) Run(e *env) error {
	boundMemory()
	p, err := readPlanInstance(c.Instance, e.Stdin)
	if err != nil {
		return &exitError{exitInvalid, err}
	}
	opt := optimizer.Options{Gap: c.Gap, Seed: c.Seed, Margin: c.Margin}
	if c.Previous != "" {
		f, err := os.Open(c.Previous)
		if err != nil {
			return fmt.Errorf("the previous plan: %w", err)
		}
		defer f.Close()
		if opt.Previous, err = optimizer.ReadPlan(f); err != nil {
			return &exitError{exitInvalid, fmt.Errorf("%s: %w", c.Previous, err)}
		}
	}
	// Who interrupts it waits for the plan, not for the garbage of the search.
	defer context.AfterFunc(e.Ctx, func() {
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(math.MaxInt64)
	})()
	plan := timedPlan(e, &p, opt, c.TimeLimit, clockOf(c.CPU))
	if c.Explain {
		explainPlan(e.Stdout, &p, plan)
		if c.Out == "" {
			return nil
		}
	}
	if c.Out == "" {
		return optimizer.WritePlan(e.Stdout, plan)
	}
	f, err := os.Create(c.Out)
	if err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	if err := optimizer.WritePlan(f, plan); err != nil {
		f.Close()
		return fmt.Errorf("writing the plan: %w", err)
	}
	return f.Close()
}

// planMemory is the memory that planning keeps to as far as it can: a search
// leaves much garbage, of which the runtime would keep as much again.
const planMemory = 150 << 20

// boundMemory sets that limit, unless the environment sets another.
func boundMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(planMemory)
	}
}

func readPlanInstance(path string, stdin io.Reader) (optimizer.Problem, error) {
	r := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return optimizer.Problem{}, err
		}
		defer f.Close()
		r = f
	}
	p, err := optimizer.ReadInstance(r)
	if err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// planFiles are the instances of a folder whose name matches, by name.
func planFiles(dir, match string) ([]string, error) {
	dir = filepath.Join(dir, "instances")
	files, err := filepath.Glob(filepath.Join(dir, match+".json"))
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no instance in %s; give a folder that has instances/NAME.json", dir)
	}
	sort.Strings(files)
	return files, nil
}

// clockOf is a stopwatch of wall time or of the processor time of this
// process.
func clockOf(cpu bool) func() time.Duration {
	if !cpu {
		begin := time.Now()
		return func() time.Duration { return time.Since(begin) }
	}
	return func() time.Duration {
		var r syscall.Rusage
		if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
			return 0
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
}

// timedPlan solves with the clock of the command as the only limit.
func timedPlan(e *env, p *optimizer.Problem, opt optimizer.Options, limit time.Duration, clock func() time.Duration) *optimizer.Plan {
	if limit <= 0 {
		limit = optimizer.TimeLimit(p)
	}
	begin := clock()
	opt.Elapsed, opt.TimeLimit, opt.WorkLimit = clock, limit, math.MaxInt64
	plan := optimizer.Solve(e.Ctx, p, opt)
	plan.WallMS = float64((clock() - begin).Microseconds()) / 1000
	return plan
}

const planChartWidth = 96

// explainPlan draws a plan: one column for one or more slots.
func explainPlan(w io.Writer, p *optimizer.Problem, plan *optimizer.Plan) {
	group := (p.N + planChartWidth - 1) / planChartWidth
	mean := func(xs []float64, g int) float64 {
		var sum float64
		n := 0
		for t := g * group; t < min(p.N, (g+1)*group); t++ {
			if t < len(xs) {
				sum += xs[t]
			}
			n++
		}
		return sum / float64(max(1, n))
	}
	columns := (p.N + group - 1) / group
	row := func(name string, xs []float64, unit string) {
		lo, hi := 0.0, 0.0
		for g := range columns {
			lo, hi = min(lo, mean(xs, g)), max(hi, mean(xs, g))
		}
		top := max(hi, -lo)
		var b strings.Builder
		for g := range columns {
			x := mean(xs, g)
			switch {
			case math.Abs(x) < 1e-9 || top == 0:
				b.WriteRune('·')
			case x < 0:
				b.WriteRune([]rune("˗-=≡")[min(3, int(-x/top*4))])
			default:
				b.WriteRune([]rune("▁▂▃▄▅▆▇█")[min(7, int(x/top*8))])
			}
		}
		if lo < 0 {
			fmt.Fprintf(w, "%14.14s %s  %.2f to %.2f %s\n", name, b.String(), lo, hi, unit)
			return
		}
		fmt.Fprintf(w, "%14.14s %s  up to %.4g %s\n", name, b.String(), hi, unit)
	}
	fmt.Fprintf(w, "%s: %d slots of %g min", p.Name, p.N, p.SlotMinutes)
	if !p.Start.IsZero() {
		fmt.Fprintf(w, " from %s", p.Start.UTC().Format(time.RFC3339))
	}
	fmt.Fprintln(w)
	row("price", p.ImportPrice, "a kWh")
	row("base", p.BaseKW, "kW")
	if slices.ContainsFunc(p.PVKW, func(x float64) bool { return x > 0 }) {
		row("sun", p.PVKW, "kW")
	}
	ids := make([]string, 0, len(plan.Loads))
	for id := range plan.Loads {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		row(id, plan.Loads[id].KW, "kW")
	}
	if plan.BatteryKW != nil {
		row("battery", plan.BatteryKW, "kW")
	}
	row("import", plan.ImportKW, "kW")
	if plan.Balance != nil {
		row("credit", plan.Balance, "left")
	}
	fmt.Fprintf(w, "\ncost %.4f, proven to be within %.2f %% of the least possible (%.4f); found in %.0f ms\n", plan.Cost, 100*plan.Gap, plan.LowerBound, plan.WallMS)
	for _, part := range []struct {
		name string
		x    float64
	}{
		{"energy", plan.Parts.Energy},
		{"export", plan.Parts.Export},
		{"blocks", plan.Parts.Blocks},
		{"demand", plan.Parts.Demand},
		{"fixed", plan.Parts.Fixed},
		{"wear", plan.Parts.Wear},
		{"starts", plan.Parts.Starts},
		{"skipped", plan.Parts.Skip},
		{"short", plan.Parts.Short},
		{"late", plan.Parts.Late},
		{"comfort", plan.Parts.Comfort},
		{"end", plan.Parts.End},
		{"shed", plan.Parts.Shed},
	} {
		if math.Abs(part.x) > 5e-5 {
			fmt.Fprintf(w, "  %-8s %10.4f\n", part.name, part.x)
		}
	}
	if r := plan.Risk; r != nil {
		fmt.Fprintf(w, "the credit runs out in %.1f %% of the scenarios (%.1f %% allowed); that protection costs %.4f; 8 in 10 scenarios cost %.4f to %.4f\n", 100*r.RunOut, 100*r.Limit, r.Protection, r.CostLow, r.CostHigh)
	}
	for _, id := range ids {
		if r := plan.Loads[id].Reason; r != nil && r.Text != "" {
			fmt.Fprintf(w, "%14.14s %s", id, r.Text)
			if r.Start > 0 && r.NowPossible {
				fmt.Fprintf(w, "; running it now costs %.4f more (%.1f h of credit)", r.NowExtra, r.NowCreditHours)
			}
			fmt.Fprintln(w)
		}
	}
	for _, s := range plan.Shortfalls {
		fmt.Fprintf(w, "short: %s %s %.4g %s, cost %.4f %s\n", s.Kind, s.Load, s.Amount, s.Unit, s.Cost, s.Reason)
	}
}

// planBenchCmd plans every instance of a folder.
type planBenchCmd struct {
	Dir       string        `arg:"" help:"Folder with instances/*.json and, where there are any, reference solutions in ref/NAME.highs.json."`
	Match     string        `default:"*" help:"Only the instances whose name matches."`
	TimeLimit time.Duration `help:"As for plan."`
	Gap       float64       `default:"0.0001" help:"As for plan."`
	Seed      uint64        `help:"As for plan."`
	CPU       bool          `name:"cpu" help:"Measure processor time instead of wall time, on a busy machine."`
	Out       string        `help:"Write each plan to this folder too; it is made where there is none."`
}

// planReference is what is known of an instance.
type planReference struct {
	Cost  float64 `json:"cost"`
	Bound float64 `json:"bound"`
	T1    float64 `json:"t1"`  // seconds to a gap of 1 %, 0: not reached
	T01   float64 `json:"t01"` // seconds to 0.1 %
}

func (c *planBenchCmd) Run(e *env) error {
	boundMemory()
	files, err := planFiles(c.Dir, c.Match)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := os.MkdirAll(c.Out, 0o755); err != nil {
			return fmt.Errorf("the folder for the plans: %w", err)
		}
	}
	fmt.Fprintf(e.Stdout, "%-14s %11s %11s %8s %8s %7s %8s %8s %8s %8s %8s\n", "instance", "cost", "reference", "above", "proven", "s", "s to 1%", "ratio", "s to .1%", "ratio", "checked")
	above, proven := map[string][]float64{}, map[string][]float64{}
	failed := 0
	for _, file := range files {
		p, err := readPlanInstance(file, nil)
		if err != nil {
			return &exitError{exitInvalid, err}
		}
		var ref planReference
		raw, err := os.ReadFile(filepath.Join(c.Dir, "ref", strings.TrimSuffix(filepath.Base(file), ".json")+".highs.json"))
		switch {
		case err == nil:
			if err := json.Unmarshal(raw, &ref); err != nil {
				return fmt.Errorf("the reference of %s: %w", p.Name, err)
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		clock := clockOf(c.CPU)
		begin := clock()
		var to1, to01 float64
		plan := timedPlan(e, &p, optimizer.Options{Gap: c.Gap, Seed: c.Seed, Improved: func(cost, _ float64) {
			now := (clock() - begin).Seconds()
			if to1 == 0 && cost <= ref.Cost+0.01*math.Abs(ref.Cost) {
				to1 = now
			}
			if to01 == 0 && cost <= ref.Cost+0.001*math.Abs(ref.Cost) {
				to01 = now
			}
		}}, c.TimeLimit, clock)
		if e.Ctx.Err() != nil {
			return e.Ctx.Err()
		}
		checked := "ok"
		if bad := optimizer.Check(&p, plan); len(bad) > 0 {
			checked = bad[0].Text
			failed++
		}
		if ref.Cost != 0 && plan.LowerBound > ref.Cost*(1+1e-7) {
			checked = "the bound is above the reference cost"
			failed++
		}
		class := strings.SplitN(p.Name, "-", 2)[0]
		proven[class] = append(proven[class], 100*plan.Gap)
		fmt.Fprintf(e.Stdout, "%-14s %11.5f ", p.Name, plan.Cost)
		if ref.Cost == 0 {
			fmt.Fprintf(e.Stdout, "%11s %8s %7.2f%% %7.2f %8s %8s %8s %8s %8s\n", "-", "-", 100*plan.Gap, plan.WallMS/1000, "-", "-", "-", "-", checked)
		} else {
			gap := 100 * (plan.Cost - ref.Cost) / math.Abs(ref.Cost)
			above[class] = append(above[class], gap)
			fmt.Fprintf(e.Stdout, "%11.5f %7.3f%% %7.2f%% %7.2f %8s %8s %8s %8s %8s\n", ref.Cost, gap, 100*plan.Gap, plan.WallMS/1000,
				seconds(to1), ratio(ref.T1, to1), seconds(to01), ratio(ref.T01, to01), checked)
		}
		if c.Out != "" {
			f, err := os.Create(filepath.Join(c.Out, p.Name+".plan.json"))
			if err != nil {
				return err
			}
			if err := errors.Join(optimizer.WritePlan(f, plan), f.Close()); err != nil {
				return err
			}
		}
	}
	for _, class := range []string{"home", "business", "stress"} {
		if len(above[class]) > 0 {
			fmt.Fprintf(e.Stdout, "%s: above the reference by %.3f %% (median), %.3f %% (worst)\n", class, median(above[class]), slices.Max(above[class]))
		}
		if len(proven[class]) > 0 {
			fmt.Fprintf(e.Stdout, "%s: proven within %.2f %% (median), %.2f %% (worst)\n", class, median(proven[class]), slices.Max(proven[class]))
		}
	}
	fmt.Fprintln(e.Stdout, "s to 1%, s to .1%: until the cost was that near to the reference; ratio: the reference solver's time to the same gap over it.")
	if failed > 0 {
		return fmt.Errorf("%d of %d plans did not pass the check", failed, len(files))
	}
	return nil
}

func seconds(x float64) string {
	if x == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f", x)
}

func ratio(reference, ours float64) string {
	if reference == 0 || ours == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0fx", reference/ours)
}

func median(xs []float64) float64 {
	s := slices.Clone(xs)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
