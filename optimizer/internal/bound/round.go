package bound

// Save notes the weights of all mixtures; restore puts them back.
func (m *mixer) Save() {
	m.saved = m.saved[:0]
	for _, set := range [][]mixture{m.Loads, m.slots} {
		for i := range set {
			for k := range set[i].all {
				m.saved = append(m.saved, set[i].all[k].Weight)
			}
		}
	}
	m.saved = append(m.saved, m.amount...)
}

func (m *mixer) Restore() {
	n := 0
	for _, set := range [][]mixture{m.Loads, m.slots} {
		for i := range set {
			for k := range set[i].all {
				set[i].all[k].Weight = m.saved[n]
				n++
			}
			set[i].held = false
		}
	}
	copy(m.amount, m.saved[n:])
}

// Heaviest is the choice with the most weight.
func (m *mixture) Heaviest() *choice {
	best := &m.all[0]
	for k := range m.all {
		if m.all[k].Weight > best.Weight {
			best = &m.all[k]
		}
	}
	return best
}

// Drawn is a choice by weight; x is from 0 to 1.
func (m *mixture) Drawn(x float64) *choice {
	var pick *choice
	for k := range m.all {
		if m.all[k].Weight == 0 {
			continue
		}
		pick = &m.all[k]
		if x -= pick.Weight; x < 0 {
			break
		}
	}
	return pick
}

// Hold gives all weight to one choice.
func (m *mixture) Hold(c *choice) {
	for k := range m.all {
		m.all[k].Weight = 0
	}
	c.Weight = 1
	m.held = true
}

// Mean is the mixture of unit i.
func (m *mixer) Mean(i int) []float64 {
	kw := make([]float64, m.q.N)
	for k := range m.Loads[i].all {
		if c := &m.Loads[i].all[k]; c.Weight > 0 {
			c.Onto(kw, c.Weight, i, m.q)
		}
	}
	return kw
}

// Onto adds a share of the choice's powers to kw.
func (c *choice) Onto(kw []float64, share float64, i int, q *Tightener) {
	for j, x := range c.x {
		t := int(c.at[j])
		if t >= q.N && (i >= len(q.kinds) || q.kinds[i] == nil) {
			continue // of a variable load: that it is on
		}
		kw[t%q.N] += share * x
	}
}

// CreditDuals are the prices of the rows of credit, as duals of the linear programme.
func (q *Tightener) CreditDuals() []float64 {
	y := make([]float64, q.Master.Rows)
	for k := range q.Master.Credit {
		y[q.Master.Credit[k].Row] = q.Mix.mu[len(q.Master.Blocks)+k]
	}
	return y
}
