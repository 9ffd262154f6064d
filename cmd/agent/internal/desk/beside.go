package desk

import (
	"context"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/beside"
)

// MeterReading takes what a person has read on the utility's meter.
func (d *Desk) MeterReading(ctx context.Context, r web.MeterReading, way string) error {
	m := control.MeterReading{
		Shown: r.Shown, At: r.At, By: way, Anew: r.Anew, Turned: r.Turned, Sure: r.Sure, Left: r.Left, Bought: r.Bought,
	}
	st := d.loop.Snapshot().State
	at, why := m.When(&st, d.site.Zone)
	if trail := st.Beside.Trail; why == nil && len(trail) > 0 && at.Before(trail[0].At) {
		var err error
		if m.Past, err = d.past(ctx, at, trail); err != nil {
			return err
		}
	}
	return d.ask(ctx, m)
}

// ToldReading takes a reading in the form of the API.
func (d *Desk) ToldReading(ctx context.Context, q api.MeterReading, way string) error {
	return d.MeterReading(ctx, web.MeterReading{
		Shown: q.Shown, At: q.At, Bought: q.Bought, Sure: q.Sure, Anew: q.Anew, Turned: q.Turned, Left: q.Left,
	}, way)
}

// past is what was counted around an instant before the trail, by the records; nil where
// they do not say.
func (d *Desk) past(ctx context.Context, at time.Time, trail []beside.Point) (*beside.Past, error) {
	var all []metering.Interval
	from := units.SlotAt(at, 24*time.Hour).Start.Add(-24 * time.Hour) // a silence may begin before it
	for iv, err := range d.records.Intervals(ctx, planning.SiteSeries, from, trail[len(trail)-1].At) {
		if err != nil {
			return nil, err
		}
		all = append(all, iv.Interval)
	}
	// The newest may be not yet stored: it is counted back from an edge that is.
	for len(all) > 0 {
		edge := all[len(all)-1].Slot.End()
		if slices.ContainsFunc(trail, func(p beside.Point) bool { return p.At.Equal(edge) }) {
			if p, ok := beside.Back(at, edge, all); ok {
				return &p, nil
			}
			return nil, nil
		}
		all = all[:len(all)-1]
	}
	return nil, nil
}
