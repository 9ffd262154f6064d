package planning

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Interval is a finished interval of the site ("site") or of one load.
type Interval struct {
	Series string
	metering.Interval
}

// SiteSeries is the series of the site's own meter.
const SiteSeries = "site"

// Observations are the forecaster's view of stored intervals: one a slot, in
// the order of time.  Without sun the base load is never below zero: a load's
// share is worked out from its rated power where its plug does not measure, and
// cannot have been more than all there was.  Where only loads were held off, the
// base load was measured: it is what is left without them.
func Observations(intervals []Interval, length time.Duration, sun bool) []forecast.Observation {
	at := map[int64]int{}
	var out []forecast.Observation
	for _, iv := range intervals {
		if iv.Slot.Len != length {
			continue
		}
		i, seen := at[iv.Slot.Start.Unix()]
		if !seen {
			i = len(out)
			at[iv.Slot.Start.Unix()] = i
			out = append(out, forecast.Observation{Slot: units.Slot{Start: iv.Slot.Start.UTC(), Len: length}})
		}
		if iv.Series == SiteSeries {
			out[i].Energy += iv.Import - iv.Export
			switch {
			case iv.Quality&metering.Gap != 0:
				out[i].Quality = forecast.Missing
			case iv.Quality&(metering.Estimated|metering.ClockChanged|metering.Lost|metering.DeviceChanged|metering.Suspect) != 0:
				out[i].Quality = forecast.Estimated
			case iv.Quality&(metering.SupplyOff|metering.MainsOff|metering.Limited) != 0:
				out[i].Quality = forecast.Censored
			}
		} else {
			out[i].Energy -= iv.Import
		}
	}
	for i := range out {
		if !sun {
			out[i].Energy = max(0, out[i].Energy)
		}
	}
	slices.SortStableFunc(out, func(a, b forecast.Observation) int { return a.Slot.Start.Compare(b.Slot.Start) })
	return out
}
