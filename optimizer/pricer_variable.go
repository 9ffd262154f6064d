package optimizer

import (
	"math"
	"sort"
)

// variablePricer finds schedules of a load with a free power and an energy to
// reach.  The limit on the energy is priced (Lagrange): for a price theta of
// each kW drawn the best runs come from a dynamic programme over (slot,
// starts), in each slot of a run the power is the least or the greatest, and
// theta is found by bisection.  The value at any theta is a lower bound; the
// runs found are then filled exactly.
type variablePricer struct {
	p             *Problem
	l             *Load
	from, to      int
	minOn, minOff int
	starts        int
	worth         float64 // of each kW drawn through a slot, as far as it is needed
	quota         float64 // need, in kW*slots
	hold          int
	running       bool
	late          []float64
	c, sum        []float64
	off, run      []float64
	order         []int
	beside        besideSearch
	counted       [2]*onOffPricer // the load at its least and greatest power, as many slots as the need allows
}

func newVariablePricer(p *Problem, l *Load) *variablePricer {
	v := l.Variable
	h := p.Hours()
	q := &variablePricer{
		p: p, l: l, from: max(0, v.From), to: min(p.N, v.To), minOn: max(1, v.MinOn), minOff: max(1, v.MinOff), starts: max(0, v.MaxStarts),
		worth: l.shortPrice(h) * h, quota: v.need() / h, c: make([]float64, p.N), sum: make([]float64, p.N+1), late: make([]float64, p.N),
	}
	if v.MaxKW <= onFrom {
		q.to = q.from
	}
	q.from, q.running, q.hold = windowStart(v.Switching, q.from, p.N)
	q.to = max(q.to, q.from)
	q.quota = max(q.quota, float64(q.hold)*v.MinKW)
	for t := range q.late {
		q.late[t] = l.latePrice(t)
	}
	for i, kw := range []float64{v.least(), v.MaxKW} {
		if kw > onFrom {
			q.counted[i] = newOnOffPricer(p, &Load{OnOff: &OnOff{
				KW: kw, NeedSlots: int(min(q.quota/kw+1e-9, float64(p.N))), From: v.From, To: v.To, MaxStarts: v.MaxStarts, StartCost: v.StartCost, Switching: v.Switching,
			}})
		}
	}
	q.beside.q = q
	return q
}

// power is the best power in a slot that is on, for its net price.
func (q *variablePricer) power(net float64) float64 {
	if net < 0 {
		return q.l.Variable.MaxKW
	}
	return q.l.Variable.least()
}

// relaxed solves with the energy priced at theta; it returns the value, the
// energy drawn in kW*slots and, in kw, the powers.
func (q *variablePricer) relaxed(price, on []float64, theta float64, kw []float64) (value, drawn float64) {
	for t := range q.c {
		net := price[t] - q.worth + theta
		q.c[t] = net*q.power(net) + on[t] + q.late[t]
		q.sum[t+1] = q.sum[t] + q.c[t]
	}
	v, used := q.dp(1, false, kw)
	if used > q.starts {
		v, _ = q.dp(q.starts+1, true, kw)
	}
	for t := range q.hold {
		kw[t] = 1
	}
	for t := range kw {
		if kw[t] > 0 {
			kw[t] = q.power(price[t] - q.worth + theta)
			drawn += kw[t]
		}
	}
	return v + q.sum[q.hold] + (q.worth-theta)*q.quota, drawn
}

func (q *variablePricer) dp(S int, limited bool, kw []float64) (value float64, starts int) {
	W := q.to - q.from
	size := (W + 1) * S
	if cap(q.off) < size {
		q.off, q.run = make([]float64, size), make([]float64, size)
	}
	off, run := q.off[:size], q.run[:size]
	for s := range S {
		off[W*S+s], run[W*S+s] = 0, 0
	}
	startCost := q.l.Variable.StartCost
	for i := W - 1; i >= 0; i-- {
		t := q.from + i
		j, m := i+q.minOn, min(W, i+q.minOff)
		for s := range S {
			v := off[(i+1)*S+s]
			if j <= W && (!limited || s+1 < S) {
				s1 := s
				if limited {
					s1++
				}
				if u := q.sum[t+q.minOn] - q.sum[t] + startCost + run[j*S+s1]; u < v {
					v = u
				}
			}
			off[i*S+s] = v
			run[i*S+s] = min(q.c[t]+run[(i+1)*S+s], off[m*S+s])
		}
	}
	for t := range kw {
		kw[t] = 0
	}
	i, s, isOn := 0, 0, q.running
	value = off[0]
	if isOn {
		value = run[0]
	}
	for i < W {
		t := q.from + i
		if isOn {
			if run[i*S+s] == q.c[t]+run[(i+1)*S+s] {
				kw[t] = 1
				i++
				continue
			}
			isOn = false
			i = min(W, i+q.minOff)
			continue
		}
		if off[i*S+s] == off[(i+1)*S+s] {
			i++
			continue
		}
		for d := range q.minOn {
			kw[t+d] = 1
		}
		i, isOn = i+q.minOn, true
		starts++
		if limited {
			s++
		}
	}
	return value, starts
}

// fill sets the powers of the slots that are on to the best ones within the
// need.  It returns false where even the least powers exceed it.
func (q *variablePricer) fill(kw, price []float64) bool {
	v := q.l.Variable
	lo := v.least()
	left := q.quota
	q.order = q.order[:0]
	for t, x := range kw {
		if x > 0 {
			q.order = append(q.order, t)
			kw[t] = lo
			left -= lo
		}
	}
	if left < -1e-9 {
		return false
	}
	sort.Slice(q.order, func(i, j int) bool {
		a, b := price[q.order[i]], price[q.order[j]]
		return a < b || a == b && q.order[i] < q.order[j]
	})
	for _, t := range q.order {
		if price[t] >= q.worth || left <= 0 {
			break
		}
		x := min(left, v.MaxKW-kw[t])
		kw[t] += x
		left -= x
	}
	return true
}

// search is the bisection on theta: the bound and the best schedule met.
func (q *variablePricer) search(price, on []float64, steps int) (float64, schedule) {
	n := q.p.N
	kw := make([]float64, n)
	var best schedule
	bestTotal := math.Inf(1)
	try := func(kw []float64) {
		x := append([]float64(nil), kw...)
		if !q.fill(x, price) {
			return
		}
		s := schedule{kw: x, own: q.cost(x)}
		if v := s.total(price, on); v < bestTotal {
			best, bestTotal = s, v
		}
	}
	bound, drawn := q.relaxed(price, on, 0, kw)
	try(kw)
	if drawn > q.quota+1e-9 {
		lo, hi := 0.0, 2*q.worth
		for t := q.from; t < q.to; t++ {
			hi = max(hi, q.worth-price[t])
		}
		for range steps {
			theta := (lo + hi) / 2
			v, drawn := q.relaxed(price, on, theta, kw)
			bound = max(bound, v)
			if drawn > q.quota {
				lo = theta
			} else {
				hi = theta
				try(kw)
			}
			if math.Abs(drawn-q.quota) < 1e-9 {
				break
			}
		}
		q.relaxed(price, on, lo, kw)
		try(kw)
		net := make([]float64, n)
		for t := range net {
			net[t] = price[t] - q.worth
		}
		for _, c := range q.counted {
			if c != nil {
				for t := range c.late {
					c.late[t] = q.late[t]
				}
				try(c.best(net, on).kw)
			}
		}
	}
	if best.kw == nil { // only off is left
		for t := range kw {
			kw[t] = 0
			if t < q.hold {
				kw[t] = q.l.Variable.least()
			}
		}
		best = schedule{kw: kw, own: q.cost(kw)}
	}
	best.pattern = patternOf(best.kw)
	return bound, best
}

// dearth is the price of a kW through a slot at which no more than the need is
// drawn.
func (q *variablePricer) dearth(price []float64) float64 {
	on, kw := make([]float64, q.p.N), make([]float64, q.p.N)
	if _, drawn := q.relaxed(price, on, 0, kw); drawn <= q.quota+1e-9 {
		return 0
	}
	lo, hi := 0.0, 2*q.worth
	for range 20 {
		theta := (lo + hi) / 2
		if _, drawn := q.relaxed(price, on, theta, kw); drawn > q.quota {
			lo = theta
		} else {
			hi = theta
		}
	}
	return hi
}

func (q *variablePricer) best(price, on []float64) schedule {
	bound, s := q.search(price, on, 18)
	total := s.total(price, on)
	if total-bound <= 0.05*math.Abs(total) {
		return s
	}
	// Rare, and dear to look into: also the fewest slots that serve the need, and
	// runs a little longer or shorter.
	v := q.l.Variable
	if slots := math.Ceil(q.quota/v.MaxKW - 1e-9); q.quota/slots >= v.MinKW {
		fewest := newOnOffPricer(q.p, &Load{OnOff: &OnOff{
			KW: q.quota / slots, NeedSlots: int(min(slots, float64(q.p.N))), From: v.From, To: v.To, MaxStarts: v.MaxStarts, StartCost: v.StartCost, Switching: v.Switching,
		}})
		copy(fewest.late, q.late)
		net := make([]float64, q.p.N)
		for t := range net {
			net[t] = price[t] - q.worth
		}
		kw := fewest.best(net, on).kw
		if q.fill(kw, price) {
			if other := (schedule{kw: kw, own: q.cost(kw), pattern: patternOf(kw)}); other.total(price, on) < total && q.l.permits(q.p, kw) {
				s = other
			}
		}
	}
	return q.climb(s, price, on)
}

// climb makes runs longer or shorter by up to climbSlots at an end for as long as
// that pays: between two prices of energy whole runs change, and what uses the
// need best may lie between them.
func (q *variablePricer) climb(s schedule, price, on []float64) schedule {
	total := s.total(price, on)
	for better := true; better; {
		better = false
		for _, r := range spans(s.kw) {
			for k := -climbSlots; k <= climbSlots; k++ {
				for _, edge := range []struct{ from, to int }{{min(r.from, r.from-k), max(r.from, r.from-k)}, {min(r.to, r.to+k), max(r.to, r.to+k)}} {
					if k == 0 || edge.from < q.from || edge.to > q.to || -k > r.to-r.from {
						continue
					}
					x := append([]float64(nil), s.kw...)
					for t := edge.from; t < edge.to; t++ {
						if x[t] = 0; k > 0 {
							x[t] = q.l.Variable.MaxKW
						}
					}
					if !q.fill(x, price) {
						continue
					}
					next := schedule{kw: x, own: q.cost(x), pattern: patternOf(x)}
					if v := next.total(price, on); v < total-1e-9*math.Abs(total) && q.l.permits(q.p, x) {
						s, total, better = next, v, true
					}
				}
			}
		}
	}
	return s
}

const climbSlots = 4

func (q *variablePricer) bound(price, on []float64, effort int) float64 {
	v, _ := q.search(price, on, 18+6*effort)
	return v
}

func (q *variablePricer) cost(kw []float64) float64 {
	v, h := q.l.Variable, q.p.Hours()
	r := spans(kw)
	sum := float64(len(r)) * v.StartCost
	if len(r) > 0 && r[0].from == 0 && bool(v.InitOn) {
		sum -= v.StartCost
	}
	var e float64
	for t, x := range kw {
		e += x * h
		if x > onFrom {
			sum += q.late[t]
		}
	}
	return sum + max(0, v.need()-e)*q.worth/h
}

func (q *variablePricer) within(s schedule, price, _ []float64) schedule {
	kw := append([]float64(nil), s.kw...)
	for t, x := range kw {
		if x <= onFrom { // not one of the pattern's slots
			kw[t] = 0
		}
	}
	if !q.fill(kw, price) {
		return s
	}
	return schedule{kw: kw, own: q.cost(kw), pattern: s.pattern}
}

func (q *variablePricer) work() int64 { return int64(60*(q.to-q.from+10)) + q.counted[0].work() }
