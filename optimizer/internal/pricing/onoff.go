package pricing

import "github.com/keeplit/keeplit/optimizer/internal/model"

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
	for _, s := range o.Shut {
		for t := max(0, s[0]); t < min(p.N, s[1]); t++ {
			q.Late[t] += Forbidden
		}
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
