package planning

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// joined is since when a series is known, and what it used in its first days.
type joined struct {
	first, last time.Time
	used        [joinDays]units.Energy
}

// joinDays are the days after which it is known what a load that got a meter of its own uses a day.
const joinDays = 7

// renamedWithin is how long before a load is known first another one may have been known last that
// is the same by another name.
const renamedWithin = 2 * 24 * time.Hour

// hear takes note of an interval.
func (p *Planner) hear(iv Interval) {
	s := p.series[iv.Series]
	if s == nil {
		if p.series == nil {
			p.series = map[string]*joined{}
		}
		s = &joined{first: iv.Slot.Start}
		p.series[iv.Series] = s
	}
	if iv.Slot.End().After(s.last) {
		s.last = iv.Slot.End()
	}
	if d := iv.Slot.Start.Sub(s.first) / (24 * time.Hour); d >= 0 && d < joinDays {
		s.used[d] += iv.Import
	}
}

// takeOut tells the forecaster of loads that are in what the site used before they had a meter
// of their own, and are planned since.  What each uses a day is what it is owed, and from its first whole day
// on what it used.
func (p *Planner) takeOut(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	site := p.series[SiteSeries]
	if site == nil {
		return
	}
	for _, l := range p.rules.Loads {
		if !l.Defer || l.Kind == loads.Sun {
			continue
		}
		since, kwh := units.SlotAt(now, p.rules.Interval).Start, owedADay(l)
		if s := p.series[l.ID]; s != nil {
			since = s.first
			if days := min(joinDays, int(now.Sub(since)/(24*time.Hour))); days > 0 {
				used := units.Energy(0)
				for _, x := range s.used[:days] {
					used += x
				}
				kwh = used.KWh() / float64(days)
			}
		}
		if since.Sub(site.first) < forecast.JoinLeast || p.renamed(since) {
			continue
		}
		p.forecast.TakeOut(l.ID, since, kwh, l.Power.Over(p.rules.Interval).KWh())
	}
}

// renamed tells whether a load that is no longer configured was known until another was known first.
func (p *Planner) renamed(since time.Time) bool {
	for id, s := range p.series {
		configured := id == SiteSeries || slices.ContainsFunc(p.rules.Loads, func(l loads.Load) bool { return l.ID == id })
		if gap := since.Sub(s.last); !configured && gap >= -p.rules.Interval && gap < renamedWithin {
			return true
		}
	}
	return false
}

// owedADay is what a load is owed each day, in kWh; zero where that is not known.
func owedADay(l loads.Load) float64 {
	if l.Kind == loads.Cycle {
		return l.Power.Over(time.Duration(l.Runs) * l.Cycle).KWh()
	}
	return l.Power.Over(l.Need).KWh()
}
