package simulate

import (
	"bytes"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed report.html
var page string

// view is what the page shows.
type view struct {
	*Report
	Policy []Policy
	Words  []string
	Panels []panel
	Aims   []Aim
	Curves []curve
	Weeks  []closeUp
	Prices []legend
	Load   []legend
	Rows   []row
	From   string
	To     string
}

// row is one line of the whole table.
type row struct {
	Name   string
	Values []string
}

// HTML writes the report as one page that needs nothing besides itself.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	v := view{
		Report: r, Policy: r.have(), Words: r.words(), Panels: r.panels(), Aims: r.Aims(), Curves: r.curves(), Weeks: r.weeks(), Prices: r.priceLegend(),
	}
	for i, l := range r.Loads {
		v.Load = append(v.Load, legend{i%6 + 1, l.Name})
	}
	for _, l := range lines() {
		if l.show != nil && !l.show(r) {
			continue
		}
		out := row{Name: l.name}
		for _, p := range v.Policy {
			out.Values = append(out.Values, l.value(r.Policies[p]))
		}
		v.Rows = append(v.Rows, out)
	}
	for _, p := range v.Policy {
		if days := r.Policies[p].Balance; len(days) > 0 {
			v.From, v.To = days[0].Day, days[len(days)-1].Day
			break
		}
	}
	var b bytes.Buffer // a page is whole, or it is not written
	if err := t.Execute(&b, v); err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// Plain is what is asked, without a document's marks.
func (a Aim) Plain() string { return strings.ReplaceAll(a.What, "`", "") }

// PlainFigure is the figure likewise.
func (a Aim) PlainFigure() string { return strings.ReplaceAll(a.Figure, "`", "") }
