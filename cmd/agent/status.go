package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

type statusCmd struct {
	client
	JSON   bool   `help:"Print everything as JSON."`
	Health bool   `help:"Only say whether the agent is well, for a health check: exit code 0 or 1."`
	Until  string `placeholder:"DATE" help:"The day up to whose end the credit is to last, such as 2026-12-24; a week ahead if not given."`
}

// Run prints how the running agent is.
func (c statusCmd) Run(e *env) error {
	if c.Health {
		status, body, err := c.call(e.Ctx, http.MethodGet, "/healthz", "", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("the agent is not well: %s", message(body))
		}
		return err
	}
	status, body, err := c.call(e.Ctx, http.MethodGet, "/api/v1/view", e.Getenv("KEEPLIT_PIN"), nil)
	if err != nil {
		return err
	}
	switch status {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return fmt.Errorf("%s (set KEEPLIT_PIN where reading is closed)", message(body))
	default:
		return errors.New(message(body))
	}
	if c.JSON {
		_, err = e.Stdout.Write(append(body, '\n'))
		return err
	}
	var v api.View
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", c.URL, err)
	}
	zone, err := time.LoadLocation(v.Zone)
	if err != nil {
		zone = time.UTC
	}
	if lang := c.homesLanguage(e); lang != present.English {
		return statusIn(e.Stdout, lang, &v, zone)
	}
	w := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	at := func(t *time.Time) time.Time { return fromWire(t).In(zone) }
	line("site", "%s, %s", v.Site, at(v.At).Format("Mon 2 Jan 2006 15:04:05"))
	line("supply", "%s: %s", v.Supply.State, v.Supply.Says)
	if v.Supply.Held {
		line("balance", "not known: the records do not agree")
	} else {
		line("balance", "%s %s", v.Credit.Balance, v.Unit)
	}
	switch {
	case v.RunOut.First != nil:
		line("runs out", "not known yet: the first forecast comes at about %s, with the first whole half hour", at(v.RunOut.First).Format("Mon 15:04"))
	case !v.RunOut.Known:
		line("runs out", "not known now")
	case v.RunOut.Beyond:
		line("runs out", "not within the forecast (after %s)", at(v.RunOut.At).Format("Mon 2 Jan"))
	case v.RunOut.Hours != nil:
		line("runs out", "%s, in %.1f days", at(v.RunOut.At).Format("Mon 15:04"), *v.RunOut.Hours/24)
	}
	if v.Credit.PerKWh != nil {
		line("one more kWh", "takes %.1f h of credit", *v.Credit.PerKWh)
	}
	line("to last", "%s", c.toLast(e, zone, v.Unit))
	for _, says := range toldSoon(&v) {
		line("told", "%s", says)
	}
	fresh := v.Power.Freshness
	if age := at(v.At).Sub(at(v.Power.At)); v.Power.At != nil && v.At != nil && age >= 15*time.Second {
		fresh += fmt.Sprintf(", read %s ago", age.Round(time.Second))
	}
	switch w := v.Power.W; {
	case w == nil:
		line("power", "not known (meter %s)", v.Power.Freshness)
	case v.Power.Derived:
		line("power", "%.0f W by the register (meter %s)", *w, fresh)
	default:
		line("power", "%.0f W (meter %s)", *w, fresh)
	}
	if m := v.Meter; m.ImportKWh != nil && m.ExportKWh != nil {
		line("counted", "%.3f kWh in, %.3f kWh out since this site began", *m.ImportKWh, *m.ExportKWh)
		for _, p := range m.Periods {
			line("", "%s: %.3f kWh in, %.3f kWh out", cmp.Or(p.Period, "any time"), p.ImportKWh, p.ExportKWh)
		}
	}
	price := "not known"
	if v.Tariff.Price != nil {
		price = *v.Tariff.Price + " per kWh"
	}
	if v.Tariff.Period != "" {
		price += ", " + v.Tariff.Period
	}
	line("price", "%s", price)
	for _, l := range v.Loads {
		run := ""
		if l.RunKWh != nil && l.RunHours != nil {
			run = fmt.Sprintf("  (a run: %.1f kWh, %.1f h of credit)", *l.RunKWh, *l.RunHours)
		}
		line("load", "%s: %s  %s%s", l.Name, l.State, l.Why, run)
	}
	for _, x := range v.Warnings {
		line("warning", "%s: %s", x.Code, present.Sentences(x.Title, x.Cause, x.Remedy))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	planChart(e.Stdout, &v, zone)
	return nil
}

// fromWire is a time as it was sent; zero where there is none.
func fromWire(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// toLast is the smallest top-up for a date, in words.
func (c statusCmd) toLast(e *env, zone *time.Location, unit string) string {
	status, body, err := c.call(e.Ctx, http.MethodGet, "/api/v1/topup?until="+url.QueryEscape(c.Until), e.Getenv("KEEPLIT_PIN"), nil)
	if err != nil {
		return err.Error()
	}
	if status != http.StatusOK {
		return message(body)
	}
	var a api.TopUpNeed
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Sprintf("the answer cannot be read: %v", err)
	}
	say := func(s *string) string {
		if s == nil {
			return "more than one top-up"
		}
		return *s + " " + unit
	}
	day := a.Until.Add(-time.Second).In(zone).Format("Mon 2 Jan")
	return fmt.Sprintf("to the end of %s: top up %s (in 9 of 10 cases), %s (in half of them)", day, say(a.Safe), say(a.Even))
}
