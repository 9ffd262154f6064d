package optimizer

import (
	"math"
	"sort"
)

// scheduleOne finds a cheap schedule of one load under a cost per slot and
// power; cost is +Inf where a power cannot be had.
func scheduleOne(p *Problem, l *Load, cost func(t int, kw float64) float64) []float64 {
	switch {
	case l.Cycle != nil:
		return scheduleCycle(p, l, cost)
	case l.OnOff != nil:
		o := l.OnOff
		on := make([]float64, p.N)
		for t := range on {
			on[t] = cost(t, o.KW) + l.latePrice(t)
		}
		return scheduleOnOff(p, l, on)
	case l.Variable != nil:
		return scheduleVariable(p, l, cost)
	}
	return scheduleThermal(p, l, cost)
}

func scheduleCycle(p *Problem, l *Load, cost func(int, float64) float64) []float64 {
	c := l.Cycle
	kw := make([]float64, p.N)
	if c.Running {
		copy(kw, c.ProfileKW)
		return kw
	}
	best, bestAt := l.skipPrice(p.Hours()), -1
	for s := max(0, c.Earliest); s+len(c.ProfileKW) <= min(p.N, c.LatestFinish); s++ {
		sum := l.latePrice(s + len(c.ProfileKW) - 1)
		for i, x := range c.ProfileKW {
			sum += cost(s+i, x)
		}
		if sum < best {
			best, bestAt = sum, s
		}
	}
	if bestAt >= 0 {
		copy(kw[bestAt:], c.ProfileKW)
	}
	return kw
}

// scheduleOnOff is an exact dynamic programme.  Its state before a slot is
// (slots on so far, starts so far, phase); phases 0..MinOn-1 are a run of that
// many slots less one (the last: MinOn or more), and the rest a break of 1 to
// MinOff slots, the last meaning free to start.
func scheduleOnOff(p *Problem, l *Load, on []float64) []float64 {
	o := l.OnOff
	kw := make([]float64, p.N)
	a, b := max(0, o.From), min(p.N, o.To)
	for t := 0; t < min(o.Hold, p.N) && bool(o.InitOn); t++ { // committed
		kw[t] = o.KW
	}
	need := o.need()
	minOn, minOff := max(1, o.MinOn), max(1, o.MinOff)
	P := minOn + minOff
	freePhase := P - 1
	S := o.MaxStarts
	if S < 0 {
		S = 0
	}
	short := l.shortPrice(p.Hours())
	dim := (need + 1) * (S + 1) * P
	idx := func(k, s, ph int) int { return (k*(S+1)+s)*P + ph }
	inf := math.Inf(1)
	cur := make([]float64, dim)
	for i := range cur {
		cur[i] = inf
	}
	first := a
	switch {
	case bool(o.InitOn) && (a == 0 || o.Hold > 0):
		first = min(o.Hold, p.N)
		k := first
		if k > need { // the hold alone is more than the need
			return kw
		}
		cur[idx(k, 0, minOn-1)] = 0
	case bool(o.InitOn):
		ph := freePhase
		if a < minOff {
			ph = min(freePhase, minOn+a-1)
		}
		cur[idx(0, 0, ph)] = 0
	default:
		cur[idx(0, 0, freePhase)] = 0
		first = max(a, min(o.Hold, p.N))
	}
	type from struct {
		prev int32
		on   bool
	}
	var trace [][]from
	for t := first; t < b; t++ {
		next := make([]float64, dim)
		tr := make([]from, dim)
		for i := range next {
			next[i] = inf
		}
		relax := func(j, i int, v float64, on bool) {
			if v < next[j] {
				next[j], tr[j] = v, from{int32(i), on}
			}
		}
		for k := 0; k <= need; k++ {
			for s := 0; s <= S; s++ {
				for ph := range P {
					i := idx(k, s, ph)
					v := cur[i]
					if v == inf {
						continue
					}
					if ph < minOn { // on
						if k < need {
							relax(idx(k+1, s, min(ph+1, minOn-1)), i, v+on[t], true)
						}
						if ph == minOn-1 {
							relax(idx(k, s, minOn), i, v, false)
						}
					} else {
						relax(idx(k, s, min(ph+1, freePhase)), i, v, false)
						if ph == freePhase && s < S && k < need {
							relax(idx(k+1, s+1, min(0, minOn-1)), i, v+on[t]+o.StartCost, true)
						}
					}
				}
			}
		}
		cur = next
		trace = append(trace, tr)
	}
	best, bi := inf, -1
	for k := 0; k <= need; k++ {
		for s := 0; s <= S; s++ {
			for ph := minOn - 1; ph < P; ph++ {
				if v := cur[idx(k, s, ph)] + float64(need-k)*short; v < best {
					best, bi = v, idx(k, s, ph)
				}
			}
		}
	}
	if bi < 0 {
		return kw
	}
	for i := len(trace) - 1; i >= 0; i-- {
		f := trace[i][bi]
		if f.on {
			kw[first+i] = o.KW
		}
		bi = int(f.prev)
	}
	return kw
}

// scheduleVariable looks for the best single run.
func scheduleVariable(p *Problem, l *Load, cost func(int, float64) float64) []float64 {
	v, h := l.Variable, p.Hours()
	kw := make([]float64, p.N)
	a, b := max(0, v.From), min(p.N, v.To)
	hold := 0
	if v.InitOn {
		hold = min(v.Hold, p.N)
		for t := range hold {
			kw[t] = v.MinKW
		}
	}
	short := l.shortPrice(h)
	bestCost, bestRun := v.need()*short, []float64(nil)
	bestFrom := 0
	lo, hi := make([]float64, p.N), make([]float64, p.N)
	for t := range p.N {
		lo[t] = cost(t, v.MinKW) + l.latePrice(t)
		hi[t] = cost(t, v.MaxKW) + l.latePrice(t)
	}
	if (v.MaxStarts < 1 && !bool(v.InitOn)) || v.MaxKW <= onFrom {
		return kw
	}
	for s := a; s < b; s++ {
		carried := bool(v.InitOn) && s == 0
		if bool(v.InitOn) && !carried && (hold > 0 || s < v.MinOff) {
			continue
		}
		if !bool(v.InitOn) && s < v.Hold {
			continue
		}
		for e := s + 1; e <= b; e++ {
			if math.IsInf(lo[e-1], 1) || float64(e-s)*v.MinKW*h > v.need()+1e-9 {
				break
			}
			if e-s < v.MinOn && !carried || e < hold {
				continue
			}
			run := make([]float64, e-s)
			left := v.need() / h
			sum := v.StartCost
			if carried {
				sum = 0
			}
			order := make([]int, 0, e-s)
			for t := s; t < e; t++ {
				run[t-s] = v.MinKW
				left -= v.MinKW
				sum += lo[t]
				if !math.IsInf(hi[t], 1) && v.MaxKW > v.MinKW {
					order = append(order, t)
				}
			}
			sort.Slice(order, func(i, j int) bool {
				x, y := hi[order[i]]-lo[order[i]], hi[order[j]]-lo[order[j]]
				return x < y || x == y && order[i] < order[j]
			})
			for _, t := range order {
				x := min(left, v.MaxKW-v.MinKW)
				slope := (hi[t] - lo[t]) / (v.MaxKW - v.MinKW)
				if x <= 0 || slope > short*h {
					break
				}
				run[t-s] += x
				left -= x
				sum += slope * x
			}
			if sum += max(0, left) * h * short; sum < bestCost {
				bestCost, bestRun, bestFrom = sum, run, s
			}
		}
	}
	copy(kw[bestFrom:], bestRun)
	return kw
}

// scheduleThermal runs a value iteration over a grid of temperatures and
// follows it with the true temperatures.
func scheduleThermal(p *Problem, l *Load, cost func(int, float64) float64) []float64 {
	th, n := l.Thermal, p.N
	const cells = 200
	lo, hi := th.T0, th.TMax
	for t := range n {
		lo = min(lo, th.TMin[t])
	}
	lo = min(lo, th.EndTarget) - 10
	if hi <= lo {
		hi = lo + 1
	}
	levels := []float64{0, th.KW}
	minOn, minOff := max(1, th.MinOn), max(1, th.MinOff)
	if th.Modulating {
		levels = []float64{0, th.KW / 4, th.KW / 2, th.KW * 3 / 4, th.KW}
		minOn, minOff = 1, 1
	}
	P := minOn + minOff
	w := l.importance()
	step := (hi - lo) / cells
	value := make([][]float64, n+1) // [t][phase*(cells+1)+cell]
	value[n] = make([]float64, P*(cells+1))
	for ph := range P {
		for i := 0; i <= cells; i++ {
			value[n][ph*(cells+1)+i] = max(0, th.EndTarget-(lo+float64(i)*step)) * th.EndPenalty * w
		}
	}
	look := func(t, ph int, T float64) float64 {
		x := (T - lo) / step
		v := value[t][ph*(cells+1) : (ph+1)*(cells+1)]
		if x <= 0 {
			return v[0] - x*step*th.EndPenalty*w
		}
		if x >= cells {
			return v[cells]
		}
		i := int(x)
		return v[i] + (x-float64(i))*(v[i+1]-v[i])
	}
	move := func(t int, T, kw float64) float64 {
		return th.A*T + (1-th.A)*th.TEnv.At(t) + th.B*kw - at(th.Drop, t)
	}
	prices := make([][]float64, n)
	for t := range n {
		prices[t] = make([]float64, len(levels))
		for j, kw := range levels {
			if kw > 0 {
				prices[t][j] = cost(t, kw) + l.latePrice(t)
			}
		}
	}
	// choose is the best level from a state, its cost and the next phase.
	choose := func(t, ph int, T float64) (float64, int, int) {
		best, lev, np := math.Inf(1), 0, ph
		for j, kw := range levels {
			next := ph
			if j > 0 {
				if ph >= minOn && ph != P-1 {
					continue
				}
				next = 0
				if ph < minOn {
					next = min(ph+1, minOn-1)
				}
			} else if ph < minOn {
				if ph != minOn-1 {
					continue
				}
				next = minOn
			} else {
				next = min(ph+1, P-1)
			}
			if t < th.Hold && !th.Modulating && (j > 0) != bool(th.InitOn) {
				continue
			}
			T1 := move(t, T, kw)
			c := prices[t][j] + max(0, th.TMin[t]-T1)*th.ComfortPenalty*w + look(t+1, next, T1)
			if T1 > th.TMax {
				c += 1e6 + 1e6*(T1-th.TMax)
			}
			if c < best {
				best, lev, np = c, j, next
			}
		}
		return best, lev, np
	}
	for t := n - 1; t >= 0; t-- {
		value[t] = make([]float64, P*(cells+1))
		for ph := range P {
			for i := 0; i <= cells; i++ {
				value[t][ph*(cells+1)+i], _, _ = choose(t, ph, lo+float64(i)*step)
			}
		}
	}
	kw := make([]float64, n)
	T, ph := th.T0, P-1
	if bool(th.InitOn) && !th.Modulating {
		ph = minOn - 1
	}
	for t := range n {
		_, lev, np := choose(t, ph, T)
		kw[t] = levels[lev]
		T, ph = move(t, T, kw[t]), np
	}
	return kw
}
