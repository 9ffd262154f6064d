package pricing

import "github.com/keeplit/keeplit/optimizer/internal/model"

// Warmth is what the two thermal pricers share: the path of the temperature
// and the costs of being cold.
type Warmth struct {
	p     *model.Problem
	Load  *model.Load
	A, B  float64
	Drift []float64 // T(t+1) = a*T + b*kw + drift[t]
	floor []float64 // T(t+1) with the least heat that can be had
	top   []float64 // T(t+1) must not exceed it; never below floor
	cold  float64   // per K*slot below TMin
	last  float64   // per K below EndTarget at the end
	Late  []float64
}

func newWarmth(p *model.Problem, l *model.Load) Warmth {
	th := l.Thermal
	w := Warmth{
		p: p, Load: l, A: th.A, B: th.B, Drift: make([]float64, p.N), floor: make([]float64, p.N), top: make([]float64, p.N),
		cold: th.ComfortPenalty * l.Importance(), last: th.EndPenalty * l.Importance(), Late: make([]float64, p.N),
	}
	T := th.T0
	for t := range p.N {
		w.Drift[t] = (1-th.A)*th.TEnv.At(t) - model.At(th.Drop, t)
		T = w.A*T + w.Drift[t]
		if bool(th.InitOn) && t < th.Hold && !th.Modulating {
			T += w.B * th.KW
		}
		w.floor[t] = T
		w.top[t] = max(th.TMax, T+Rounding)
		w.Late[t] = l.LatePrice(t)
	}
	return w
}

// Follow follows the temperature of a schedule: its own cost, and whether it
// exceeds the greatest temperature.
func (w *Warmth) Follow(kw []float64) (own float64, hot bool) {
	th := w.Load.Thermal
	T, cold := th.T0, 0.0
	a, b, drift, top, least := w.A, w.B, w.Drift[:len(kw)], w.top[:len(kw)], th.TMin[:len(kw)]
	for t, x := range kw {
		T = a*T + (drift[t] + b*x)
		hot = hot || T > top[t]+hotTol
		cold += max(0, least[t]-T)
		if x > model.OnFrom {
			own += w.Late[t]
		}
	}
	return own + cold*w.cold + max(0, th.EndTarget-T)*w.last, hot
}

// Cost is what the powers cost of themselves: discomfort and being late.
func (w *Warmth) Cost(kw []float64) float64 {
	own, _ := w.Follow(kw)
	return own
}

// Hot tells whether the powers make the store too hot.
func (w *Warmth) Hot(kw []float64) bool {
	_, hot := w.Follow(kw)
	return hot
}

// Modulating plans a heater of free power as a store of warmth.
type Modulating struct {
	Warmth
	Store *Store
	heat  []float64
}

func newModulatingPricer(p *model.Problem, l *model.Load) *Modulating {
	q := &Modulating{Warmth: newWarmth(p, l), Store: NewStore(p.N), heat: make([]float64, p.N)}
	st := q.Store
	st.keep, st.Drift, st.Hi = q.A, q.Drift, q.top
	st.soft, st.softCost = l.Thermal.TMin, q.cold
	st.final, st.finalCost = l.Thermal.EndTarget, q.last
	st.Start = l.Thermal.T0
	for t := range st.Lo {
		st.Lo[t] = q.floor[t] - 1
		st.Offers[t] = make([]Offer, 0, 4)
	}
	return q
}

// offer prices the heat at a constant price for each kW.
func (q *Modulating) offer(price, on []float64) {
	th := q.Load.Thermal
	for t := range q.Store.Offers {
		c := price[t]
		if extra := on[t] + q.Late[t]; extra > 0 && th.KW > 0 {
			c += extra / th.KW // in proportion to the power: a relaxation
		}
		q.Store.Offers[t] = append(q.Store.Offers[t][:0], Offer{q.B * th.KW, c / q.B})
	}
}

// Follow reads the schedule after the store has been valued.
func (q *Modulating) Follow() Schedule {
	q.Store.Follow(q.heat)
	kw := make([]float64, q.p.N)
	for t, x := range q.heat {
		if kw[t] = x / q.B; kw[t] < 2*model.OnFrom { // no trickle that counts as off
			kw[t] = 0
		}
	}
	return Schedule{KW: kw, Own: q.Cost(kw)}
}

// Best is as for Pricer.
func (q *Modulating) Best(price, on []float64) Schedule {
	q.offer(price, on)
	q.Store.Value()
	return q.Follow()
}

// Bound is as for Pricer.
func (q *Modulating) Bound(price, on []float64, _ int) float64 {
	q.offer(price, on)
	return q.Store.Value()
}

// Within is as for Pricer.
func (q *Modulating) Within(_ Schedule, price, on []float64) Schedule { return q.Best(price, on) }

// Work is as for Pricer.
func (q *Modulating) Work() int64 { return int64(q.p.N * q.p.N / 4) }
