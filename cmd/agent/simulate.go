package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/keeplit/keeplit/cmd/agent/internal/simulate"
	"github.com/keeplit/keeplit/internal/fault"
)

// simulateCmd lives through a world under one policy after another.
type simulateCmd struct {
	World   string  `arg:"" help:"World document (YAML); see docs/simulate.md."`
	Variant string  `help:"One of the world's variants: another tariff, or people who buy otherwise."`
	Policy  string  `default:"all" help:"all, or some of none,timer,greedy,keeplit,foresight."`
	Days    *int    `help:"Days that count; as the world says where it is left out."`
	Seed    *uint64 `help:"Another life in the same world; as the world says where it is left out."`
	JSON    string  `name:"json" help:"Write the figures to this file; - is standard output, without the table."`
	HTML    string  `name:"html" help:"Write a page with plots to this file; - is standard output, without the table."`
}

func (c simulateCmd) Run(e *env) error {
	policies, err := c.policies()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if c.JSON == "-" && c.HTML == "-" {
		return &exitError{exitUsage, errors.New("--json - and --html - both go to standard output: give one of them a file")}
	}
	w, err := simulate.ReadWorld(c.World)
	var faults fault.List
	if errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Fprintf(e.Stderr, "%s:%d: %s\n", c.World, max(1, f.Line), strings.TrimPrefix(f.String(), fmt.Sprintf("line %d: ", f.Line)))
		}
		return &exitError{Code: exitInvalid}
	}
	if err != nil {
		return err
	}
	if c.Variant != "" {
		if w, err = w.As(c.Variant); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	if c.Days != nil {
		if w.Days = *c.Days; w.Days < 1 || w.Days > simulate.MostDays {
			return &exitError{exitUsage, fmt.Errorf("--days %d: write 1 to %d; 365 is a year", w.Days, simulate.MostDays)}
		}
	}
	if c.Seed != nil {
		w.Seed = *c.Seed
	}
	// What a run keeps is small and what it drops is not: a few MB more save a fifth of its time.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	began := time.Now()
	progress := progressOn(e.Stderr)
	report, err := simulate.Run(e.Ctx, w, simulate.Options{
		Policies: policies, Elapsed: func() time.Duration { return time.Since(began) },
		Told: progress.told,
	})
	progress.end()
	if err != nil {
		return err
	}
	if c.JSON != "-" && c.HTML != "-" {
		if err := report.Table(e.Stdout); err != nil {
			return err
		}
	}
	if c.HTML != "" {
		var page bytes.Buffer
		if err := report.HTML(&page); err != nil {
			return err
		}
		if err := writeTo(e.Stdout, c.HTML, page.Bytes()); err != nil {
			return err
		}
	}
	if c.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return writeTo(e.Stdout, c.JSON, append(text, '\n'))
}

// writeTo writes a document to a file, or to w where its name is "-".
func writeTo(w io.Writer, name string, text []byte) error {
	if name == "-" {
		_, err := w.Write(text)
		return err
	}
	return os.WriteFile(name, text, 0o644) //nolint:gosec // figures of a simulation are nobody's secret
}

// policies are those that were asked for.
func (c simulateCmd) policies() ([]simulate.Policy, error) {
	if c.Policy == "all" {
		return simulate.Policies(), nil
	}
	var out []simulate.Policy
	for _, name := range strings.Split(c.Policy, ",") {
		p := simulate.Policy(strings.TrimSpace(name))
		if !slices.Contains(simulate.Policies(), p) {
			return nil, fmt.Errorf("--policy %q: write all, or some of none,timer,greedy,keeplit,foresight", c.Policy)
		}
		out = append(out, p)
	}
	return out, nil
}

// progress is told on a line of its own, where somebody looks.
type progress struct {
	w     io.Writer
	shown bool
	last  time.Time
}

func progressOn(w io.Writer) *progress {
	if !watched(w) {
		return &progress{}
	}
	return &progress{w: w}
}

// watched tells whether somebody looks at what is written there: it is a terminal, and no file or pipe.
func watched(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (p *progress) told(policy simulate.Policy, day, of int) {
	if p.w == nil || day < of && time.Since(p.last) < 200*time.Millisecond {
		return
	}
	p.last, p.shown = time.Now(), true
	fmt.Fprintf(p.w, "\r%-10s day %4d of %d", policy, day, of)
}

func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
