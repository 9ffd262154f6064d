package main

import (
	"encoding/json"
	"fmt"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
)

// doctorCmd looks at the machine and at what the agent has left on it.
type doctorCmd struct {
	Config string `arg:"" default:"keeplit.yaml" help:"Configuration file; the agent may run." type:"path"`
	JSON   bool   `name:"json" help:"Print JSON, one finding a line."`
}

// Run prints what was found.  Exit code 3 where something is wrong.
func (c doctorCmd) Run(e *env) error {
	secrets := config.FromSystem()
	secrets.Getenv = e.Getenv
	cfg, faults := config.Load(c.Config, secrets, drivers.All())
	faults = cfg.Locate(faults, service.Faults(cfg, faults))
	first := service.Finding{What: "configuration", Where: c.Config, Grade: service.Fine, Says: "it is right"}
	if len(faults) > 0 {
		first = service.Finding{
			What: "configuration", Where: c.Config, Grade: service.Bad,
			Says: fmt.Sprintf("it has %s; the first: %s", count(len(faults), "fault"), faults[0]), Next: "agent check " + c.Config,
		}
	}
	all := []service.Finding{first}
	if set := service.AsSet(cfg); cfg.Data != "" && set.Err != nil {
		all = append(all, service.Finding{What: "settings", Where: set.Book.Path(), Grade: service.Bad, Says: "what was set on the page does not hold: " + set.Err.Error(), Next: "move that file away, and set it anew on the page"})
	}
	if cfg.Data != "" && cfg.Meter.Settings != nil {
		all = append(all, service.Examine(e.Ctx, service.Orders{Config: cfg, Log: newLog(e, cfg.Log)})...)
	}
	wrong := 0
	lines := json.NewEncoder(e.Stdout)
	for _, f := range all {
		if f.Grade == service.Bad {
			wrong++
		}
		if c.JSON {
			if err := lines.Encode(f); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(e.Stdout, "%-6s%s, %s: %s\n", f.Grade, f.What, f.Where, f.Says); err != nil {
			return err
		}
		if f.Next != "" {
			if _, err := fmt.Fprintf(e.Stdout, "      next: %s\n", f.Next); err != nil {
				return err
			}
		}
	}
	if wrong > 0 {
		return &exitError{exitInvalid, fmt.Errorf("%s", count(wrong, "thing")+" to put right")}
	}
	return nil
}
