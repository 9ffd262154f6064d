package forecast

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/unraced"

	"pgregory.net/rapid"
)

// livedAndRestarted are a forecaster that was asked every so often from day asked on, while it
// learned, and one that is given at once what an agent gives it at a start.
func livedAndRestarted(t testing.TB, opt Options, obs []Observation, asked int, every func(i int) bool) (lived, again *Forecaster, at time.Time) {
	lived, again = mustNew(t, opt), mustNew(t, opt)
	for i, o := range obs {
		if now := o.Slot.Start; i >= asked*24 && every(i) {
			if lived.RefitDue(now) {
				lived.Refit(now)
			}
			lived.Forecast(now, 48*time.Hour)
			lived.Scenarios(now, 48*time.Hour, 5, 1)
		}
		feed(t, lived, obs[i:i+1])
	}
	at = obs[len(obs)-1].Slot.End()
	feed(t, again, slices.DeleteFunc(slices.Clone(obs), func(o Observation) bool { return o.Slot.Start.Before(at.Add(-Kept)) }))
	for _, f := range []*Forecaster{lived, again} {
		if f.RefitDue(at) {
			f.Refit(at)
		}
	}
	return lived, again, at
}

// differences is how many slots of a week two forecasters differ in, and whether in their paths.
func differences(a, b *Forecaster, at time.Time) (slots int, paths bool) {
	x, y := a.Forecast(at, 7*day), b.Forecast(at, 7*day)
	for i := range x.Slots {
		if x.Slots[i] != y.Slots[i] {
			slots++
		}
	}
	x.Slots, y.Slots = nil, nil
	if !reflect.DeepEqual(x, y) {
		slots++
	}
	p, q := a.Scenarios(at, 7*day, 9, 2), b.Scenarios(at, 7*day, 9, 2)
	return slots, !reflect.DeepEqual(p, q) || !reflect.DeepEqual(p.RunOut(Credit{Balance: 40}), q.RunOut(Credit{Balance: 40}))
}

// A restart answers as if there had been none, however long the forecaster has run: what is
// learned hangs on nothing but the history that it is given.
func TestARestartAnswersAsIfThereHadBeenNone(t *testing.T) {
	unraced.Only(t)
	first := civil.DateIn(monday, time.UTC)
	for _, c := range []struct {
		situation   string
		days, asked int
		spike       int // an hour of it is a hundred times as much, every so many days
		named       []NamedDays
	}{
		{"some days are long ago", 170, 130, 0, nil},
		{"a meter's spikes are cut", 170, 130, 37, nil},
		{"days and observations are forgotten, and some have a name", 930, 895, 0, []NamedDays{{"a", first + 100, first + 120}, {"a", first + 560, first + 580}, {"b", first + 700, first + 700}, {"a", first + 915, first + 935}}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			obs := household(monday, time.Hour, c.days, 9)
			for i := 50; c.spike > 0 && i < len(obs); i += c.spike * 24 {
				obs[i].Energy *= 100
			}
			opt := Options{Step: time.Hour, Seed: 4, Background: c.spike > 0, Days: c.named}
			lived, again, at := livedAndRestarted(t, opt, obs, c.asked, func(i int) bool { return i%31 == 0 })
			if slots, paths := differences(lived, again, at); slots > 0 || paths {
				t.Errorf("%d slots differ, paths differ: %v", slots, paths)
			}
		})
	}
}

// Whatever the history and whenever it was asked.
func TestAnyRestartAnswersAsIfThereHadBeenNone(t *testing.T) {
	unraced.Only(t)
	rapid.Check(t, func(rt *rapid.T) {
		days := rapid.SampledFrom([]int{1, 2, 4, 11, 30, 40, 75, 135}).Draw(rt, "days")
		seed := rapid.Uint64Range(0, 99).Draw(rt, "seed")
		obs := household(monday.Add(time.Duration(rapid.IntRange(0, 200).Draw(rt, "begin"))*time.Hour), time.Hour, days, seed)
		for range rapid.IntRange(0, 4).Draw(rt, "odd stretches") {
			from := rapid.IntRange(0, len(obs)-1).Draw(rt, "from")
			to := min(len(obs), from+rapid.IntRange(1, 400).Draw(rt, "slots"))
			kind := rapid.IntRange(0, 4).Draw(rt, "kind")
			for i := from; i < to; i++ {
				o := &obs[i]
				switch kind {
				case 0:
					o.Quality = Missing
				case 1:
					o.Quality, o.Energy = Censored, o.Energy/2
				case 2:
					o.Energy *= 5
				case 3:
					o.Energy = 0
				case 4:
					o.Energy = -units.Energy(i%7) * o.Energy / 20
				}
			}
		}
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"UTC", "Europe/Paris", "Pacific/Auckland", "America/Los_Angeles"}).Draw(rt, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		opt := Options{Step: time.Hour, Seed: seed, Zone: zone, Background: rapid.Bool().Draw(rt, "background")}
		rhythm := rapid.IntRange(7, 200).Draw(rt, "asked every")
		lived, again, at := livedAndRestarted(t, opt, obs, max(0, days-30), func(i int) bool { return i%rhythm == 0 })
		if slots, paths := differences(lived, again, at); slots > 0 || paths {
			rt.Errorf("%d slots differ, paths differ: %v", slots, paths)
		}
	})
}

// What was known later is not known at an earlier cell, in whatever order it is asked.
func TestErrorsAreOfWhatWasKnownThen(t *testing.T) {
	opt := Options{Step: time.Hour, Seed: 4}
	f := mustNew(t, opt)
	obs := household(monday, time.Hour, 40, 9)
	feed(t, f, obs)
	o := f.look(floorDiv(obs[len(obs)-1].Slot.End().Unix(), f.hist.step))
	m := &o.learned.paths[0]
	known := func(now int) (n int) {
		for _, e := range m.errors(o.d, now).z {
			z := e.value()
			if z == z {
				n++
			}
		}
		return n
	}
	if whole := known(o.origin); whole < longDays*o.d.perDay {
		t.Fatalf("%d errors are known of a week that is over", whole)
	}
	if n := known(m.p.origin + 10); n != 10 {
		t.Errorf("10 hours after its beginning %d errors of it are known", n)
	}
}
