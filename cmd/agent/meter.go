package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// meterCmd is what a person says and asks of meters.
type meterCmd struct {
	Reading  meterReadingCmd  `cmd:"" help:"Say what the utility's meter shows, or show how it compares with the one here."`
	Withdraw meterWithdrawCmd `cmd:"" help:"Take a reading of the utility's meter back."`
	Values   meterValuesCmd   `cmd:"" help:"Read the meter of a configuration once, and show each value: as it came, and what it is taken for."`
}

type meterReadingCmd struct {
	client
	At        string `placeholder:"TIME" help:"When it was read: 18:00, \"Fri 18:00\", \"yesterday 21:00\", \"2026-12-04 18:00\"; without it, now."`
	Sure      bool   `help:"It was looked at twice: take it though it is not likely."`
	NewMeter  bool   `help:"The utility's meter was exchanged: this is the new one's first reading."`
	BeganAnew bool   `help:"The display has passed its last digit since the last reading, and begun again at zero."`
	Left      bool   `help:"The display shows the credit that is left, in kWh, and no register."`
	Bought    string `placeholder:"KWH" help:"With --left: kWh bought since the last reading."`
	JSON      bool   `help:"Print the answer as JSON."`
	Shown     string `arg:"" optional:"" help:"The kWh as they stand on the display, with the digits behind the point, such as 412.3; without it, the readings so far are shown."`
}

// Run keeps a reading, and prints how the two meters compare.
func (c meterReadingCmd) Run(e *env) error {
	var b *api.Beside
	v, err := c.view(e)
	if err != nil {
		return err
	}
	if b = v.Beside; c.Shown != "" {
		if b, err = c.tell(e, "/api/v1/meter/readings", api.MeterReading{
			Shown: c.Shown, At: c.At, Sure: c.Sure, Anew: c.NewMeter, Turned: c.BeganAnew, Left: c.Left, Bought: c.Bought,
		}); err != nil {
			return err
		}
	}
	return besideReport(e.Stdout, b, v.Zone, c.JSON)
}

type meterWithdrawCmd struct {
	client
	JSON bool `help:"Print the answer as JSON."`
	N    int  `arg:"" help:"Number of the reading; agent meter reading lists them."`
}

// Run takes a reading back.
func (c meterWithdrawCmd) Run(e *env) error {
	v, err := c.view(e)
	if err != nil {
		return err
	}
	b, err := c.tell(e, "/api/v1/meter/readings/"+strconv.Itoa(c.N)+"/withdraw", nil)
	if err != nil {
		return err
	}
	return besideReport(e.Stdout, b, v.Zone, c.JSON)
}

// tell says something about the utility's meter to the running agent.
func (c client) tell(e *env, path string, body any) (*api.Beside, error) {
	status, text, err := c.call(e.Ctx, http.MethodPost, path, e.Getenv("KEEPLIT_PIN"), body)
	if err != nil {
		return nil, err
	}
	if err := asked(status, text); err != nil {
		return nil, err
	}
	var a api.BesideAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("the answer of %s cannot be read: %w", c.URL, err)
	}
	return a.Beside, nil
}

// asked is why something that a person asked for was not done; nil where it was.
func asked(status int, body []byte) error {
	switch status {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%s (the PIN is taken from the environment variable KEEPLIT_PIN)", message(body))
	case http.StatusServiceUnavailable:
		return errors.New(message(body))
	}
	return &exitError{exitInvalid, errors.New(message(body))}
}

// besideReport prints the readings of the utility's meter, and how it compares.
func besideReport(out io.Writer, b *api.Beside, zoneName string, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(api.BesideAnswer{Beside: b})
	}
	if b == nil {
		_, err := fmt.Fprintln(out, "Nobody has read the utility's meter: agent meter reading 412.3, with what stands on its display.")
		return err
	}
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		zone = time.UTC
	}
	fmt.Fprintln(out, b.Says)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(b.Months) > 0 {
		fmt.Fprintln(w, "\nfrom\tto\tutility kWh\there kWh\tmore %\tnot measured\t")
	}
	const day = "2 Jan 2006 15:04"
	for _, m := range b.Months {
		more := "-"
		if m.More != nil {
			more = strconv.FormatFloat(*m.More, 'f', 1, 64)
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%.1f\t%s\t%.1f h\t\n", m.From.In(zone).Format(day), m.To.In(zone).Format(day), m.Utility, m.Own, more, m.Unmeasured)
	}
	fmt.Fprintln(w, "\nno.\tread\tit showed kWh\tcounted here\tby\t\t")
	for _, r := range b.Readings {
		kind := ""
		switch {
		case r.Left:
			kind = "credit left"
		case r.Anew:
			kind = "new meter"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%.3f\t%s\t%s\t\n", r.N, r.At.In(zone).Format(day), strconv.FormatFloat(r.Shown, 'f', -1, 64), r.Own, r.By, kind)
	}
	return w.Flush()
}
