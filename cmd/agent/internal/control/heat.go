package control

import (
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
)

// heats looks at what became known of a water heater's water: a plan that does not know
// that it is hot would heat on, and one that believed that it knows how hot it is may not.
func (p *step) heats(l loads.Load, before, after loads.Progress) {
	if l.Kind != loads.Heat || before.Heat == nil {
		return
	}
	if !after.Heat.Full.Equal(before.Heat.Full) || l.Doubt(after, p.now) != l.Doubt(before, p.st.Now) {
		p.st.WantPlan = true
	}
	if l.MustHeat(after, p.now) && !l.MustHeat(before, p.st.Now) {
		p.st.WantPlan = true
		p.event("load_hot_due", health.Caution, said.Of("load.hot_due", said.Text("name", l.Name), said.Length("for", l.Tank.Within)))
	}
}

// spared is a load as it is looked at where credit is spared: water that has not been hot
// for too long is heated whatever is left.
func (p *step) spared(i int) loads.Load {
	l := p.Loads[i]
	l.Essential = l.Essential || l.MustHeat(p.st.Loads[i].Progress, p.now)
	return l
}

// sparing are all loads as spared has them.
func (p *step) sparing() []loads.Load {
	all := p.Loads
	for i := range p.Loads {
		if l := p.spared(i); l.Essential && !p.Loads[i].Essential {
			all = slices.Clone(all)
			all[i] = l
		}
	}
	return all
}
