package store

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Records of a program that did not know when the supply was off are told once:
// every interval that lies partly in the dark, of all series, and those that still
// wait for their move as well.
func TestIntervalsAreToldOnceThatTheSupplyWasOff(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	var all []Interval
	for i := range 8 {
		all = append(all, interval("site", i, 0), interval("geyser", i, 0))
	}
	all[2*5].Import = units.KilowattHour // of the site, in the midst of the dark: it was not
	half := 30 * time.Minute
	first := all[0].Slot.Start
	if all[0].Slot.Len != half {
		t.Fatalf("slots of %s", all[0].Slot.Len)
	}
	must(t, s.Commit(t.Context(), Batch{At: first, Intervals: all[:8]}))
	must(t, s.MoveIntervals(t.Context()))
	must(t, s.Commit(t.Context(), Batch{At: first, Intervals: all[8:]}))
	fill := func(from, to time.Duration) {
		must(t, s.Fill(t.Context(), "test", metering.SupplyOff, "site", 50*units.Watt, []Stretch{{first.Add(from), first.Add(to)}}))
	}
	if done, err := s.Filled(t.Context(), "test"); done || err != nil {
		t.Fatalf("%v, %v", done, err)
	}
	fill(2*half+half-time.Second, 6*half+time.Second)
	must(t, s.Close())
	s = open(t, dir, Options{})
	if done, err := s.Filled(t.Context(), "test"); !done || err != nil {
		t.Fatalf("%v, %v", done, err)
	}
	for _, series := range []string{"site", "geyser"} {
		for i, iv := range list(t, s.Intervals(t.Context(), series, first, first.Add(24*time.Hour))) {
			want := metering.Quality(0)
			if i >= 2 && i <= 6 && i != 5 {
				want = metering.SupplyOff
			}
			if got := iv.Quality & metering.Censored; got != want {
				t.Errorf("%s, slot %d: %s, want %s", series, i, got, want)
			}
		}
	}
}
