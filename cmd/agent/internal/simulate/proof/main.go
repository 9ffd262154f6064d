// Command proof lives through every world that comes with the program, under every
// policy, and writes docs/proof.md of what came of it: no figure in that document is
// made by hand.  Each world, variant and policy is one run of "agent simulate" in a
// process of its own, whose figures are kept in a file: what is there, of the same
// agent and the same inputs, is not run again.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // as in the agent

	"github.com/keeplit/keeplit/cmd/agent/internal/simulate"
)

// options are the command line.
type options struct {
	agent, worlds, results, out string
	only, policies              string
	days, variantDays, parallel int
	writeOnly, any              bool
}

func main() {
	var o options
	f := flag.NewFlagSet("proof", flag.ExitOnError)
	f.StringVar(&o.agent, "agent", "bin/agent", "the agent `program` that is proven")
	f.StringVar(&o.worlds, "worlds", "examples/worlds", "`folder` of the worlds")
	f.StringVar(&o.results, "results", "results", "`folder` in which the figures of each run are kept")
	f.StringVar(&o.out, "out", "docs/proof.md", "`file` that is written")
	f.StringVar(&o.only, "only", "", "run these alone: `worlds` by the names of their files, or world/variant; world/ is without its variants")
	f.StringVar(&o.policies, "policies", "", "run these `policies` alone")
	f.IntVar(&o.days, "days", 365, "days that count")
	f.IntVar(&o.variantDays, "variant-days", 0, "days of the variants; as many where it is 0")
	f.IntVar(&o.parallel, "j", 1, "runs at a time")
	f.BoolVar(&o.writeOnly, "write", false, "run nothing: write of what is there")
	f.BoolVar(&o.any, "any", false, "take what is there of other agents too")
	_ = f.Parse(os.Args[1:]) // it exits
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := o.prove(ctx, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "proof:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// prove runs what is missing and writes the document of what is there.
func (o *options) prove(ctx context.Context, told io.Writer) error {
	version, err := exec.CommandContext(ctx, o.agent, "version").Output()
	if err != nil {
		return fmt.Errorf("%s version: %w; \"make build\" makes it", o.agent, err)
	}
	agent := strings.TrimSpace(string(version))
	cases, err := o.cases()
	if err != nil {
		return err
	}
	var failed error
	if !o.writeOnly {
		failed = o.run(ctx, told, agent, cases)
	}
	text, err := o.document(agent, cases)
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.out, text, 0o644); err != nil { //nolint:gosec // it is published
		return err
	}
	fmt.Fprintf(told, "%s is written\n", o.out)
	return failed
}

// aCase is one world, in one of its variants.
type aCase struct {
	file    string // of the world
	name    string // of that file, without its ending
	variant string // "": the world as it is
	world   simulate.World
	inputs  string // of which its figures came
}

// id names the case, and its files.
func (c *aCase) id() string {
	if c.variant == "" {
		return c.name
	}
	return c.name + "." + c.variant
}

// cases are the worlds as they are and then their variants.
func (o *options) cases() ([]aCase, error) {
	files, err := filepath.Glob(filepath.Join(o.worlds, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no world is in %s", o.worlds)
	}
	var plain, variants []aCase
	for _, file := range files {
		w, err := simulate.ReadWorld(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		w.Days = o.days
		c := aCase{file: file, name: strings.TrimSuffix(filepath.Base(file), ".yaml"), world: w}
		c.world.Variants = nil
		plain = append(plain, c)
		if o.variantDays > 0 {
			w.Days = o.variantDays
		}
		for _, v := range w.Variants {
			c.variant = v.Name
			if c.world, err = w.As(v.Name); err != nil {
				return nil, err
			}
			variants = append(variants, c)
		}
	}
	out := append(plain, variants...)
	for i := range out {
		if out[i].inputs, err = inputs(out[i].world); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// asked tells whether the case is to be run.
func (o *options) asked(c *aCase) bool {
	if o.only == "" {
		return true
	}
	names := strings.Split(o.only, ",")
	return slices.Contains(names, c.name) || slices.Contains(names, c.name+"/"+c.variant)
}

// asks are the policies that are to be run.
func (o *options) asks() []simulate.Policy {
	if o.policies == "" {
		return simulate.Policies()
	}
	var out []simulate.Policy
	for name := range strings.SplitSeq(o.policies, ",") {
		out = append(out, simulate.Policy(name))
	}
	return out
}
