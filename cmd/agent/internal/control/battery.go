package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

const (
	// followedFor is how old the meter's word may be for a battery to follow the house by it.
	followedFor = 30 * time.Second
	// unsettled is how long it is waited for the meter and the battery to tell of what it was told.
	unsettled = 20 * time.Second
)

// stores is what a battery is to do now.  Of one whose charge is not known, or that is not heard, nothing is wanted but
// that its inverter does as it does by itself.
func (p *step) stores(i int, l loads.Load) loads.Wish {
	ls, unit := &p.st.Loads[i], p.st.Guard.Unit(l.ID)
	w := loads.Wish{ID: l.ID, Reason: "unknown"}
	if !ls.Seen.Known || !ls.Seen.HasCharge {
		w.Protect = true
		return w
	}
	w.Reason = "unplanned"
	t := loads.Track{Charge: ls.Seen.Charge, Now: unit.Set}
	if plan := p.st.Plan; plan != nil && p.Shift { // else plans say only what it is expected to do by itself
		if t.Plan, t.Net, t.Planned = plan.Beside(l.ID, p.now); t.Planned {
			w.Reason = "plan"
		}
	}
	if p.Supply.Spares(l, p.left()) || p.st.Credit.Left() <= 0 && !p.st.Credit.Unlocked {
		w.Reason, t.Spare = "credit", true
	}
	seen := p.st.Meter.Last
	waits := p.now.Sub(unit.FirstSent)
	if unit.Set.On && !unit.Settled(seen.At) && waits >= 0 && waits < unsettled && !(t.Spare && unit.Set.Power > 0) {
		w.Set = unit.Set // what is measured is of before
		return w
	}
	flow, known := l.Flows(ls.Seen)
	d := p.drawn()
	if known && p.fresh() && d.Known() && !d.Doubted && seen.Gives(metering.HasPower) && p.now.Sub(seen.At) <= followedFor {
		t.House, t.Heard = seen.Power-flow, true
	}
	if w.Set = ls.Takes.AtMost(l.Store.Steer(t)); !w.Set.On { // it cannot be told so little
		w.Set = loads.Setpoint{On: true, Mode: loads.Rests}
	}
	// Less is taken at once where that is to be paid for, and less given where it would flow out.
	w.Protect = w.Set.Power < unit.Set.Power && unit.Set.Power > 0
	return w
}

// rests is what is wanted of a battery that is to take nothing, for a limit: to rest, or to give on as it is to.  Left to
// itself it might take what nobody counts.
func rests(w loads.Wish) loads.Wish {
	if w.Set.Power > 0 {
		w.Set, w.Protect, w.Reason = loads.Setpoint{On: true, Mode: loads.Rests}, true, "limit"
	}
	return w
}

// flows counts what a battery took and gave since the step before.  What an agent that was away does not know is
// not made up.
func (p *step) flows(l loads.Load, ls *LoadState, from time.Time) {
	flow, known := l.Flows(ls.Seen)
	if !known || p.in.Fresh && p.now.Sub(from) > mainsGone {
		return
	}
	ls.use(from, p.now, flow.Over(p.now.Sub(from)), p.Interval)
	taken := max(0, flow).Over(p.now.Sub(from))
	ls.Total += taken
	ls.Progress = l.Account(ls.Progress, loads.Taken{From: from, To: p.now, On: flow != 0, Energy: taken, HasEnergy: true})
}

// flowed is what a battery took, or gave, in a finished interval.
func flowed(net units.Energy) (in, out units.Energy) { return max(0, net), max(0, -net) }

// flowUnheard is what becomes of the record of a battery that is not heard: nobody knows then what the house used.
func (p *step) flowUnheard(l loads.Load, ls LoadState) metering.Quality {
	if _, known := l.Flows(ls.Seen); known || l.Kind != loads.Battery {
		return 0
	}
	return metering.Gap
}

// hasBattery tells whether there is a battery, which may give to the grid as well.
func (s *Site) hasBattery() bool {
	return slices.ContainsFunc(s.Loads, func(l loads.Load) bool { return l.Kind == loads.Battery })
}

// givesToo tells whether a load may give: what it is measured to draw may be below zero.
func (s *Site) givesToo(id string) bool {
	return slices.ContainsFunc(s.Loads, func(l loads.Load) bool { return l.ID == id && (l.Kind == loads.Sun || l.Kind == loads.Battery) })
}
