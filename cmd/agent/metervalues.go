package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/metering"
)

type meterValuesCmd struct {
	For    time.Duration `default:"10s" help:"How long to wait for all that is looked for. Some devices speak every five minutes only."`
	JSON   bool          `help:"Print JSON."`
	Config string        `arg:"" default:"keeplit.yaml" help:"Configuration file." type:"path"`
}

// meterValues is what is printed as JSON.
type meterValues struct {
	Meter  string       `json:"meter"`
	Answer string       `json:"answer"` // answers, wrong, left out
	Says   string       `json:"says"`
	Next   string       `json:"next,omitempty"`
	Doubts []string     `json:"doubts,omitempty"` // what of the configuration may not be what is meant
	Looked []meterValue `json:"looked_for"`
	Taken  []meterValue `json:"taken"`
}

type meterValue struct {
	Name  string `json:"name"`
	Where string `json:"where,omitempty"`
	Came  string `json:"came,omitempty"`
	Makes string `json:"makes,omitempty"`
	Taken string `json:"taken,omitempty"`
	Why   string `json:"why,omitempty"` // it was not
	Next  string `json:"next,omitempty"`
}

// Run reads the configured meter once, and prints what was made of each value.
func (c meterValuesCmd) Run(e *env) error {
	cfg, err := loadConfig(c.Config, e)
	if err != nil {
		return err
	}
	h := service.Listen(e.Ctx, service.Orders{Config: cfg, Log: slog.New(slog.DiscardHandler)}, c.For)
	out := meterValues{Meter: cfg.Meter.Label(), Answer: string(h.Answer), Says: h.Says, Next: h.Next, Looked: valuesOf(h.Seen), Taken: valuesOf(h.Sample.Values())}
	for _, f := range meterDoubts(cfg) {
		out.Doubts = append(out.Doubts, f.String())
	}
	if c.JSON {
		err = json.NewEncoder(e.Stdout).Encode(out)
	} else {
		err = out.print(e.Stdout)
	}
	if err == nil && h.Answer == service.Wrong {
		err = &exitError{exitInvalid, errors.New(h.Says)}
	}
	return err
}

func valuesOf(seen []metering.Seen) []meterValue {
	out := make([]meterValue, 0, len(seen))
	for _, s := range seen {
		out = append(out, meterValue{Name: s.Name, Where: s.Where, Came: s.Raw, Makes: s.Makes, Taken: s.Took, Why: s.Why, Next: s.Next})
	}
	return out
}

// print writes what was looked for, as it came, and what came of it.
func (m meterValues) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s %s\n", m.Meter, m.Answer)
	if m.Answer == string(service.LeftOut) {
		fmt.Fprintf(w, "%s\n", m.Says)
	}
	if len(m.Looked) > 0 {
		fmt.Fprintln(w, "\nVALUE\tLOOKED FOR AT\tCAME\tIS\tTAKEN AS")
	}
	for _, v := range m.Looked {
		taken := v.Taken
		if v.Why != "" {
			taken = "nothing: " + v.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Name, cmp.Or(v.Where, "-"), cmp.Or(v.Came, "-"), cmp.Or(v.Makes, "-"), cmp.Or(taken, "-"))
	}
	if len(m.Taken) > 0 {
		fmt.Fprintln(w, "\nA reading has:")
	}
	for _, v := range m.Taken {
		fmt.Fprintf(w, "%s\t%s\n", v.Name, v.Taken)
	}
	for _, d := range m.Doubts {
		fmt.Fprintf(w, "\ndoubt: %s\n", d)
	}
	if m.Next != "" {
		fmt.Fprintf(w, "\nnext: %s\n", m.Next)
	}
	told := map[string]bool{"": true, m.Next: true}
	for _, v := range m.Looked {
		if !told[v.Next] {
			told[v.Next] = true
			fmt.Fprintf(w, "\nnext: %s: %s\n", v.Name, v.Next)
		}
	}
	return w.Flush()
}
