package watch

import (
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// demandWindow is the window of maximum demand where the tariff names none.
const demandWindow = 30 * time.Minute

// DemandWindow is that of the demand charge of the tariff's newest version that has
// one.
func DemandWindow(t *tariffs.Tariff) time.Duration {
	window := demandWindow
	for _, v := range t.Document().Versions {
		for _, d := range v.Demand {
			if d.Interval > 0 {
				window = d.Interval
			}
		}
	}
	return window
}

// slideBy is the step of sliding demand.
const slideBy = time.Minute

// Measure has maximum demand kept with the intervals, in blocks of the
// tariff's window.  With another window the block under way begins anew.
func (s State) Measure(window time.Duration) State {
	if d := s.Sliding; d.Window != window || d.Step != slideBy {
		s.Sliding = metering.Demand{Window: window, Step: slideBy}
	}
	if d := s.Intervals.Demand; d != nil && d.Window == window && d.Step == window {
		return s
	}
	s.Intervals.Demand = &metering.Demand{Window: window, Step: window}
	return s
}

// Count takes consumption into the intervals and into sliding demand, and begins
// both greatest demands anew with the month.
func (r Rules) Count(s State, c metering.Consumption) (State, []metering.Interval) {
	month := func(t time.Time) int { return t.In(r.Zone).Year()*12 + int(t.In(r.Zone).Month()) }
	if !s.DemandFrom.IsZero() && month(s.DemandFrom) != month(c.From) && c.From.After(s.DemandFrom) {
		s.Sliding = s.Sliding.Reset()
		if d := s.Intervals.Demand; d != nil {
			again := d.Reset()
			s.Intervals.Demand = &again
		}
	}
	s.DemandFrom = c.From
	s.Sliding, _ = s.Sliding.Add(c)
	intervals, closed := s.Intervals.Add(c)
	s.Intervals = intervals
	return s, closed
}
