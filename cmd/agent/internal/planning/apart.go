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
	s.apart(b, o, p, jobs)
}
