package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// optOutCmd opts the household out.
type optOutCmd struct {
	client
	JSON bool   `help:"Print the answer as JSON."`
	Of   string `arg:"" optional:"" default:"" enum:",none,local,grid,both" help:"local: the home's own plan, so that appliances run as soon as they may; grid: a utility's events; both; none: nothing any more. Without it, what holds is shown."`
}

// Run opts out, and says what holds.
func (c optOutCmd) Run(e *env) error {
	if c.Of != "" {
		status, body, err := c.call(e.Ctx, http.MethodPost, "/api/v1/opt-out", e.Getenv("KEEPLIT_PIN"), api.OptOut{Of: c.Of})
		if err != nil {
			return err
		}
		if err := asked(status, body); err != nil {
			return err
		}
	}
	v, err := c.view(e)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.Stdout).Encode(api.OptOutAnswer{OptOut: v.OptOut})
	}
	switch o := v.OptOut; {
	case o == nil:
		_, err = fmt.Fprintln(e.Stdout, "No utility asks this home for anything that it could opt out of.")
	case o.Since == nil:
		_, err = fmt.Fprintln(e.Stdout, "Opted out of: none.")
	default:
		_, err = fmt.Fprintf(e.Stdout, "Opted out of: %s, by %s since %s.\n", o.Of, o.By, o.Since.Format(time.RFC3339))
	}
	return err
}
