package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/fleet"
)

// fleetSimCmd tries a broker with many agents.
type fleetSimCmd struct {
	loginFlags
	Agents     int           `default:"100" help:"So many agents."`
	Authority  string        `placeholder:"FILE" help:"Certificate of an authority that the broker trusts; with --authority-key each agent, and the utility, gets a certificate of its own."`
	AuthKey    string        `name:"authority-key" placeholder:"FILE" help:"Key of that authority."`
	Prefix     string        `default:"sim" help:"Sites are called PREFIX-00001 and so on; runs beside each other need names of their own."`
	PerSecond  float64       `default:"100" help:"So many agents are started a second."`
	Push       []string      `default:"limit,token" enum:"limit,token" help:"What the utility sends, one after another: limit, one to all; token, a voucher to each."`
	Again      time.Duration `default:"10s" help:"Send it once more to those who have not acknowledged it so long; 0 is never."`
	Within     time.Duration `default:"2m" help:"So long is waited, for connections and for each push."`
	Stay       time.Duration `help:"After that stay connected so long, and push once more at the end: restart the broker meanwhile."`
	Spread     time.Duration `help:"Over how long lost connections come back: mqtt.spread of the homes."`
	Seed       uint64        `default:"1" help:"Keys, readings and pauses of another fleet."`
	JSON       string        `name:"json" placeholder:"FILE" help:"Write the figures to this file; - is standard output, without the table."`
	LogWarning bool          `name:"log" help:"Log what happens to connections on standard error."`
}

// Run prints what the fleet has shown, and fails where it is not what it must be.
func (c fleetSimCmd) Run(e *env) error {
	if c.Agents < 1 || c.Agents > mostAgents || c.PerSecond <= 0 {
		return &exitError{exitUsage, fmt.Errorf("--agents is 1 to %d, and --per-second above 0", mostAgents)}
	}
	if (c.Authority == "") != (c.AuthKey == "") {
		return &exitError{exitUsage, errors.New("give --authority and --authority-key together")}
	}
	opt := fleet.Options{Agents: c.Agents, Seed: c.Seed, Broker: c.Broker, Others: c.Other, Prefix: c.Prefix, PerSecond: c.PerSecond, Again: c.Again, Spread: c.Spread}
	if c.LogWarning {
		opt.Log = slog.New(slog.NewTextHandler(e.Stderr, nil))
	}
	done, err := c.identify(&opt)
	if err != nil {
		return err
	}
	report, err := fleet.Run(e.Ctx, opt, c.script(e))
	err = errors.Join(err, done())
	if report.Agents == 0 {
		return err // none was built
	}
	if c.JSON != "-" {
		if e := report.Table(e.Stdout); e != nil {
			return e
		}
	}
	if c.JSON != "" {
		text, e2 := json.MarshalIndent(report, "", "  ")
		if e2 == nil {
			e2 = writeTo(e.Stdout, c.JSON, append(text, '\n'))
		}
		err = errors.Join(err, e2)
	}
	if faults := report.Faults(); len(faults) > 0 {
		err = errors.Join(err, errors.New(strings.Join(faults, "; ")))
	}
	return err
}

// mostAgents of one process: each needs a descriptor and a port.
const mostAgents = 28_000

// script is what the fleet lives through.
func (c fleetSimCmd) script(e *env) func(ctx context.Context, f *fleet.Fleet) error {
	push := func(ctx context.Context, f *fleet.Fleet) error {
		for _, what := range c.Push {
			one := f.PushLimit
			if what == "token" {
				one = f.PushTokens
			}
			if err := one(ctx, c.Within); err != nil {
				return err
			}
		}
		return nil
	}
	return func(ctx context.Context, f *fleet.Fleet) error {
		if err := f.Connected(ctx, c.Within+time.Duration(float64(c.Agents)/c.PerSecond)*time.Second); err != nil {
			return err
		}
		if err := push(ctx, f); err != nil {
			return err
		}
		if c.Stay <= 0 {
			return f.Heard(ctx, c.Within)
		}
		fmt.Fprintf(e.Stderr, "all %d are connected; for %s the broker may be restarted\n", c.Agents, c.Stay)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.Stay):
		}
		if err := f.Back(ctx, c.Within); err != nil {
			return err
		}
		if err := push(ctx, f); err != nil {
			return err
		}
		return f.Heard(ctx, c.Within)
	}
}

// identify has agents and utility show who they are; done removes what was made for it.
func (c fleetSimCmd) identify(opt *fleet.Options) (done func() error, err error) {
	done = func() error { return nil }
	var issue func(name string, c *broker.Config) error
	if c.Authority != "" {
		dir, err := os.MkdirTemp("", "keeplit-fleet-")
		if err != nil {
			return done, err
		}
		done = func() error { return os.RemoveAll(dir) }
		authority, err := fleet.ReadAuthority(c.Authority, c.AuthKey)
		if err != nil {
			return done, errors.Join(err, done())
		}
		issue = func(name string, b *broker.Config) error { return authority.Issue(dir, name, &b.TLS) }
	}
	opt.Identity = func(name string, b *broker.Config) error {
		b.Username, b.TLS.CAFile = c.Username, c.CA
		if c.Password != "" {
			b.Password = passwordFile(c.Password)
		}
		if issue != nil {
			return issue(name, b)
		}
		return nil
	}
	return done, nil
}
