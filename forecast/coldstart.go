package forecast

import (
	"context"
	"time"
)

// ColdStart is how good forecasts of the next 48 hours are with so many days
// of own history.
type ColdStart struct {
	Days     int
	Origins  int
	WQL      float64 // as BacktestReport.WQL
	Coverage float64 // share of slots within [q10, q90]
	DayNMAE  float64 // of the mean's daily energy
}

// BacktestColdStart forecasts from the same origins again with more and more
// of the history before them, so that only what is known differs.  The history
// is in order of time; the longest of days must fit before the first origin.
func BacktestColdStart(ctx context.Context, o Options, history []Observation, days []int, b BacktestOptions) ([]ColdStart, error) {
	all, err := New(o)
	if err != nil {
		return nil, err
	}
	for _, x := range history {
		if err := all.Update(x); err != nil {
			return nil, err
		}
	}
	most := 0
	for _, n := range days {
		most = max(most, n)
	}
	origins := all.backtestOrigins(&b, scoreDays, most)
	if len(origins) == 0 {
		return nil, ErrTooShort
	}
	perDay := int64(day / all.opt.Step)
	out := make([]ColdStart, len(days))
	sums := make([]scores, len(days))
	for k, origin := range origins {
		at := time.Unix(origin*all.hist.step, 0).UTC()
		for i, n := range days {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			f, err := New(o)
			if err != nil {
				return nil, err
			}
			for g := origin - int64(n)*perDay; g < origin; g++ {
				if y := all.hist.at(g); y == y {
					f.hist.set(g, y)
				}
			}
			sums[i].addSlots(f.Forecast(at, scoreDays*day), &all.hist, origin, perDay)
		}
		if b.Progress != nil {
			b.Progress(k+1, len(origins))
		}
	}
	for i, n := range days {
		var r BacktestReport
		sums[i].report(&r)
		out[i] = ColdStart{Days: n, Origins: len(origins), WQL: r.WQL, Coverage: r.Coverage, DayNMAE: r.DayNMAE}
	}
	return out, nil
}

// backtestOrigins are the grid slots to forecast from: the last of them has
// ahead days known after it, the first has back days of history before it.
func (f *Forecaster) backtestOrigins(b *BacktestOptions, ahead, back int) []int64 {
	if b.Origins <= 0 {
		b.Origins = 60
	}
	if b.Every <= 0 {
		b.Every = 53 * time.Hour
	}
	perDay := int64(day / f.opt.Step)
	every := max(1, int64(b.Every/f.opt.Step))
	last := f.hist.end() - int64(ahead)*perDay
	var out []int64
	for k := b.Origins - 1; k >= 0; k-- {
		if o := last - int64(k)*every; o >= f.hist.first+int64(back)*perDay {
			out = append(out, o)
		}
	}
	return out
}
