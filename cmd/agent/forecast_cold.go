package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/keeplit/keeplit/forecast"
)

// forecastColdCmd prints how forecasts get better over a site's first weeks.
type forecastColdCmd struct {
	File    string        `arg:"" help:"CSV file with the columns time,kwh."`
	Tz      string        `default:"UTC" help:"Time zone of the site, such as Europe/Paris."`
	Step    time.Duration `default:"30m" help:"Length of a slot."`
	Origins int           `default:"60" help:"How many times to start, 53 hours apart, up to the end of the file."`
}

func (c *forecastColdCmd) Run(e *env) error {
	zone, err := time.LoadLocation(c.Tz)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--tz %q: %w; write a name such as Europe/Paris", c.Tz, err)}
	}
	history, err := readHistory(c.File, c.Step)
	if err != nil {
		return err
	}
	bar := progressbar.NewOptions(c.Origins, progressbar.OptionSetWriter(e.Stderr),
		progressbar.OptionSetDescription("starting cold"), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	curve, err := forecast.BacktestColdStart(e.Ctx, forecast.Options{Zone: zone, Step: c.Step, Holiday: forecast.HolidaysIn(c.Tz)}, history.load,
		[]int{0, 1, 3, 7, 14, 28}, forecast.BacktestOptions{
			Origins: c.Origins,
			Progress: func(done, total int) {
				bar.ChangeMax(total)
				_ = bar.Set(done) // a bar that cannot be drawn is no reason to stop
			},
		})
	if errors.Is(err, forecast.ErrTooShort) {
		return &exitError{exitInvalid, fmt.Errorf("%s: %w: 30 days are needed", c.File, err)}
	}
	if err != nil {
		return &exitError{exitFailure, fmt.Errorf("%s: %w", c.File, err)}
	}
	full := curve[len(curve)-1].WQL
	fmt.Fprintf(e.Stdout, "%d starts; quantile loss (wQL) of the next 48 hours\n", curve[0].Origins)
	fmt.Fprintln(e.Stdout, "days known     wQL   of that with 28   within 10-90 %   day's energy (nMAE)")
	for _, p := range curve {
		fmt.Fprintf(e.Stdout, "%10d  %.4f   %15.2f   %14.3f   %19.4f\n", p.Days, p.WQL, p.WQL/full, p.Coverage, p.DayNMAE)
	}
	return nil
}
