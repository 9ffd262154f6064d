package planning

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// sunSlot is what all panels together gave in a slot.
type sunSlot struct {
	made    units.Energy
	heard   int  // of how many it was told
	missing bool // of one of them it is not known
	asleep  bool // one was not heard for a while, and is taken for asleep
}

// shone takes in what one of the panels gave in the slot of an observation.
func (b *baseLoad) shone(i int, iv Interval) {
	for len(b.sun) <= i {
		b.sun = append(b.sun, sunSlot{})
	}
	s := &b.sun[i]
	s.heard++
	s.made += iv.Export
	s.missing = s.missing || iv.Quality&^metering.Estimated != 0
	s.asleep = s.asleep || iv.Quality&metering.Estimated != 0
}

// sunny is what was given in the slot of an observation by n panels; known is false where
// that is not known of all of them.  A slot of which nobody tells is none without sun.
func (b *baseLoad) sunny(i, n int, solar *forecast.Solar) (made units.Energy, known bool) {
	if i >= len(b.sun) || b.sun[i].heard < n || b.sun[i].missing {
		return 0, false
	}
	if b.sun[i].asleep {
		if usual, seen := solar.Usual(b.all[i].Slot); seen && usual > darkShare {
			return 0, false // that time of day is not night
		}
	}
	return b.sun[i].made, true
}

// darkShare is the share of the best of a day up to which it is dark.
const darkShare = 0.05

// suns are the loads that give.
func (s *Rules) suns() (ids []string) {
	for _, l := range s.Loads {
		if l.Kind == loads.Sun {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// enlighten makes of what the meter told what was used, adding what the sun gave, and teaches
// solar that.  What was used in slots of which that is not known is not known either: absent
// is not zero.
func (p *Planner) enlighten(b *baseLoad) {
	order := make([]int, len(b.all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return b.all[i].Slot.Start.Compare(b.all[j].Slot.Start) })
	n, none := len(p.rules.suns()), p.withoutSun()
	for _, i := range order {
		o := &b.all[i]
		made, known := b.sunny(i, n, p.solar)
		o.Energy += made
		told := forecast.Observation{Slot: o.Slot, Energy: made}
		if !known {
			told.Quality = forecast.Missing
			if !o.Slot.Start.Before(none) {
				o.Quality = forecast.Missing
			}
		}
		_ = p.solar.Update(told) // as of the base load: see catchUp
	}
	b.sun = nil
}

// withoutSun is up to when the site had no panels: until the first is heard of, where nothing was fed in
// before.  What the meter told then is what was used; a site that gets panels does not begin anew.
func (p *Planner) withoutSun() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	var first time.Time
	for _, id := range p.rules.suns() {
		if s := p.series[id]; s != nil {
			first = firstOf(first, s.first)
		}
	}
	switch {
	case first.IsZero() && p.exports.IsZero():
		if s := p.series[SiteSeries]; s != nil {
			return s.last
		}
	case p.exports.IsZero() || !p.exports.Before(first):
		return first
	}
	return time.Time{}
}

// foresee is what the site is expected to draw besides the loads that are planned: what it
// uses less what the sun gives.  Who knows what will be knows that, too.
func (p *Planner) foresee(at time.Time, horizon time.Duration) forecast.Forecast {
	fc := p.ahead.Forecast(at, horizon)
	if !p.sunny() {
		return fc
	}
	sun := p.solar.Forecast(at, horizon)
	for i := range min(len(sun), len(fc.Slots)) {
		f, s := &fc.Slots[i], sun[i]
		// The two are independent: their departures add up as squares.
		low := math.Hypot(f.Q50-f.Q10, s.Q90-s.Q50)
		high := math.Hypot(f.Q90-f.Q50, s.Q50-s.Q10)
		f.Mean, f.Q50 = f.Mean-s.Mean, f.Q50-s.Q50
		f.Q10, f.Q90 = f.Q50-low, f.Q50+high
	}
	return fc
}

// futures are those of what the site draws, kept in p.drawn.
func (p *Planner) futures(at time.Time, horizon time.Duration) forecast.Scenarios {
	out := p.ahead.ScenariosIn(&p.drawn, at, horizon, p.paths, p.rules.Seed)
	if !p.sunny() {
		return out
	}
	for i, sun := range p.solar.Paths(at, horizon, len(out.Paths), p.rules.Seed) {
		for t := range min(len(sun), len(out.Paths[i])) {
			out.Paths[i][t] -= sun[t]
		}
	}
	return out
}

// sunny tells whether sun is to be taken from what is foreseen.
func (p *Planner) sunny() bool { return p.solar != nil && p.ahead == Foreseer(p.forecast) }
