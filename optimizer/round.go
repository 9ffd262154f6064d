package optimizer

import "math"

// round makes a plan of the tightener's mixtures and improves it by some steps
// of the local search.  One load after the other is held to one schedule of
// its mixture, the clearest first, and the mixtures of the others blended
// anew beside it.  They know what loads do to each other in a slot, so this
// comes near to good plans.  wild is how much the choices are left to chance.
func (s *search) round(l *local, q *tightener, wild float64, steps int) {
	m := q.mix
	m.save()
	defer m.restore()
	plan := &Plan{Loads: make(map[string]LoadPlan, len(l.units))}
	done := make([]bool, len(l.units))
	for range l.units {
		pick, clearest := -1, -1.0
		for i := range l.units {
			if done[i] {
				continue
			}
			x := m.loads[i].heaviest().weight + wild*s.rng.Float64()
			if _, ok := l.units[i].pricer.(*modulatingPricer); ok {
				x -= 10 // continuous: last
			}
			if x > clearest || pick < 0 {
				pick, clearest = i, x
			}
		}
		done[pick] = true
		u := l.units[pick]
		if _, ok := u.pricer.(*modulatingPricer); ok {
			continue
		}
		c := m.loads[pick].heaviest()
		if wild > 0 {
			c = m.loads[pick].drawn(s.rng.Float64())
		}
		sure := c.weight > 1-1e-6
		m.loads[pick].hold(c)
		kw := make([]float64, q.n)
		c.onto(kw, 1, pick, q)
		plan.Loads[u.l.ID] = LoadPlan{KW: kw}
		if !sure {
			m.refresh()
			m.blend(6)
		}
		if s.over() {
			return
		}
	}
	for i, u := range l.units {
		kw := plan.Loads[u.l.ID].KW
		if kw == nil {
			kw = m.mean(i)
			for t := range kw {
				if kw[t] < 2*onFrom {
					kw[t] = 0
				}
			}
		}
		if !u.l.permits(s.p, kw) {
			clear(q.m.on)
			kw = u.pricer.best(q.pi[i][:q.n], q.m.on).kw
			s.spent += u.pricer.work()
		}
		plan.Loads[u.l.ID] = LoadPlan{KW: kw}
	}
	if s.p.Battery != nil {
		plan.BatteryKW = m.mean(len(q.pi) - 1)
		s.settleBattery(plan.BatteryKW)
	}
	q.creditPrice(l)
	l.load(plan)
	s.anneal(l, steps, 0, 1)
	s.elites.add(l)
	if l.cost < s.best.Cost-1e-9*math.Abs(s.best.Cost) {
		s.keep(l.plan(), "round")
	}
}

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

// creditPrice takes over the prices of the rows of credit.
func (q *tightener) creditPrice(l *local) {
	y := make([]float64, q.m.rows)
	for k := range q.m.credit {
		y[q.m.credit[k].row] = q.mix.mu[len(q.m.blocks)+k]
	}
	l.creditPrice(y)
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
