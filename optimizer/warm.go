package optimizer

import (
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/local"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// warm takes over the plan in force.  A load whose hours are no longer
// possible, or that is new, is placed beside the others; if none had to be,
// the plan may stay in force whole.
func (s *search) warm() {
	prev := s.opt.Previous
	if prev == nil {
		return
	}
	preset, battery, whole := s.fit(prev)
	plan := s.place(0, preset, battery)
	e, bad := model.Evaluate(s.p, plan)
	if e == nil {
		return
	}
	model.Fill(plan, e)
	if whole {
		for _, v := range bad {
			whole = whole && !v.Kind.Hard()
		}
	}
	if whole {
		s.inForce = plan
		if !s.thorough {
			s.share = replanShare
		}
	}
	s.start = plan
	if model.Better(plan, s.best) {
		s.best = plan
	}
	s.asItIs(prev, preset)
}

// fit is what of another plan is still possible: the schedules of its loads and
// the battery's powers.  whole says that all of it is.
func (s *search) fit(plan *Plan) (preset map[string][]float64, battery []float64, whole bool) {
	preset, whole = make(map[string][]float64, len(s.p.Loads)), true
	for i := range s.p.Loads {
		l := &s.p.Loads[i]
		lp, ok := plan.Loads[l.ID]
		if !ok || len(lp.KW) != s.p.N || !l.Permits(s.p, lp.KW) {
			whole = false
			continue
		}
		preset[l.ID] = lp.KW
	}
	switch {
	case s.p.Battery == nil:
	case len(plan.BatteryKW) == s.p.N:
		battery = slices.Clone(plan.BatteryKW)
		master.SettleBattery(s.p, battery)
		for t := range battery {
			whole = whole && math.Abs(battery[t]-plan.BatteryKW[t]) < model.PowerTol
		}
	default:
		whole = false
	}
	return preset, battery, whole
}

// asItIs takes the plan in force with all that it sheds, by which it may save
// credit that the same loads with a fresh balance of each slot would not.
func (s *search) asItIs(prev *Plan, preset map[string][]float64) {
	n := s.p.N
	if len(preset) != len(s.p.Loads) || len(s.p.Scenarios) > 0 || len(prev.ShedKW) != n || len(prev.PVUsedKW) != n {
		return
	}
	if s.p.Battery != nil && len(prev.BatteryKW) != n {
		return
	}
	kept := &Plan{
		Format: PlanFormat, Instance: s.p.Name, Loads: make(map[string]LoadPlan, len(preset)),
		BatteryKW: slices.Clone(prev.BatteryKW), PVUsedKW: slices.Clone(prev.PVUsedKW), ShedKW: slices.Clone(prev.ShedKW),
	}
	for id, kw := range preset {
		kept.Loads[id] = LoadPlan{KW: slices.Clone(kw)}
	}
	e, _ := model.Evaluate(s.p, kept)
	if e == nil {
		return
	}
	if model.Fill(kept, e); model.Better(kept, s.best) {
		s.best = kept
	}
}

// resume searches around the plan taken over, before anything else: most
// often little has changed.
func (s *search) resume() {
	if s.start == nil || len(s.m.Units) == 0 || len(s.m.Group) > 0 {
		return
	}
	l := local.New(s.Effort, s.m)
	if c := s.opt.Previous.CreditPrice; len(c) == s.p.N && s.p.Credit != nil {
		copy(l.MuRow, c)
	}
	if s.p.Battery != nil || len(s.m.Demand) > 0 {
		best := s.best
		s.best = s.start
		ok := s.seed(s.start)
		if ok {
			s.polish()
		}
		if s.best == s.start || model.Better(best, s.best) {
			s.best, s.start = best, s.best
		} else {
			s.start = s.best
		}
	}
	l.Load(s.start)
	until := resumeUntil
	if s.share < 1 {
		until = resumeUntilAgain // the rest is for the linear programme and its bound
	}
	for _, hot := range []float64{resumeHot, resumeHotter} {
		s.anneal(l, firstSteps*len(s.m.Units), hot*math.Abs(s.best.Cost), until)
		if lp := s.p.Battery != nil || len(s.m.Demand) > 0; lp && !s.over() {
			s.polish()
			for range 3 {
				s.neighbourhood()
			}
		}
		if s.over() || s.progress() > until {
			break
		}
		l.Load(s.best)
	}
	for _, u := range s.m.Units {
		s.m.Hold(u, nil)
	}
}
