package planning

import "github.com/keeplit/keeplit/optimizer"

// earliest is the plan without shifting: every load runs as soon as it may.
func earliest(p *optimizer.Problem) *optimizer.Plan {
	plan := &optimizer.Plan{Format: optimizer.PlanFormat, Instance: p.Name, Loads: map[string]optimizer.LoadPlan{}}
	for _, l := range p.Loads {
		kw := make([]float64, p.N)
		switch {
		case l.Cycle != nil && l.Cycle.Earliest+len(l.Cycle.ProfileKW) <= l.Cycle.LatestFinish:
			copy(kw[l.Cycle.Earliest:], l.Cycle.ProfileKW)
		case l.OnOff != nil:
			for t := l.OnOff.From; t < l.OnOff.To && t < l.OnOff.From+l.OnOff.NeedSlots; t++ {
				kw[t] = l.OnOff.KW
			}
		}
		plan.Loads[l.ID] = optimizer.LoadPlan{KW: kw}
	}
	return plan
}

func window(l optimizer.Load) (from, to int) {
	if l.Cycle != nil {
		return l.Cycle.Earliest, l.Cycle.LatestFinish
	}
	return l.OnOff.From, l.OnOff.To
}
