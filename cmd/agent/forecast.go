package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/keeplit/keeplit/forecast"
)

// forecastCmd is the forecaster on a file, for trying it and for measuring it.
type forecastCmd struct {
	Print    forecastPrintCmd    `cmd:"" default:"withargs" help:"Forecast from a history file (the default)."`
	Backtest forecastBacktestCmd `cmd:"" help:"Forecast a history's past again and say how good it was."`
	Bench    forecastBenchCmd    `cmd:"" help:"Say how good it is beside simple methods, on a history or on made-up ones."`
	Cold     forecastColdCmd     `cmd:"" help:"Say how good forecasts are after 0, 1, 3, 7, 14 and 28 days of own history."`
}

// forecastPrintCmd prints the quantiles of each slot and the run-out hours.
// What is not given by a flag is taken from the environment: FC_HISTORY,
// FC_ORIGIN, FC_STEP_MIN, FC_TZ, FC_HORIZON_H and FC_CREDITS.
type forecastPrintCmd struct {
	History string        `help:"CSV file with the columns time,kwh and perhaps temp_c, or what agent profile prints; empty is missing."`
	At      string        `help:"First slot to forecast, RFC 3339; the default is the end of the history."`
	Step    time.Duration `help:"Length of a slot; the default is that of the file's rows."`
	Tz      string        `help:"Time zone of the site, and of times in the file without one, such as Europe/Paris; the default is UTC."`
	historyFlags
	kindFlag
	moneyFlags
	Horizon time.Duration `help:"How far to forecast; the default is 168h."`
	Credits string        `help:"Credits in kWh, comma-separated, whose run-out time is wanted."`
	JSON    bool          `name:"json" help:"Print JSON instead of CSV."`
}

// kindFlag says what a site is used for, as site.kind does.
type kindFlag struct {
	Kind string `default:"home" enum:"home,shop,office" help:"What the site is used for (${enum}): what is expected before a few days have been measured."`
}

func (k kindFlag) kind() forecast.Kind {
	kind, err := forecast.ParseKind(k.Kind)
	if err != nil {
		panic(err) // the enum's words are the kinds
	}
	return kind
}

const runOutPaths = 500

// forecastGarbage is how much garbage, in percent of what lives, is left before it is collected.
// Learning from a year is over in seconds and must fit a small machine.
const forecastGarbage = 10

func (c *forecastPrintCmd) Run(e *env) error {
	if e.Getenv("GOGC") == "" {
		debug.SetGCPercent(forecastGarbage)
	}
	if err := c.fromEnvironment(e.Getenv); err != nil {
		return err
	}
	if c.History == "" {
		return &exitError{exitUsage, errors.New("no history: give --history FILE.csv or set FC_HISTORY")}
	}
	zone, err := time.LoadLocation(c.Tz)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--tz %q: %w; write a name such as Europe/Paris", c.Tz, err)}
	}
	credits, err := parseCredits(c.Credits)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	history, err := readHistory(c.History, c.Step, zone, c.historyFlags)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what reading left makes room for learning
	f, err := forecast.New(forecast.Options{Zone: zone, Step: history.step, Holiday: forecast.HolidaysIn(c.Tz), Kind: c.kind()})
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if err := history.feed(f, c.History); err != nil {
		return err
	}
	at := history.end()
	if c.At != "" {
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--at %q is not a time such as 2026-01-31T18:00:00Z", c.At)}
		}
	}
	if at.IsZero() {
		return &exitError{exitUsage, fmt.Errorf("%s is empty: say with --at when to forecast from", c.History)}
	}
	if !history.known() {
		fmt.Fprintf(e.Stderr, "agent: %s: no slot has a value: this is the built-in day, and how much it is a guess\n", c.History)
	}
	fc := f.Forecast(at, c.Horizon)
	money, err := c.money(e.Stderr, history, fc.Slots)
	if err != nil {
		return err
	}
	var runOuts []creditRunOut
	if all := len(credits) + len(money.credits); all > 0 {
		debug.FreeOSMemory() // what learning left makes room for the paths
		balances := make([]forecast.Credit, len(credits), all)
		for i, kwh := range credits {
			balances[i].Balance = kwh
		}
		balances = append(balances, money.credits...)
		for i, r := range f.RunOuts(at, c.Horizon, runOutPaths, 1, balances...) {
			out := creditRunOut{Q10: r.Q10.Hours(), Q50: r.Q50.Hours(), Q90: r.Q90.Hours(), Within: r.Within}
			if i < len(credits) {
				out.CreditKWh = &credits[i]
			} else {
				out.Balance, out.Currency = &balances[i].Balance, money.currency
			}
			runOuts = append(runOuts, out)
		}
	}
	if c.JSON {
		return printForecastJSON(e.Stdout, fc, runOuts)
	}
	return printForecastCSV(e.Stdout, fc, runOuts)
}

// fromEnvironment fills in what no flag gave, then the defaults.
func (c *forecastPrintCmd) fromEnvironment(getenv func(string) string) error {
	for _, v := range []struct {
		to   *string
		name string
	}{{&c.History, "FC_HISTORY"}, {&c.At, "FC_ORIGIN"}, {&c.Tz, "FC_TZ"}, {&c.Credits, "FC_CREDITS"}} {
		if *v.to == "" {
			*v.to = getenv(v.name)
		}
	}
	for _, v := range []struct {
		to    *time.Duration
		name  string
		unit  time.Duration
		usual time.Duration
	}{{&c.Step, "FC_STEP_MIN", time.Minute, 0}, {&c.Horizon, "FC_HORIZON_H", time.Hour, 168 * time.Hour}} {
		if *v.to != 0 {
			continue
		}
		*v.to = v.usual
		if s := getenv(v.name); s != "" {
			x, err := strconv.ParseFloat(s, 64)
			if err != nil || !(x > 0) || x > 1e6 {
				return &exitError{exitUsage, fmt.Errorf("%s=%q is not a positive number", v.name, s)}
			}
			*v.to = time.Duration(x * float64(v.unit))
		}
	}
	if c.Tz == "" {
		c.Tz = "UTC"
	}
	if c.Horizon < 0 || c.Horizon > 60*24*time.Hour {
		return &exitError{exitUsage, fmt.Errorf("horizon %v: give up to 1440h", c.Horizon)}
	}
	return nil
}

func parseCredits(s string) ([]float64, error) {
	var out []float64
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		x, err := strconv.ParseFloat(part, 64)
		if err != nil || x < 0 || math.IsInf(x, 0) || x != x {
			return nil, fmt.Errorf("credit %q is not a number of kWh; write for example --credits 5,10,20", part)
		}
		out = append(out, x)
	}
	return out, nil
}

// creditRunOut is in hours from the first slot.
type creditRunOut struct {
	CreditKWh *float64 `json:"credit_kwh,omitempty"`
	Balance   *float64 `json:"balance,omitempty"` // in place of kWh
	Currency  string   `json:"currency,omitempty"`
	Q10       float64  `json:"q10_h"`
	Q50       float64  `json:"q50_h"`
	Q90       float64  `json:"q90_h"`
	Within    float64  `json:"probability_within_horizon"`
}

func printForecastCSV(to io.Writer, fc forecast.Forecast, runOuts []creditRunOut) error {
	w := bufio.NewWriter(to)
	fmt.Fprintln(w, "target_time,mean,q10,q50,q90")
	for _, s := range fc.Slots {
		fmt.Fprintf(w, "%s,%.6f,%.6f,%.6f,%.6f\n", s.Start.Format(time.RFC3339), s.Mean, s.Q10, s.Q50, s.Q90)
	}
	head := ""
	for _, r := range runOuts {
		unit, amount := "credit_kwh", r.CreditKWh
		if r.Balance != nil {
			unit, amount = "balance_"+strings.ToLower(r.Currency), r.Balance
		}
		if unit != head {
			fmt.Fprintf(w, "\n%s,q10_h,q50_h,q90_h\n", unit)
			head = unit
		}
		fmt.Fprintf(w, "%.4f,%.3f,%.3f,%.3f\n", *amount, r.Q10, r.Q50, r.Q90)
	}
	return w.Flush()
}

func printForecastJSON(to io.Writer, fc forecast.Forecast, runOuts []creditRunOut) error {
	type slot struct {
		Time time.Time `json:"time"`
		Mean float64   `json:"mean_kwh"`
		Q10  float64   `json:"q10_kwh"`
		Q50  float64   `json:"q50_kwh"`
		Q90  float64   `json:"q90_kwh"`
	}
	out := struct {
		OwnDays    float64        `json:"own_days"`
		Confidence float64        `json:"confidence"`
		Slots      []slot         `json:"slots"`
		RunOut     []creditRunOut `json:"run_out,omitempty"`
	}{OwnDays: fc.OwnDays, Confidence: fc.Confidence, RunOut: runOuts}
	for _, s := range fc.Slots {
		out.Slots = append(out.Slots, slot{s.Start, s.Mean, s.Q10, s.Q50, s.Q90})
	}
	enc := json.NewEncoder(to)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}

// forecastPast is a history whose forecasts are made again.
type forecastPast struct {
	File string `arg:"" help:"CSV file with the columns time,kwh, or what agent profile prints."`
	pastFlags
}

func (c *forecastPast) over(e *env, what, least string, measure func(forecast.Options, []forecast.Observation, forecast.BacktestOptions) error) error {
	return c.pastFlags.over(e, c.File, what, least, measure)
}

// pastFlags say how a history is read and how often it is forecast.
type pastFlags struct {
	Tz   string        `default:"UTC" help:"Time zone of the site, and of times in the file without one, such as Europe/Paris."`
	Step time.Duration `help:"Length of a slot; the default is that of the file's rows."`
	historyFlags
	kindFlag
	Origins int `default:"60" help:"How many forecasts to make, 53 hours apart, up to the end of the file."`
}

// over runs a measurement over the file, with a progress bar that says what it does.
func (c *pastFlags) over(e *env, file, what, least string, measure func(forecast.Options, []forecast.Observation, forecast.BacktestOptions) error) error {
	zone, err := time.LoadLocation(c.Tz)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--tz %q: %w; write a name such as Europe/Paris", c.Tz, err)}
	}
	history, err := readHistory(file, c.Step, zone, c.historyFlags)
	if err != nil {
		return err
	}
	bar := progressbar.NewOptions(c.Origins, progressbar.OptionSetWriter(e.Stderr),
		progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetVisibility(watched(e.Stderr)))
	err = measure(forecast.Options{Zone: zone, Step: history.step, Holiday: forecast.HolidaysIn(c.Tz), Kind: c.kind()}, history.observations(), forecast.BacktestOptions{
		Origins: c.Origins,
		Progress: func(done, total int) {
			bar.ChangeMax(total)
			_ = bar.Set(done) // a bar that cannot be drawn is no reason to stop
		},
	})
	switch {
	case errors.Is(err, forecast.ErrTooShort):
		return &exitError{exitInvalid, fmt.Errorf("%s: %w: %s are needed", file, err, least)}
	case err != nil:
		return &exitError{exitFailure, fmt.Errorf("%s: %w", file, err)}
	}
	return nil
}

// forecastBacktestCmd measures the forecaster on a history.
type forecastBacktestCmd struct {
	forecastPast
	Dark     float64       `placeholder:"SHARE" help:"Cut the history off for this share of the time, as 0.07, and forecast from what is left what was recorded."`
	DarkFor  time.Duration `default:"6h" help:"With --dark: the mean length of a cut."`
	DarkSeed uint64        `default:"1" help:"With --dark: another number makes other cuts."`
	DarkAs   string        `default:"censored" enum:"censored,missing,measured" help:"With --dark: what the slots that a cut touches are taken for (${enum}); measured learns that nothing was wanted."`
	HTML     string        `name:"html" default:"backtest.html" help:"Where to write the plot of the median and the worst week; empty for none."`
}

func (c *forecastBacktestCmd) Run(e *env) error {
	if c.Dark < 0 || c.Dark > 0.9 {
		return &exitError{exitUsage, fmt.Errorf("--dark %v is not a share of the time from 0 to 0.9, as 0.07", c.Dark)}
	}
	dark := forecast.Darkness{Share: c.Dark, Mean: c.DarkFor, Seed: c.DarkSeed, As: map[string]forecast.Quality{
		"censored": forecast.Censored, "missing": forecast.Missing, "measured": forecast.Measured,
	}[c.DarkAs]}
	var report forecast.BacktestReport
	err := c.over(e, "forecasting the past", "five weeks", func(o forecast.Options, history []forecast.Observation, b forecast.BacktestOptions) (err error) {
		b.Dark = dark
		report, err = forecast.Backtest(e.Ctx, o, history, b)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "forecasts             %d\n", report.Origins)
	fmt.Fprintf(e.Stdout, "quantile loss (wQL)   %.4f   as a week before %.4f   ratio %.3f\n", report.WQL, report.NaiveWQL, report.WQL/report.NaiveWQL)
	fmt.Fprintf(e.Stdout, "median error (nMAE)   %.4f\n", report.NMAE)
	fmt.Fprintf(e.Stdout, "within 10-90 %%        %.3f    (0.800 is right)\n", report.Coverage)
	fmt.Fprintf(e.Stdout, "day's energy (nMAE)   %.4f\n", report.DayNMAE)
	fmt.Fprintf(e.Stdout, "run-out score         %.2f h\n", report.RunOutLoss)
	fmt.Fprintf(e.Stdout, "run out before q10    %.3f    (0.100 is right)\n", report.RunOutLate)
	for _, r := range report.RunOuts {
		fmt.Fprintf(e.Stdout, "credit of %2g days     %.2f h   before q10 %.3f   after q90 %.3f   q90 less q10 %.0f h   (%d of them)\n", r.Days, r.Loss, r.Before, r.Beyond, r.Wide, r.Cases)
	}
	if c.HTML == "" {
		return nil
	}
	if err := os.WriteFile(c.HTML, backtestPage(report), 0o644); err != nil {
		return &exitError{exitFailure, fmt.Errorf("plot: %w", err)}
	}
	fmt.Fprintf(e.Stdout, "plot                  %s\n", c.HTML)
	return nil
}
