package forecast

import (
	"context"
	"time"
)

// BenchRow is how good one method's forecasts of a past were.
type BenchRow struct {
	Name string
	BacktestReport
	CPU time.Duration // of all its forecasts
}

// Bench is Backtest of this forecaster and of simple ones side by side, from the same origins.  What a peer says
// has ranges and paths of its own past errors.  cpu tells how much time of the processor
// has been used; nil is not told.
func Bench(ctx context.Context, o Options, history []Observation, b BacktestOptions, cpu func() time.Duration) ([]BenchRow, error) {
	f, err := New(o)
	if err != nil {
		return nil, err
	}
	all, err := New(o)
	if err != nil {
		return nil, err
	}
	for _, x := range history {
		if err := all.Update(x); err != nil {
			return nil, err
		}
	}
	origins := all.backtestOrigins(&b, longDays, backtestWarmup)
	if len(origins) == 0 {
		return nil, ErrTooShort
	}
	if cpu == nil {
		cpu = func() time.Duration { return 0 }
	}
	v := make([]float64, len(all.hist.v))
	for i, x := range all.hist.v {
		v[i] = float64(x)
	}
	perDay := int64(day / f.opt.Step)
	rows := []BenchRow{{Name: "keeplit"}}
	for _, p := range peers() {
		rows = append(rows, BenchRow{Name: p.name})
	}
	sums := make([]scores, len(rows))
	next := 0
	for k, origin := range origins {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := time.Unix(origin*f.hist.step, 0).UTC()
		for ; next < len(history) && history[next].Slot.Start.Before(at); next++ {
			if err := f.Update(history[next]); err != nil {
				return nil, err
			}
		}
		score := func(row int, ask func() (Forecast, Scenarios)) {
			before := cpu()
			fc, paths := ask()
			rows[row].CPU += cpu() - before
			actual := sums[row].addSlots(fc, &all.hist, origin, perDay)
			sums[row].addRunOuts(&all.hist, paths, actual, origin, perDay)
			rows[row].Origins++
		}
		score(0, func() (Forecast, Scenarios) {
			return f.Forecast(at, longDays*day), f.Scenarios(at, longDays*day, backtestPaths, 1)
		})
		for i, p := range peers() {
			score(i+1, func() (Forecast, Scenarios) {
				return answered(p.ask, v, int(perDay), int(origin-all.hist.first), at, f.opt.Step)
			})
		}
		if b.Progress != nil {
			b.Progress(k+1, len(origins))
		}
	}
	for i := range rows {
		n := rows[i].Origins
		sums[i].report(&rows[i].BacktestReport)
		rows[i].Origins = n
	}
	return rows, nil
}
