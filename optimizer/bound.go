package optimizer

import (
	"math"
	"sort"
)

// tightener raises the lower bound above the linear programme's.  There each
// slot's supply sees the mean of the loads' mixtures; here it sees powers the
// loads can really draw.  Each load j gets a price pi[j][t] of its own in each
// slot (Lagrangian decomposition, Guignard and Kim 1987): the load's schedule
// pays it, the slot's supply earns it, and
//
//	L(pi) = sum over j of min over schedules x: own(x) + pi[j]*x
//	      + sum over t of min over powers p:    cost_t(sum p) - pi[.][t]*p + ...
//
// is a lower bound for any pi.  With all pi[j] the duals of the balance rows
// it is at least the linear programme's; a subgradient method with Polyak's
// step raises it from there.
type tightener struct {
	s     *search
	m     *master
	n     int
	pi    [][]float64 // by unit, last: the battery
	konst float64
	segs  [][]stretch // by slot: length and slope, rising, from zmin
	opts  [][][]float64
	soft  [][]float64 // by unit and slot: continuous range above the options
	store *store
	dis   float64

	powers [][]float64 // what the slots chose, by unit and slot
	sched  [][]float64 // what the schedules chose
	front  []combo
	levels []combo

	keep, dir    [][]float64
	best, lambda float64
	idle         int
}

// combo is a choice of powers in one slot: their sum, what they earn, and how
// it came about.
type combo struct {
	kw, gain float64
	prev     int32
	option   int32
}

// newTightener starts from the duals y; nil where the problem is not of the
// kind it helps with.
func newTightener(s *search, y []float64) *tightener {
	m := s.m
	n := s.p.N
	if len(m.units) > 16 || len(m.group) > 0 {
		return nil
	}
	q := &tightener{s: s, m: m, n: n}
	for range m.units {
		q.pi = append(q.pi, append([]float64(nil), y[:n]...))
	}
	if b := s.p.Battery; b != nil {
		q.pi = append(q.pi, append([]float64(nil), y[:n]...))
		q.dis = b.MaxDischargeKW
		q.store = newStore(n)
		q.store.lo, q.store.hi = batteryBand(s.p)
		q.store.start = b.SoC0
	}
	q.powers, q.sched = make([][]float64, len(q.pi)), make([][]float64, len(q.pi))
	for i := range q.pi {
		q.powers[i], q.sched[i] = make([]float64, n), make([]float64, n)
	}
	// Everything but balance rows, loads, segments and battery is settled at y.
	other := append([]float64(nil), y...)
	for i := range n {
		other[i] = 0
	}
	rows := m.rows - len(m.units)
	first := n
	if s.p.Battery != nil {
		first = 2 * n
	}
	q.konst = m.konst
	for i := first; i < rows; i++ {
		q.konst += y[i] * m.lp.b[i]
	}
	inSlot := make(map[int32]bool)
	for t := range m.slots {
		var segs []stretch
		for i := range m.slots[t] {
			g := &m.slots[t][i]
			inSlot[g.col] = true
			segs = append(segs, stretch{g.length, m.lp.reduced(g.col, other)})
		}
		sort.SliceStable(segs, func(i, j int) bool { return segs[i].slope < segs[j].slope })
		q.segs = append(q.segs, segs)
	}
	battery := make(map[int32]bool)
	for t := range m.chCol {
		battery[m.chCol[t]], battery[m.disCol[t]], battery[m.socCol[t]], battery[m.artCol[t]] = true, true, true, true
	}
	for j := range int32(m.lp.staticCols) {
		if inSlot[j] || battery[j] {
			continue
		}
		if d := m.lp.reduced(j, other); d < 0 {
			ub := m.lp.ub[j]
			if math.IsInf(ub, 1) {
				if d < -1e-7 {
					return nil
				}
				ub = 1e4
			}
			q.konst += d * ub
		}
	}
	// The powers each unit can draw in each slot.
	q.opts = make([][][]float64, len(m.units))
	q.soft = make([][]float64, len(m.units))
	for i, u := range m.units {
		q.opts[i] = make([][]float64, n)
		q.soft[i] = make([]float64, n)
		for t := range n {
			q.opts[i][t], q.soft[i][t] = u.powersIn(t)
		}
	}
	return q
}

// powersIn lists the powers above 0 a unit can draw in a slot, and how much
// of a continuous range lies on top of them.
func (u *unit) powersIn(t int) (levels []float64, soft float64) {
	switch q := u.pricer.(type) {
	case *cyclePricer:
		for i, x := range q.l.Cycle.ProfileKW {
			if s := t - i; s >= q.lo && s <= q.hi && x > 0 {
				known := false
				for _, y := range levels {
					known = known || y == x
				}
				if !known {
					levels = append(levels, x)
				}
			}
		}
	case *onOffPricer:
		if t >= q.from && t < q.to || t < q.hold {
			levels = append(levels, q.l.OnOff.KW)
		}
	case *thermalPricer:
		levels = append(levels, q.l.Thermal.KW)
	case *variablePricer:
		if t >= q.from && t < q.to || t < q.hold {
			lo := max(q.l.Variable.MinKW, 2*onFrom)
			levels = append(levels, lo)
			soft = max(0, q.l.Variable.MaxKW-lo)
		}
	case *modulatingPricer:
		soft = q.l.Thermal.KW
	}
	return levels, soft
}

// slot finds the slot's best powers; it notes them and returns their value.
func (q *tightener) slot(t int) float64 {
	// All sensible sums of powers, by dynamic programme over the units: of two
	// sums the greater must earn more.
	type layer struct{ from, to int }
	q.levels = append(q.levels[:0], combo{prev: -1, option: -1})
	last := layer{0, 1}
	var layers []layer
	var who []int
	for i := range q.opts {
		opts := q.opts[i][t]
		if len(opts) == 0 {
			continue
		}
		q.front = q.front[:0]
		for k := last.from; k < last.to; k++ {
			c := q.levels[k]
			q.front = append(q.front, combo{c.kw, c.gain, int32(k), -1})
			for o, x := range opts {
				q.front = append(q.front, combo{c.kw + x, c.gain + x*q.pi[i][t], int32(k), int32(o)})
			}
		}
		sort.Slice(q.front, func(a, b int) bool {
			x, y := q.front[a], q.front[b]
			return x.kw < y.kw || x.kw == y.kw && x.gain > y.gain
		})
		from := len(q.levels)
		best := math.Inf(-1)
		for _, c := range q.front {
			if c.gain > best {
				best = c.gain
				q.levels = append(q.levels, c)
			}
		}
		last = layer{from, len(q.levels)}
		layers = append(layers, last)
		who = append(who, i)
	}
	// The continuous powers, the best paid first.
	type piece struct {
		unit       int
		length, pi float64
	}
	var pieces []piece
	for i := range q.soft {
		if x := q.soft[i][t]; x > 0 {
			pieces = append(pieces, piece{i, x, q.pi[i][t]})
		}
	}
	fixed := 0.0
	if q.store != nil {
		b := len(q.pi) - 1
		pieces = append(pieces, piece{b, q.dis + q.s.p.Battery.MaxChargeKW, q.pi[b][t]})
		fixed = q.dis * q.pi[b][t]
	}
	sort.SliceStable(pieces, func(a, b int) bool { return pieces[a].pi > pieces[b].pi })
	bestValue, bestCombo := math.Inf(1), 0
	start := -q.m.zmin[t] - q.dis
	eval := func(c combo, take func(k int, x float64)) float64 {
		left := start + c.kw
		value := fixed - c.gain
		k, room := 0, 0.0
		if len(pieces) > 0 {
			room = pieces[0].length
		}
		for i, g := range q.segs[t] {
			length := g.length
			if i == len(q.segs[t])-1 {
				length = math.Inf(1)
			}
			use := min(left, length)
			value += use * g.slope
			left -= use
			length -= use
			if left > 0 {
				continue
			}
			for k < len(pieces) && length > 0 && pieces[k].pi > g.slope {
				x := min(room, length)
				value += x * (g.slope - pieces[k].pi)
				if take != nil {
					take(k, x)
				}
				length -= x
				if room -= x; room <= 0 {
					k++
					if k < len(pieces) {
						room = pieces[k].length
					}
				}
			}
			if k == len(pieces) || pieces[k].pi <= g.slope {
				break
			}
		}
		return value
	}
	for k := last.from; k < last.to; k++ {
		if v := eval(q.levels[k], nil); v < bestValue {
			bestValue, bestCombo = v, k
		}
	}
	for i := range q.powers {
		q.powers[i][t] = 0
	}
	eval(q.levels[bestCombo], func(k int, x float64) { q.powers[pieces[k].unit][t] += x })
	if q.store != nil {
		q.powers[len(q.pi)-1][t] -= q.dis
	}
	for l := len(layers) - 1; l >= 0; l-- {
		c := q.levels[bestCombo]
		if c.option >= 0 {
			q.powers[who[l]][t] += q.opts[who[l]][t][c.option]
		}
		bestCombo = int(c.prev)
	}
	q.s.spent += int64(len(q.levels) * 8)
	return bestValue
}

// battery is the charge's least cost at its prices.
func (q *tightener) battery() float64 {
	if q.store == nil {
		return 0
	}
	b, h := q.s.p.Battery, q.s.h
	pi := q.pi[len(q.pi)-1]
	var base float64
	for t := range q.n {
		base -= b.MaxDischargeKW * (pi[t] - b.Wear*h)
		down, up := h/b.EffD, b.EffC*h
		q.store.offers[t] = append(q.store.offers[t][:0], offer{b.MaxDischargeKW * down, (pi[t] - b.Wear*h) / down}, offer{b.MaxChargeKW * up, pi[t] / up})
		q.store.drift[t] = -b.MaxDischargeKW * down
	}
	v := q.store.value()
	flow := q.sched[len(q.pi)-1]
	q.store.follow(flow)
	for t, x := range flow {
		if d := x + q.store.drift[t]; d >= 0 {
			flow[t] = d / (b.EffC * h)
		} else {
			flow[t] = d * b.EffD / h
		}
	}
	q.s.spent += int64(q.n * q.n / 4)
	return v + base
}

// value is L at the present prices, the loads' part only nearly so.
func (q *tightener) value() float64 {
	v := q.konst
	for t := range q.n {
		v += q.slot(t)
	}
	if q.s.over() {
		return math.Inf(-1)
	}
	v += q.battery()
	for t := range q.m.on {
		q.m.on[t] = 0
	}
	for i, u := range q.m.units {
		if q.s.over() {
			return math.Inf(-1)
		}
		var sc schedule
		if th, ok := u.pricer.(*thermalPricer); ok {
			cells := max(160, th.cells/3)
			sc = th.rough(q.pi[i], q.m.on, cells)
			q.s.spent += th.work() * int64(cells) / int64(th.cells)
		} else {
			sc = u.pricer.best(q.pi[i], q.m.on)
			q.s.spent += u.pricer.work()
		}
		copy(q.sched[i], sc.kw)
		v += sc.total(q.pi[i], q.m.on)
	}
	return v
}

// prove is L at the best prices met, safe against rounding.
func (q *tightener) prove(effort int) float64 {
	for i := range q.keep {
		q.pi[i], q.keep[i] = q.keep[i], q.pi[i]
	}
	defer func() {
		for i := range q.keep {
			q.pi[i], q.keep[i] = q.keep[i], q.pi[i]
		}
	}()
	v := q.konst
	for t := range q.n {
		v += q.slot(t)
	}
	v += q.battery()
	for t := range q.m.on {
		q.m.on[t] = 0
	}
	for i, u := range q.m.units {
		if q.s.over() {
			return math.Inf(-1)
		}
		v += u.pricer.bound(q.pi[i], q.m.on, effort)
		q.s.spent += u.pricer.work() * 4 * int64(effort)
	}
	return v - 1e-9*max(1, math.Abs(v))
}

// climb does some steps of the subgradient method towards target, the cost of
// a known plan, and reports whether more would pay.  The best prices met stay
// in keep.
func (q *tightener) climb(steps int, target float64) bool {
	if q.keep == nil {
		q.best, q.lambda = math.Inf(-1), 0.5
		for i := range q.pi {
			q.keep = append(q.keep, append([]float64(nil), q.pi[i]...))
			q.dir = append(q.dir, make([]float64, q.n))
		}
	}
	begin := q.best
	for k := range steps {
		v := q.value()
		if q.s.over() {
			return false
		}
		if v > q.best {
			if v > q.best+2e-6*math.Abs(q.best) || math.IsInf(q.best, -1) {
				q.idle = 0
			}
			q.best = v
			for i := range q.pi {
				copy(q.keep[i], q.pi[i])
			}
		} else {
			q.idle++
		}
		if q.idle >= 10 {
			q.lambda *= 0.6
			q.idle = 0
			for i := range q.pi {
				copy(q.pi[i], q.keep[i])
				for t := range q.dir[i] {
					q.dir[i][t] = 0
				}
			}
			if q.lambda < 0.004 {
				return false
			}
			continue
		}
		if k%25 == 0 {
			q.s.trace("tighten %d: %.6f best %.6f lambda %.3f", k, v, q.best, q.lambda)
		}
		if v >= target {
			return false
		}
		var norm, dot float64
		for i := range q.pi {
			for t := range q.n {
				dot += (q.sched[i][t] - q.powers[i][t]) * q.dir[i][t]
			}
		}
		mix := 0.7
		if dot < 0 {
			mix = 0.3
		}
		for i := range q.pi {
			for t := range q.n {
				d := q.sched[i][t] - q.powers[i][t] + mix*q.dir[i][t]
				if q.pi[i][t] <= 0 && d < 0 {
					d = 0
				}
				q.dir[i][t] = d
				norm += d * d
			}
		}
		if norm < 1e-12 {
			return false
		}
		step := q.lambda * (target - v) / norm
		for i := range q.pi {
			for t := range q.n {
				// A price below 0 is no better than 0: supply never costs less
				// for being drawn on.
				q.pi[i][t] = max(0, q.pi[i][t]+step*q.dir[i][t])
			}
		}
	}
	return q.best > begin+1e-5*math.Abs(q.best)
}
