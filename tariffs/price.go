package tariffs

import (
	"slices"

	"github.com/keeplit/keeplit/internal/units"
)

// matches tells whether the charge is on energy of this season and period.
func (e *EnergyCharge) matches(season, period string) bool {
	return listed(e.Seasons, season) && listed(e.Periods, period)
}

// inClass tells whether the charge is on customers of the class.
func (e *EnergyCharge) inClass(v *version, class int) bool { return classListed(e.Classes, v, class) }

func classListed(classes []string, v *version, class int) bool {
	return len(classes) == 0 || v.doc.Classes == nil || slices.Contains(classes, v.doc.Classes.List[class].Name)
}

func listed(list []string, name string) bool {
	if len(list) == 0 {
		return true
	}
	for i := range list {
		if list[i] == name {
			return true
		}
	}
	return false
}

// energyOf is the month's energy under one version that the charge is on.
func (c *energyCharge) energyOf(m *Month, v *version) units.Energy {
	var sum units.Energy
	skip := c.replaced
	for i := range m.Cells {
		x := &m.Cells[i]
		if x.Version != v.doc.From || (skip && x.Pushed) || !c.matches(x.Season, x.Period) {
			continue
		}
		if c.kind == KindExport {
			sum += x.Export
		} else {
			sum += x.Import
		}
	}
	return sum
}

// energyBefore is the month's energy that the charge's steps count, under the
// versions before v; all of them where v is nil.
func (t *Tariff) energyBefore(m *Month, c *energyCharge, v *version) units.Energy {
	var sum units.Energy
	for i := range m.Cells {
		x := &m.Cells[i]
		if (v != nil && x.Version >= v.doc.From) || (c.replaced && x.Pushed) || !c.matches(x.Season, x.Period) {
			continue
		}
		if c.kind == KindExport {
			sum += x.Export
		} else {
			sum += x.Import
		}
	}
	return sum
}

// position is the energy that the charge's steps have counted when a day goes on.
func (t *Tariff) position(m *Month, c *energyCharge, day Date) units.Energy {
	if !c.daily {
		return t.energyBefore(m, c, nil)
	}
	return c.energyOn(m, day)
}

// energyOn is the energy of one day that the charge is on.
func (c *energyCharge) energyOn(m *Month, day Date) units.Energy {
	var sum units.Energy
	for i := range m.Cells {
		x := &m.Cells[i]
		if x.Day != day || (c.replaced && x.Pushed) || !c.matches(x.Season, x.Period) {
			continue
		}
		if c.kind == KindExport {
			sum += x.Export
		} else {
			sum += x.Import
		}
	}
	return sum
}

// days is what steps that begin anew each day come to on the month's energy under v.
func (c *energyCharge) days(m *Month, v *version) units.Money {
	var sum units.Money
	for i := range m.Cells {
		day := m.Cells[i].Day
		if m.Cells[i].Version != v.doc.From || slices.ContainsFunc(m.Cells[:i], func(x Cell) bool { return x.Day == day && x.Version == v.doc.From }) {
			continue
		}
		sum += c.upTo(c.energyOn(m, day), limits{scale: 1})
	}
	return sum
}

// scale is what the steps' limits are multiplied by in the month: limits per day by
// its days, or by those of them that are in the charge's seasons.
func (t *Tariff) scale(c *energyCharge, start Date) int64 {
	if c.Per != PerDay || c.daily {
		return 1
	}
	_, next := t.cycle.at(start)
	return c.cal.daysIn(c.Seasons, start, next)
}

// cost is what the charge comes to on the month's energy under v.
func (e *EnergyCharge) cost(t *Tariff, m *Month, v *version, c *energyCharge) units.Money {
	if c.daily {
		return c.days(m, v)
	}
	own := c.energyOf(m, v)
	if len(e.Steps) == 0 {
		return e.Price.Cost(own)
	}
	ends := t.limits(c, m)
	if e.Whole {
		return e.stepAt(t.energyBefore(m, c, nil), ends, false).Cost(own)
	}
	var before units.Energy
	if !m.oneVersion() {
		before = t.energyBefore(m, c, v)
	}
	return e.upTo(before+own, ends) - e.upTo(before, ends)
}

// upTo is what the first x of the month's energy comes to by the steps.
func (e *EnergyCharge) upTo(x units.Energy, ends limits) units.Money {
	var sum units.Money
	var from units.Energy
	for i := range e.Steps {
		s := &e.Steps[i]
		to := ends.of(s)
		if i == len(e.Steps)-1 || x <= to {
			return sum + s.Price.Cost(x-from)
		}
		sum += s.Price.Cost(to - from)
		from = to
	}
	return sum
}

// stepAt is the price of the step x has reached; with next, of the energy that
// follows x.
func (e *EnergyCharge) stepAt(x units.Energy, ends limits, next bool) units.Price {
	for i := range e.Steps {
		to := ends.of(&e.Steps[i])
		if i == len(e.Steps)-1 || x < to || (x == to && !next) {
			return e.Steps[i].Price
		}
	}
	return 0
}

// marginal is the price of what follows x, as the document's prices are.
func (e *EnergyCharge) marginal(x units.Energy, ends limits) units.Price {
	if len(e.Steps) == 0 {
		return e.Price
	}
	return e.stepAt(x, ends, true)
}
