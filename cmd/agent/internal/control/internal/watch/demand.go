package control

import (
	"time"

	"github.com/keeplit/keeplit/metering"
)

// demandWindow is the window of maximum demand where the tariff names none.
const demandWindow = 30 * time.Minute

// window is that of the demand charge of the tariff's newest version that has
// one.
func (s *Site) window() time.Duration {
	window := demandWindow
	for _, v := range s.Tariff.Document().Versions {
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

// measureDemand has maximum demand kept with the intervals, in blocks of the
// tariff's window.  With another window the block under way begins anew.
func (s *Site) measureDemand(st *State) {
	window := s.window()
	if d := st.Meter.Sliding; d.Window != window || d.Step != slideBy {
		st.Meter.Sliding = metering.Demand{Window: window, Step: slideBy}
	}
	if d := st.Meter.Intervals.Demand; d != nil && d.Window == window && d.Step == window {
		return
	}
	st.Meter.Intervals.Demand = &metering.Demand{Window: window, Step: window}
}

// slide takes consumption into sliding demand, and begins both greatest demands
// anew with the month.
func (p *step) slide(c metering.Consumption) {
	m := &p.st.Meter
	month := func(t time.Time) int { return t.In(p.Zone).Year()*12 + int(t.In(p.Zone).Month()) }
	if !m.DemandFrom.IsZero() && month(m.DemandFrom) != month(c.From) && c.From.After(m.DemandFrom) {
		m.Sliding = m.Sliding.Reset()
		if d := m.Intervals.Demand; d != nil {
			again := d.Reset()
			m.Intervals.Demand = &again
		}
	}
	m.DemandFrom = c.From
	m.Sliding, _ = m.Sliding.Add(c)
}
