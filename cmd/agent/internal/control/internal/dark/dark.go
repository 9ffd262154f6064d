package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Held is a stretch of time in which not all could be used that was wanted, and
// why.  Where To is From it is an instant; with no quality it ends what held before.
type Held struct {
	From    time.Time        `json:"from"`
	To      time.Time        `json:"to"`
	Quality metering.Quality `json:"quality"` // of metering.Censored
}

// in tells whether part of the slot was held.
func (h Held) in(s units.Slot) bool {
	return h.From.Before(s.End()) && (h.To.After(s.Start) || h.To.Equal(h.From) && s.Contains(h.From))
}

// mostHeld bounds how many stretches wait for a silent meter's slots to be
// closed.  What goes beyond joins the two oldest.
const mostHeld = 200

// hold notes what holds at an instant.
func hold(all []Held, at time.Time, q metering.Quality) []Held {
	n := len(all)
	goesOn := n > 0 && all[n-1].To.Equal(at)
	if goesOn && all[n-1].Quality == q || !goesOn && q == 0 {
		return all
	}
	all = append(slices.Clone(all), Held{at, at, q}) // the State before keeps its own
	if len(all) > mostHeld {
		all[1].From, all[1].Quality = all[0].From, all[0].Quality|all[1].Quality
		all = all[1:]
	}
	return all
}

// holdOn is what held at from going on to an instant, and what it is.
func holdOn(all []Held, from, to time.Time) ([]Held, metering.Quality) {
	n := len(all)
	if n == 0 || all[n-1].Quality == 0 || !all[n-1].To.Equal(from) {
		return all, 0
	}
	all = slices.Clone(all)
	all[n-1].To = to
	return all, all[n-1].Quality
}

// heldIn takes out what held in a slot that is closed now; what ended in it or
// before is done with.
func heldIn(all []Held, slot units.Slot) (q metering.Quality, left []Held) {
	for _, h := range all {
		if h.in(slot) {
			q |= h.Quality
		}
		if h.To.After(slot.End()) || !h.From.Before(slot.End()) {
			left = append(left, h)
		}
	}
	return q, left
}

// noPower is why there is no power in the house, 0 where there is.  What the
// meter sees flow goes before what a contactor should be doing.
func (p *step) noPower() metering.Quality {
	// The mean of a time that began before the contactor moved says nothing of now.
	if d := p.drawn(); d.Power >= flows && !d.Doubted && (d.Source == metering.Told || d.From.After(p.st.Supply.Contactor.At)) {
		return 0
	}
	var q metering.Quality
	seen := p.st.SupplySeen
	if p.Contactor && (p.st.Supply.Contactor.Told == credit.SaysOpen || seen.Known && !seen.On) {
		q |= metering.SupplyOff
	}
	// A meter that is itself behind the open contactor says nothing of the mains.
	if p.fresh() && (q == 0 || !p.Supply.Behind) && mainsDown(p.st.Meter.Last) {
		q |= metering.MainsOff
	}
	return q
}

// mainsDown tells whether a sample shows no voltage, on one phase or on all.
func mainsDown(s metering.Sample) bool {
	if s.Gives(metering.HasVoltage) && s.Voltage < dark {
		return true
	}
	return slices.ContainsFunc(s.Phases, func(f metering.Phase) bool { return f.Has&metering.HasVoltage != 0 && f.Voltage < dark })
}

// heldOn lets what held at the step before hold up to now.  It is asked first in
// a step, and answers why there was no power in between.
func (p *step) heldOn() (dark metering.Quality) {
	from := p.st.Now
	if !from.Before(p.now) {
		return 0
	}
	m := &p.st.Meter
	var q metering.Quality
	m.Held, q = holdOn(m.Held, from, p.now)
	dark = q & (metering.SupplyOff | metering.MainsOff)
	for i := range p.st.Loads {
		p.st.Loads[i].Held, _ = holdOn(p.st.Loads[i].Held, from, p.now)
	}
	// As the guard takes it, an agent that was away for so long was away because
	// the mains were; a meter that was on meanwhile tells what was used.
	if q == 0 && p.in.Fresh && p.now.Sub(from) > mainsGone && !p.st.Clock.Young {
		q = metering.MainsOff
		m.Held, _ = holdOn(hold(m.Held, from, q), from, p.now)
		for i := range p.st.Loads {
			ls := &p.st.Loads[i]
			ls.Held, _ = holdOn(hold(ls.Held, from, q), from, p.now)
		}
	}
	if q&^metering.Limited != 0 {
		p.unseen(from, p.now)
	}
	return dark
}

// holds notes what holds after a step.
func (p *step) holds() {
	q := p.noPower()
	site := q
	if limit := p.allowed(); limit > 0 && p.drawn().Power > limit {
		site |= metering.Limited
	}
	for i := range p.st.Loads {
		ls, own := &p.st.Loads[i], q
		if slices.Contains(p.st.Shed.IDs, ls.ID) || slices.Contains(p.st.Supply.Shed, ls.ID) {
			own |= metering.Shed
			site |= metering.Shed
		}
		ls.Held = hold(ls.Held, p.now, own)
	}
	p.st.Meter.Held = hold(p.st.Meter.Held, p.now, site)
}

// unseen counts time of the local days for which it is not known what would have
// been used.
func (p *step) unseen(from, to time.Time) {
	for from.Before(to) {
		end := units.NextLocalMidnight(from, p.Zone)
		if end.After(to) {
			end = to
		}
		p.day(from).Unseen += end.Sub(from)
		from = end
	}
}
