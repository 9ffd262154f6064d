package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/store"
)

type runCmd struct {
	Config string `arg:"" default:"keeplit.yaml" help:"Configuration file." type:"path"`
	Stay   bool   `help:"Where the configuration is wrong, show on the page what is, and start when it is put right, instead of ending: for a service."`
}

func (c runCmd) Run(e *env) error {
	cfg, err := loadConfig(c.Config, e)
	waited := false
	var faults fault.List
	if c.Stay && errors.As(err, &faults) {
		waited = true
		if cfg, err = c.untilMended(e, cfg, faults); err != nil {
			return nil //nolint:nilerr // it was asked to stop, which is no failure
		}
	}
	if err != nil {
		return err
	}
	log := newLog(e, cfg.Log)
	opt := service.Options{Log: log, Version: version, File: c.Config, Getenv: e.Getenv}
	if e.Name != "" {
		opt.Apart = []string{e.Name, "planner", c.Config}
	}
	var s *service.Service
	begin := func() { s, err = service.New(e.Ctx, cfg, opt) }
	if waited { // it was said to be ready before
		fed(e, begin)
	} else {
		begin()
	}
	if retired := (*store.RetiredError)(nil); errors.As(err, &retired) {
		return &exitError{exitRetired, err}
	}
	if e.Ctx.Err() != nil && errors.Is(err, context.Canceled) {
		log.Info("asked to stop before it had started")
		return nil
	}
	if err != nil {
		return err
	}
	log.Info("keeplit runs", "site", cfg.Site.ID, "page", cfg.Web.Listen, "data", cfg.Path(cfg.Data))
	return s.Run(e.Ctx)
}

// loadConfig reads a configuration; all its faults are the error, those with it
// that only building its parts shows.
func loadConfig(name string, e *env) (config.Config, error) {
	secrets := config.FromSystem()
	secrets.Getenv = e.Getenv
	cfg, faults := config.Load(name, secrets, drivers.All())
	faults = cfg.Locate(faults, service.Faults(cfg, faults))
	if len(faults) > 0 {
		return cfg, &exitError{exitInvalid, fmt.Errorf("%s has %s:\n%w%s", name, count(len(faults), "fault"), faults, toRead(faults))}
	}
	return cfg, nil
}

// toRead is where the first key that has a fault is explained; "" where none of them is a key that there is.
func toRead(faults fault.List) string {
	sections, err := config.Reference(drivers.All())
	if err != nil {
		return ""
	}
	for _, f := range faults {
		if key := withoutEntries(f.Path); key != "" && explain(io.Discard, sections, key) == nil {
			return fmt.Sprintf("\n\"agent schema %s\" says what that key is, with an example", key)
		}
	}
	return ""
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// newLog is the process's log, on standard error.
func newLog(e *env, c config.Log) *slog.Logger {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(c.Level)) // Check has seen to it
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(e.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(e.Stderr, o))
}
