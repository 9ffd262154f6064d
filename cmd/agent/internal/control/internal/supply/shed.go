package supply

import (
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// ShedRule holds loads off while little credit is left, so that the light stays
// on the longer.
type ShedRule struct {
	Below    units.Money // credit left at which it holds, in the account's unit
	Priority int         // loads of this rank and greater, but none that is always on
}

// Credit is what is left of it.
type Credit struct {
	Left     units.Money
	Unlocked bool // there is no end of it
}

// Spares tells whether the credit that is left is kept for more important loads.
func (r Rules) Spares(l loads.Load, c Credit) bool {
	if l.Essential || c.Unlocked {
		return false
	}
	return slices.ContainsFunc(r.Shed, func(r ShedRule) bool { return c.Left <= r.Below && l.Priority >= r.Priority })
}

// Wish is the wish for a load that is held off for want of credit.  A programme
// under way is finished: half a wash is worth nothing.
func Wish(l loads.Load) loads.Wish {
	return loads.Wish{ID: l.ID, Protect: l.Kind != loads.Cycle, Reason: "credit"}
}

// Spare notes which loads are held off for want of credit.
func (r Rules) Spare(s State, all []loads.Load, c Credit) (State, note.Notes) {
	var n note.Notes
	var ids, names []string
	for _, l := range all {
		if !r.Spares(l, c) {
			continue
		}
		ids, names = append(ids, l.ID), append(names, l.Name)
		if !slices.Contains(s.Shed, l.ID) {
			n.Event("load_shed", health.Caution, said.Of("load.spares", said.Text("name", l.Name)))
		}
	}
	s.Shed = ids
	n.When(len(ids) > 0, health.CreditShed, "", said.Words(strings.Join(names, ", ")))
	return s, n
}
