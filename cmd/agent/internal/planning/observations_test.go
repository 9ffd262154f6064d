package planning

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

func TestObservationsAreTheBaseLoad(t *testing.T) {
	const half = 30 * time.Minute
	slot := units.Slot{Start: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Len: half}
	site := func(in, out float64, q metering.Quality) Interval {
		return Interval{SiteSeries, metering.Interval{Slot: slot, Import: units.FromKWh(in), Export: units.FromKWh(out), Quality: q}}
	}
	load := func(id string, in float64) Interval {
		return Interval{id, metering.Interval{Slot: slot, Import: units.FromKWh(in)}}
	}
	for _, c := range []struct {
		name    string
		in      []Interval
		sun     bool
		kwh     float64
		quality forecast.Quality
	}{
		{"no loads ran", []Interval{site(0.7, 0, 0)}, false, 0.7, forecast.Measured},
		{"what the planned loads used is not base load", []Interval{site(2.0, 0, 0), load("geyser", 1.2), load("pump", 0.3)}, false, 0.5, forecast.Measured},
		{"the load's interval came first", []Interval{load("geyser", 1.2), site(2.0, 0, 0)}, false, 0.8, forecast.Measured},
		{"a load is thought to have used more than there was", []Interval{site(1.0, 0, 0), load("geyser", 1.2)}, false, 0, forecast.Measured},
		{"on a site with sun it may have run on the sun", []Interval{site(0, 0, 0), load("pump", 0.5)}, true, -0.5, forecast.Measured},
		{"the roof fed in", []Interval{site(0.1, 0.9, 0)}, true, -0.8, forecast.Measured},
		{"the roof fed in while a load ran", []Interval{site(0, 0.4, 0), load("pump", 0.5)}, true, -0.9, forecast.Measured},
		{"spread over a gap", []Interval{site(0.7, 0, metering.Estimated)}, false, 0.7, forecast.Estimated},
		{"the clock was set in it", []Interval{site(0.7, 0, metering.ClockChanged)}, false, 0.7, forecast.Estimated},
		{"samples were lost in it", []Interval{site(0.7, 0, metering.Lost)}, false, 0.7, forecast.Estimated},
		{"another meter was put in", []Interval{site(0.7, 0, metering.DeviceChanged)}, false, 0.7, forecast.Estimated},
		{"a register jumped", []Interval{site(0.7, 0, metering.Suspect)}, false, 0.7, forecast.Estimated},
		{"a gap", []Interval{site(0, 0, metering.Gap)}, false, 0, forecast.Missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Observations(c.in, half, c.sun)
			if len(got) != 1 || got[0].Slot != slot || got[0].Quality != c.quality {
				t.Fatalf("got %+v", got)
			}
			if d := got[0].Energy.KWh() - c.kwh; d < -1e-9 || d > 1e-9 {
				t.Errorf("base load %v kWh, want %v", got[0].Energy.KWh(), c.kwh)
			}
		})
	}
	if got := Observations([]Interval{site(1, 0, 0)}, time.Hour, false); len(got) != 0 {
		t.Errorf("intervals of another length were taken: %+v", got)
	}
}

// Whether there is sun is known from the first interval on in which some was fed in.  A planner
// that is given all intervals at its start takes those before it as one that lived through them.
func TestSunIsKnownFromWhenItWasFedIn(t *testing.T) {
	b, again := newBench(t, false), newBench(t, false)
	all := b.habits(b.now.AddDate(0, 0, -9), b.now)
	geyser := 0
	for i := range all {
		switch iv := &all[i]; {
		case iv.Series == SiteSeries && i > len(all)*3/4 && iv.Slot.Start.Hour() == 12:
			iv.Import, iv.Export = 0, units.FromKWh(0.3)
		case iv.Series == SiteSeries && i%5 == 0: // the load is thought to have used more
			all = append(all, Interval{"geyser", metering.Interval{Slot: iv.Slot, Import: 2 * iv.Import}})
			geyser++
		}
	}
	if geyser == 0 {
		t.Fatal("no load ran")
	}
	slices.SortStableFunc(all, func(a, b Interval) int { return a.Slot.Start.Compare(b.Slot.Start) })
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && all[to].Slot == all[from].Slot {
			to++
		}
		b.Learn(all[from:to])
		b.catchUp(all[from].Slot.End())
		from = to
	}
	again.Learn(all)
	if !sameForecast(b.planAt(b.now), again.planAt(b.now)) {
		t.Error("a restart gives another forecast")
	}
}
