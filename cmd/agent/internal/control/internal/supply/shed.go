package control

import (
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// ShedRule holds loads off while little credit is left, so that the light stays
// on the longer.
type ShedRule struct {
	Below    units.Money // credit left at which it holds, in the account's unit
	Priority int         // loads of this priority number and greater, but no essential one
}

// spares tells whether the credit that is left is kept for more important loads.
func (p *step) spares(l loads.Load) bool {
	if l.Essential || p.st.Credit.Unlocked {
		return false
	}
	left := p.st.Credit.Left()
	return slices.ContainsFunc(p.Supply.Shed, func(r ShedRule) bool { return left <= r.Below && l.Priority >= r.Priority })
}

// spare is the wish for a load that is held off for want of credit.  A programme
// under way is finished: half a wash is worth nothing.
func (p *step) spare(l loads.Load) loads.Wish {
	return loads.Wish{ID: l.ID, Protect: l.Kind != loads.Cycle, Reason: "credit"}
}

// creditShed notes which loads are held off for want of credit.
func (p *step) creditShed() {
	var ids, names []string
	for _, l := range p.Loads {
		if !p.spares(l) {
			continue
		}
		ids, names = append(ids, l.ID), append(names, l.Name)
		if !slices.Contains(p.st.Supply.Shed, l.ID) {
			p.event("load_shed", health.Caution, said.Of("load.spares", said.Text("name", l.Name)))
		}
	}
	p.st.Supply.Shed = ids
	p.when(len(ids) > 0, health.CreditShed, "", said.Words(strings.Join(names, ", ")))
}
