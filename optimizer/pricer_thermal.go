package optimizer

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

// follow follows the temperature of a schedule: its own cost, and whether it
// exceeds the greatest temperature.
func (w *warmth) follow(kw []float64) (own float64, hot bool) {
	th := w.l.Thermal
	T, cold := th.T0, 0.0
	a, b, drift, top, least := w.a, w.b, w.drift[:len(kw)], w.top[:len(kw)], th.TMin[:len(kw)]
	for t, x := range kw {
		T = a*T + (drift[t] + b*x)
		hot = hot || T > top[t]+1e-7
		cold += max(0, least[t]-T)
		if x > onFrom {
			own += w.late[t]
		}
	}
	return own + cold*w.cold + max(0, th.EndTarget-T)*w.last, hot
}

func (w *warmth) cost(kw []float64) float64 {
	own, _ := w.follow(kw)
	return own
}

func (w *warmth) hot(kw []float64) bool {
	_, hot := w.follow(kw)
	return hot
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
