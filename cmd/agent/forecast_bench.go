package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/keeplit/keeplit/forecast"
)

// forecastBenchCmd measures the forecaster and simple ones side by side.
type forecastBenchCmd struct {
	File string `arg:"" optional:"" help:"CSV file with the columns time,kwh, or what agent profile prints."`
	pastFlags
	Made int `placeholder:"DAYS" help:"In place of a file: of a made-up home, shop and office of so many days each, as 120."`
}

func (c *forecastBenchCmd) Run(e *env) error {
	switch {
	case c.File != "" && c.Made != 0:
		return &exitError{exitUsage, errors.New("give a file or --made, not both")}
	case c.File == "" && c.Made == 0:
		return &exitError{exitUsage, errors.New("no history: give a CSV file, or --made 120 for made-up ones")}
	case c.Made < 0 || c.Made > 1000:
		return &exitError{exitUsage, fmt.Errorf("--made %d: give days up to 1000, 120 for example", c.Made)}
	}
	bench := func(o forecast.Options, history []forecast.Observation, b forecast.BacktestOptions) ([]forecast.BenchRow, error) {
		return forecast.Bench(e.Ctx, o, history, b, clockOf(true))
	}
	if c.File != "" {
		var rows []forecast.BenchRow
		err := c.over(e, c.File, "forecasting the past", "five weeks", func(o forecast.Options, history []forecast.Observation, b forecast.BacktestOptions) (err error) {
			rows, err = bench(o, history, b)
			return err
		})
		if err != nil {
			return err
		}
		return printBench(e.Stdout, c.File, rows)
	}
	step := c.Step
	if step == 0 {
		step = defaultStep
	}
	for k, name := range forecast.Kinds() {
		kind := forecast.Kind(k)
		rows, err := bench(forecast.Options{Step: step, Kind: kind}, forecast.Made(kind, step, c.Made, 1), forecast.BacktestOptions{Origins: c.Origins})
		switch {
		case errors.Is(err, forecast.ErrStep):
			return &exitError{exitUsage, err}
		case errors.Is(err, forecast.ErrTooShort):
			return &exitError{exitUsage, fmt.Errorf("--made %d: %w: 36 days are needed", c.Made, err)}
		case errors.Is(err, context.Canceled):
			return err
		case err != nil:
			return &exitError{exitFailure, err}
		}
		if err := printBench(e.Stdout, "a made-up "+name, rows); err != nil {
			return err
		}
	}
	return nil
}

// printBench prints a table, and in which figures a peer was ahead.
func printBench(to io.Writer, of string, rows []forecast.BenchRow) error {
	fmt.Fprintf(to, "%s, %d forecasts\n", of, rows[0].Origins)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "method\twQL\twithin 10-90 %\tday's energy\trun-out score\trun out before q10\tCPU each")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.4f\t%.3f\t%.4f\t%.2f h\t%.3f\t%.1f ms\n", r.Name, r.WQL, r.Coverage, r.DayNMAE, r.RunOutLoss, r.RunOutLate,
			float64(r.CPU)/float64(time.Millisecond)/float64(max(1, r.Origins)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	ours := rows[0]
	for _, r := range rows[1:] {
		for _, x := range []struct {
			what         string
			theirs, ours float64
		}{{"wQL", r.WQL, ours.WQL}, {"the day's energy", r.DayNMAE, ours.DayNMAE}, {"the run-out score", r.RunOutLoss, ours.RunOutLoss}} {
			if x.theirs < x.ours {
				fmt.Fprintf(to, "behind: in %s \"%s\" is ahead by %.1f %%\n", x.what, r.Name, 100*(x.ours/x.theirs-1))
			}
		}
	}
	_, err := fmt.Fprintln(to)
	return err
}
