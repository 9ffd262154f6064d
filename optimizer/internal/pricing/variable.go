package pricing

import (
	"math"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Variable finds schedules of a load with a free power and an energy to
// reach.  The limit on the energy is priced (Lagrange): for a price theta of
// each kW drawn the best runs come from a dynamic programme over (slot,
// starts), in each slot of a run the power is the least or the greatest, and
// theta is found by bisection.  The value at any theta is a lower bound; the
// runs found are then filled exactly.
type Variable struct {
	p             *model.Problem
	Load          *model.Load
	From, To      int
	MinOn, minOff int
	Starts        int
	worth         float64 // of each kW drawn through a slot, as far as it is needed
	Quota         float64 // need, in kW*slots
	Hold          int
	running       bool
	late          []float64
	c, sum        []float64
	off, run      []float64
	order         []int
	Beside        besideSearch
	counted       [2]*OnOff // the load at its least and greatest power, as many slots as the need allows
}

func newVariablePricer(p *model.Problem, l *model.Load) *Variable {
	v := l.Variable
	h := p.Hours()
	q := &Variable{
		p: p, Load: l, From: max(0, v.From), To: min(p.N, v.To), MinOn: max(1, v.MinOn), minOff: max(1, v.MinOff), Starts: max(0, v.MaxStarts),
		worth: l.ShortPrice(h) * h, Quota: v.Need() / h, c: make([]float64, p.N), sum: make([]float64, p.N+1), late: make([]float64, p.N),
	}
	if v.MaxKW <= model.OnFrom {
		q.To = q.From
	}
	q.From, q.running, q.Hold = windowStart(v.Switching, q.From, p.N)
	q.To = max(q.To, q.From)
	q.Quota = max(q.Quota, float64(q.Hold)*v.MinKW)
	for t := range q.late {
		q.late[t] = l.LatePrice(t)
	}
	for i, kw := range []float64{v.Least(), v.MaxKW} {
		if kw > model.OnFrom {
			q.counted[i] = newOnOffPricer(p, &model.Load{OnOff: &model.OnOff{
				KW: kw, NeedSlots: int(min(q.Quota/kw+Rounding, float64(p.N))), From: v.From, To: v.To, MaxStarts: v.MaxStarts, StartCost: v.StartCost, Switching: v.Switching,
			}})
		}
	}
	q.Beside.q = q
	return q
}

// power is the best power in a slot that is on, for its net price.
func (q *Variable) power(net float64) float64 {
	if net < 0 {
		return q.Load.Variable.MaxKW
	}
	return q.Load.Variable.Least()
}

// Relaxed solves with the energy priced at theta; it returns the value, the
// energy drawn in kW*slots and, in kw, the powers.
func (q *Variable) Relaxed(price, on []float64, theta float64, kw []float64) (value, drawn float64) {
	for t := range q.c {
		net := price[t] - q.worth + theta
		q.c[t] = net*q.power(net) + on[t] + q.late[t]
		q.sum[t+1] = q.sum[t] + q.c[t]
	}
	v, used := q.dp(1, false, kw)
	if used > q.Starts {
		v, _ = q.dp(q.Starts+1, true, kw)
	}
	for t := range q.Hold {
		kw[t] = 1
	}
	for t := range kw {
		if kw[t] > 0 {
			kw[t] = q.power(price[t] - q.worth + theta)
			drawn += kw[t]
		}
	}
	return v + q.sum[q.Hold] + (q.worth-theta)*q.Quota, drawn
}

func (q *Variable) dp(S int, limited bool, kw []float64) (value float64, starts int) {
	W := q.To - q.From
	size := (W + 1) * S
	if cap(q.off) < size {
		q.off, q.run = make([]float64, size), make([]float64, size)
	}
	off, run := q.off[:size], q.run[:size]
	for s := range S {
		off[W*S+s], run[W*S+s] = 0, 0
	}
	startCost := q.Load.Variable.StartCost
	for i := W - 1; i >= 0; i-- {
		t := q.From + i
		j, m := i+q.MinOn, min(W, i+q.minOff)
		for s := range S {
			v := off[(i+1)*S+s]
			if j <= W && (!limited || s+1 < S) {
				s1 := s
				if limited {
					s1++
				}
				if u := q.sum[t+q.MinOn] - q.sum[t] + startCost + run[j*S+s1]; u < v {
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
		t := q.From + i
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
		for d := range q.MinOn {
			kw[t+d] = 1
		}
		i, isOn = i+q.MinOn, true
		starts++
		if limited {
			s++
		}
	}
	return value, starts
}

// fill sets the powers of the slots that are on to the best ones within the
// need.  It returns false where even the least powers exceed it.
func (q *Variable) fill(kw, price []float64) bool {
	v := q.Load.Variable
	lo := v.Least()
	left := q.Quota
	q.order = q.order[:0]
	for t, x := range kw {
		if x > 0 {
			q.order = append(q.order, t)
			kw[t] = lo
			left -= lo
		}
	}
	if left < -Rounding {
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
func (q *Variable) search(price, on []float64, steps int) (float64, Schedule) {
	n := q.p.N
	kw := make([]float64, n)
	var best Schedule
	bestTotal := math.Inf(1)
	try := func(kw []float64) {
		x := append([]float64(nil), kw...)
		if !q.fill(x, price) {
			return
		}
		s := Schedule{KW: x, Own: q.Cost(x)}
		if v := s.Total(price, on); v < bestTotal {
			best, bestTotal = s, v
		}
	}
	bound, drawn := q.Relaxed(price, on, 0, kw)
	try(kw)
	if drawn > q.Quota+Rounding {
		lo, hi := 0.0, 2*q.worth
		for t := q.From; t < q.To; t++ {
			hi = max(hi, q.worth-price[t])
		}
		for range steps {
			theta := (lo + hi) / 2
			v, drawn := q.Relaxed(price, on, theta, kw)
			bound = max(bound, v)
			if drawn > q.Quota {
				lo = theta
			} else {
				hi = theta
				try(kw)
			}
			if math.Abs(drawn-q.Quota) < Rounding {
				break
			}
		}
		q.Relaxed(price, on, lo, kw)
		try(kw)
		net := make([]float64, n)
		for t := range net {
			net[t] = price[t] - q.worth
		}
		for _, c := range q.counted {
			if c != nil {
				for t := range c.Late {
					c.Late[t] = q.late[t]
				}
				try(c.Best(net, on).KW)
			}
		}
	}
	if best.KW == nil { // only off is left
		for t := range kw {
			kw[t] = 0
			if t < q.Hold {
				kw[t] = q.Load.Variable.Least()
			}
		}
		best = Schedule{KW: kw, Own: q.Cost(kw)}
	}
	best.Pattern = PatternOf(best.KW)
	return bound, best
}

// Dearth is the price of a kW through a slot at which no more than the need is
// drawn.
func (q *Variable) Dearth(price []float64) float64 {
	on, kw := make([]float64, q.p.N), make([]float64, q.p.N)
	if _, drawn := q.Relaxed(price, on, 0, kw); drawn <= q.Quota+Rounding {
		return 0
	}
	lo, hi := 0.0, 2*q.worth
	for range 20 {
		theta := (lo + hi) / 2
		if _, drawn := q.Relaxed(price, on, theta, kw); drawn > q.Quota {
			lo = theta
		} else {
			hi = theta
		}
	}
	return hi
}

// Best is as for Pricer.
func (q *Variable) Best(price, on []float64) Schedule {
	bound, s := q.search(price, on, meanSteps)
	total := s.Total(price, on)
	if total-bound <= lookAgain*math.Abs(total) {
		return s
	}
	// Rare, and dear to look into: also the fewest slots that serve the need, and
	// runs a little longer or shorter.
	v := q.Load.Variable
	if slots := math.Ceil(q.Quota/v.MaxKW - Rounding); q.Quota/slots >= v.MinKW {
		fewest := newOnOffPricer(q.p, &model.Load{OnOff: &model.OnOff{
			KW: q.Quota / slots, NeedSlots: int(min(slots, float64(q.p.N))), From: v.From, To: v.To, MaxStarts: v.MaxStarts, StartCost: v.StartCost, Switching: v.Switching,
		}})
		copy(fewest.Late, q.late)
		net := make([]float64, q.p.N)
		for t := range net {
			net[t] = price[t] - q.worth
		}
		kw := fewest.Best(net, on).KW
		if q.fill(kw, price) {
			if other := (Schedule{KW: kw, Own: q.Cost(kw), Pattern: PatternOf(kw)}); other.Total(price, on) < total && q.Load.Permits(q.p, kw) {
				s = other
			}
		}
	}
	return q.climb(s, price, on)
}

// climb makes runs longer or shorter by up to climbSlots at an end for as long as
// that pays: between two prices of energy whole runs change, and what uses the
// need best may lie between them.
func (q *Variable) climb(s Schedule, price, on []float64) Schedule {
	total := s.Total(price, on)
	for better := true; better; {
		better = false
		for _, r := range model.Spans(s.KW) {
			for k := -climbSlots; k <= climbSlots; k++ {
				for _, edge := range []struct{ from, to int }{{min(r.From, r.From-k), max(r.From, r.From-k)}, {min(r.To, r.To+k), max(r.To, r.To+k)}} {
					if k == 0 || edge.from < q.From || edge.to > q.To || -k > r.To-r.From {
						continue
					}
					x := append([]float64(nil), s.KW...)
					for t := edge.from; t < edge.to; t++ {
						if x[t] = 0; k > 0 {
							x[t] = q.Load.Variable.MaxKW
						}
					}
					if !q.fill(x, price) {
						continue
					}
					next := Schedule{KW: x, Own: q.Cost(x), Pattern: PatternOf(x)}
					if v := next.Total(price, on); v < total-Rounding*math.Abs(total) && q.Load.Permits(q.p, x) {
						s, total, better = next, v, true
					}
				}
			}
		}
	}
	return s
}

// Bound is as for Pricer.
func (q *Variable) Bound(price, on []float64, effort int) float64 {
	v, _ := q.search(price, on, meanSteps+6*effort)
	return v
}

// Cost is as for Pricer.
func (q *Variable) Cost(kw []float64) float64 {
	v, h := q.Load.Variable, q.p.Hours()
	r := model.Spans(kw)
	sum := float64(len(r)) * v.StartCost
	if len(r) > 0 && r[0].From == 0 && bool(v.InitOn) {
		sum -= v.StartCost
	}
	var e float64
	for t, x := range kw {
		e += x * h
		if x > model.OnFrom {
			sum += q.late[t]
		}
	}
	return sum + max(0, v.Need()-e)*q.worth/h
}

// Within is as for Pricer.
func (q *Variable) Within(s Schedule, price, _ []float64) Schedule {
	kw := append([]float64(nil), s.KW...)
	for t, x := range kw {
		if x <= model.OnFrom { // not one of the pattern's slots
			kw[t] = 0
		}
	}
	if !q.fill(kw, price) {
		return s
	}
	return Schedule{KW: kw, Own: q.Cost(kw), Pattern: s.Pattern}
}

// Work is as for Pricer.
func (q *Variable) Work() int64 { return int64(60*(q.To-q.From+10)) + q.counted[0].Work() }
