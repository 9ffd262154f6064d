package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// What panels give is counted, and nobody switches them; while they are not heard it is written down that
// it is not known, and as a guess where they went to sleep.
func TestARoof(t *testing.T) {
	b := newBench(t)
	b.with(loads.Document{ID: "roof", Kind: loads.Sun, Power: 4 * units.Kilowatt})
	b.planner, b.states["roof"], b.gone = nil, true, map[string]bool{}
	b.deaf = map[string]units.Power{"roof": -2 * units.Kilowatt} // as who gives says it
	var last metering.Interval
	halfHour := func(do func(minute int)) metering.Interval {
		t.Helper()
		last = metering.Interval{}
		for minute := range 31 {
			do(minute)
			b.run(time.Minute, time.Minute)
			for _, iv := range b.last.Intervals {
				if iv.Series == "roof" {
					last = iv.Interval
				}
			}
			for _, c := range b.last.Commands {
				if c.ID == "roof" {
					t.Fatalf("it is told %v", c)
				}
			}
		}
		return last
	}
	nothing := func(int) {}
	halfHour(nothing)
	if got := halfHour(nothing); got.Export != units.KilowattHour || got.Import != 0 || got.Quality != 0 {
		t.Errorf("of 1 kWh given, %v given and %v used, quality %v", got.Export, got.Import, got.Quality)
	}
	if before := b.register; before != b.st.Meter.Registers.Import || b.st.Health.Has(health.ReverseEnergy, "") {
		t.Errorf("what is over is no sign of tampering, and is not charged: %+v", b.st.Health)
	}
	if got := b.st.load("roof").Total; got < 2*units.KilowattHour {
		t.Errorf("in all %v were given", got)
	}
	b.gone["roof"] = true
	halfHour(nothing)
	if got := halfHour(nothing); got.Export != 0 || got.Quality != metering.Gap {
		t.Errorf("not heard while it gave: %v given, quality %v", got.Export, got.Quality)
	}
	b.gone["roof"] = false
	b.deaf["roof"] = 30 * units.Watt // some write it so
	halfHour(nothing)
	b.gone["roof"] = true
	halfHour(nothing)
	if got := halfHour(nothing); got.Export != 0 || got.Quality != metering.Estimated {
		t.Errorf("asleep: %v given, quality %v", got.Export, got.Quality)
	}
	for range 40 {
		halfHour(nothing)
	}
	if got := last; got.Quality != metering.Gap {
		t.Errorf("asleep for 20 h: quality %v", got.Quality)
	}
	b.gone["roof"] = false
	b.deaf["roof"] = 40 * units.Kilowatt // a register misread
	halfHour(nothing)
	if got := halfHour(nothing); got.Export != 0 || got.Quality != metering.Gap {
		t.Errorf("beyond belief: %v given, quality %v", got.Export, got.Quality)
	}
}
