package forecast

import (
	"math"
	"slices"
	"time"
)

// A peer is a simple method of forecasting, to see what this one is worth beside it.  It answers,
// for each of origins in a series, with so many values from there on; a value that is
// not known is not a number.
type peer func(v []float64, perDay int, origins []int, ahead int) [][]float64

// peers are those of Bench, by name.
func peers() []struct {
	name string
	ask  peer
} {
	return []struct {
		name string
		ask  peer
	}{
		{"as a week before", seasonal(longDays)},
		{"as the day before (EMHASS naive)", seasonal(1)},
		{"Holt-Winters, a week's season", holtWinters},
	}
}

// seasonal repeats the last days, whole ones, and of what is missing the same before it.
func seasonal(days int) peer {
	return func(v []float64, perDay int, origins []int, ahead int) [][]float64 {
		out := make([][]float64, len(origins))
		period := days * perDay
		for k, o := range origins {
			out[k] = make([]float64, ahead)
			for i := range out[k] {
				c := o - period + i%period
				for c >= 0 && v[c] != v[c] {
					c -= period
				}
				if c >= 0 {
					out[k][i] = v[c]
				}
			}
		}
		return out
	}
}

// holtWinters is additive exponential smoothing with a level and a season of a week, and no
// trend, which on loads runs away: Winters, Management Science 6 (1960).  The two rates are those of
// a grid with the least squared error of one step over the weeks before the last origin.
func holtWinters(v []float64, perDay int, origins []int, ahead int) [][]float64 {
	last := slices.Max(origins)
	var best smoothing
	least := math.Inf(1)
	for _, level := range []float64{0.003, 0.01, 0.03, 0.1, 0.3} {
		for _, season := range []float64{0.05, 0.1, 0.2, 0.4} {
			s := smoothing{level: level, season: season}
			if e := s.run(v[:last], perDay, nil, 0); e < least {
				least, best = e, s
			}
		}
	}
	out := make([][]float64, len(origins))
	best.run(v[:last], perDay, func(c int, level float64, seasons []float64) {
		for k, o := range origins {
			if o != c {
				continue
			}
			out[k] = make([]float64, ahead)
			for i := range out[k] {
				out[k][i] = math.Max(0, level+seasons[(c+i)%len(seasons)])
			}
		}
	}, last)
	return out
}

// smoothing are the rates at which level and season follow.
type smoothing struct{ level, season float64 }

// run follows a series, says before each value what is known, and returns the sum of the squared errors.
func (s smoothing) run(v []float64, perDay int, at func(c int, level float64, seasons []float64), end int) (squares float64) {
	seasons, counts := make([]float64, longDays*perDay), make([]float64, longDays*perDay)
	level, n := 0.0, 0.0
	for c := range min(len(v), 2*len(seasons)) { // two weeks to begin with
		if y := v[c]; y == y {
			level, n = level+y, n+1
		}
	}
	level /= math.Max(1, n)
	for c := range min(len(v), 2*len(seasons)) {
		if y := v[c]; y == y {
			i := c % len(seasons)
			counts[i]++
			seasons[i] += (y - level - seasons[i]) / counts[i]
		}
	}
	for c, y := range v {
		if at != nil {
			at(c, level, seasons)
		}
		if y != y || c < 2*len(seasons) {
			continue
		}
		i := c % len(seasons)
		e := y - level - seasons[i]
		squares += e * e
		level += s.level * e
		seasons[i] += s.season * (1 - s.level) * e
	}
	if at != nil && end == len(v) {
		at(end, level, seasons)
	}
	return squares
}

// answered is a peer's forecast with ranges and paths of its own past errors: of the forecasts it
// would have made on the days before.  Few peers say as much of themselves.
func answered(ask peer, v []float64, perDay, origin int, start time.Time, step time.Duration) (Forecast, Scenarios) {
	const past = 28
	n := longDays * perDay
	origins := []int{origin}
	for d := 1; d <= past && origin-d*perDay >= 2*n; d++ {
		origins = append(origins, origin-d*perDay)
	}
	made := ask(v[:origin], perDay, origins, n)
	point := made[0]
	errs := make([][]float64, perDay) // of the next two days, by slot of the day
	paths := Scenarios{Start: start, Step: step}
	for k, o := range origins[1:] {
		whole := o+n <= origin
		path := make([]float64, n)
		last := 0.0
		for i := range n {
			e := math.NaN()
			if o+i < origin {
				e = v[o+i] - made[k+1][i]
			}
			if e == e && i < scoreDays*perDay {
				errs[i%perDay] = append(errs[i%perDay], e)
			}
			if e == e {
				last = e
			}
			path[i] = math.Max(0, point[i]+last)
		}
		if whole {
			paths.Paths = append(paths.Paths, path)
		}
	}
	fc := Forecast{Slots: make([]Slot, n)}
	for i := range fc.Slots {
		s := &fc.Slots[i]
		s.Start, s.Len = start.Add(time.Duration(i)*step), step
		s.Mean, s.Q10, s.Q50, s.Q90 = point[i], point[i], point[i], point[i]
		e := errs[i%perDay]
		if len(e) == 0 {
			continue
		}
		if i < perDay {
			slices.Sort(e)
		}
		mean := 0.0
		for _, x := range e {
			mean += x / float64(len(e))
		}
		s.Mean += mean
		s.Q10, s.Q50, s.Q90 = s.Q10+sortedQuantile(e, 0.1), s.Q50+sortedQuantile(e, 0.5), s.Q90+sortedQuantile(e, 0.9)
		for _, x := range []*float64{&s.Mean, &s.Q10, &s.Q50, &s.Q90} {
			*x = math.Max(0, *x)
		}
	}
	return fc, paths
}
