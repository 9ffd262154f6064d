package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/loads"
)

// unplannedAfter is how long plans must have failed before loads run by their
// own hours: the next one may come in a moment, and would have them wait.
const unplannedAfter = 10 * time.Minute

// unplanned tells whether no plan is to be expected.
func (p *step) unplanned() bool { return p.st.noPlanComes(p.now) }

func (st *State) noPlanComes(now time.Time) bool {
	if st.Asking && now.Sub(st.AskedAt) >= unplannedAfter {
		return true
	}
	return slices.ContainsFunc(st.Health.Active, func(w health.Warning) bool {
		return w.Code == health.PlanFailed && now.Sub(w.Since) >= unplannedAfter
	})
}

// ByOwnHours tells whether loads run by their own hours: the plan in force has
// come to its end or there is none, and none is to be expected.
func (st *State) ByOwnHours() bool {
	return (st.Plan == nil || !st.Plan.Reaches(st.Now)) && st.noPlanComes(st.Now)
}

// soonest tells whether a load runs now where nobody plans: as soon as its own
// hours allow, until it has what it needs.
func (p *step) soonest(i int, l loads.Load) bool {
	progress, unit := p.st.Loads[i].Progress, p.st.Guard.Unit(l.ID)
	if l.Committed(progress, unit, p.now).After(p.now) {
		return true // a programme under way is finished
	}
	if l.Below != nil {
		return false // nobody says what it costs
	}
	for _, r := range l.Requests(progress, unit, p.now, 0) {
		for _, span := range r.Spans {
			if !span.Start.After(p.now) && (l.Kind != loads.Cycle || span.End().Sub(p.now) >= l.Cycle) {
				return true
			}
		}
	}
	return false
}
