package bound

import "math"

// climb does some rounds and reports whether more would pay; it ends early
// once the bound reaches target.
func (m *mixer) climb(rounds int, target float64) bool {
	q := m.q
	for range rounds {
		if math.IsInf(m.best, -1) {
			v := q.value()
			if q.s.Over() {
				return false
			}
			m.best = v
			m.note()
			m.scale()
			m.Refresh()
			continue
		}
		m.Refresh()
		m.scale()
		m.Blend(mixSweeps)
		for i := range q.Pi {
			for t := range q.Pi[i] {
				q.Pi[i][t] = m.pi[i][t] + m.rho*m.gap[i][t]
			}
		}
		q.loosen()
		for k := range q.mu {
			q.mu[k] = min(0, m.priceMu(k))
		}
		made := m.model()
		v := q.value()
		if q.s.Over() {
			return false
		}
		m.Rounds++
		m.note()
		hope := made - m.best
		if v > m.best+serious*hope || v > m.best && hope <= 0 {
			if v-m.best > veryGood*hope {
				m.rho *= bolder
			}
			for i := range q.Pi {
				copy(m.pi[i], q.Pi[i])
			}
			copy(m.mu, q.mu)
			m.best = v
			m.serious++
			m.null = 0
		} else {
			m.null++
			if m.best-v > hope || m.null%manyNull == 0 {
				m.rho *= shyer
			}
		}
		if m.Rounds%10 == 0 {
			q.s.Trace("mix %d: value %.5f best %.5f model %.5f rho %.5f serious %d", m.Rounds, v, m.best, made, m.rho, m.serious)
		}
		if m.best >= target || hope < hopeless*math.Abs(m.best) {
			return false
		}
	}
	return true
}

// model is what the mixtures' choices make of the bound at the prices to be
// tried: never less than the bound.
func (m *mixer) model() float64 {
	q := m.q
	v := q.konst
	for k, x := range q.mu {
		v += x * q.right[k]
	}
	for i := range q.other {
		c := &q.other[i]
		d := c.cost
		for k, a := range c.coef {
			d -= a * q.mu[k]
		}
		v += min(0, d) * c.ub
	}
	for i := range m.Loads {
		l := &m.Loads[i]
		least := math.Inf(1)
		for k := range l.all {
			c := &l.all[k]
			x := c.cost
			for j, kw := range c.x {
				x += kw * q.Pi[i][c.at[j]]
			}
			if c.use != nil {
				x -= c.use[q.needs[i]] * q.mu[q.needs[i]]
			}
			least = min(least, x)
			c.idle++
			if c.Weight > 0 {
				c.idle = 0
			}
		}
		v += least
	}
	for t := range m.slots {
		least := math.Inf(1)
		for k := range m.slots[t].all {
			c := &m.slots[t].all[k]
			x := c.cost
			for j, kw := range c.x {
				w := q.slots[t].who[c.at[j]]
				x -= kw * q.Pi[w.unit][w.at]
			}
			for j, u := range c.use {
				x -= u * q.mu[j]
			}
			least = min(least, x)
			c.idle++
			if c.Weight > 0 {
				c.idle = 0
			}
		}
		v += least
	}
	return v
}
