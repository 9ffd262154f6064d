package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("torture", flag.ContinueOnError)
	lasts := flags.Duration("for", time.Hour, "how long faults are tried")
	seed := flags.Uint64("seed", 1, "of all that is random")
	write := flags.String("write", "", "document whose table is written anew")
	only := flags.String("only", "", "the faults whose names match this expression")
	tree := flags.String("tree", ".", "source of the agent")
	flood := flags.Int("flood", 0, "mutated messages or requests that one agent gets in one try; 0: as many as are usual")
	controls := flags.Bool("controls", true, "try the controls as well")
	foot := flags.Duration("footprint", 0, "measure what an agent at default settings takes, for so long, in place of all that")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	into, err := os.MkdirTemp("", "torture-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(into)
	s := session{builder: builder{tree: *tree, into: into, seams: seams(), made: map[string]string{}}, seed: *seed, flood: *flood, out: os.Stdout}
	if *foot > 0 {
		return measured(ctx, &s, *foot, *write)
	}
	for _, f := range faults() {
		if chosen.MatchString(f.name) {
			s.faults = append(s.faults, f)
		}
	}
	results, err := s.run(ctx, *lasts, *controls)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprint(os.Stdout, table(s.faults, results))
	if *write != "" {
		if err := rewrite(*write, s.faults, results); err != nil {
			return err
		}
	}
	return verdict(s.faults, results)
}

// measured writes down what an agent takes.
func measured(ctx context.Context, s *session, lasts time.Duration, write string) error {
	agent, err := s.builder.agent(ctx, "whole")
	if err != nil {
		return err
	}
	said, err := footprint(ctx, agent, lasts)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprint(os.Stdout, said)
	if write == "" {
		return nil
	}
	return between(write, markFoot, markFootEnd, func(string) string { return said })
}
