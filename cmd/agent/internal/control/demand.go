package control

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// peakSettles is how much of an interval must be over before what runs is paused for it: a
// kettle at its beginning is not yet a high demand.
const peakSettles = 5 * time.Minute

// AbovePeak are the loads that the plan has run now, and that wait all the same: with them the
// interval under way would come to a higher demand than the month has been charged for, or is
// expected to be.  A plan is made of what the base load is expected to draw, and a demand charge
// is for the interval in which it draws more.  Who has not the time left to wait until the
// interval is over does not, and neither does what somebody asks to run.
func (s *Site) AbovePeak(st *State, now time.Time) (wait []string) {
	if !s.Shift || st.Plan == nil || !st.Plan.Reaches(now) {
		return nil
	}
	drawn := s.Drawn(st, now)
	interval, ok := s.demandUnderWay(st, now)
	if !ok || !drawn.Known() || drawn.Doubted || drawn.Denied {
		return nil
	}
	rest := drawn.Power // of what is not asked here
	var asked []int     // that the plan has run, and that can wait
	for i, l := range s.Loads {
		unit, progress := st.Guard.Unit(l.ID), st.Loads[i].Progress
		_, overridden := progress.Wanted(now)
		if overridden || l.Essential || !l.Defer || l.Kind == loads.Cycle && unit.Set.On {
			continue
		}
		if unit.Set.On {
			rest -= s.draws(st, i)
		}
		if st.Plan.Setpoint(l.ID, now).On { // else it goes off now
			asked = append(asked, i)
		}
	}
	slices.SortFunc(asked, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.Loads[a].Priority, s.Loads[b].Priority), strings.Compare(s.Loads[a].ID, s.Loads[b].ID))
	})
	unforeseen := false
	if t, ok := st.Plan.At(now); ok && t < len(st.Plan.High) {
		unforeseen = rest > st.Plan.High[t]
	}
	comes := interval.held + max(0, rest).Over(interval.to.Sub(now))
	for _, i := range asked {
		l, unit := s.Loads[i], st.Guard.Unit(s.Loads[i].ID)
		draws := l.Draws(st.Plan.Setpoint(l.ID, now))
		if unit.Set.On {
			draws = s.draws(st, i)
		}
		_, until, _ := st.Plan.Run(l.ID, now)
		with := comes + draws.Over(min(until.Sub(now), interval.to.Sub(now)))
		over := with.Mean(interval.to.Sub(interval.from)) > interval.aim
		if unit.Set.On {
			over = over && now.Sub(interval.from) >= peakSettles
		} else { // nor is it started for the rest of an interval that turns out as nobody expected
			over = over || unforeseen && rest+draws > interval.aim
		}
		if over && s.canWait(st, i, now, interval.to) {
			wait = append(wait, l.ID)
			continue
		}
		comes, rest = with, rest+draws
	}
	return wait
}

// draws is what a load draws: as is measured, else as it was told.
func (s *Site) draws(st *State, i int) units.Power {
	if seen := st.Loads[i].Seen; seen.Known && seen.HasPower {
		return max(0, seen.Power)
	}
	return s.Loads[i].Draws(st.Guard.Unit(s.Loads[i].ID).Set)
}

// canWait tells whether a load has the time to be had after an instant what it is owed.
func (s *Site) canWait(st *State, i int, now, until time.Time) bool {
	l, unit := s.Loads[i], st.Guard.Unit(s.Loads[i].ID)
	owed := l.Requests(st.Loads[i].Progress, unit, now, 0)
	if len(owed) == 0 {
		return false
	}
	r := owed[0]
	if r.All || r.Must || r.Starts == 0 {
		return false
	}
	free := until
	if unit.Set.On { // once it is paused it stays off for so long
		free = civil.Later(until, now.Add(l.MinOff))
	}
	left := time.Duration(0)
	for _, span := range r.Spans {
		if from := max(0, free.Sub(span.Start)); from < span.Len {
			left += span.Len - from
		}
	}
	return left >= r.Time+until.Sub(now)
}

// underWay is an interval that a demand charge takes the mean of.
type underWay struct {
	from, to time.Time
	held     units.Energy // imported in it so far
	aim      units.Power  // the demand that it is not to pass
}

// demandUnderWay is the interval under way of the demand charge that has come to most; ok is
// false where none is charged for now.
func (s *Site) demandUnderWay(st *State, now time.Time) (out underWay, ok bool) {
	months := st.Tariff.Months
	if len(months) == 0 || len(months[len(months)-1].Peaks) == 0 {
		return out, false
	}
	documents := s.Documents(st)
	length := watch.DemandWindow(documents)
	for _, p := range months[len(months)-1].Peaks {
		gone := now.Sub(p.Start)
		highest, charged := documents.Paid(p, now)
		if p.Start.IsZero() || gone < 0 || gone >= 2*length || !charged {
			continue // it is not charged for at this hour
		}
		u := underWay{from: p.Start, held: p.Active}
		if gone >= length {
			u.from, u.held = p.Start.Add(length), 0
		}
		u.to = u.from.Add(length)
		if u.aim = max(inActive(p, highest), s.expects(st, u, now)); u.aim > out.aim {
			out, ok = u, true
		}
	}
	return out, ok
}

// inActive is a demand of a charge in active power.
func inActive(p tariffs.Peak, highest units.Power) units.Power {
	if p.Reactive > 0 && p.Active > 0 {
		return units.FromKW(highest.KW() * p.Active.KWh() / math.Hypot(p.Active.KWh(), p.Reactive.KWh()))
	}
	return highest
}

// expects is the highest demand that the plan in force foresees: with its loads, and with a base
// load half way from the expected one to what nine futures of ten stay below; or of such a one alone.
func (s *Site) expects(st *State, u underWay, now time.Time) (most units.Power) {
	plan := st.Plan
	sum, from := units.Energy(0), u.from
	if gone := plan.Start.Sub(from); gone > 0 && plan.Start.Before(now) { // what was used before the plan begins
		sum = u.held.Part(int64(gone), int64(now.Sub(from)))
	}
	for t := range plan.Prices {
		start := plan.Start.Add(time.Duration(t) * plan.Slot)
		for ; !start.Before(from.Add(u.to.Sub(u.from))); sum = 0 {
			from = from.Add(u.to.Sub(u.from))
		}
		if !start.Add(plan.Slot).After(u.from) {
			continue
		}
		power, high := units.Power(0), units.Power(0)
		if t < len(plan.Mid) && t < len(plan.High) {
			power, high = (plan.Mid[t]+plan.High[t])/2, plan.High[t]
		}
		for _, l := range plan.Loads {
			if t < len(l.Power) {
				power += l.Power[t]
			}
		}
		sum += power.Over(min(plan.Slot, u.to.Sub(u.from)))
		if most = max(most, sum.Mean(u.to.Sub(u.from))); start.Add(plan.Slot).After(now) {
			most = max(most, high)
		}
	}
	return most
}
