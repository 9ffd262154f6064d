// Package pricing finds the cheapest schedule of one load at given prices, and beside
// other loads; and plans a continuous store, a battery or a heater of free power,
// exactly.
package pricing

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Schedule is one way a load may run: its power in each slot and the costs
// that are its own (starts, shortfalls, discomfort), energy apart.
type Schedule struct {
	KW  []float64
	Own float64
	// Pattern tells which schedules may be mixed: any weighted mean of two
	// schedules with the same pattern is a schedule too.
	Pattern uint64
}

// Pricer finds a load's cheapest schedule for given prices.  price[t] is the
// cost of each kW drawn through slot t, on[t] a cost for drawing any power in
// it.
type Pricer interface {
	// Best finds a schedule that is cheapest, or nearly so.
	Best(price, on []float64) Schedule
	// Bound is a number that no schedule's cost is below, as near to the
	// least as effort (1: usual) allows.
	Bound(price, on []float64, effort int) float64
	// Cost is a schedule's own cost, recomputed from its power.
	Cost(kw []float64) float64
	// Within finds the best schedule that has the same pattern as s.
	Within(s Schedule, price, on []float64) Schedule
	// Work is the effort of one call of best, in units of work.
	Work() int64
}

// Scratch is memory that pricers used one after the other share.
type Scratch struct{ value, now []float64 }

// grow returns a slice of n numbers of any value in *buf.
func grow(buf *[]float64, n int) []float64 {
	if cap(*buf) < n {
		*buf = make([]float64, n)
	}
	return (*buf)[:n]
}

// New makes the pricer of a load.
func New(p *model.Problem, l *model.Load, shared *Scratch) Pricer {
	switch {
	case l.Cycle != nil:
		return newCyclePricer(p, l)
	case l.OnOff != nil:
		return newOnOffPricer(p, l)
	case l.Variable != nil:
		return newVariablePricer(p, l)
	case l.Thermal.Modulating:
		return newModulatingPricer(p, l)
	}
	return newThermalPricer(p, l, shared)
}

// Total is what a schedule costs at the given prices.
func (s Schedule) Total(price, on []float64) float64 {
	sum := s.Own
	for t, x := range s.KW {
		if x > 0 {
			sum += x*price[t] + on[t]
		}
	}
	return sum
}

// PatternOf hashes the slots in which a load is on.
func PatternOf(kw []float64) uint64 {
	h := noWords
	for t, x := range kw {
		if x > model.OnFrom {
			h = h.with(uint64(t + 1))
		}
	}
	return uint64(h)
}

// PowersOf hashes the powers of a schedule.
func PowersOf(kw []float64) uint64 {
	h := noWords
	for t, x := range kw {
		if x != 0 {
			h = h.with(uint64(t + 1)).with(math.Float64bits(x))
		}
	}
	return uint64(h)
}

// words is a hash of words, as FNV-1a is one of bytes.
type words uint64

const noWords words = 14695981039346656037

func (h words) with(word uint64) words { return (h ^ words(word)) * 1099511628211 }

// Beside finds a schedule of a load that is cheap beside what is already
// placed: cost is what a power adds in a slot.
func Beside(q Pricer, n int, cost func(t int, kw float64) float64) Schedule {
	price, on := make([]float64, n), make([]float64, n)
	fill := func(from, to int, kw float64) {
		for t := from; t < to; t++ {
			on[t] = cost(t, kw)
		}
	}
	switch q := q.(type) {
	case *Cycle:
		return q.Beside(cost, nil)
	case *Variable:
		q.Beside.Open(cost, nil)
		return q.Beside.Exactly()
	case *OnOff:
		fill(0, q.Hold, q.Load.OnOff.KW)
		fill(q.From, q.To, q.Load.OnOff.KW)
	case *Thermal:
		fill(0, n, q.Load.Thermal.KW)
	case *Modulating:
		const steps = 4
		d := q.Load.Thermal.KW / steps
		for t := range n {
			q.Store.Offers[t] = q.Store.Offers[t][:0]
			before := 0.0
			last := 0.0
			for k := range steps {
				c := cost(t, float64(k+1)*d)
				last = max(last, c-before) // convex but for what is forbidden
				q.Store.Offers[t] = append(q.Store.Offers[t], Offer{d * q.B, last / (d * q.B)})
				before = c
			}
		}
		q.Store.Value()
		return q.Follow()
	}
	return q.Best(price, on)
}
