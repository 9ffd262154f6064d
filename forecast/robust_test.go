package forecast

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/internal/units"
	"pgregory.net/rapid"
)

// check fails on anything no forecast may be.
func check(t testing.TB, fc Forecast, n int) {
	t.Helper()
	if len(fc.Slots) != n {
		t.Fatalf("%d slots, want %d", len(fc.Slots), n)
	}
	for i, s := range fc.Slots {
		for _, x := range []float64{s.Mean, s.Q10, s.Q50, s.Q90} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Fatalf("slot %d: %+v", i, s)
			}
		}
		if s.Q10 > s.Q50 || s.Q50 > s.Q90 {
			t.Fatalf("slot %d: quantiles cross: %+v", i, s)
		}
		if i > 0 && !s.Start.Equal(fc.Slots[i-1].End()) {
			t.Fatalf("slot %d starts at %v, the one before ends at %v", i, s.Start, fc.Slots[i-1].End())
		}
	}
}

func total(fc Forecast) (sum float64) {
	for _, s := range fc.Slots {
		sum += s.Mean
	}
	return sum
}

func TestOddHistories(t *testing.T) {
	unraced.Only(t)
	const half = 30 * time.Minute
	week := func(edit func(i int, o *Observation)) []Observation {
		obs := household(monday, half, 42, 2)
		for i := range obs {
			edit(i, &obs[i])
		}
		return obs
	}
	plain := mustNew(t, Options{})
	feed(t, plain, week(func(int, *Observation) {}))
	at := monday.Add(42 * day)
	usual := total(plain.Forecast(at, 2*day))

	for _, c := range []struct {
		name     string
		obs      []Observation
		low, top float64 // of the two days' energy over the plain history's
	}{
		{"gaps of hours every day", week(func(i int, o *Observation) {
			if i%48 >= 20 && i%48 < 25 {
				o.Quality = Missing
			}
		}), 0.85, 1.15},
		{"a gap of two weeks in the middle", week(func(i int, o *Observation) {
			if i >= 14*48 && i < 28*48 {
				o.Quality = Missing
			}
		}), 0.85, 1.15},
		{"the last ten days missing", week(func(i int, o *Observation) {
			if i >= 32*48 {
				o.Quality = Missing
			}
		}), 0.8, 1.25},
		{"estimated slots are not learned from", week(func(i int, o *Observation) {
			if i%5 == 0 {
				o.Quality, o.Energy = Estimated, 50*units.KilowattHour
			}
		}), 0.85, 1.15},
		{"spikes of a faulty meter", week(func(i int, o *Observation) {
			if i%301 == 7 {
				o.Energy = 900 * units.KilowattHour
			}
		}), 0.8, 1.6},
		{"nothing is ever used", week(func(_ int, o *Observation) { o.Energy = 0 }), 0, 0.02},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustNew(t, Options{})
			feed(t, f, c.obs)
			fc := f.Forecast(at, 2*day)
			check(t, fc, 96)
			if r := total(fc) / usual; r < c.low || r > c.top {
				t.Errorf("two days' energy is %.2f of the plain history's, want %v to %v", r, c.low, c.top)
			}
			s := f.Scenarios(at, 2*day, 20, 1)
			for _, p := range s.Paths {
				for i, x := range p {
					if !(x >= 0) || math.IsInf(x, 0) {
						t.Fatalf("slot %d of a path is %v kWh", i, x)
					}
				}
			}
		})
	}
}

func TestExportIsForecastBelowZero(t *testing.T) {
	obs := household(monday, 30*time.Minute, 28, 3)
	for i := range obs {
		if h := i % 48; h >= 20 && h < 30 {
			obs[i].Energy -= units.FromKWh(1.5)
		}
	}
	f := mustNew(t, Options{})
	feed(t, f, obs)
	fc := f.Forecast(monday.Add(28*day), day)
	check(t, fc, 48)
	if noon := fc.Slots[25]; noon.Q50 > -0.5 {
		t.Errorf("noon with a large roof: median %.2f kWh, want export", noon.Q50)
	}
	if night := fc.Slots[6]; night.Q50 < 0 || night.Q50 > 0.5 {
		t.Errorf("night: median %.2f kWh", night.Q50)
	}
	low := 0.0
	for _, p := range f.Scenarios(monday.Add(28*day), day, 20, 1).Paths {
		low = math.Min(low, p[25])
	}
	if low > -0.5 {
		t.Errorf("no path exports at noon: the least is %v kWh", low)
	}
}

// The evening peak is at 19:00 local time on both sides of a clock change.
func TestHabitsKeepLocalTimeOverClockChanges(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]time.Time{
		"clock goes forward": time.Date(2024, 3, 31, 0, 0, 0, 0, zone),
		"clock goes back":    time.Date(2024, 10, 27, 0, 0, 0, 0, zone),
	} {
		t.Run(name, func(t *testing.T) {
			f := mustNew(t, Options{Zone: zone})
			start := change.AddDate(0, 0, -21).UTC()
			for at := start; at.Before(change); at = at.Add(30 * time.Minute) {
				kwh := 0.1
				if at.In(zone).Hour() == 19 {
					kwh = 1.5
				}
				o := Observation{Slot: units.Slot{Start: at, Len: 30 * time.Minute}, Energy: units.FromKWh(kwh)}
				if err := f.Update(o); err != nil {
					t.Fatal(err)
				}
			}
			fc := f.Forecast(change.UTC(), 3*day)
			check(t, fc, 144)
			for _, s := range fc.Slots {
				if peak := s.Start.In(zone).Hour() == 19; peak != (s.Q50 > 0.7) {
					t.Errorf("%v: median %.2f kWh", s.Start.In(zone), s.Q50)
				}
			}
			// The changed day itself is then a part of the history.
			for at := change.UTC(); at.Before(change.AddDate(0, 0, 2)); at = at.Add(30 * time.Minute) {
				kwh := 0.1
				if at.In(zone).Hour() == 19 {
					kwh = 1.5
				}
				if err := f.Update(Observation{Slot: units.Slot{Start: at, Len: 30 * time.Minute}, Energy: units.FromKWh(kwh)}); err != nil {
					t.Fatal(err)
				}
			}
			fc = f.Forecast(change.AddDate(0, 0, 2).UTC(), day)
			for _, s := range fc.Slots {
				if peak := s.Start.In(zone).Hour() == 19; peak != (s.Q50 > 0.7) {
					t.Errorf("after the change, %v: median %.2f kWh", s.Start.In(zone), s.Q50)
				}
			}
		})
	}
}

func TestSlotsOfAllLengths(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, 9 * time.Minute, 15 * time.Minute, 45 * time.Minute, time.Hour} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			f := mustNew(t, Options{Step: step})
			obs := household(monday, step, 21, 5)
			feed(t, f, obs)
			at := monday.Add(21 * day)
			fc := f.Forecast(at, day)
			check(t, fc, int(day/step))
			truth := 0.0
			for _, o := range obs {
				truth += o.Energy.KWh() / 21
			}
			if r := total(fc) / truth; r < 0.85 || r > 1.15 {
				t.Errorf("a day's energy is %.2f of the usual", r)
			}
			s := f.Scenarios(at, day, 40, 1)
			sum := 0.0
			for _, p := range s.Paths {
				for _, x := range p {
					sum += x / 40
				}
			}
			if r := sum / truth; r < 0.8 || r > 1.2 {
				t.Errorf("the paths' energy is %.2f of the usual", r)
			}
		})
	}
}

// A single minute is wilder than its quarter of an hour, and the range says so.
func TestRangeOfSingleMinutesHolds(t *testing.T) {
	unraced.Only(t)
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		f := mustNew(t, Options{Step: step})
		obs := household(monday, step, 60, 6)
		perDay := int(day / step)
		in, n := 0.0, 0.0
		next := 0
		for d := 40; d+1 < 60; d += 3 {
			feed(t, f, obs[next:d*perDay])
			next = d * perDay
			for i, s := range f.Forecast(monday.Add(time.Duration(d)*day), day).Slots {
				if y := obs[next+i].Energy.KWh(); y >= s.Q10 && y <= s.Q90 {
					in++
				}
				n++
			}
		}
		t.Logf("%v: %.3f within", step, in/n)
		if c := in / n; c < 0.7 || c > 0.9 {
			t.Errorf("%.2f of slots of %v within the 10-90 %% range, want 0.8", c, step)
		}
	}
}

// Hours and weeks that are missing at the end leave the answer where it was, and a
// range that is not narrower for it.
func TestGapsAtTheEndAreNoNews(t *testing.T) {
	unraced.Only(t)
	obs := household(monday, 30*time.Minute, 63, 21)
	at := monday.Add(63 * day)
	width := func(fc Forecast) (w float64) {
		for _, s := range fc.Slots {
			w += s.Q90 - s.Q10
		}
		return w
	}
	full := mustNew(t, Options{})
	feed(t, full, obs)
	want := full.Forecast(at, 2*day)
	for _, hours := range []int{5, 24, 14 * 24, 28 * 24} {
		f := mustNew(t, Options{})
		feed(t, f, obs[:len(obs)-2*hours])
		fc := f.Forecast(at, 2*day)
		check(t, fc, 96)
		if r := total(fc) / total(want); r < 0.85 || r > 1.15 {
			t.Errorf("%d hours missing: %.2f of the energy", hours, r)
		}
		if r := width(fc) / width(want); r < 0.8 || r > 1.6 {
			t.Errorf("%d hours missing: the range is %.2f as wide", hours, r)
		}
	}
}

// Before there are data there are paths and a run-out, of a small household.
func TestEmptyHistoryRunsOutByThePrior(t *testing.T) {
	f := mustNew(t, Options{Step: 5 * time.Minute})
	r := f.Scenarios(monday, 7*day, 200, 1).RunOut(Credit{Balance: 16})
	if r.Q50 < 36*time.Hour || r.Q50 > 60*time.Hour {
		t.Errorf("16 kWh of a site of 8 kWh a day last %v", r.Q50)
	}
	if r.Q10 < 20*time.Hour || r.Q10 >= r.Q50-time.Hour || r.Q90 <= r.Q50+time.Hour || r.Q90 > 6*day {
		t.Errorf("the range is %v to %v", r.Q10, r.Q90)
	}
}

func TestAnyHistoryGetsAnOrderedFiniteAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}).Draw(t, "step")
		f, err := New(Options{Step: step})
		if err != nil {
			t.Fatal(err)
		}
		at := monday.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute)
		n := rapid.IntRange(0, 400).Draw(t, "slots")
		for i := range n {
			o := Observation{Slot: units.Slot{Start: monday.Add(time.Duration(i) * step), Len: step}}
			o.Energy = units.Energy(rapid.Int64Range(-int64(units.KilowattHour), int64(4*units.KilowattHour)).Draw(t, "energy"))
			o.Quality = Quality(rapid.IntRange(0, 2).Draw(t, "quality"))
			if err := f.Update(o); err != nil {
				t.Fatal(err)
			}
		}
		at = at.Add(time.Duration(n) * step)
		fc := f.Forecast(at, 10*time.Hour)
		for i, s := range fc.Slots {
			if !(s.Q10 <= s.Q50 && s.Q50 <= s.Q90) || math.IsNaN(s.Mean) || math.IsInf(s.Q90-s.Q10, 0) {
				t.Fatalf("slot %d: %+v", i, s)
			}
		}
		r := f.Scenarios(at, 10*time.Hour, 5, 1).RunOut(Credit{Balance: 1})
		if r.Q10 > r.Q50 || r.Q50 > r.Q90 || r.Q10 < 0 || r.Q90 > r.Horizon {
			t.Fatalf("run-out %+v", r)
		}
	})
}
