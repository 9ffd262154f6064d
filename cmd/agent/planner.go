package main

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/apart"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
)

// plannerCmd is the planner of "agent run", in a process of its own.
type plannerCmd struct {
	Config string `arg:"" type:"path"`
}

func (c plannerCmd) Run(e *env) error {
	cfg, err := loadConfig(c.Config, e)
	if err != nil {
		return err
	}
	site, err := service.SiteOf(service.AsSet(cfg).Config) // with what was set on the page of its appliances
	if err != nil {
		return err
	}
	p, err := service.Planner(site, true)
	if err != nil {
		return err
	}
	return apart.Serve(e.Ctx, e.Stdin, e.Stdout, p)
}
