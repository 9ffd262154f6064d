package planning

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/optimizer"
)

// apart keeps the jobs of loads apart that are not to run together, and those of a load from the
// time in which another one runs whatever the plan says.
func (s *Rules) apart(b *Brief, o outlook, p *optimizer.Problem, jobs []job) {
	of := func(load int) (ids []string) {
		for _, j := range jobs {
			if j.load == load {
				ids = append(ids, j.job.ID)
			}
		}
		return ids
	}
	for i, l := range s.Loads {
		mine := of(i)
		for k, other := range s.Loads {
			if !l.Excludes(other) || len(mine) == 0 {
				continue
			}
			if its := of(k); i < k && len(its) > 0 {
				p.Exclusions = append(p.Exclusions, slices.Concat(mine, its))
			}
			if until := b.owed(other.ID).Committed; until.After(b.Now) {
				p.Circuits = append(p.Circuits, s.barred(o, mine, fmt.Sprintf("while %s runs", other.ID), until))
			}
		}
	}
}

// barred leaves jobs nothing up to an instant.
func (s *Rules) barred(o outlook, jobs []string, name string, until time.Time) optimizer.Circuit {
	c := optimizer.Circuit{Name: name, Loads: jobs, LimitsKW: make([]float64, len(o.slots))}
	for t, slot := range o.slots {
		if !slot.Start.Before(until) {
			c.LimitsKW[t] = s.greatest()
		}
	}
	return c
}

// greatest is more than all loads draw together, in kW.
func (s *Rules) greatest() float64 {
	all := 1.0
	for _, l := range s.Loads {
		all += l.Power.KW()
	}
	return all
}

// among lays on the problem what its jobs share: circuits, and hours in which one alone may run.  A
// job that was given up, or parted, is another than the one that was asked for.
func (s *Rules) among(b *Brief, o outlook, p *optimizer.Problem, jobs []job) {
	p.Circuits, p.Exclusions = nil, nil
	s.circuits(b, o, p, jobs)
	s.breakers(b, o, p, jobs)
	s.gaps(o, p, jobs)
	s.apart(b, o, p, jobs)
}

// breakers are the circuits that loads hang on.  Of a phase the optimizer knows the loads that draw
// from one alone; what a load of several takes of it is in the whole circuit's limit.
func (s *Rules) breakers(b *Brief, o outlook, p *optimizer.Problem, jobs []job) {
	for _, x := range s.Circuits {
		for _, curb := range x.Curbs {
			c := optimizer.Circuit{Name: x.ID, LimitsKW: make([]float64, len(o.slots))}
			for t := range c.LimitsKW {
				c.LimitsKW[t] = curb.Allowed.KW()
			}
			for i, l := range s.Loads {
				k := slices.Index(curb.Of, l.ID)
				if k < 0 {
					continue
				}
				phases := 1.0
				if curb.Phases != nil {
					phases = float64(curb.Phases[k])
				}
				for t, slot := range o.slots {
					c.LimitsKW[t] -= b.owed(l.ID).power(l).KW() / phases * share(slot, b.Now, b.owed(l.ID).Committed)
				}
				for _, j := range jobs {
					if j.load == i && phases == 1 {
						c.Loads = append(c.Loads, j.job.ID)
					}
				}
			}
			for t := range c.LimitsKW {
				c.LimitsKW[t] = max(0, c.LimitsKW[t])
			}
			if len(c.Loads) > 0 {
				p.Circuits = append(p.Circuits, c)
			}
		}
	}
}

// gaps are the hours between those in which a load that is told powers may run: the optimizer knows
// one stretch for each, and leaves it nothing in them.
func (s *Rules) gaps(o outlook, p *optimizer.Problem, jobs []job) {
	for _, j := range jobs {
		a := j.asks()
		if j.job.Variable == nil || len(a.shut) == 0 {
			continue
		}
		c := optimizer.Circuit{Name: "hours of " + j.job.ID, Loads: []string{j.job.ID}, LimitsKW: make([]float64, len(o.slots))}
		for t := range c.LimitsKW {
			if !a.isShut(t) {
				c.LimitsKW[t] = s.greatest()
			}
		}
		p.Circuits = append(p.Circuits, c)
	}
}
