package optimizer

import "math"

// schedule is one way a load may run: its power in each slot and the costs
// that are its own (starts, shortfalls, discomfort), energy apart.
type schedule struct {
	kw  []float64
	own float64
	// pattern tells which schedules may be mixed: any weighted mean of two
	// schedules with the same pattern is a schedule too.
	pattern uint64
}

// pricer finds a load's cheapest schedule for given prices.  price[t] is the
// cost of each kW drawn through slot t, on[t] a cost for drawing any power in
// it.
type pricer interface {
	// best finds a schedule that is cheapest, or nearly so.
	best(price, on []float64) schedule
	// bound is a number that no schedule's cost is below, as near to the
	// least as effort (1: usual) allows.
	bound(price, on []float64, effort int) float64
	// cost is a schedule's own cost, recomputed from its power.
	cost(kw []float64) float64
	// within finds the best schedule that has the same pattern as s.
	within(s schedule, price, on []float64) schedule
	// work is the effort of one call of best, in units of work.
	work() int64
}

// scratch is memory that pricers used one after the other share.
type scratch struct{ value, now []float64 }

// grow returns a slice of n numbers of any value in *buf.
func grow(buf *[]float64, n int) []float64 {
	if cap(*buf) < n {
		*buf = make([]float64, n)
	}
	return (*buf)[:n]
}

// newPricer makes the pricer of a load.
func newPricer(p *Problem, l *Load, shared *scratch) pricer {
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

// total is what a schedule costs at the given prices.
func (s schedule) total(price, on []float64) float64 {
	sum := s.own
	for t, x := range s.kw {
		if x > 0 {
			sum += x*price[t] + on[t]
		}
	}
	return sum
}

// patternOf hashes the slots in which a load is on (FNV-1a).
func patternOf(kw []float64) uint64 {
	h := uint64(14695981039346656037)
	for t, x := range kw {
		if x > onFrom {
			h = (h ^ uint64(t+1)) * 1099511628211
		}
	}
	return h
}

// cyclePricer tries every start.
type cyclePricer struct {
	p      *Problem
	l      *Load
	lo, hi int // starts, both inclusive
	skip   float64
}

func newCyclePricer(p *Problem, l *Load) *cyclePricer {
	c := l.Cycle
	q := &cyclePricer{p: p, l: l, lo: max(0, c.Earliest), hi: min(p.N, c.LatestFinish) - len(c.ProfileKW), skip: l.skipPrice(p.Hours())}
	if c.Running {
		q.lo, q.hi = 0, 0
	}
	return q
}

func (q *cyclePricer) at(s int) schedule {
	kw := make([]float64, q.p.N)
	if s < 0 {
		return schedule{kw: kw, own: q.skip}
	}
	if q.l.Cycle.Running && maxOf(q.l.Cycle.ProfileKW) <= onFrom {
		return schedule{kw: kw}
	}
	copy(kw[s:], q.l.Cycle.ProfileKW)
	return schedule{kw: kw, own: q.late(s), pattern: uint64(s + 1)}
}

func (q *cyclePricer) late(s int) float64 { return q.l.latePrice(s + len(q.l.Cycle.ProfileKW) - 1) }

func (q *cyclePricer) search(price, on []float64) (float64, int) {
	best, bestAt := q.skip, -1
	if q.l.Cycle.Running {
		best = math.Inf(1)
	}
	for s := q.lo; s <= q.hi; s++ {
		sum := q.late(s)
		for i, x := range q.l.Cycle.ProfileKW {
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

func (q *cyclePricer) best(price, on []float64) schedule {
	_, s := q.search(price, on)
	return q.at(s)
}

func (q *cyclePricer) bound(price, on []float64, _ int) float64 {
	v, _ := q.search(price, on)
	return v
}

func (q *cyclePricer) cost(kw []float64) float64 {
	if r := spans(kw); len(r) > 0 {
		for s := q.lo; s <= q.hi; s++ {
			if fits(kw, q.l.Cycle.ProfileKW, s, q.l.Cycle.Running) {
				return q.late(s)
			}
		}
	}
	return q.skip
}

func (q *cyclePricer) within(s schedule, _, _ []float64) schedule { return s }

func (q *cyclePricer) work() int64 {
	return int64(max(0, q.hi-q.lo+1) * len(q.l.Cycle.ProfileKW))
}

// onOffPricer is an exact dynamic programme over (slot, slots on so far,
// starts so far) with two states: free (off, may start) and running (past the
// least length of its run, may stop).  A start jumps over the least run, a
// stop over the least break.
type onOffPricer struct {
	p             *Problem
	l             *Load
	from, to      int
	need          int
	minOn, minOff int
	starts        int
	short         float64
	hold          int // slots that are on at the start whatever is chosen
	running       bool
	late          []float64
	sum           []float64 // sum[t]: cost of being on in slots from..t-1
	c             []float64
	off, run      []float64 // values, [t-from][k*(S+1)+s]
}

func newOnOffPricer(p *Problem, l *Load) *onOffPricer {
	o := l.OnOff
	q := &onOffPricer{
		p: p, l: l, from: max(0, o.From), to: min(p.N, o.To), need: o.need(), minOn: max(1, o.MinOn), minOff: max(1, o.MinOff),
		starts: max(0, o.MaxStarts), short: l.shortPrice(p.Hours()), c: make([]float64, p.N), late: make([]float64, p.N), sum: make([]float64, p.N+1),
	}
	if o.KW <= onFrom {
		q.to = q.from
	}
	q.from, q.running, q.hold = windowStart(o.Switching, q.from, p.N)
	for t := range q.late {
		q.late[t] = l.latePrice(t)
	}
	q.to = max(q.to, q.from)
	q.need = max(q.need, q.hold)
	return q
}

// windowStart says from which slot a switched load may be chosen, whether it
// is on and free to stop there, and for how many slots before it is held on.
func windowStart(sw Switching, from, n int) (first int, running bool, hold int) {
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

func (q *onOffPricer) best(price, on []float64) schedule {
	kw := make([]float64, q.p.N)
	q.solve(price, on, kw)
	return schedule{kw: kw, own: q.cost(kw), pattern: patternOf(kw)}
}

func (q *onOffPricer) bound(price, on []float64, _ int) float64 { return q.solve(price, on, nil) }

// solve is the least cost; kw, where not nil, receives a schedule that has it.
func (q *onOffPricer) solve(price, on []float64, kw []float64) float64 {
	power := q.l.OnOff.KW
	for t := range q.c {
		q.c[t] = price[t]*power + on[t] + q.late[t]
		q.sum[t+1] = q.sum[t] + q.c[t]
	}
	for t := range q.hold {
		if kw != nil {
			kw[t] = power
		}
	}
	// First with any number of starts, which is most often good enough.
	v, used := q.run2(1, false, kw)
	if used > q.starts {
		for t := q.hold; t < len(kw); t++ {
			kw[t] = 0
		}
		v, _ = q.run2(q.starts+1, true, kw)
	}
	return v + q.sum[q.hold]
}

// run2 runs the programme with S counts of starts (limited: they count up to
// S-1) and follows the best choices.
func (q *onOffPricer) run2(S int, limited bool, kw []float64) (value float64, starts int) {
	W := q.to - q.from
	K := q.need + 1
	row := K * S
	size := (W + 1) * row
	if cap(q.off) < size {
		q.off, q.run = make([]float64, size), make([]float64, size)
	}
	off, run := q.off[:size], q.run[:size]
	startCost := q.l.OnOff.StartCost
	k0 := q.hold
	for k := range K {
		v := q.missing(k)
		for s := range S {
			off[W*row+k*S+s], run[W*row+k*S+s] = v, v
		}
	}
	for i := W - 1; i >= 0; i-- {
		t := q.from + i
		o, r := off[i*row:(i+1)*row], run[i*row:(i+1)*row]
		o1, r1 := off[(i+1)*row:(i+2)*row], run[(i+1)*row:(i+2)*row]
		j := i + q.minOn
		var rj []float64
		var first float64
		if j <= W {
			rj = run[j*row : (j+1)*row]
			first = q.sum[t+q.minOn] - q.sum[t] + startCost
		}
		m := min(W, i+q.minOff)
		om := off[m*row : (m+1)*row]
		ct := q.c[t]
		kmax := min(q.need, k0+i)
		for k := k0; k <= kmax; k++ {
			canStart := rj != nil && k+q.minOn <= q.need
			for s := range S {
				x := k*S + s
				v := o1[x]
				if canStart && (!limited || s+1 < S) {
					y := x + q.minOn*S
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
		for k := k0; k <= kmax; k++ {
			for s := range S {
				x := k*S + s
				v := om[x]
				if k < q.need {
					if u := ct + r1[x+S]; u < v {
						v = u
					}
				}
				r[x] = v
			}
		}
	}
	// Follow.
	i, k, s := 0, k0, 0
	isOn := q.running
	if isOn {
		value = run[k*S]
	} else {
		value = off[k*S]
	}
	power := q.l.OnOff.KW
	set := func(t int) {
		if kw != nil {
			kw[t] = power
		}
	}
	for i < W {
		x := k*S + s
		t := q.from + i
		if isOn {
			if k < q.need && run[i*row+x] == q.c[t]+run[(i+1)*row+x+S] {
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
		for d := range q.minOn {
			set(t + d)
		}
		i, k, isOn = i+q.minOn, k+q.minOn, true
		starts++
		if limited {
			s++
		}
	}
	return value, starts
}

func (q *onOffPricer) missing(k int) float64 {
	return float64(max(0, q.l.OnOff.need()-k)) * q.short
}

func (q *onOffPricer) cost(kw []float64) float64 {
	r := spans(kw)
	sum := float64(len(r)) * q.l.OnOff.StartCost
	if len(r) > 0 && r[0].from == 0 && bool(q.l.OnOff.InitOn) {
		sum -= q.l.OnOff.StartCost
	}
	on := 0
	for t, x := range kw {
		if x > onFrom {
			on++
			sum += q.late[t]
		}
	}
	return sum + q.missing(on)
}

func (q *onOffPricer) within(s schedule, _, _ []float64) schedule { return s }

func (q *onOffPricer) work() int64 { return int64(2 * (q.to - q.from) * (q.need + 1)) }

// beside finds the best start beside other loads: cost is what a power adds in
// a slot.
func (q *cyclePricer) beside(cost func(t int, kw float64) float64) schedule {
	if q.l.Cycle.Running {
		return q.at(0)
	}
	best, bestAt := q.skip, -1
	for s := q.lo; s <= q.hi; s++ {
		sum := q.late(s)
		for i, x := range q.l.Cycle.ProfileKW {
			if x > 0 {
				sum += cost(s+i, x)
			}
		}
		if sum < best {
			best, bestAt = sum, s
		}
	}
	return q.at(bestAt)
}

// forbidden is the cost of what cannot be had, beside other loads.
const forbidden = 1e7

// beside finds a schedule of a load that is cheap beside what is already
// placed: cost is what a power adds in a slot.
func beside(q pricer, n int, cost func(t int, kw float64) float64) schedule {
	price, on := make([]float64, n), make([]float64, n)
	fill := func(from, to int, kw float64) {
		for t := from; t < to; t++ {
			on[t] = cost(t, kw)
		}
	}
	switch q := q.(type) {
	case *cyclePricer:
		return q.beside(cost)
	case *variablePricer:
		q.beside.open(cost, nil)
		return q.beside.exactly()
	case *onOffPricer:
		fill(0, q.hold, q.l.OnOff.KW)
		fill(q.from, q.to, q.l.OnOff.KW)
	case *thermalPricer:
		fill(0, n, q.l.Thermal.KW)
	case *modulatingPricer:
		const steps = 4
		d := q.l.Thermal.KW / steps
		for t := range n {
			q.store.offers[t] = q.store.offers[t][:0]
			before := 0.0
			last := 0.0
			for k := range steps {
				c := cost(t, float64(k+1)*d)
				last = max(last, c-before) // convex but for what is forbidden
				q.store.offers[t] = append(q.store.offers[t], offer{d * q.b, last / (d * q.b)})
				before = c
			}
		}
		q.store.value()
		return q.follow()
	}
	return q.best(price, on)
}
