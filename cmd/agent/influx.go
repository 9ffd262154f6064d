package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
)

// influxCmd is what is done at an InfluxDB server.
type influxCmd struct {
	Setup influxSetupCmd `cmd:"" help:"Make database, retention and user (1.8), or bucket, retention and its mapping for InfluxQL (2)."`
}

type influxSetupCmd struct {
	AdminFile string `help:"File with who may do that: user:password (1.8), or a token (2). Left out: the server asks nobody (1.8)."`
	KeepDays  int    `help:"How many days points are kept; what is older is forgotten. 0: for ever, or as it is."`
	Config    string `arg:"" help:"Configuration file; influxdb names the server, the bucket and the agent's own token."`
}

// Run makes what is missing, and may be called again.
func (c influxSetupCmd) Run(e *env) error {
	if c.KeepDays < 0 {
		return &exitError{exitUsage, fmt.Errorf("points cannot be kept for %d days", c.KeepDays)}
	}
	cfg, err := loadConfig(c.Config, e)
	if err != nil {
		return err
	}
	i := cfg.InfluxDB
	if i == nil {
		return &exitError{exitUsage, errors.New("the configuration has no influxdb part")}
	}
	s := telemetry.Setup{URL: i.URL, CAFile: cfg.Path(i.CA), Org: i.Org, Bucket: i.Bucket, Token: i.Token, Keep: time.Duration(c.KeepDays) * 24 * time.Hour}
	if c.AdminFile != "" {
		text, err := os.ReadFile(c.AdminFile)
		if err != nil {
			return fmt.Errorf("the administrator: %w", err)
		}
		s.Admin = strings.TrimSpace(string(text))
	}
	done, err := s.Run(e.Ctx)
	for _, line := range done {
		fmt.Fprintln(e.Stdout, line)
	}
	if err != nil {
		return fmt.Errorf("influxdb: %w", err)
	}
	return nil
}
