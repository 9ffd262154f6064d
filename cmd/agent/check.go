package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
)

type checkCmd struct {
	Config string        `arg:"" default:"keeplit.yaml" help:"Configuration file." type:"path"`
	Try    bool          `help:"Ask meter, broker, InfluxDB and switches once each, and say what is wrong. Nothing is switched."`
	Wait   time.Duration `default:"10s" help:"How long --try waits for answers. Some devices speak every five minutes only."`
}

// Run checks the file as far as it can be checked without starting anything.
func (c checkCmd) Run(e *env) error {
	cfg, err := loadConfig(c.Config, e)
	if err != nil {
		return err
	}
	for _, what := range experimental(cfg) {
		if _, err := fmt.Fprintf(e.Stdout, "note: tokens.sts.%s\n", what); err != nil {
			return err
		}
	}
	doc, err := service.TariffOf(cfg)
	if err != nil {
		return &exitError{exitInvalid, fmt.Errorf("%s: %w", c.Config, err)}
	}
	for _, f := range cfg.Notes() {
		if _, err := fmt.Fprintf(e.Stdout, "note: %s\n", f); err != nil {
			return err
		}
	}
	for _, f := range meterDoubts(cfg) {
		if _, err := fmt.Fprintf(e.Stdout, "doubt: %s\n", f); err != nil {
			return err
		}
	}
	for _, f := range tariffDoubts(&doc, cfg.Tariff.Catalogue) {
		if _, err := fmt.Fprintf(e.Stdout, "doubt: tariff: %s\n", f); err != nil {
			return err
		}
	}
	for _, line := range setOnThePage(cfg) {
		if _, err := fmt.Fprintln(e.Stdout, line); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(e.Stdout, "%s is right: site %s, %s, tariff %q, meter %s\n",
		c.Config, cfg.Site.ID, loadsOf(cfg), doc.Name, cfg.Meter.Label())
	if err != nil || !c.Try {
		return err
	}
	return c.try(e, cfg)
}

// setOnThePage says what of a configuration does not hold because something else was set on the page.
func setOnThePage(cfg config.Config) []string {
	set := service.AsSet(cfg)
	var out []string
	for _, k := range set.Laid {
		out = append(out, fmt.Sprintf("note: %s is as it was set on the page, until something else is written here", k))
	}
	if set.Err != nil {
		out = append(out, fmt.Sprintf("doubt: what was set on the page does not hold: %v", set.Err))
	}
	return out
}

// meterDoubts is what of the meter may be right and not what is meant.
func meterDoubts(cfg config.Config) (l fault.List) {
	l.Under("meter", cfg.Meter.Doubts())
	return l
}

// try asks what the configuration names.
func (c checkCmd) try(e *env, cfg config.Config) error {
	wrong := 0
	quiet := slog.New(slog.DiscardHandler) // what is wrong is said once, below
	for _, t := range service.Try(e.Ctx, service.Orders{Config: cfg, Log: quiet}, c.Wait) {
		if t.Answer == service.Wrong {
			wrong++
		}
		if _, err := fmt.Fprintf(e.Stdout, "%s %s: %s\n", t.What, t.Answer, t.Says); err != nil {
			return err
		}
		if t.Next != "" {
			if _, err := fmt.Fprintf(e.Stdout, "  next: %s\n", t.Next); err != nil {
				return err
			}
		}
	}
	if wrong > 0 {
		return &exitError{exitInvalid, fmt.Errorf("%s to put right", count(wrong, "thing"))}
	}
	return nil
}

// loadsOf is how many loads there are, and how many of them are left out.
func loadsOf(cfg config.Config) string {
	used := 0
	for _, d := range cfg.Loads {
		if d.InUse() {
			used++
		}
	}
	if left := len(cfg.Loads) - used; left > 0 {
		return fmt.Sprintf("%s and %d left out", count(used, "load"), left)
	}
	return count(used, "load")
}

// experimental is what is chosen that could be checked against nothing published.
func experimental(cfg config.Config) []string {
	if cfg.Tokens.STS == nil {
		return nil
	}
	return cfg.Tokens.STS.Experimental()
}
