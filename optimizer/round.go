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
		settleBattery(s.p, plan.BatteryKW)
	}
	l.creditPrice(q.creditDuals())
	l.load(plan)
	s.anneal(l, steps, 0, 1)
	s.elites.add(l)
	if l.cost < s.best.Cost-1e-9*math.Abs(s.best.Cost) {
		s.keep(l.plan(), "round")
	}
}
