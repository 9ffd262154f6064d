package control

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/clock"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/said"
)

// NewPlan is a plan that was asked for.
type NewPlan struct{ Plan planning.Plan }

func (NewPlan) asks() bool  { return false }
func (NewPlan) spare() bool { return false }

// held: no plan is followed while the records are held.
func (NewPlan) held(*step) {}

// NoPlan says that a plan that was asked for does not come.
type NoPlan struct{ Cause string }

func (NoPlan) asks() bool  { return false }
func (NoPlan) spare() bool { return true }
func (NoPlan) held(*step)  {}

// happen goes on with the last plan.
func (n NoPlan) happen(p *step) {
	p.st.Asking, p.st.WantPlan = false, true
	p.raise(health.PlanFailed, "", said.Words(n.Cause))
}

// happen puts a new plan in force.
func (n NewPlan) happen(p *step) {
	plan := n.Plan
	if !plan.Fits(p.Loads) {
		return // made for a configuration that is gone
	}
	if age := p.now.Sub(plan.MadeAt); age > clock.Leap || age < -clock.Leap {
		p.st.Asking, p.st.WantPlan = false, true // the clock was set meanwhile
		return
	}
	p.st.Plan, p.st.Asking = &plan, false
	p.clear(health.PlanFailed, "")
	p.st.Ladder = p.st.Ladder.Planned(plan.MadeAt)
}
