package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

type qualityCmd struct {
	client
	JSON bool   `help:"Print it as JSON, as in GET /api/v1/view." xor:"form"`
	HTML string `help:"Write it as a page of its own to this file; - is standard output." placeholder:"FILE" xor:"form"`
}

// Run prints what the voltage was, by the running agent.
func (c qualityCmd) Run(e *env) error {
	status, body, err := c.call(e.Ctx, http.MethodGet, "/api/v1/view", e.Getenv("KEEPLIT_PIN"), nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s (set KEEPLIT_PIN where reading is closed)", message(body))
	}
	var v api.View
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", c.URL, err)
	}
	if v.Quality == nil {
		return &exitError{Code: exitFailure, Err: fmt.Errorf("nothing is known of the voltage yet: the meter tells none, or tells it less than once a minute, or the first 10 minutes are not over")}
	}
	if c.JSON {
		return json.NewEncoder(e.Stdout).Encode(v.Quality)
	}
	zone, err := time.LoadLocation(v.Zone)
	if err != nil {
		zone = time.UTC
	}
	switch c.HTML {
	case "":
	case "-":
		return qualityHTML(e.Stdout, &v, zone)
	default:
		var page bytes.Buffer
		if err := qualityHTML(&page, &v, zone); err != nil {
			return err
		}
		if err := os.WriteFile(c.HTML, page.Bytes(), 0o600); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.Stdout, "written to %s\n", c.HTML)
		return err
	}
	return qualityReport(e.Stdout, v.Quality, zone)
}

// qualityReport prints the weeks with every promise and the tables of dips and swells.
func qualityReport(out io.Writer, q *api.Quality, zone *time.Location) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, q.Says)
	for _, week := range q.Weeks {
		day := func(t time.Time) string { return t.In(zone).Format("Mon 2 Jan 2006") }
		fmt.Fprintf(w, "\n%s to %s: %s\n", day(week.From), day(week.To.Add(-time.Minute)), week.Is)
		fmt.Fprintf(w, "values of 10 minutes\t%d of %d, %d flagged, %d hardly measured\n", week.Values, week.Of, week.Flagged, week.Short)
		for k, p := range week.Phases {
			fmt.Fprintf(w, "phase %d\t%.1f to %.1f V\n", k+1, p.Low, p.High)
		}
		for _, p := range week.Promises {
			name := p.Promise
			if p.Phase > 0 {
				name += fmt.Sprintf(", phase %d", p.Phase)
			}
			beyond := fmt.Sprintf("%d of %d beyond", p.Beyond, p.Values)
			if p.Order > 0 {
				beyond += fmt.Sprintf(" (order %d)", p.Order)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", name, p.Is, beyond)
		}
		if !q.Sampled {
			continue
		}
		fmt.Fprintf(w, "dips\t%s\n", strings.Join(dipTimes(), "\t"))
		for i, name := range dipRows() {
			fmt.Fprintf(w, "%s", name)
			for _, n := range week.Dips[i] {
				fmt.Fprintf(w, "\t%d", n)
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "swells\t%s\n", strings.Join(swellTimes(), "\t"))
		for i, name := range swellRows() {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", name, week.Swells[i][0], week.Swells[i][1], week.Swells[i][2])
		}
		fmt.Fprintf(w, "longer dips and swells\t%d\n", week.Longer)
		fmt.Fprintf(w, "interruptions\t%d to 3 minutes, %d longer\n", week.Interruptions[0], week.Interruptions[1])
		fmt.Fprintf(w, "rapid changes\t%d\n", week.Rapid)
	}
	return w.Flush()
}
