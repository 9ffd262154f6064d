package planning

import (
	"slices"

	"github.com/keeplit/keeplit/optimizer"
)

// asked is what a load of the optimizer asks for, whichever of its models it is.
type asked struct {
	from, to int       // the slots that it may use
	kw       []float64 // of each slot that it needs
	whole    bool      // all of it in one piece, or nothing
	shut     [][2]int  // stretches between them that it may not use
}

// isShut tells whether a slot may not be used.
func (a asked) isShut(t int) bool {
	return slices.ContainsFunc(a.shut, func(s [2]int) bool { return t >= s[0] && t < s[1] })
}

// room is how many slots may be used.
func (a asked) room() int {
	n := a.to - a.from
	for _, s := range a.shut {
		n -= s[1] - s[0]
	}
	return n
}

// askedBy is what l asks for in slots of so many hours, and nothing where it is of a model that no job of the
// site's is of.
func askedBy(l optimizer.Load, hours float64) asked {
	switch {
	case l.Cycle != nil:
		return asked{l.Cycle.Earliest, l.Cycle.LatestFinish, l.Cycle.ProfileKW, true, nil}
	case l.OnOff != nil:
		return asked{l.OnOff.From, l.OnOff.To, slices.Repeat([]float64{l.OnOff.KW}, l.OnOff.NeedSlots), false, l.OnOff.Shut}
	case l.Variable != nil:
		return asked{l.Variable.From, l.Variable.To, atFull(l.Variable, hours), false, nil}
	}
	return asked{}
}

// asks is what the job asks for.
func (j job) asks() asked {
	a := askedBy(j.job, j.hours)
	if j.job.Variable != nil {
		a.shut = within(j.shut, a.from, a.to)
	}
	return a
}

// atFull are the slots of a load that is told powers, as few as there can be: at all
// that it may draw, and in the last what is left, or its least.
func atFull(v *optimizer.Variable, hours float64) []float64 {
	full := v.MaxKW * hours
	if full <= 0 {
		return nil
	}
	n := int(v.NeedKWh/full + 1e-9)
	kw := slices.Repeat([]float64{v.MaxKW}, n)
	if rest := v.NeedKWh/hours - float64(n)*v.MaxKW; rest > 1e-6 {
		kw = append(kw, max(rest, v.MinKW))
	}
	return kw
}

// earliest is the plan without shifting: every load runs as soon as it may.
func earliest(p *optimizer.Problem, jobs []job) *optimizer.Plan {
	plan := &optimizer.Plan{Format: optimizer.PlanFormat, Instance: p.Name, Loads: map[string]optimizer.LoadPlan{}}
	for _, l := range p.Loads {
		kw := make([]float64, p.N)
		a := askedBy(l, p.Hours())
		if i := slices.IndexFunc(jobs, func(j job) bool { return j.job.ID == l.ID }); i >= 0 && l.Variable != nil {
			a.shut = within(jobs[i].shut, a.from, a.to)
		}
		if a.from < a.to && !(a.whole && a.from+len(a.kw) > a.to) {
			need := a.kw
			for t := a.from; t < a.to && len(need) > 0; t++ {
				if !a.isShut(t) {
					kw[t], need = need[0], need[1:]
				}
			}
		}
		plan.Loads[l.ID] = optimizer.LoadPlan{KW: kw}
	}
	return plan
}
