package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

type lastUntilCmd struct {
	client
	JSON  bool          `help:"Print the answer as JSON."`
	Wait  time.Duration `default:"10s" help:"How long to wait for the plan that shows what it takes; 0s: not at all."`
	Until []string      `arg:"" optional:"" help:"Until when the credit is to last: \"Fri 18:00\", \"tomorrow 07:00\", \"2026-12-04 18:00\", or \"off\"; without it, what was asked for is shown."`
}

// Run asks the running agent that the credit lasts, and prints what that takes.
func (c lastUntilCmd) Run(e *env) error {
	text := strings.Join(c.Until, " ")
	if text != "" {
		status, body, err := c.call(e.Ctx, http.MethodPost, "/api/v1/until", e.Getenv("KEEPLIT_PIN"), api.LastUntil{Until: text})
		if err != nil {
			return err
		}
		if err := asked(status, body); err != nil {
			return err
		}
	}
	v, err := c.view(e)
	for end := time.Now().Add(c.Wait); err == nil && text != "" && v.Until != nil && !v.Until.Known && time.Now().Before(end); {
		select {
		case <-e.Ctx.Done():
			return context.Cause(e.Ctx)
		case <-time.After(min(c.Wait, time.Second/4)):
		}
		v, err = c.view(e)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.Stdout).Encode(api.UntilAnswer{Until: v.Until})
	}
	if v.Until == nil {
		_, err = fmt.Fprintln(e.Stdout, "Nobody asks that the credit lasts until a time.")
		return err
	}
	zone, err := time.LoadLocation(v.Zone)
	if err != nil {
		zone = time.UTC
	}
	fmt.Fprintln(e.Stdout, v.Until.Says)
	for _, g := range v.Until.Given {
		name := g.ID
		for _, l := range v.Loads {
			if l.ID == g.ID {
				name = l.Name
			}
		}
		what := "left out"
		if g.Later {
			what = "waits until after it"
		}
		if _, err := fmt.Fprintf(e.Stdout, "  %s  %s: %s (%.1f h, %.1f kWh)\n", g.At.In(zone).Format("Mon 2 Jan 15:04"), name, what, g.Hours, g.KWh); err != nil {
			return err
		}
	}
	return nil
}

// view is the agent's picture of the house.
func (c client) view(e *env) (v api.View, err error) {
	status, body, err := c.call(e.Ctx, http.MethodGet, "/api/v1/view", e.Getenv("KEEPLIT_PIN"), nil)
	if err != nil {
		return v, err
	}
	if status != http.StatusOK {
		return v, fmt.Errorf("%s (set KEEPLIT_PIN where reading is closed)", message(body))
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fmt.Errorf("the answer of %s cannot be read: %w", c.URL, err)
	}
	return v, nil
}
