package forecast

import (
	"math"
	"slices"
	"time"
)

// Credit is what there is to spend and what spends it.
type Credit struct {
	// Balance is the credit left, in whatever unit Cost answers in.
	Balance float64
	// Cost is what kwh used in a slot cost when the path used cumulative kWh
	// before it (for block tariffs), in units of Balance, standing charge of
	// the slot included.  Nil is credit counted in kWh.
	Cost func(slot int, cumulative, kwh float64) float64
	// Planned is the energy of the planned loads by slot, in kWh; slots beyond
	// its end have none.
	Planned []float64

	priced [][]float64 // by path and slot, what Cost says: see Scenarios.Priced; nil: it is asked
	known  []float64   // those of the path that is followed
}

// on is the credit for following a path with nothing on top.
func (c Credit) on(path int) Credit {
	if c.priced != nil {
		c.known = c.priced[path]
	}
	return c
}

// Priced is the credit with what the slots of the paths cost worked out, for who has
// several questions about it: Needs, RunOut, Lasts and Light give the same answers, sooner.
// It is kept in room, which is grown where it is too small, and stands until room is used
// again.
func (s Scenarios) Priced(c Credit, room *[]float64) Credit {
	if c.Cost == nil || len(s.Paths) == 0 {
		return c
	}
	n := len(s.Paths[0])
	if cap(*room) < n*len(s.Paths) {
		*room = make([]float64, n*len(s.Paths))
	}
	flat := (*room)[:n*len(s.Paths)]
	c.priced = make([][]float64, len(s.Paths))
	for i, path := range s.Paths {
		costs, used := flat[i*n:(i+1)*n], 0.0
		for t := range path {
			kwh := c.with(path, nil, t)
			costs[t] = c.Cost(t, used, kwh)
			used += kwh
		}
		c.priced[i] = costs
	}
	return c
}

// RunOut is the distribution of the time until the credit is used up.
// Quantiles are from the start of the scenarios' first slot and never greater
// than Horizon; one equal to Horizon means not within it.
type RunOut struct {
	Q10, Q50, Q90 time.Duration
	Horizon       time.Duration
	// Within is the share of paths that use the credit up within Horizon.
	Within float64
}

// RunOut follows each path until the credit is gone.  Inside a slot spending
// is taken as even.  Credit of zero or less runs out at once.
func (s Scenarios) RunOut(c Credit) RunOut {
	var out RunOut
	if len(s.Paths) == 0 {
		return out
	}
	times := make([]float64, len(s.Paths)) // in slots
	for i, p := range s.Paths {
		times[i] = c.on(i).slotsUntilSpent(p)
	}
	return runOutOf(times, s.read, len(s.Paths[0]), s.Step)
}

// RunOuts is the run-out of each credit by n paths: what RunOut says of those that
// Scenarios draws, without keeping them.  500 paths of a week of 5-minute slots are 8 MB.
func (f *Forecaster) RunOuts(at time.Time, horizon time.Duration, n int, seed uint64, credits ...Credit) []RunOut {
	out := make([]RunOut, len(credits))
	first, slots := f.span(at, horizon)
	if n <= 0 {
		return out
	}
	path := make([]float64, slots)
	times := make([][]float64, len(credits))
	read := f.draw(f.look(first), first, slots, n, seed, func(int) []float64 { return path }, func(int) {
		for k := range credits {
			times[k] = append(times[k], credits[k].slotsUntilSpent(path))
		}
	})
	for k := range out {
		out[k] = runOutOf(times[k], read, slots, f.opt.Step)
	}
	return out
}

// runOutOf is the distribution of times, in slots of step, which it sorts.
func runOutOf(times []float64, read readings, slots int, step time.Duration) (out RunOut) {
	ended := 0
	for _, t := range times {
		if !math.IsInf(t, 1) {
			ended++
		}
	}
	slices.Sort(times)
	out.Horizon = time.Duration(slots) * step
	out.Within = float64(ended) / float64(len(times))
	// The shares hang on how long the credit lasts, which is what they are to tell: where a time
	// is read at its own share is found by halving.
	quantile := func(k int) time.Duration {
		at := func(slots float64) float64 {
			x := sortedQuantile(times, read.at(slots * step.Hours() / 24)[k])
			if math.IsNaN(x) {
				return float64(slots)
			}
			return math.Min(x, out.Horizon.Hours()/step.Hours())
		}
		lo, hi := at(0), at(out.Horizon.Hours()/step.Hours())
		if read.short == read.long {
			return time.Duration(lo * float64(step))
		}
		lo, hi = min(lo, hi), max(lo, hi)
		for range 30 {
			if mid := (lo + hi) / 2; at(mid) > mid {
				lo = mid
			} else {
				hi = mid
			}
		}
		return time.Duration(hi * float64(step))
	}
	out.Q10, out.Q50, out.Q90 = quantile(0), quantile(1), quantile(2)
	return out
}

// slotsUntilSpent is +Inf where the path does not use the credit up, and not a
// number where a slot that matters is not known.
func (c Credit) slotsUntilSpent(path []float64) float64 {
	left := c.Balance
	if left <= 0 {
		return 0
	}
	used := 0.0
	for i, kwh := range path {
		if i < len(c.Planned) {
			kwh += c.Planned[i]
		}
		if kwh != kwh {
			return math.NaN()
		}
		cost := c.cost(i, used, kwh)
		if cost >= left {
			return float64(i) + left/cost
		}
		left -= cost
		used += kwh
	}
	return math.Inf(1)
}

// sortedQuantile interpolates between order statistics (Hazen's rule).
func sortedQuantile(v []float64, q float64) float64 {
	x := q*float64(len(v)) - 0.5
	lo := int(math.Floor(x))
	if lo < 0 {
		return v[0]
	}
	if lo+1 >= len(v) {
		return v[len(v)-1]
	}
	if math.IsInf(v[lo+1], 1) {
		if x-float64(lo) < 0.5 {
			return v[lo]
		}
		return v[lo+1]
	}
	return v[lo] + (v[lo+1]-v[lo])*(x-float64(lo))
}
