package main

import (
	"fmt"

	"github.com/keeplit/keeplit/forecast"
)

// forecastColdCmd prints how forecasts get better over a site's first weeks.
type forecastColdCmd struct{ forecastPast }

func (c *forecastColdCmd) Run(e *env) error {
	var curve []forecast.ColdStart
	err := c.over(e, "starting cold", "30 days", func(o forecast.Options, history []forecast.Observation, b forecast.BacktestOptions) (err error) {
		curve, err = forecast.BacktestColdStart(e.Ctx, o, history, []int{0, 1, 3, 7, 14, 28}, b)
		return err
	})
	if err != nil {
		return err
	}
	full := curve[len(curve)-1].WQL
	fmt.Fprintf(e.Stdout, "%d starts; quantile loss (wQL) of the next 48 hours\n", curve[0].Origins)
	fmt.Fprintln(e.Stdout, "days known     wQL   of that with 28   within 10-90 %   day's energy (nMAE)")
	for _, p := range curve {
		fmt.Fprintf(e.Stdout, "%10d  %.4f   %15.2f   %14.3f   %19.4f\n", p.Days, p.WQL, p.WQL/full, p.Coverage, p.DayNMAE)
	}
	return nil
}
