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
}

// askedBy is what l asks for, and nothing where it is of a model that no job of the
// site's is of.
func askedBy(l optimizer.Load) asked {
	switch {
	case l.Cycle != nil:
		return asked{l.Cycle.Earliest, l.Cycle.LatestFinish, l.Cycle.ProfileKW, true}
	case l.OnOff != nil:
		return asked{l.OnOff.From, l.OnOff.To, slices.Repeat([]float64{l.OnOff.KW}, l.OnOff.NeedSlots), false}
	}
	return asked{}
}

// earliest is the plan without shifting: every load runs as soon as it may.
func earliest(p *optimizer.Problem) *optimizer.Plan {
	plan := &optimizer.Plan{Format: optimizer.PlanFormat, Instance: p.Name, Loads: map[string]optimizer.LoadPlan{}}
	for _, l := range p.Loads {
		kw := make([]float64, p.N)
		if a := askedBy(l); a.from < a.to && !(a.whole && a.from+len(a.kw) > a.to) {
			copy(kw[a.from:a.to], a.kw)
		}
		plan.Loads[l.ID] = optimizer.LoadPlan{KW: kw}
	}
	return plan
}
