package forecast

import (
	"math"
	"slices"
	"sort"
	"time"
)

// Lasts is the chance that the credit lasts to the end of the given number of
// slots.  It reads the paths at the same levels as RunOut and Needs: it is 0.9 or
// more exactly where the balance is at least what Needs calls safe.
func (s Scenarios) Lasts(c Credit, until int) float64 {
	if len(s.Paths) == 0 || until > len(s.Paths[0]) {
		return 0
	}
	needs := make([]float64, len(s.Paths))
	for i, path := range s.Paths {
		needs[i] = c.on(i).most(path, until)
	}
	slices.Sort(needs)
	return 1 - s.read.chance(float64(until)*s.Step.Hours()/24, 1-rank(needs, c.Balance))
}

// most is the credit that a path needs to the end of until slots: before export
// pays some of it back.
func (c Credit) most(path []float64, until int) float64 {
	sum, top, used := 0.0, 0.0, 0.0
	for t := range until {
		kwh := c.with(path, nil, t)
		sum += c.cost(t, used, kwh)
		used += kwh
		top = max(top, sum)
	}
	return top
}

// rank is the share of v, which is sorted, up to x, by the rule of sortedQuantile.
func rank(v []float64, x float64) float64 {
	n := float64(len(v))
	i := sort.SearchFloat64s(v, x)
	for i < len(v) && v[i] == x {
		i++
	}
	switch {
	case i == 0:
		return 0
	case i == len(v):
		return 1
	}
	return (float64(i) - 0.5 + (x-v[i-1])/(v[i]-v[i-1])) / n
}

// Run is something used on top: from the begin of slot From to that of slot To, for
// Cost in all, which is spent evenly.
type Run struct {
	From, To int
	Cost     float64 // in units of Credit.Balance
}

// Light is by how much sooner the credit ends with each of runs on top, as the mean
// over the paths, as Sooner says it of extra energy; what it costs is known here, so
// that one pass over the paths answers for any number.  A run that begins after the
// credit has ended makes it end no sooner.  It is nil where Sooner is.
func (s Scenarios) Light(c Credit, runs []Run) []time.Duration {
	if c.Balance <= 0 || len(s.Paths) == 0 {
		return nil
	}
	sums, n := make([]float64, len(runs)), 0
	spent := make([]float64, len(s.Paths[0])+1) // up to the begin of each slot
	for i, path := range s.Paths {
		c := c.on(i)
		end, used := math.Inf(1), 0.0
		t := 0
		for ; t < len(path) && spent[t] < c.Balance; t++ {
			kwh := c.with(path, nil, t)
			spent[t+1] = spent[t] + c.cost(t, used, kwh)
			used += kwh
		}
		if spent[t] >= c.Balance {
			end = crossing(spent[:t+1], c.Balance)
		} else if spent[t] <= 0 {
			continue
		}
		n++
		for i, r := range runs {
			switch {
			case r.Cost <= 0 || float64(r.From) >= end:
			case math.IsInf(end, 1):
				sums[i] += r.Cost / (spent[t] / float64(len(path)))
			default:
				sums[i] += max(0, end-r.end(spent[:t+1], c.Balance))
			}
		}
	}
	out := make([]time.Duration, len(runs))
	for i, sum := range sums {
		slots := sum / float64(n)
		if n == 0 || math.IsNaN(slots) || math.IsInf(slots, 0) {
			return nil
		}
		out[i] = time.Duration(slots * float64(s.Step))
	}
	return out
}

// end is when a path that has spent so much ends with the run on top, in slots.
func (r Run) end(spent []float64, balance float64) float64 {
	if end := crossing(spent, balance-r.Cost); end >= float64(r.To) {
		return end
	}
	// It ends while the run is under way.
	each := r.Cost / float64(r.To-r.From)
	for t := r.From; t < r.To && t+1 < len(spent); t++ {
		extra := each * float64(t-r.From)
		if spent[t+1]+extra+each >= balance {
			if more := spent[t+1] - spent[t] + each; more > 0 {
				return float64(t) + min(1, max(0, balance-spent[t]-extra)/more)
			}
			return float64(t)
		}
	}
	return float64(len(spent) - 1)
}

// crossing is when spent, which is more than level at its end, first gets there.  It
// looks from the end: what is asked lies near it.
func crossing(spent []float64, level float64) float64 {
	t := len(spent) - 1
	for t > 0 && spent[t-1] >= level {
		t--
	}
	if t == 0 {
		return 0
	}
	if more := spent[t] - spent[t-1]; more > 0 {
		return float64(t-1) + max(0, level-spent[t-1])/more
	}
	return float64(t)
}
