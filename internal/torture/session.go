package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// session tries faults by turns.
type session struct {
	builder builder
	faults  []*fault
	seed    uint64
	brief   bool
	flood   int // mutants of a try; 0: as many as are usual
	out     io.Writer
}

// controlTries is how often a fault is tried at an agent without the guard.
const controlTries = 6

// run tries every fault, then its control, then all of them by turns until the time is up;
// then those that time nothing are tried in several homes at once.
func (s *session) run(ctx context.Context, lasts time.Duration, controls bool) (map[string]*outcome, error) {
	began := time.Now()
	agent, err := s.builder.agent(ctx, "whole")
	if err != nil {
		return nil, err
	}
	results := map[string]*outcome{}
	spent := map[string]time.Duration{}
	next := s.seed * 1_000_003
	// several tries a fault in n homes at once.
	several := func(f *fault, n int) error {
		with, older, err := agent, "", error(nil)
		if f.upgrade {
			if older, err = s.builder.before(ctx); err != nil {
				return err
			}
		}
		if f.seams != nil {
			if with, err = s.builder.agent(ctx, "seams-of-"+f.kind(), f.seams()...); err != nil {
				return err
			}
		}
		o := results[f.name]
		if o == nil {
			o = &outcome{counts: map[string]int{}, seen: map[string]bool{}}
			results[f.name] = o
		}
		begin := time.Now()
		rooms, errs := make([]*room, n), make([]error, n)
		var all sync.WaitGroup
		for i := range n {
			next++
			seed := next
			all.Go(func() { rooms[i], errs[i] = try(ctx, f, with, older, seed, s) })
		}
		all.Wait()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the time is up: what was tried until then counts
		}
		for i, r := range rooms {
			if r != nil {
				o.add(r)
			}
			if errs[i] != nil {
				o.failed = errs[i].Error()
			}
		}
		spent[f.name] += time.Since(begin)
		_, _ = fmt.Fprintf(s.out, "%6.0fs %s: %d tried, %d lost %s\n", time.Since(began).Seconds(), f.name, o.tried, len(o.broken), o.failed)
		for _, b := range o.broken {
			_, _ = fmt.Fprintln(s.out, "       ", b)
		}
		return nil
	}
	for _, f := range s.faults {
		if ctx.Err() != nil {
			break
		}
		if err := several(f, 1); err != nil {
			return nil, err
		}
		if o := results[f.name]; controls && o.failed == "" && len(f.control.edits) > 0 && ctx.Err() == nil {
			if err := s.control(ctx, f, o); err != nil && ctx.Err() == nil {
				return nil, err
			}
		}
	}
	for ctx.Err() == nil && time.Since(began) < lasts {
		var due *fault
		for _, f := range s.faults {
			if results[f.name].failed == "" && f.share > 0 && (due == nil || spent[f.name]/time.Duration(f.share) < spent[due.name]/time.Duration(due.share)) {
				due = f
			}
		}
		if due == nil {
			break
		}
		if err := several(due, max(1, due.atOnce)); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// control tries a fault at an agent that lacks the guard: it must be found there.
func (s *session) control(ctx context.Context, f *fault, o *outcome) error {
	edits := f.control.edits
	if f.seams != nil {
		edits = append(f.seams(), edits...)
	}
	agent, err := s.builder.agent(ctx, fmt.Sprintf("without-%d", len(s.builder.made)), edits...)
	if err != nil {
		return err
	}
	tried, usual := false, *s
	usual.flood = 0
	for i := range controlTries {
		r, err := try(ctx, f, agent, s.builder.made[lastOfForm4], s.seed*7919+uint64(i), &usual)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			_, _ = fmt.Fprintf(s.out, "        without %s: could not be tried: %v\n", f.control.without, err)
			continue
		}
		tried = true
		if len(r.broken) > 0 {
			o.caught = r.broken[0]
			_, _ = fmt.Fprintf(s.out, "        without %s: caught, %s\n", f.control.without, o.caught)
			return nil
		}
	}
	if !tried {
		return nil
	}
	o.uncaught = true
	_, _ = fmt.Fprintf(s.out, "        without %s: NOT CAUGHT\n", f.control.without)
	return nil
}

// verdict is an error where anything was lost, or a control was not caught.
func verdict(faults []*fault, results map[string]*outcome) error {
	var errs []error
	for _, f := range faults {
		o := results[f.name]
		if o == nil {
			continue
		}
		if len(o.broken) > 0 {
			errs = append(errs, fmt.Errorf("%s: %d laws broken, the first: %s", f.name, len(o.broken), o.broken[0]))
		}
		if o.uncaught {
			errs = append(errs, fmt.Errorf("%s: an agent without %s was not caught: the judge is blind to it", f.name, f.control.without))
		}
		if o.failed != "" {
			errs = append(errs, fmt.Errorf("%s could not be tried: %s", f.name, o.failed))
		}
	}
	return errors.Join(errs...)
}
