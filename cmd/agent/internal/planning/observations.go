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
	var b baseLoad
	var dark time.Time
	for _, iv := range intervals {
		b.add(iv, length, false)
		if !sun && iv.Slot.End().After(dark) {
			dark = iv.Slot.End()
		}
	}
	return b.observations(dark)
}

// baseLoad is observations that come to be from the intervals of the site and its loads.
// The intervals themselves are not kept: at a start there are years of them.
type baseLoad struct {
	at      map[int64]int // in all, by the Unix second of the start
	all     []forecast.Observation
	exports time.Time  // the start of the first slot in which the site has fed energy in; zero: of none
	sun     []sunSlot  // of all, in their order; shorter where there was none
	flow    []flowSlot // so of what the battery took and gave
	store   string     // its id; "": there is none
}

// add takes an interval in; one of another length belongs to an interval length that
// is no longer configured.  sun: it is what panels gave.
func (b *baseLoad) add(iv Interval, length time.Duration, sun bool) {
	site := iv.Series == SiteSeries
	if site && iv.Export > 0 {
		b.exports = firstOf(b.exports, iv.Slot.Start)
	}
	if iv.Slot.Len != length {
		return
	}
	i, seen := b.at[iv.Slot.Start.Unix()]
	if !seen {
		if b.at == nil {
			b.at = map[int64]int{}
		}
		i = len(b.all)
		b.at[iv.Slot.Start.Unix()] = i
		b.all = append(b.all, forecast.Observation{Slot: units.Slot{Start: iv.Slot.Start.UTC(), Len: length}})
	}
	if sun {
		b.shone(i, iv)
		return
	}
	if iv.Series == b.store {
		b.flowed(i, iv)
	}
	o := &b.all[i]
	if !site {
		// What is no longer configured and gave was panels.  The house used what they gave,
		// and where nobody knows how much that was, nobody knows what the house used.
		o.Energy += iv.Export - iv.Import
		if iv.Export > 0 && iv.Quality&metering.Gap != 0 {
			o.Quality = forecast.Missing
		}
		return
	}
	o.Energy += iv.Import - iv.Export
	switch {
	case iv.Quality&metering.Gap != 0:
		o.Quality = forecast.Missing
	case iv.Quality&(metering.Estimated|metering.ClockChanged|metering.Lost|metering.DeviceChanged|metering.Suspect) != 0:
		o.Quality = forecast.Estimated
	case iv.Quality&(metering.SupplyOff|metering.MainsOff|metering.Limited) != 0:
		o.Quality = forecast.Censored
	}
	o.Told = toldOf(iv.Quality)
}

// toldOf is what somebody had told of an interval.  Where several hold it is what it says most of: more people
// are there, nobody is, something is used on top.
func toldOf(q metering.Quality) forecast.Told {
	switch {
	case q&metering.Guests != 0:
		return forecast.Guests
	case q&metering.Away != 0:
		return forecast.Away
	case q&metering.Extra != 0:
		return forecast.Extra
	}
	return forecast.Usual
}

// firstOf is the earlier of two instants, of which a zero one is none.
func firstOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// observations are what has been added, in the order of time; up to the end of the dark
// there was no sun.
func (b *baseLoad) observations(dark time.Time) []forecast.Observation {
	for i := range b.all {
		if o := &b.all[i]; o.Slot.Start.Before(dark) {
			o.Energy = max(0, o.Energy)
		}
	}
	slices.SortStableFunc(b.all, func(a, b forecast.Observation) int { return a.Slot.Start.Compare(b.Slot.Start) })
	return b.all
}
