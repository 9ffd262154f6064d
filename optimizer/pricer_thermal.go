package optimizer

import "math"

// warmth is what the two thermal pricers share: the path of the temperature
// and the costs of being cold.
type warmth struct {
	p     *Problem
	l     *Load
	a, b  float64
	drift []float64 // T(t+1) = a*T + b*kw + drift[t]
	floor []float64 // T(t+1) with the least heat that can be had
	top   []float64 // T(t+1) must not exceed it; never below floor
	cold  float64   // per K*slot below TMin
	last  float64   // per K below EndTarget at the end
	late  []float64
}

func newWarmth(p *Problem, l *Load) warmth {
	th := l.Thermal
	w := warmth{
		p: p, l: l, a: th.A, b: th.B, drift: make([]float64, p.N), floor: make([]float64, p.N), top: make([]float64, p.N),
		cold: th.ComfortPenalty * l.importance(), last: th.EndPenalty * l.importance(), late: make([]float64, p.N),
	}
	T := th.T0
	for t := range p.N {
		w.drift[t] = (1-th.A)*th.TEnv.At(t) - at(th.Drop, t)
		T = w.a*T + w.drift[t]
		if bool(th.InitOn) && t < th.Hold && !th.Modulating {
			T += w.b * th.KW
		}
		w.floor[t] = T
		w.top[t] = max(th.TMax, T+1e-9)
		w.late[t] = l.latePrice(t)
	}
	return w
}

// cost follows the temperature of a schedule.
func (w *warmth) cost(kw []float64) float64 {
	th := w.l.Thermal
	T, sum := th.T0, 0.0
	for t, x := range kw {
		T = w.a*T + w.drift[t] + w.b*x
		sum += max(0, th.TMin[t]-T) * w.cold
		if x > onFrom {
			sum += w.late[t]
		}
	}
	return sum + max(0, th.EndTarget-T)*w.last
}

// hot tells whether a schedule exceeds the greatest temperature.
func (w *warmth) hot(kw []float64) bool {
	T := w.l.Thermal.T0
	for t, x := range kw {
		T = w.a*T + w.drift[t] + w.b*x
		if T > w.top[t]+1e-7 {
			return true
		}
	}
	return false
}

// modulatingPricer plans a heater of free power as a store of warmth.
type modulatingPricer struct {
	warmth
	store *store
	heat  []float64
}

func newModulatingPricer(p *Problem, l *Load) *modulatingPricer {
	q := &modulatingPricer{warmth: newWarmth(p, l), store: newStore(p.N), heat: make([]float64, p.N)}
	st := q.store
	st.keep, st.drift, st.hi = q.a, q.drift, q.top
	st.soft, st.softCost = l.Thermal.TMin, q.cold
	st.final, st.finalCost = l.Thermal.EndTarget, q.last
	st.start = l.Thermal.T0
	for t := range st.lo {
		st.lo[t] = q.floor[t] - 1
		st.offers[t] = make([]offer, 0, 4)
	}
	return q
}

// offer prices the heat at a constant price for each kW.
func (q *modulatingPricer) offer(price, on []float64) {
	th := q.l.Thermal
	for t := range q.store.offers {
		c := price[t]
		if extra := on[t] + q.late[t]; extra > 0 && th.KW > 0 {
			c += extra / th.KW // in proportion to the power: a relaxation
		}
		q.store.offers[t] = append(q.store.offers[t][:0], offer{q.b * th.KW, c / q.b})
	}
}

// follow reads the schedule after the store has been valued.
func (q *modulatingPricer) follow() schedule {
	q.store.follow(q.heat)
	kw := make([]float64, q.p.N)
	for t, x := range q.heat {
		if kw[t] = x / q.b; kw[t] < 2*onFrom { // no trickle that counts as off
			kw[t] = 0
		}
	}
	return schedule{kw: kw, own: q.cost(kw)}
}

func (q *modulatingPricer) best(price, on []float64) schedule {
	q.offer(price, on)
	q.store.value()
	return q.follow()
}

func (q *modulatingPricer) bound(price, on []float64, _ int) float64 {
	q.offer(price, on)
	return q.store.value()
}

func (q *modulatingPricer) within(_ schedule, price, on []float64) schedule { return q.best(price, on) }

func (q *modulatingPricer) work() int64 { return int64(q.p.N * q.p.N / 4) }

// thermalPricer is a dynamic programme over a grid of temperatures for a
// switched load.  For finding schedules the cost to go is interpolated and
// the true temperature is followed; for bounds it is read at the next warmer
// grid point and heat above the limit is thought to vanish.  Both only lower
// the cost: more warmth never costs more where it may be thrown away.
type thermalPricer struct {
	warmth
	lo, hi        float64
	cells         int
	minOn, minOff int
	value         []float64 // of shared: [t][phase][cell]
	shared        *scratch
}

func newThermalPricer(p *Problem, l *Load, shared *scratch) *thermalPricer {
	q := &thermalPricer{shared: shared, warmth: newWarmth(p, l), minOn: max(1, l.Thermal.MinOn), minOff: max(1, l.Thermal.MinOff)}
	th := l.Thermal
	q.hi = th.T0
	coldest, least := th.T0, th.T0
	for t := range p.N {
		q.hi = max(q.hi, q.top[t])
		coldest = min(coldest, q.floor[t])
		least = min(least, th.TMin[t])
	}
	least = min(least, th.EndTarget)
	q.lo = max(coldest, least-4*q.b*th.KW-5) - 1e-9
	if q.hi < q.lo+1e-3 {
		q.hi = q.lo + 1e-3
	}
	q.cells = int(math.Ceil((q.hi - q.lo) / (max(q.b*th.KW, 1e-3) / 32)))
	q.cells = min(max(q.cells, 400), 800)
	return q
}

// phases counts the states of the switch: 1 where it may change in any slot.
// Phases 0 to minOn-1 are on (the last: long enough), the others off.
func (q *thermalPricer) phases() int {
	if q.minOn == 1 && q.minOff == 1 {
		return 1
	}
	return q.minOn + q.minOff
}

// step is the phase after a slot on (or off) in phase ph, -1 where the switch
// forbids it.
func (q *thermalPricer) step(ph int, on bool) int {
	P := q.phases()
	if P == 1 {
		return 0
	}
	if on {
		switch {
		case ph < q.minOn:
			return min(ph+1, q.minOn-1)
		case ph == P-1:
			return 0
		}
		return -1
	}
	switch {
	case ph == q.minOn-1:
		return q.minOn
	case ph >= q.minOn:
		return min(ph+1, P-1)
	}
	return -1
}

func (q *thermalPricer) startPhase() int {
	P := q.phases()
	if P > 1 && bool(q.l.Thermal.InitOn) {
		return q.minOn - 1
	}
	return P - 1
}

// solve fills value for a grid of cells; bound chooses the relaxed reading.
func (q *thermalPricer) solve(price, on []float64, cells int, bound bool) {
	th, n := q.l.Thermal, q.p.N
	P := q.phases()
	row := cells + 1
	layers := n + 1
	layer := func(t int) int { return t }
	if bound { // nothing is followed: two layers are enough
		layers = 2
		layer = func(t int) int { return t & 1 }
	}
	q.value = grow(&q.shared.value, layers*P*row)
	d := (q.hi - q.lo) / float64(cells)
	for ph := range P {
		v := q.value[(layer(n)*P+ph)*row:][:row]
		for i := range v {
			v[i] = max(0, th.EndTarget-(q.lo+float64(i)*d)) * q.last
		}
	}
	const big = 1e9
	g := grow(&q.shared.now, P*row)
	under := q.last // slope of the cost to go below the grid
	lookup := grow(&q.shared.lookup, 2*P*row)
	for t := n - 1; t >= 0; t-- {
		// g = cost to go plus discomfort, by the temperature after the slot.
		for ph := range P {
			v := q.value[(layer(t+1)*P+ph)*row:][:row]
			gp := g[ph*row:][:row]
			copy(gp, v)
			edge := int((th.TMin[t] - q.lo) / d)
			for i := 0; i <= min(edge, cells); i++ {
				gp[i] += max(0, th.TMin[t]-(q.lo+float64(i)*d)) * q.cold
			}
		}
		under += q.cold
		topAt := (q.top[t] - q.lo) / d
		read := func(dst, src []float64, shift float64, onSlot bool) {
			for i := range dst {
				x := q.a*float64(i) + shift
				over := x > topAt
				if over && (bound || !onSlot) {
					if bound {
						x = topAt
					}
				}
				switch {
				case over && !bound && onSlot:
					dst[i] = big
				case over && !bound:
					dst[i] = src[min(cells, int(math.Ceil(min(x, float64(cells)))))] + 1e6*(x-topAt)*d
				case x <= 0:
					dst[i] = src[0]
					if !bound {
						dst[i] -= x * d * under
					}
				case x >= float64(cells):
					dst[i] = src[cells]
				case bound:
					dst[i] = src[int(math.Ceil(x))]
				default:
					j := int(x)
					dst[i] = src[j]
					if src[j+1] < big/2 { // else the next warmer cell may be too warm for a run that this one allows
						dst[i] += (x - float64(j)) * (src[j+1] - src[j])
					}
				}
			}
		}
		shift0 := (q.a*q.lo + q.drift[t] - q.lo) / d
		shift1 := shift0 + q.b*th.KW/d
		for ph := range P {
			if P == 1 || ph >= q.minOn {
				read(lookup[ph*row:][:row], g[ph*row:][:row], shift0, false)
			}
			if P == 1 || ph < q.minOn {
				read(lookup[(P+ph)*row:][:row], g[ph*row:][:row], shift1, true)
			}
		}
		c := price[t]*th.KW + on[t] + q.late[t]
		held := t < th.Hold
		for ph := range P {
			v := q.value[(layer(t)*P+ph)*row:][:row]
			no, yes := q.step(ph, false), q.step(ph, true)
			if held && bool(th.InitOn) {
				no = -1
			}
			if held && !bool(th.InitOn) {
				yes = -1
			}
			switch {
			case no >= 0 && yes >= 0:
				l0, l1 := lookup[no*row:][:row], lookup[(P+yes)*row:][:row]
				for i := range v {
					v[i] = min(l0[i], c+l1[i])
				}
			case no >= 0:
				copy(v, lookup[no*row:][:row])
			case yes >= 0:
				l1 := lookup[(P+yes)*row:][:row]
				for i := range v {
					v[i] = c + l1[i]
				}
			default:
				for i := range v {
					v[i] = big
				}
			}
		}
		under *= q.a
	}
}

func (q *thermalPricer) at(t, ph int, T, d float64, cells int) float64 {
	P := q.phases()
	row := cells + 1
	v := q.value[(t*P+ph)*row:][:row]
	x := (T - q.lo) / d
	switch {
	case x <= 0:
		return v[0] - x*d*(q.last+q.cold)
	case x >= float64(cells):
		return v[cells]
	}
	j := int(x)
	if v[j+1] > 1e8 {
		return v[j]
	}
	return v[j] + (x-float64(j))*(v[j+1]-v[j])
}

func (q *thermalPricer) best(price, on []float64) schedule { return q.rough(price, on, q.cells) }

// rough is best on a grid of its own fineness.
func (q *thermalPricer) rough(price, on []float64, cells int) schedule {
	q.solve(price, on, cells, false)
	th := q.l.Thermal
	d := (q.hi - q.lo) / float64(cells)
	kw := make([]float64, q.p.N)
	T, ph := th.T0, q.startPhase()
	for t := range kw {
		s := q.a*T + q.drift[t]
		no, yes := q.step(ph, false), q.step(ph, true)
		if t < th.Hold {
			if th.InitOn {
				no = -1
			} else {
				yes = -1
			}
		}
		if yes >= 0 && no >= 0 && !q.room(t, ph, T) {
			yes = -1
		}
		turnOn := no < 0
		if no >= 0 && yes >= 0 {
			cold := func(T float64) float64 { return max(0, th.TMin[t]-T) * q.cold }
			off := cold(s) + q.at(t+1, no, s, d, cells)
			run := s + q.b*th.KW
			turnOn = price[t]*th.KW+on[t]+q.late[t]+cold(run)+q.at(t+1, yes, run, d, cells) < off
		}
		T = s
		ph = no
		if turnOn {
			kw[t] = th.KW
			T += q.b * th.KW
			ph = yes
		}
		if ph < 0 {
			ph = q.phases() - 1
		}
	}
	return schedule{kw: kw, own: q.cost(kw), pattern: patternOf(kw)}
}

// room tells whether being on from slot t for as long as the switch then
// demands stays below the limit.
func (q *thermalPricer) room(t, ph int, T float64) bool {
	least := 1
	if q.phases() > 1 && ph >= q.minOn {
		least = q.minOn
	}
	for k := t; k < min(t+least, q.p.N); k++ {
		if T = q.a*T + q.drift[k] + q.b*q.l.Thermal.KW; T > q.top[k] {
			return false
		}
	}
	return true
}

func (q *thermalPricer) bound(price, on []float64, effort int) float64 {
	cells := q.cells * 4 * effort
	q.solve(price, on, cells, true)
	d := (q.hi - q.lo) / float64(cells)
	x := int(math.Ceil((q.l.Thermal.T0 - q.lo) / d))
	return q.value[q.startPhase()*(cells+1)+min(max(x, 0), cells)]
}

func (q *thermalPricer) within(s schedule, _, _ []float64) schedule { return s }

func (q *thermalPricer) work() int64 { return int64(q.p.N * q.cells * 2 * q.phases()) }
