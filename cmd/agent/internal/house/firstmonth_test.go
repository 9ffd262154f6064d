package house

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
)

// A forecaster that meets a household for the first time: the day sums of its paths are as
// wide as what comes, from the second day on, without days that no home has; and so are
// the ranges of its slots.
func TestForecastOfTheFirstMonthHoldsWhatItSays(t *testing.T) {
	unraced.Only(t)
	const days = 130
	var slots [][]units.Energy // by home
	for i, daily := range []units.Energy{5, 8, 12, 16, 22, 30} {
		h := household(t, HouseholdConfig{Seed: uint64(300 + i), Daily: daily * units.KilowattHour, Latitude: -26})
		home := make([]units.Energy, days*48)
		for k := range home {
			at := start.Add(time.Duration(k) * 30 * time.Minute)
			home[k], _ = h.Energy(at, at.Add(30*time.Minute))
		}
		slots = append(slots, home)
	}
	sum := func(v []units.Energy) (kwh float64) {
		for _, x := range v {
			kwh += x.KWh()
		}
		return kwh
	}
	for _, known := range []int{2, 4, 7, 14, 21, 28} {
		var under, over, came, within, seen, widest float64
		for _, home := range slots {
			for _, from := range []int{0, 12, 24, 36, 48, 60, 72, 84} {
				f, err := forecast.New(forecast.Options{})
				if err != nil {
					t.Fatal(err)
				}
				for k := from * 48; k < (from+known)*48; k++ {
					slot := units.Slot{Start: start.Add(time.Duration(k) * 30 * time.Minute), Len: 30 * time.Minute}
					if err := f.Update(forecast.Observation{Slot: slot, Energy: home[k]}); err != nil {
						t.Fatal(err)
					}
				}
				top := 0.0
				for d := from; d < from+known+7; d++ {
					top = max(top, sum(home[d*48:d*48+48]))
				}
				at, next := start.Add(time.Duration(from+known)*24*time.Hour), home[(from+known)*48:]
				for i, s := range f.Forecast(at, 48*time.Hour).Slots {
					if y := next[i].KWh(); y >= s.Q10 && y <= s.Q90 {
						within++
					}
					seen++
				}
				paths := f.Scenarios(at, 7*24*time.Hour, 100, 1).Paths
				for d := range 7 {
					sums := make([]float64, len(paths))
					for k, p := range paths {
						for _, x := range p[d*48 : d*48+48] {
							sums[k] += x
						}
					}
					slices.Sort(sums)
					widest = max(widest, sums[len(sums)-1]/top)
					y := sum(next[d*48 : d*48+48])
					if y < sums[9] {
						under++
					}
					if y > sums[90] {
						over++
					}
					came++
				}
			}
		}
		under, over, within = under/came, over/came, within/seen
		t.Logf("%2d days known: %.3f of days under the paths' q10, %.3f over q90, widest %.2f of the greatest that came; %.3f of slots within 10-90 %%",
			known, under, over, widest, within)
		if under < 0.03 || under > 0.2 || over < 0.03 || over > 0.2 {
			t.Errorf("%d days known: %.3f of days came under the paths' q10, %.3f over their q90", known, under, over)
		}
		if widest > 2.5 {
			t.Errorf("%d days known: a path has a day of %.1f times the greatest that came", known, widest)
		}
		if within < 0.72 || within > 0.88 {
			t.Errorf("%d days known: %.3f of slots came within the 10-90 %% range", known, within)
		}
	}
}
