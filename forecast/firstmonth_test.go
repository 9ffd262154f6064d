package forecast

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func sumOf(path []float64) (sum float64) {
	for _, x := range path {
		sum += x
	}
	return sum
}

// A home that stood empty and is lived in again: its errors were many widths of
// the empty days' ranges, and must not become days no home has.
func TestReturnToAnEmptyHomeMakesNoWildPaths(t *testing.T) {
	obs := household(monday, 30*time.Minute, 40, 50)
	for i := 6 * 48; i < 16*48; i++ {
		obs[i].Energy = units.FromKWh(0.02 + 0.01*float64(i%5)/5)
	}
	f := mustNew(t, Options{})
	feed(t, f, obs[:33*48])
	top := 0.0
	for d := range 33 {
		sum := 0.0
		for _, o := range obs[d*48 : d*48+48] {
			sum += o.Energy.KWh()
		}
		top = max(top, sum)
	}
	for _, p := range f.Scenarios(monday.Add(33*day), 7*day, 200, 1).Paths {
		for d := range 7 {
			if sum := sumOf(p[d*48 : d*48+48]); sum > 1.5*top {
				t.Fatalf("a path uses %.1f kWh on a day, the site never more than %.1f", sum, top)
			}
		}
	}
}

// A site that uses nothing at some hours, for sure, has ranges of nothing there.
func TestHoursOfNothingForSure(t *testing.T) {
	f := mustNew(t, Options{})
	for _, o := range household(monday, 30*time.Minute, 12, 51) {
		if h := o.Slot.Start.Hour(); h < 6 || h >= 22 {
			o.Energy = 0
		}
		feed(t, f, []Observation{o})
		if o.Slot.Start.Hour() == 3 && o.Slot.Start.Minute() == 0 {
			check(t, f.Forecast(o.Slot.End(), day), 48)
		}
	}
	for _, s := range f.Forecast(monday.Add(12*day), day).Slots {
		if h := s.Start.Hour(); h >= 1 && h < 5 && s.Q90 > 0.1 {
			t.Errorf("%v: up to %.2f kWh where nothing was ever used", s.Start, s.Q90)
		}
	}
}

// How much a site uses is guessed before it is known, and the range says so until
// a day has gone by.
func TestGuessedLevelMakesWideRanges(t *testing.T) {
	spread := func(hours int) float64 {
		f := mustNew(t, Options{})
		feed(t, f, household(monday, 30*time.Minute, 3, 52)[:2*hours])
		sum := 0.0
		for _, s := range f.Forecast(monday.Add(time.Duration(hours)*time.Hour), day).Slots {
			sum += s.Q90 / s.Q50 / 48
		}
		return sum
	}
	nothing, day1 := spread(0), spread(24)
	if nothing < 2.5 || nothing > 4 {
		t.Errorf("with nothing known q90 is %.1f of the median", nothing)
	}
	if day1 > 0.95*nothing {
		t.Errorf("after a day q90 is %.1f of the median, before it %.1f", day1, nothing)
	}
}
