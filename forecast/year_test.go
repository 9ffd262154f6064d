package forecast

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/units/unitstest"
)

// localHousehold is a home that keeps local time: so many days of it up to at.
func localHousehold(at time.Time, loc *time.Location, step time.Duration, days int) []Observation {
	var out []Observation
	for t := at.Add(-time.Duration(days) * day); t.Before(at); t = t.Add(step) {
		l := t.In(loc)
		kwh := 0.1 + 0.02*float64((l.YearDay()*7+l.Hour()*3)%5)
		if h := l.Hour(); h >= 17 && h < 22 {
			kwh += 0.6
		}
		out = append(out, Observation{Slot: units.Slot{Start: t, Len: step}, Energy: units.FromKWh(kwh * step.Hours())})
	}
	return out
}

// Local time is no order of time: before a clock is put back, the last slot of a
// horizon is not the greatest of the local day.
func TestEveryHalfHourOfTheYearIsForecast(t *testing.T) {
	unraced.Only(t)
	const half = 30 * time.Minute
	tried := 0
	for _, y := range unitstest.Years(t) {
		for _, at := range y.Instants(8, 1, unitstest.Horizons()...) {
			f := mustNew(t, Options{Zone: y.Loc, Background: true})
			feed(t, f, localHousehold(at, y.Loc, half, 9))
			longest := f.Forecast(at, 336*time.Hour)
			first, _ := f.span(at, 0)
			o := f.look(first)
			for _, h := range unitstest.Horizons() {
				tried++
				n := int(h / half)
				fc := f.Forecast(at, h)
				check(t, fc, n)
				if fc.Slots[0].Start != at {
					t.Fatalf("%s: from %v: the first slot is %v", y.Name, at, fc.Slots[0].Start)
				}
				for i, s := range fc.Slots {
					if s.Q10 < 0 {
						t.Fatalf("%s: from %v over %v: slot %d of a home without sun is %+v", y.Name, at, h, i, s)
					}
					if s != longest.Slots[i] {
						t.Fatalf("%s: from %v over %v: slot %d is %+v, of a longer horizon %+v", y.Name, at, h, i, s, longest.Slots[i])
					}
				}
				paths := f.scenarios(o, new([]float64), first, n, 6, 1)
				if len(paths.Paths) != 6 || !paths.Start.Equal(at) {
					t.Fatalf("%s: from %v over %v: %d paths from %v", y.Name, at, h, len(paths.Paths), paths.Start)
				}
				sums := 0.0
				for _, p := range paths.Paths {
					if len(p) != n {
						t.Fatalf("%s: from %v over %v: a path of %d slots", y.Name, at, h, len(p))
					}
					for i, x := range p {
						if x < 0 || math.IsNaN(x) || math.IsInf(x, 0) {
							t.Fatalf("%s: from %v over %v: slot %d of a path uses %v", y.Name, at, h, i, x)
						}
						sums += x / 6
					}
				}
				if mean := total(fc); sums < 0.6*mean || sums > 1.6*mean {
					t.Fatalf("%s: from %v over %v: paths use %.2f kWh in the mean, the forecast is %.2f", y.Name, at, h, sums, mean)
				}
				for _, kwh := range []float64{4, 60} {
					r := paths.RunOut(Credit{Balance: kwh})
					if r.Q10 > r.Q50 || r.Q50 > r.Q90 || r.Q90 > h || r.Q10 <= 0 || r.Horizon != h {
						t.Fatalf("%s: from %v over %v: %v kWh: %+v", y.Name, at, h, kwh, r)
					}
					if h == 168*time.Hour && r != f.RunOuts(at, h, 6, 1, Credit{Balance: kwh})[0] {
						t.Fatalf("%s: from %v over %v: kept paths end the credit otherwise than paths that are not", y.Name, at, h)
					}
				}
			}
		}
		t.Logf("%s: %d forecasts up to here", y.Name, tried)
	}
}

// In the hour that a clock repeats, what was learned goes on, and it is what a
// forecaster learns that is told all at once.
func TestLifeGoesOnOverClockChanges(t *testing.T) {
	unraced.Only(t)
	const half = 30 * time.Minute
	for _, y := range unitstest.Years(t) {
		for _, change := range y.Changes {
			if change.After(y.To) {
				continue
			}
			from := change.Add(-3 * time.Hour)
			obs := localHousehold(change.Add(5*time.Hour), y.Loc, half, 16)
			for i := range obs {
				obs[i].Energy += units.Energy(i*7919%50) * 2 * units.WattHour
			}
			f := mustNew(t, Options{Zone: y.Loc, Background: true})
			next := 0
			live := func(to time.Time) {
				for ; next < len(obs) && obs[next].Slot.Start.Before(to); next++ {
					if err := f.Update(obs[next]); err != nil {
						t.Fatal(err)
					}
				}
			}
			live(from)
			f.Refit(from)
			for at := from; at.Before(change.Add(5 * time.Hour)); at = at.Add(half) {
				live(at)
				if !f.Learned(at) {
					t.Fatalf("%s: what was learned is lost at %v (%v)", y.Name, at, at.In(y.Loc))
				}
				got := f.Forecast(at, 48*time.Hour)
				check(t, got, 96)
				if !unitstest.Long() && at != change && at != change.Add(time.Hour) {
					continue
				}
				g := mustNew(t, Options{Zone: y.Loc})
				feed(t, g, obs[:next])
				want := g.Forecast(at, 48*time.Hour)
				if f.RefitDue(at) {
					continue // a week has begun: the other has learned anew
				}
				for i := range want.Slots {
					if got.Slots[i] != want.Slots[i] {
						t.Fatalf("%s: at %v (%v), slot %d: lived %+v, told at once %+v", y.Name, at, at.In(y.Loc), i, got.Slots[i], want.Slots[i])
					}
				}
			}
		}
	}
}
