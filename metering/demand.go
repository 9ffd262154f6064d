package metering

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Demand finds the greatest mean import power over a window: block demand where
// Step is Window, sliding demand where Window is several Steps.  It survives a
// round trip through encoding/json.
type Demand struct {
	Window time.Duration `json:"window"` // usually 15 or 30 minutes
	Step   time.Duration `json:"step"`   // divides Window and a day

	Parts  Intervals      `json:"parts"`
	Recent []units.Energy `json:"recent,omitempty"` // the last whole steps, without a break
	Last   time.Time      `json:"last"`             // the end of the newest of them

	Max   units.Power `json:"max"`    // the greatest since the last Reset
	MaxAt time.Time   `json:"max_at"` // the end of its window; zero where there is none yet
}

// Peak is the mean import power over one whole window.
type Peak struct {
	End   time.Time   `json:"end"`
	Power units.Power `json:"power"`
}

// Add takes one consumption and answers the demand of each window that it
// completed.  A window that measurements did not reach wholly has none.
func (d Demand) Add(c Consumption) (Demand, []Peak) {
	d.Parts.Period = d.Step
	parts, closed := d.Parts.Add(c)
	d.Parts = parts
	n := int(d.Window / d.Step)
	var peaks []Peak
	for _, i := range closed {
		if i.Quality&Gap != 0 {
			d.Recent = nil
			continue
		}
		recent := d.Recent
		if !i.Slot.Start.Equal(d.Last) {
			recent = nil
		}
		if len(recent) >= n {
			recent = recent[len(recent)-n+1:]
		}
		d.Recent = append(append(make([]units.Energy, 0, n), recent...), i.Import)
		d.Last = i.Slot.End()
		if len(d.Recent) < n {
			continue
		}
		var sum units.Energy
		for _, e := range d.Recent {
			sum += e
		}
		p := Peak{End: d.Last, Power: sum.Mean(d.Window)}
		peaks = append(peaks, p)
		if d.MaxAt.IsZero() || p.Power > d.Max {
			d.Max, d.MaxAt = p.Power, p.End
		}
	}
	return d, peaks
}

// Reset begins a new billing period: the greatest demand is forgotten, the
// window under way is not.
func (d Demand) Reset() Demand {
	d.Max, d.MaxAt = 0, time.Time{}
	return d
}
