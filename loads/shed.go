package loads

import (
	"cmp"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/internal/units"
)

// Shed picks the loads to switch off so that at least excess is freed: the least
// important first, among equals the one whose id sorts last.  Only loads that are
// on and draw something are picked, by their measured power where there is one,
// else by their set-point's, and never an essential one.  freed is less than excess where all of them
// together do not do.
func Shed(ls []Load, s GuardState, excess units.Power) (ids []string, freed units.Power) {
	order := slices.Clone(ls)
	slices.SortFunc(order, func(a, b Load) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), strings.Compare(b.ID, a.ID))
	})
	for _, l := range order {
		u := s.Unit(l.ID)
		if freed >= excess {
			break
		}
		power := l.Draws(u.Set)
		if u.Seen.HasPower {
			power = u.Seen.Power
		}
		if !u.Set.On || l.Essential || power < units.Watt {
			continue
		}
		ids = append(ids, l.ID)
		freed += power
	}
	return ids, freed
}
