package optimizer

// save notes the weights of all mixtures; restore puts them back.
func (m *mixer) save() {
	m.saved = m.saved[:0]
	for _, set := range [][]mixture{m.loads, m.slots} {
		for i := range set {
			for k := range set[i].all {
				m.saved = append(m.saved, set[i].all[k].weight)
			}
		}
	}
	m.saved = append(m.saved, m.amount...)
}

func (m *mixer) restore() {
	n := 0
	for _, set := range [][]mixture{m.loads, m.slots} {
		for i := range set {
			for k := range set[i].all {
				set[i].all[k].weight = m.saved[n]
				n++
			}
			set[i].held = false
		}
	}
	copy(m.amount, m.saved[n:])
}

// heaviest is the choice with the most weight.
func (m *mixture) heaviest() *choice {
	best := &m.all[0]
	for k := range m.all {
		if m.all[k].weight > best.weight {
			best = &m.all[k]
		}
	}
	return best
}

// drawn is a choice by weight; x is from 0 to 1.
func (m *mixture) drawn(x float64) *choice {
	var pick *choice
	for k := range m.all {
		if m.all[k].weight == 0 {
			continue
		}
		pick = &m.all[k]
		if x -= pick.weight; x < 0 {
			break
		}
	}
	return pick
}

// hold gives all weight to one choice.
func (m *mixture) hold(c *choice) {
	for k := range m.all {
		m.all[k].weight = 0
	}
	c.weight = 1
	m.held = true
}

// mean is the mixture of unit i.
func (m *mixer) mean(i int) []float64 {
	kw := make([]float64, m.q.n)
	for k := range m.loads[i].all {
		if c := &m.loads[i].all[k]; c.weight > 0 {
			c.onto(kw, c.weight, i, m.q)
		}
	}
	return kw
}

// onto adds a share of the choice's powers to kw.
func (c *choice) onto(kw []float64, share float64, i int, q *tightener) {
	for j, x := range c.x {
		t := int(c.at[j])
		if t >= q.n && (i >= len(q.kinds) || q.kinds[i] == nil) {
			continue // of a variable load: that it is on
		}
		kw[t%q.n] += share * x
	}
}

// creditDuals are the prices of the rows of credit, as duals of the linear programme.
func (q *tightener) creditDuals() []float64 {
	y := make([]float64, q.m.rows)
	for k := range q.m.credit {
		y[q.m.credit[k].row] = q.mix.mu[len(q.m.blocks)+k]
	}
	return y
}
