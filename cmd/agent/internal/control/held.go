package control

import (
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/dark"
	"github.com/keeplit/keeplit/metering"
)

// heldOn lets what held at the step before hold up to now.  It is asked first in
// a step, and answers why there was no power in between.
func (p *step) heldOn() (unlit metering.Quality) {
	from := p.st.Now
	if !from.Before(p.now) {
		return 0
	}
	m := &p.st.Meter
	var q metering.Quality
	m.Held, q = dark.On(m.Held, from, p.now)
	unlit = q & (metering.SupplyOff | metering.MainsOff)
	for i := range p.st.Loads {
		p.st.Loads[i].Held, _ = dark.On(p.st.Loads[i].Held, from, p.now)
	}
	// As the guard takes it, an agent that was away for so long was away because
	// the mains were; a meter that was on meanwhile tells what was used.
	if q == 0 && p.in.Fresh && p.now.Sub(from) > mainsGone && !p.st.Clock.Young {
		q = metering.MainsOff
		m.Held, _ = dark.On(dark.Hold(m.Held, from, q), from, p.now)
		for i := range p.st.Loads {
			ls := &p.st.Loads[i]
			ls.Held, _ = dark.On(dark.Hold(ls.Held, from, q), from, p.now)
		}
	}
	if q&^metering.Limited != 0 {
		p.st.Days = p.st.Days.Miss(from, p.now, p.Zone)
	}
	return unlit
}

// holds notes what holds after a step.
func (p *step) holds() {
	q := p.Supply.NoPower(p.st.Supply, p.supplyIn())
	site := q
	if limit := p.allowed(); limit > 0 && p.drawn().Power > limit {
		site |= metering.Limited
	}
	for i := range p.st.Loads {
		ls, own := &p.st.Loads[i], q
		if slices.Contains(p.st.Shed.IDs, ls.ID) || p.st.Shed.Lowered(ls.ID) || slices.Contains(p.st.Supply.Shed, ls.ID) {
			own |= metering.Shed
			site |= metering.Shed
		}
		ls.Held = dark.Hold(ls.Held, p.now, own|p.sunUnheard(p.Loads[i], *ls)|p.flowUnheard(p.Loads[i], *ls))
	}
	p.st.Meter.Held = dark.Hold(p.st.Meter.Held, p.now, site)
}
