package pricing

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Cycle tries every start.
type Cycle struct {
	p      *model.Problem
	Load   *model.Load
	Lo, Hi int // starts, both inclusive
	Skip   float64
}

// newCyclePricer makes the pricer of a cycle.
func newCyclePricer(p *model.Problem, l *model.Load) *Cycle {
	c := l.Cycle
	q := &Cycle{p: p, Load: l, Lo: max(0, c.Earliest), Hi: min(p.N, c.LatestFinish) - len(c.ProfileKW), Skip: l.SkipPrice(p.Hours())}
	if c.Running {
		q.Lo, q.Hi = 0, 0
	}
	return q
}

// At is the schedule begun in slot s, below 0 the one left out.
func (q *Cycle) At(s int) Schedule {
	kw := make([]float64, q.p.N)
	if s < 0 {
		return Schedule{KW: kw, Own: q.Skip}
	}
	if q.Load.Cycle.Running && model.MaxOf(q.Load.Cycle.ProfileKW) <= model.OnFrom {
		return Schedule{KW: kw}
	}
	copy(kw[s:], q.Load.Cycle.ProfileKW)
	return Schedule{KW: kw, Own: q.Late(s), Pattern: uint64(s + 1)}
}

// Late is what beginning in slot s costs for being past the deadline.
func (q *Cycle) Late(s int) float64 { return q.Load.LatePrice(s + len(q.Load.Cycle.ProfileKW) - 1) }

func (q *Cycle) search(price, on []float64) (float64, int) {
	best, bestAt := q.Skip, -1
	if q.Load.Cycle.Running {
		best = math.Inf(1)
	}
	for s := q.Lo; s <= q.Hi; s++ {
		sum := q.Late(s)
		for i, x := range q.Load.Cycle.ProfileKW {
			if s+i >= q.p.N {
				break
			}
			if x > 0 {
				sum += x*price[s+i] + on[s+i]
			}
		}
		if sum < best {
			best, bestAt = sum, s
		}
	}
	return best, bestAt
}

// Best is as for Pricer.
func (q *Cycle) Best(price, on []float64) Schedule {
	_, s := q.search(price, on)
	return q.At(s)
}

// Bound is as for Pricer.
func (q *Cycle) Bound(price, on []float64, _ int) float64 {
	v, _ := q.search(price, on)
	return v
}

// Cost is as for Pricer.
func (q *Cycle) Cost(kw []float64) float64 {
	if r := model.Spans(kw); len(r) > 0 {
		for s := q.Lo; s <= q.Hi; s++ {
			if model.Fits(kw, q.Load.Cycle.ProfileKW, s, q.Load.Cycle.Running) {
				return q.Late(s)
			}
		}
	}
	return q.Skip
}

// Within is as for Pricer.
func (q *Cycle) Within(s Schedule, _, _ []float64) Schedule { return s }

// Work is as for Pricer.
func (q *Cycle) Work() int64 {
	return int64(max(0, q.Hi-q.Lo+1) * len(q.Load.Cycle.ProfileKW))
}

// Beside finds the best start beside other loads: cost is what a power adds in
// a slot, and whole, where not nil, what a start adds that no slot adds by itself.
func (q *Cycle) Beside(cost func(t int, kw float64) float64, whole func(start int) float64) Schedule {
	if q.Load.Cycle.Running {
		return q.At(0)
	}
	best, bestAt := q.Skip, -1
	for s := q.Lo; s <= q.Hi; s++ {
		sum := q.Late(s)
		if whole != nil {
			sum += whole(s)
		}
		for i, x := range q.Load.Cycle.ProfileKW {
			if x > 0 {
				sum += cost(s+i, x)
			}
		}
		if sum < best {
			best, bestAt = sum, s
		}
	}
	return q.At(bestAt)
}
