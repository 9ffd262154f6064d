package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/alert"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
)

// alertCmd tries the ways to those who are told what is wrong.
type alertCmd struct {
	Config string   `arg:"" default:"keeplit.yaml" help:"Configuration file." type:"path"`
	To     []string `help:"Only these recipients, by name." placeholder:"NAME"`
}

// trialWithin is how long one trial may take.
const trialWithin = 30 * time.Second

// Run implements the command.
func (c alertCmd) Run(e *env) error {
	cfg, err := loadConfig(c.Config, e)
	if err != nil {
		return err
	}
	cfg = service.AsSet(cfg).Config
	all := service.TriedAlerts(cfg)
	if len(all) == 0 {
		return &exitError{exitInvalid, errors.New("nobody is to be told: " + c.Config + " has no alerts (docs/alerts.md)")}
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	for _, to := range c.To {
		if !slices.Contains(names, to) {
			return &exitError{exitUsage, fmt.Errorf("no recipient is called %q; there are %s", to, strings.Join(names, ", "))}
		}
	}
	failed := 0
	for _, r := range all {
		if len(c.To) > 0 && !slices.Contains(c.To, r.Name) {
			continue
		}
		ctx, cancel := context.WithTimeout(e.Ctx, trialWithin)
		err := r.Way.Send(ctx, alert.Trial(cfg.Site.ID, cfg.Site.Name, present.WordsIn(cfg.Site.Language), time.Now().UTC()))
		cancel()
		if err != nil {
			failed++
			fmt.Fprintf(e.Stdout, "%s: not sent: %v\n", r.Name, err)
			continue
		}
		fmt.Fprintf(e.Stdout, "%s: sent\n", r.Name)
	}
	if failed > 0 {
		return &exitError{exitFailure, fmt.Errorf("%s could not be told", count(failed, "recipient"))}
	}
	return nil
}
