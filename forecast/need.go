package forecast

import (
	"math"
	"slices"
	"time"
)

// Need is a credit that lasts.
type Need struct {
	Even float64 // as many futures outlast it as do not
	Safe float64 // one future in ten does not last on it
}

// Needs is the credit that lasts to the end of each of the given numbers of
// slots, ascending; c.Balance does not matter.  It reads the paths at the same
// levels as RunOut: what Needs calls safe to a slot, RunOut's Q10 reaches.
func (s Scenarios) Needs(c Credit, until []int) []Need {
	if len(s.Paths) == 0 || len(until) == 0 {
		return nil
	}
	most := make([][]float64, len(until)) // by mark, of each path
	for m := range most {
		most[m] = make([]float64, len(s.Paths))
	}
	for i, path := range s.Paths {
		c := c.on(i)
		sum, top, m := 0.0, 0.0, 0
		used := 0.0
		for t := 0; t < len(path) && m < len(until); t++ {
			kwh := c.with(path, nil, t)
			sum += c.cost(t, used, kwh)
			used += kwh
			top = max(top, sum) // what was needed before export paid some of it back
			for ; m < len(until) && until[m] == t+1; m++ {
				most[m][i] = top
			}
		}
		for ; m < len(until); m++ {
			most[m][i] = math.NaN() // beyond the paths
		}
	}
	out := make([]Need, len(until))
	for m := range most {
		slices.Sort(most[m])
		read := s.read.at(float64(until[m]) * s.Step.Hours() / 24)
		out[m] = Need{Even: sortedQuantile(most[m], 1-read[1]), Safe: sortedQuantile(most[m], 1-read[0])}
	}
	return out
}

// Sooner is by how much sooner the credit ends where extra energy (kWh by slot
// from the first one) is used on top, for each of extras, as the mean over the
// paths.  A path that does not use the credit up says it by what it spends on
// the whole.  It is nil where there is no credit, or nothing is ever spent.
func (s Scenarios) Sooner(c Credit, extras ...[]float64) []time.Duration {
	if c.Balance <= 0 {
		return nil
	}
	sums, n := make([]float64, len(extras)), 0
	for _, path := range s.Paths {
		end, spent := c.follow(path, nil)
		if math.IsInf(end, 1) && spent <= 0 {
			continue
		}
		n++
		for i, extra := range extras {
			with, more := c.follow(path, extra)
			switch {
			case !math.IsInf(end, 1):
				sums[i] += max(0, end-with)
			case math.IsInf(with, 1):
				sums[i] += max(0, more-spent) / (spent / float64(len(path)))
			default: // it reaches the horizon by less than the extra
				_, whole := Credit{Balance: math.Inf(1), Cost: c.Cost, Planned: c.Planned}.follow(path, extra)
				sums[i] += max(0, whole-spent) / (spent / float64(len(path)))
			}
		}
	}
	out := make([]time.Duration, 0, len(extras))
	for _, sum := range sums {
		slots := sum / float64(n)
		if n == 0 || math.IsNaN(slots) || math.IsInf(slots, 0) {
			return nil
		}
		out = append(out, time.Duration(slots*float64(s.Step)))
	}
	return out
}

// follow is when a path uses the credit up, in slots; +Inf where it does not, and
// then spent is what the whole path costs.
func (c Credit) follow(path, extra []float64) (end, spent float64) {
	used := 0.0
	for t := range path {
		kwh := c.with(path, extra, t)
		cost := c.cost(t, used, kwh)
		if left := c.Balance - spent; cost >= left {
			if cost > 0 {
				return float64(t) + max(0, left)/cost, 0
			}
			return float64(t), 0
		}
		spent += cost
		used += kwh
	}
	return math.Inf(1), spent
}

// with is the energy of a slot: the path's, the planned loads' and the extra.
func (c Credit) with(path, extra []float64, t int) float64 {
	kwh := path[t]
	if t < len(c.Planned) {
		kwh += c.Planned[t]
	}
	if t < len(extra) {
		kwh += extra[t]
	}
	return kwh
}

func (c Credit) cost(t int, used, kwh float64) float64 {
	switch {
	case c.known != nil:
		return c.known[t]
	case c.Cost == nil:
		return kwh
	}
	return c.Cost(t, used, kwh)
}
