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
		return NewCycle(p, l)
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

// PatternOf hashes the slots in which a load is on (FNV-1a).
func PatternOf(kw []float64) uint64 {
	h := uint64(14695981039346656037)
	for t, x := range kw {
		if x > model.OnFrom {
			h = (h ^ uint64(t+1)) * 1099511628211
		}
	}
	return h
}

// Cycle tries every start.
type Cycle struct {
	p      *model.Problem
	Load   *model.Load
	Lo, Hi int // starts, both inclusive
	Skip   float64
}

// NewCycle makes the pricer of a cycle.
func NewCycle(p *model.Problem, l *model.Load) *Cycle {
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

// OnOff is an exact dynamic programme over (slot, slots on so far,
// starts so far) with two states: free (off, may start) and running (past the
// least length of its run, may stop).  A start jumps over the least run, a
// stop over the least break.
type OnOff struct {
	p             *model.Problem
	Load          *model.Load
	From, To      int
	Need          int
	MinOn, minOff int
	Starts        int
	short         float64
	Hold          int // slots that are on at the start whatever is chosen
	running       bool
	Late          []float64
	sum           []float64 // sum[t]: cost of being on in slots from..t-1
	c             []float64
	off, run      []float64 // values, [t-from][k*(S+1)+s]
}

func newOnOffPricer(p *model.Problem, l *model.Load) *OnOff {
	o := l.OnOff
	q := &OnOff{
		p: p, Load: l, From: max(0, o.From), To: min(p.N, o.To), Need: o.Need(), MinOn: max(1, o.MinOn), minOff: max(1, o.MinOff),
		Starts: max(0, o.MaxStarts), short: l.ShortPrice(p.Hours()), c: make([]float64, p.N), Late: make([]float64, p.N), sum: make([]float64, p.N+1),
	}
	if o.KW <= model.OnFrom {
		q.To = q.From
	}
	q.From, q.running, q.Hold = windowStart(o.Switching, q.From, p.N)
	for t := range q.Late {
		q.Late[t] = l.LatePrice(t)
	}
	q.To = max(q.To, q.From)
	q.Need = max(q.Need, q.Hold)
	return q
}

// windowStart says from which slot a switched load may be chosen, whether it
// is on and free to stop there, and for how many slots before it is held on.
func windowStart(sw model.Switching, from, n int) (first int, running bool, hold int) {
	held := min(sw.Hold, n)
	switch {
	case !bool(sw.InitOn):
		return max(from, held), false, 0
	case held >= from && held > 0:
		return held, true, held
	case held > 0: // its window comes later: off in between
		return max(from, min(held+sw.MinOff, n)), false, held
	case from == 0:
		return 0, true, 0
	}
	return max(from, min(sw.MinOff, n)), false, 0
}

// Best is as for Pricer.
func (q *OnOff) Best(price, on []float64) Schedule {
	kw := make([]float64, q.p.N)
	q.solve(price, on, kw)
	return Schedule{KW: kw, Own: q.Cost(kw), Pattern: PatternOf(kw)}
}

// Bound is as for Pricer.
func (q *OnOff) Bound(price, on []float64, _ int) float64 { return q.solve(price, on, nil) }

// solve is the least cost; kw, where not nil, receives a schedule that has it.
func (q *OnOff) solve(price, on []float64, kw []float64) float64 {
	power := q.Load.OnOff.KW
	for t := range q.c {
		q.c[t] = price[t]*power + on[t] + q.Late[t]
		q.sum[t+1] = q.sum[t] + q.c[t]
	}
	for t := range q.Hold {
		if kw != nil {
			kw[t] = power
		}
	}
	// First with any number of starts, which is most often good enough.
	v, used := q.solveFor(1, false, kw)
	if used > q.Starts {
		for t := q.Hold; t < len(kw); t++ {
			kw[t] = 0
		}
		v, _ = q.solveFor(q.Starts+1, true, kw)
	}
	return v + q.sum[q.Hold]
}

// solveFor runs the programme with S counts of starts (limited: they count up to
// S-1) and follows the best choices.
func (q *OnOff) solveFor(S int, limited bool, kw []float64) (value float64, starts int) {
	W := q.To - q.From
	row := (q.Need + 1) * S
	size := (W + 1) * row
	if cap(q.off) < size {
		q.off, q.run = make([]float64, size), make([]float64, size)
	}
	off, run := q.off[:size], q.run[:size]
	for k := range q.Need + 1 {
		v := q.Missing(k)
		for s := range S {
			off[W*row+k*S+s], run[W*row+k*S+s] = v, v
		}
	}
	for i := W - 1; i >= 0; i-- {
		q.slot(i, S, limited, off, run)
	}
	return q.follow(S, limited, off, run, kw)
}

// slot finds the values of slot i of the window from those of later ones.
func (q *OnOff) slot(i, S int, limited bool, off, run []float64) {
	W, row, t := q.To-q.From, (q.Need+1)*S, q.From+i
	o, r := off[i*row:(i+1)*row], run[i*row:(i+1)*row]
	o1, r1 := off[(i+1)*row:(i+2)*row], run[(i+1)*row:(i+2)*row]
	j := i + q.MinOn
	var rj []float64
	var first float64
	if j <= W {
		rj = run[j*row : (j+1)*row]
		first = q.sum[t+q.MinOn] - q.sum[t] + q.Load.OnOff.StartCost
	}
	m := min(W, i+q.minOff)
	om := off[m*row : (m+1)*row]
	ct := q.c[t]
	kmax := min(q.Need, q.Hold+i)
	for k := q.Hold; k <= kmax; k++ {
		canStart := rj != nil && k+q.MinOn <= q.Need
		for s := range S {
			x := k*S + s
			v := o1[x]
			if canStart && (!limited || s+1 < S) {
				y := x + q.MinOn*S
				if limited {
					y++
				}
				if u := first + rj[y]; u < v {
					v = u
				}
			}
			o[x] = v
		}
	}
	for k := q.Hold; k <= kmax; k++ {
		for s := range S {
			x := k*S + s
			v := om[x]
			if k < q.Need {
				if u := ct + r1[x+S]; u < v {
					v = u
				}
			}
			r[x] = v
		}
	}
}

// follow goes forward along the best choices; kw, where not nil, receives them.
func (q *OnOff) follow(S int, limited bool, off, run, kw []float64) (value float64, starts int) {
	W, row := q.To-q.From, (q.Need+1)*S
	i, k, s := 0, q.Hold, 0
	isOn := q.running
	if isOn {
		value = run[k*S]
	} else {
		value = off[k*S]
	}
	power := q.Load.OnOff.KW
	set := func(t int) {
		if kw != nil {
			kw[t] = power
		}
	}
	for i < W {
		x := k*S + s
		t := q.From + i
		if isOn {
			if k < q.Need && run[i*row+x] == q.c[t]+run[(i+1)*row+x+S] {
				set(t)
				i, k = i+1, k+1
				continue
			}
			isOn = false
			i = min(W, i+q.minOff)
			continue
		}
		if off[i*row+x] == off[(i+1)*row+x] {
			i++
			continue
		}
		for d := range q.MinOn {
			set(t + d)
		}
		i, k, isOn = i+q.MinOn, k+q.MinOn, true
		starts++
		if limited {
			s++
		}
	}
	return value, starts
}

// Missing is what k slots with power leave to pay for the need.
func (q *OnOff) Missing(k int) float64 {
	return float64(max(0, q.Load.OnOff.Need()-k)) * q.short
}

// Cost is as for Pricer.
func (q *OnOff) Cost(kw []float64) float64 {
	r := model.Spans(kw)
	sum := float64(len(r)) * q.Load.OnOff.StartCost
	if len(r) > 0 && r[0].From == 0 && bool(q.Load.OnOff.InitOn) {
		sum -= q.Load.OnOff.StartCost
	}
	on := 0
	for t, x := range kw {
		if x > model.OnFrom {
			on++
			sum += q.Late[t]
		}
	}
	return sum + q.Missing(on)
}

// Within is as for Pricer.
func (q *OnOff) Within(s Schedule, _, _ []float64) Schedule { return s }

// Work is as for Pricer.
func (q *OnOff) Work() int64 { return int64(2 * (q.To - q.From) * (q.Need + 1)) }

// Beside finds the best start beside other loads: cost is what a power adds in
// a slot.
func (q *Cycle) Beside(cost func(t int, kw float64) float64) Schedule {
	if q.Load.Cycle.Running {
		return q.At(0)
	}
	best, bestAt := q.Skip, -1
	for s := q.Lo; s <= q.Hi; s++ {
		sum := q.Late(s)
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

// Forbidden is the cost of what cannot be had, beside other loads.
const Forbidden = 1e7

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
		return q.Beside(cost)
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
