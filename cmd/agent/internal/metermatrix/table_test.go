package metermatrix

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
)

// The marks between which the table stands.
const (
	begins = "<!-- make meters writes from here -->\n"
	ends   = "<!-- to here -->\n"
)

// write puts the table of all cells into a document.
func write(name string, cells []cell, columns []kind) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(text, []byte(begins))
	_, tail, both := bytes.Cut(rest, []byte(ends))
	if !ok || !both {
		return fmt.Errorf("%s has no place for the table: a line %q and one %q", name, strings.TrimSpace(begins), strings.TrimSpace(ends))
	}
	out := append(append(slices.Clone(head), begins...), table(cells, columns)...)
	return os.WriteFile(name, append(append(out, ends...), tail...), 0o644)
}

// table has a row for each fault and a column for each kind of meter.
func table(cells []cell, columns []kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d cells, none of them with false consumption. A figure is what was counted in the end less what truly passed, in Wh; - is a fault that this medium, or a meter on it, has not.\n\n", len(cells))
	b.WriteString("| fault | warnings, and how they end |")
	for _, k := range columns {
		fmt.Fprintf(&b, " %s |", k.name)
	}
	b.WriteString("\n| --- | --- |" + strings.Repeat(" ---: |", len(columns)) + "\n")
	for _, f := range all() {
		var raised []health.Code
		row := make([]string, len(columns))
		for i, k := range columns {
			row[i] = "-"
			at := slices.IndexFunc(cells, func(c cell) bool { return c.kind == k.name && c.fault == f.name })
			if at < 0 {
				continue
			}
			v := cells[at].verdict
			row[i] = off(v.counted - v.used)
			if f.ever {
				row[i] = "waits"
			}
			raised = append(raised, v.raised...)
		}
		slices.Sort(raised)
		raised = slices.Compact(raised)
		var said []string
		for _, c := range raised {
			how := "goes when it is over"
			switch {
			case f.ever:
				how = "stands"
			case health.Of(c).Passing():
				how = "goes by itself, or after a day"
			}
			said = append(said, fmt.Sprintf("`%s` (%s)", c, how))
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.name, strings.Join(said, ", "), strings.Join(row, " | "))
	}
	return b.String() + "\n"
}

// off is an energy in whole Wh with its sign.
func off(e units.Energy) string {
	wh := int64(math.Round(e.KWh() * 1000))
	if wh == 0 {
		return "0"
	}
	return fmt.Sprintf("%+d", wh)
}
