package bound

import (
	"math"
	"slices"
)

// mixer finds good prices for a tightener.  It keeps some of the schedules of
// each load and of the choices of each slot that earlier prices brought about,
// and mixes them (as the linear programme does, but on both sides) so that
// they agree as well as they can: it minimises
//
//	cost of the mixtures + pi*(x - p) + rho/2*|x - p|^2
//
// where x is what the loads draw and p what the slots supply.  The prices
// pi + rho*(x - p) are tried next (the proximal bundle method, taken apart by
// load and slot; Lemarechal 1978, Frangioni 2002).  Where they raise the bound
// they become the new centre; else what they bring about joins the mixtures.
type mixer struct {
	q      *Tightener
	Loads  []mixture // by unit, last: the battery
	slots  []mixture
	amount []float64 // by other column
	saved  []float64

	pi   [][]float64 // the centre
	mu   []float64
	best float64

	rho     float64
	rhoMu   []float64
	gap     [][]float64 // x - p
	gapMu   []float64
	serious int
	null    int
	Rounds  int
}

// mixture is a set of choices with weights that add up to 1.
type mixture struct {
	all  []choice
	held bool // to the one that has all weight
}

// choice is a schedule of a load or the powers of a slot: x holds the entries
// at (for a slot: of slotProblem.who).
type choice struct {
	at     []int32
	x      []float64
	use    []float64 // counts so much in the rows of mu
	cost   float64
	Weight float64
	idle   int
}

// newMixer starts at the tightener's prices, with nothing to mix.
func newMixer(q *Tightener) *mixer {
	n := q.N
	m := &mixer{q: q, Loads: make([]mixture, len(q.Pi)), slots: make([]mixture, n), amount: make([]float64, len(q.other)), best: math.Inf(-1)}
	for i := range q.Pi {
		m.pi = append(m.pi, append([]float64(nil), q.Pi[i]...))
		m.gap = append(m.gap, make([]float64, len(q.Pi[i])))
	}
	m.mu = append([]float64(nil), q.mu...)
	m.gapMu, m.rhoMu = make([]float64, len(m.mu)), make([]float64, len(m.mu))
	var mean float64
	for t := range n {
		mean += q.Master.Problem.ImportPrice[t] * q.Master.Hours / float64(n)
	}
	m.rho = mixRho * max(mean, leastMean)
	return m
}

// note adds what the tightener's last value chose to the mixtures.
func (m *mixer) note() {
	q := m.q
	for i := range m.Loads {
		c := choice{cost: q.values[i]}
		for k, x := range q.sched[i] {
			if x != 0 {
				c.at, c.x = append(c.at, int32(k)), append(c.x, x)
				c.cost -= x * q.Pi[i][k]
			}
		}
		if i < len(q.needs) && q.needs[i] >= 0 {
			k := q.needs[i]
			c.use = make([]float64, len(q.mu))
			for j, x := range c.x {
				if int(c.at[j]) < q.N {
					c.use[k] += x
				}
			}
			c.cost += c.use[k] * q.mu[k]
		}
		m.Loads[i].add(c, mostSchedules)
	}
	for t := range m.slots {
		sl := &q.slots[t]
		c := choice{use: append([]float64(nil), sl.use...), cost: sl.cost}
		for k, w := range sl.who {
			if x := q.powers[w.unit][w.at]; x != 0 {
				c.at, c.x = append(c.at, int32(k)), append(c.x, x)
			}
		}
		m.slots[t].add(c, mostChoices)
	}
}

// add puts a choice into the mixture, once, and returns its index; of more than most those that have
// long had no weight go.
func (m *mixture) add(c choice, most int) int {
	for i := range m.all {
		if slices.Equal(m.all[i].at, c.at) && same(m.all[i].x, c.x) && same(m.all[i].use, c.use) {
			m.all[i].cost = min(m.all[i].cost, c.cost)
			m.all[i].idle = 0
			return i
		}
	}
	if len(m.all) == 0 {
		c.Weight = 1
	}
	m.all = append(m.all, c)
	if len(m.all) > most {
		out := 0
		for i := range m.all {
			if m.all[i].Weight == 0 && (m.all[out].Weight > 0 || m.all[i].idle > m.all[out].idle) {
				out = i
			}
		}
		if m.all[out].Weight == 0 {
			m.all = append(m.all[:out], m.all[out+1:]...)
		}
	}
	return len(m.all) - 1
}

func same(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Abs(a[i]-b[i]) > alike {
			return false
		}
	}
	return true
}

// Refresh computes the disagreement afresh.
func (m *mixer) Refresh() {
	q := m.q
	for i := range m.Loads {
		clear(m.gap[i])
		for k := range m.Loads[i].all {
			if c := &m.Loads[i].all[k]; c.Weight > 0 {
				for j, x := range c.x {
					m.gap[i][c.at[j]] += c.Weight * x
				}
			}
		}
	}
	copy(m.gapMu, q.right)
	for i, k := range q.needs {
		if k < 0 {
			continue
		}
		for j := range m.Loads[i].all {
			c := &m.Loads[i].all[j]
			m.gapMu[k] -= c.Weight * c.use[k]
		}
	}
	for t := range m.slots {
		for k := range m.slots[t].all {
			c := &m.slots[t].all[k]
			if c.Weight == 0 {
				continue
			}
			for j, x := range c.x {
				w := q.slots[t].who[c.at[j]]
				m.gap[w.unit][w.at] -= c.Weight * x
			}
			for j, u := range c.use {
				m.gapMu[j] -= c.Weight * u
			}
		}
	}
	for i := range q.other {
		for k, a := range q.other[i].coef {
			m.gapMu[k] -= a * m.amount[i]
		}
	}
}

// scale sets the penalties of the rows: their prices move many slots at once.
func (m *mixer) scale() {
	for k := range m.rhoMu {
		m.rhoMu[k] = muScale * m.rho
	}
	for _, k := range m.q.needs {
		if k >= 0 {
			m.rhoMu[k] = needScale * m.rho
		}
	}
}

// price is the price to be tried.
func (m *mixer) price(w place) float64 {
	return m.pi[w.unit][w.at] + m.rho*m.gap[w.unit][w.at]
}

func (m *mixer) priceMu(k int) float64 { return m.mu[k] + m.rhoMu[k]*m.gapMu[k] }

// Blend moves weight within all mixtures, from the dearest choice to the cheapest, so
// often, or until that gains hardly anything.
func (m *mixer) Blend(rounds int) {
	for range rounds {
		gain := 0.0
		for i := range m.Loads {
			gain += m.blendLoad(i)
		}
		for t := range m.slots {
			gain += m.blendSlot(t)
		}
		for i := range m.q.other {
			m.blendOther(i)
		}
		m.q.s.Spent += 3000
		if gain < blendGain*math.Abs(m.best) {
			break
		}
	}
}

// blendLoad moves weight between the schedules of one load, twice, and returns what
// that gains.
func (m *mixer) blendLoad(i int) (gain float64) {
	l, need := &m.Loads[i], -1
	if len(l.all) < 2 || l.held {
		return 0
	}
	if i < len(m.q.needs) {
		need = m.q.needs[i]
	}
	pi, gap := m.pi[i], m.gap[i]
	for range 2 {
		lo, hi := -1, -1
		var vlo, vhi float64
		for k := range l.all {
			c := &l.all[k]
			v := c.cost
			for j, x := range c.x {
				k := c.at[j]
				v += x * (pi[k] + m.rho*gap[k])
			}
			if c.use != nil {
				v -= c.use[need] * m.priceMu(need)
			}
			if lo < 0 || v < vlo {
				lo, vlo = k, v
			}
			if c.Weight > 0 && (hi < 0 || v > vhi) {
				hi, vhi = k, v
			}
		}
		if lo == hi || vhi-vlo < level {
			break
		}
		a, b := &l.all[lo], &l.all[hi]
		norm := m.rho * distance(a, b)
		if a.use != nil {
			d := a.use[need] - b.use[need]
			norm += d * d * m.rhoMu[need]
		}
		step := shift(a, b, vhi-vlo, norm)
		gain += step * (vhi - vlo)
		if a.use != nil {
			m.gapMu[need] -= step * (a.use[need] - b.use[need])
		}
		for j, x := range a.x {
			gap[a.at[j]] += step * x
		}
		for j, x := range b.x {
			gap[b.at[j]] -= step * x
		}
	}
	return gain
}

// blendSlot is the same for the choices of one slot, which are seen from the other
// side: they earn what the loads pay.
func (m *mixer) blendSlot(t int) (gain float64) {
	l := &m.slots[t]
	if len(l.all) < 2 {
		return 0
	}
	who := m.q.slots[t].who
	for range 2 {
		lo, hi := -1, -1
		var vlo, vhi float64
		for k := range l.all {
			c := &l.all[k]
			v := c.cost
			for j, x := range c.x {
				v -= x * m.price(who[c.at[j]])
			}
			for j, u := range c.use {
				v -= u * m.priceMu(j)
			}
			if lo < 0 || v < vlo {
				lo, vlo = k, v
			}
			if c.Weight > 0 && (hi < 0 || v > vhi) {
				hi, vhi = k, v
			}
		}
		if lo == hi || vhi-vlo < level {
			break
		}
		a, b := &l.all[lo], &l.all[hi]
		norm := m.rho * distance(a, b)
		for j := range a.use {
			d := a.use[j] - b.use[j]
			norm += d * d * m.rhoMu[j]
		}
		step := shift(a, b, vhi-vlo, norm)
		gain += step * (vhi - vlo)
		for j, x := range a.x {
			w := who[a.at[j]]
			m.gap[w.unit][w.at] -= step * x
		}
		for j, x := range b.x {
			w := who[b.at[j]]
			m.gap[w.unit][w.at] += step * x
		}
		for j := range a.use {
			m.gapMu[j] -= step * (a.use[j] - b.use[j])
		}
	}
	return gain
}

// blendOther sets the amount of a column that is in no slot to its best.
func (m *mixer) blendOther(i int) {
	c := &m.q.other[i]
	d, norm := c.cost, 0.0
	for k, a := range c.coef {
		d -= a * m.priceMu(k)
		norm += a * a * m.rhoMu[k]
	}
	if norm == 0 {
		return
	}
	x := min(max(m.amount[i]-d/norm, 0), c.ub)
	for k, a := range c.coef {
		m.gapMu[k] -= a * (x - m.amount[i])
	}
	m.amount[i] = x
}

// distance is the square of how far two choices of one mixture are apart.
func distance(a, b *choice) float64 {
	var sum float64
	i := 0
	for j, x := range a.x {
		for i < len(b.x) && b.at[i] < a.at[j] {
			sum += b.x[i] * b.x[i]
			i++
		}
		if i < len(b.x) && b.at[i] == a.at[j] {
			x -= b.x[i]
			i++
		}
		sum += x * x
	}
	for ; i < len(b.x); i++ {
		sum += b.x[i] * b.x[i]
	}
	return sum
}

// shift moves as much weight to the cheaper choice as pays: the two differ by so much at
// present, and norm is how fast that shrinks.  It returns how much that is.
func shift(to, from *choice, differ, norm float64) (step float64) {
	step = from.Weight
	if norm > 0 {
		step = min(step, differ/norm)
	}
	to.Weight += step
	if from.Weight -= step; from.Weight < weightless {
		to.Weight += from.Weight
		from.Weight = 0
	}
	return step
}
