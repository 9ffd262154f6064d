package optimizer

import (
	"github.com/keeplit/keeplit/optimizer/internal/bound"
	"github.com/keeplit/keeplit/optimizer/internal/local"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// round makes a plan of the tightener's mixtures and improves it by some steps
// of the local search.  One load after the other is held to one schedule of
// its mixture, the clearest first, and the mixtures of the others blended
// anew beside it.  They know what loads do to each other in a slot, so this
// comes near to good plans.  wild is how much the choices are left to chance.
func (s *search) round(l *local.Search, q *bound.Tightener, wild float64, steps int) {
	m := q.Mix
	m.Save()
	defer m.Restore()
	plan := &Plan{Loads: make(map[string]LoadPlan, len(l.Units))}
	done := make([]bool, len(l.Units))
	for range l.Units {
		pick, clearest := -1, -1.0
		for i := range l.Units {
			if done[i] {
				continue
			}
			x := m.Loads[i].Heaviest().Weight + wild*s.Rng.Float64()
			if _, ok := l.Units[i].Pricer.(*pricing.Modulating); ok {
				x -= 10 // continuous: last
			}
			if x > clearest || pick < 0 {
				pick, clearest = i, x
			}
		}
		done[pick] = true
		u := l.Units[pick]
		if _, ok := u.Pricer.(*pricing.Modulating); ok {
			continue
		}
		c := m.Loads[pick].Heaviest()
		if wild > 0 {
			c = m.Loads[pick].Drawn(s.Rng.Float64())
		}
		sure := c.Weight > sure
		m.Loads[pick].Hold(c)
		kw := make([]float64, q.N)
		c.Onto(kw, 1, pick, q)
		plan.Loads[u.Load.ID] = LoadPlan{KW: kw}
		if !sure {
			m.Refresh()
			m.Blend(roundSweeps)
		}
		if s.over() {
			return
		}
	}
	for i, u := range l.Units {
		kw := plan.Loads[u.Load.ID].KW
		if kw == nil {
			kw = m.Mean(i)
			for t := range kw {
				if kw[t] < 2*model.OnFrom {
					kw[t] = 0
				}
			}
		}
		if !u.Load.Permits(s.p, kw) {
			clear(q.Master.On)
			kw = u.Pricer.Best(q.Pi[i][:q.N], q.Master.On).KW
			s.Spent += u.Pricer.Work()
		}
		plan.Loads[u.Load.ID] = LoadPlan{KW: kw}
	}
	if s.p.Battery != nil {
		plan.BatteryKW = m.Mean(len(q.Pi) - 1)
		master.SettleBattery(s.p, plan.BatteryKW)
	}
	l.CreditPrice(q.CreditDuals())
	l.Load(plan)
	s.anneal(l, steps, 0, 1)
	s.elites.Add(l)
	if l.Cost < s.cheaperThan() {
		s.keep(l.Plan(), "round")
	}
}
