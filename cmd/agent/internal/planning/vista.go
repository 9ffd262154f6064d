package planning

import (
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// vista is the futures of one plan, as far as the end of the credit is looked for,
// with what energy costs in them.  They are drawn once for all that is asked of them.
type vista struct {
	paths  forecast.Scenarios
	slots  []units.Slot // of the paths; none: nothing can be foreseen
	table  tariffs.Table
	purse  purse
	credit forecast.Credit // Planned is for who asks to fill
	ours   []float64       // kWh by slot of what runs whatever the plan says
	cell   *cell           // the battery, where it is known what it holds
}

// vista draws the futures.
func (p *Planner) vista(b *Brief) *vista {
	s := &p.rules
	v := &vista{}
	if b.Unlocked || p.paths == 0 {
		return v
	}
	v.paths = p.futures(b.Now, s.RunOutOver)
	if p.dims(b) {
		v.paths.Without(b.Expected, s.Seed)
	}
	if len(v.paths.Paths) == 0 || len(v.paths.Paths[0]) == 0 {
		return v
	}
	v.slots = units.Slots(v.paths.Start, s.Interval, len(v.paths.Paths[0]))
	v.purse = s.purse(b, v.slots)
	if v.purse.tariff != nil {
		v.table = s.table(b, v.slots, nil)
	}
	v.cell = s.cell(b)
	v.credit = forecast.Credit{Balance: b.Left.Float(), Cost: v.cell.behind(v.purse.path(&v.table))}
	v.ours = make([]float64, len(v.slots))
	for _, l := range s.Loads {
		if until := b.owed(l.ID).Committed; until.After(b.Now) {
			spread(v.ours, v, s.Interval, units.Slot{Start: b.Now, Len: until.Sub(b.Now)}, b.owed(l.ID).power(l).KW())
		}
	}
	return v
}

// with is the credit with what loads use on top.
func (v *vista) with(planned []float64) forecast.Credit {
	c := v.credit
	c.Planned = planned
	return c
}

// safe is the credit that lasts in nine of ten futures up to a mark.
func (v *vista) safe(planned []float64, mark int) float64 {
	return v.paths.Needs(v.with(planned), []int{mark})[0].Safe
}

// price is what the next kWh costs in a slot.
func (v *vista) price(slot int) units.Price { return v.purse.price(&v.table, slot) }
