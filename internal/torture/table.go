package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

const (
	mark    = "<!-- what make torture found -->"
	markEnd = "<!-- end of what make torture found -->"

	markFoot    = "<!-- what an agent takes -->"
	markFootEnd = "<!-- end of what an agent takes -->"

	head = "| fault | tried | lost | what was counted | what the householder saw | without its guard |\n| --- | --- | --- | --- | --- | --- |\n"
)

// table is the results as Markdown.
func table(faults []*fault, results map[string]*outcome) string {
	var b strings.Builder
	b.WriteString(head)
	for _, f := range faults {
		if o := results[f.name]; o != nil {
			b.WriteString(row(f, o))
		}
	}
	return b.String()
}

func row(f *fault, o *outcome) string {
	var counted, seen []string
	for _, k := range names(o.counts) {
		counted = append(counted, fmt.Sprintf("%d %s", o.counts[k], k))
	}
	for code := range o.seen {
		seen = append(seen, "`"+code+"`")
	}
	slices.Sort(seen)
	without := "no control"
	switch {
	case o.uncaught:
		without = f.control.without + ": **not caught**"
	case o.caught != "":
		without = f.control.without + ": caught"
	case len(f.control.edits) > 0:
		without = f.control.without + ": not tried"
	}
	return fmt.Sprintf("| %s | %d | %d | %s | %s | %s |\n", f.name, o.tried, len(o.broken), or(strings.Join(counted, ", "), "-"), or(strings.Join(seen, ", "), "nothing"), without)
}

// rewrite puts the rows of the faults that were tried into a document; the other rows
// stay.
func rewrite(file string, tried []*fault, results map[string]*outcome) error {
	return between(file, mark, markEnd, func(old string) string {
		rows := map[string]string{}
		for line := range strings.Lines(old) {
			if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok {
				rows[name] = line
			}
		}
		for _, f := range tried {
			if o := results[f.name]; o != nil && o.failed == "" && o.tried > 0 {
				rows[f.name] = row(f, o)
			}
		}
		var b strings.Builder
		b.WriteString(head)
		for _, f := range faults() {
			b.WriteString(rows[f.name])
		}
		return b.String()
	})
}

// between changes what stands between two lines of a document.
func between(file, from, to string, change func(string) string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), from+"\n")
	old, after, whole := strings.Cut(rest, to)
	if !ok || !whole {
		return fmt.Errorf("%s has nothing between %q and %q", file, from, to)
	}
	return os.WriteFile(file, []byte(before+from+"\n"+change(old)+to+after), 0o644)
}
