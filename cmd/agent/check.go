package main

import (
	"fmt"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
)

type checkCmd struct {
	Config string `arg:"" default:"keeplit.yaml" help:"Configuration file." type:"path"`
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
	for _, f := range tariffDoubts(&doc, cfg.Tariff.Catalogue) {
		if _, err := fmt.Fprintf(e.Stdout, "doubt: tariff: %s\n", f); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(e.Stdout, "%s is right: site %s, %s, tariff %q, meter %s\n",
		c.Config, cfg.Site.ID, loadsOf(cfg), doc.Name, cfg.Meter.Label())
	return err
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

type schemaCmd struct{}

// Run prints the JSON Schema of the configuration.
func (schemaCmd) Run(e *env) error {
	schema, err := config.Schema(drivers.All())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "%s\n", schema)
	return err
}
