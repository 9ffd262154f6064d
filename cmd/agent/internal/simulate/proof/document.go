package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/simulate"
)

// lived is a case of which something is there.
type lived struct {
	c      *aCase
	report *simulate.Report
	runs   map[simulate.Policy]*figures
}

// document is docs/proof.md of what is there; beside the figures it leaves a page of
// each world.
func (o *options) document(agent string, cases []aCase) ([]byte, error) {
	var all []lived
	var missing, agents []string
	for i := range cases {
		c := &cases[i]
		l := lived{c: c, runs: map[simulate.Policy]*figures{}}
		for _, p := range simulate.Policies() {
			f, err := o.kept(agent, c, p)
			if err != nil {
				return nil, err
			}
			if f == nil {
				missing = append(missing, c.id()+" "+string(p))
				continue
			}
			l.runs[p] = f
			if !slices.Contains(agents, f.Agent) {
				agents = append(agents, f.Agent)
			}
			if l.report == nil {
				l.report = f.Report
			}
			l.report.Join(f.Report)
		}
		if l.report != nil {
			all = append(all, l)
		}
	}
	// A world stands before its variants.
	slices.SortStableFunc(all, func(a, b lived) int { return strings.Compare(a.c.name, b.c.name) })

	given, long := "", fmt.Sprintf("%d days that count", o.days)
	if o.variantDays > 0 {
		given, long = fmt.Sprintf(" VARIANT_DAYS=%d", o.variantDays), fmt.Sprintf("%d days that count, and their variants for %d,", o.days, o.variantDays)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Proof

Made by `+"`make proof DAYS=%d%s`"+`, to the last figure: the worlds of [examples/worlds](../examples/worlds), each lived through for %s under each
policy by `+"`agent simulate`"+`. [simulate.md](simulate.md) says what the policies are and what is counted. Any row is made again by the command beside it.

`, o.days, given, long)
	fmt.Fprintf(&b, "Agent: %s.\n", strings.Join(agents, "; "))
	if len(missing) > 0 {
		fmt.Fprintf(&b, "\nNot run (%d of %d): %s.\n", len(missing), len(cases)*len(simulate.Policies()), strings.Join(missing, ", "))
	}
	if len(all) == 0 {
		return b.Bytes(), nil
	}
	aims(&b, all)
	for i := range all {
		if err := o.section(&b, &all[i]); err != nil {
			return nil, err
		}
		var page bytes.Buffer
		if err := all[i].report.HTML(&page); err != nil {
			return nil, err
		}
		name := filepath.Join(filepath.Dir(o.file(all[i].c, simulate.None)), all[i].c.id()+".html")
		if err := os.WriteFile(name, page.Bytes(), 0o644); err != nil { //nolint:gosec // nobody's secret
			return nil, err
		}
	}
	speed(&b, all)
	return b.Bytes(), nil
}

// aims writes which of the aims are reached, and where.
func aims(b *bytes.Buffer, all []lived) {
	b.WriteString("\n## Aims\n\nEach with the figure of `keeplit` that it is told by.\n\n")
	of := all[0].report.Aims()
	for _, a := range of {
		fmt.Fprintf(b, "- *%s*: %s.\n", a.Name, a.What)
	}
	b.WriteString("\nCredit is short where `none` is without it for more than a thousandth of the time.\n\n| world |")
	for _, a := range of {
		fmt.Fprintf(b, " %s |", a.Name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(of)) + "\n")
	held, asked := make([]int, len(of)), make([]int, len(of))
	for i := range all {
		r := all[i].report
		fmt.Fprintf(b, "| %s |", r.Name())
		for k, a := range r.Aims() {
			switch a.Is {
			case simulate.Held:
				held[k]++
				asked[k]++
				fmt.Fprintf(b, " yes: %s |", a.Figure)
			case simulate.Missed:
				asked[k]++
				fmt.Fprintf(b, " **no**: %s |", a.Figure)
			case simulate.Moot, simulate.Unrun:
				fmt.Fprintf(b, " %s |", strings.TrimSpace(string(a.Is)+" "+a.Figure))
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString("| reached |")
	sumHeld, sumAsked := 0, 0
	for k := range of {
		fmt.Fprintf(b, " %d of %d |", held[k], asked[k])
		sumHeld += held[k]
		sumAsked += asked[k]
	}
	fmt.Fprintf(b, "\n\n%d of %d are reached.\n", sumHeld, sumAsked)
}

// section writes all figures of one case.
func (o *options) section(b *bytes.Buffer, l *lived) error {
	r := l.report
	fmt.Fprintf(b, "\n## %s\n\n", r.Name())
	if r.About != "" && r.Variant == "" {
		fmt.Fprintf(b, "%s\n\n", r.About)
	}
	variant := ""
	if l.c.variant != "" {
		variant = " --variant " + l.c.variant
	}
	fmt.Fprintf(b, "From %s on, days %d, warm-up %d, seed %d, money in %s: `agent simulate examples/worlds/%s.yaml%s --days %d`\n\n",
		r.Start, r.Days, r.Warm, r.Seed, r.Currency, l.c.name, variant, r.Days)
	if err := r.Markdown(b); err != nil {
		return err
	}
	if r.GainShare != nil {
		fmt.Fprintf(b, "\n`keeplit` has %.0f %% of what `foresight` gains a kWh over `none`.\n", 100**r.GainShare)
	}
	return nil
}

// speed writes what each run took.
func speed(b *bytes.Buffer, all []lived) {
	b.WriteString("\n## Time and memory\n\nSeconds of one core that a run took, warm-up and all, and the most memory that it held.\n\n| world |")
	for _, p := range simulate.Policies() {
		fmt.Fprintf(b, " `%s` |", p)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(simulate.Policies())) + "\n")
	for i := range all {
		fmt.Fprintf(b, "| %s |", all[i].report.Name())
		for _, p := range simulate.Policies() {
			if f := all[i].runs[p]; f != nil {
				fmt.Fprintf(b, " %.0f s, %.0f MB |", f.CPU, f.Memory)
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteByte('\n')
	}
}
