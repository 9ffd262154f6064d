package forecast

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"pgregory.net/rapid"
)

// What is kept between two questions is never seen: whoever asks again is told what one
// is who works it all out anew, whatever has been learned in between.
func TestAskingAgainIsAnsweredAsIfNothingHadBeenKept(t *testing.T) {
	for _, background := range []bool{false, true} {
		obs := household(monday, time.Hour, 40, 3)
		opt := Options{Step: time.Hour, Seed: 1, Background: background}
		kept, anew := mustNew(t, opt), mustNew(t, opt)
		known := 35 * 24
		feed(t, kept, obs[:known])
		feed(t, anew, obs[:known])
		at := obs[known].Slot.Start
		ask := func(what string) {
			t.Helper()
			for range 2 {
				anew.seen = seen{}
				want := anew.Forecast(at, 30*time.Hour)
				anew.seen = seen{}
				paths := anew.Scenarios(at, 30*time.Hour, 5, 1)
				if got := kept.Forecast(at, 30*time.Hour); !reflect.DeepEqual(got, want) {
					t.Errorf("background %v, %s: another forecast", background, what)
				}
				if got := kept.Scenarios(at, 30*time.Hour, 5, 1); !reflect.DeepEqual(got, paths) {
					t.Errorf("background %v, %s: other paths", background, what)
				}
			}
		}
		both := func(do func(f *Forecaster)) { do(kept); do(anew) }
		ask("at first")
		both(func(f *Forecaster) { f.Refit(at) })
		ask("after a refit")
		both(func(f *Forecaster) { feed(t, f, obs[known:known+1]) })
		at = at.Add(time.Hour)
		ask("an hour on")
		late := obs[known-30]
		late.Energy *= 3
		both(func(f *Forecaster) { feed(t, f, []Observation{late}) })
		ask("after an hour of the day before was corrected")
		both(func(f *Forecaster) {
			if err := f.UpdateTemperature(at, 31); err != nil {
				t.Fatal(err)
			}
		})
		ask("after a temperature")
		both(func(f *Forecaster) {
			g := f.Fork()
			feed(t, f, obs[known+1:known+5])
			g.Refit(at)
			f.Adopt(g)
		})
		at = at.Add(4 * time.Hour)
		ask("after what a fork had learned was taken over")
		at = at.Add(-50 * time.Hour)
		ask("after the clock was set back")
		if due, again := kept.RefitDue(at), anew.RefitDue(at); due != again {
			t.Errorf("background %v: a refit is due: %v, anew %v", background, due, again)
		}
	}
}

// What slots cost is worked out once for several questions; the answers are the same.
func TestACreditThatIsPricedOnceAnswersAsOneThatIsAsked(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, c, price := someFutures(rt)
		n := len(s.Paths[0])
		c.Planned = rapid.SliceOfN(rapid.Float64Range(0, 2), 0, n).Draw(rt, "planned")
		c.Cost = func(slot int, used, kwh float64) float64 { // dearer the more was used before
			return price[slot] * kwh * (1 + used/10)
		}
		room := []float64{7, 7, 7}
		once := s.Priced(c, &room)
		marks := []int{n / 2, n}
		if a, b := s.Needs(c, marks), s.Needs(once, marks); !reflect.DeepEqual(a, b) {
			rt.Errorf("needs %v, priced once %v", a, b)
		}
		if a, b := s.RunOut(c), s.RunOut(once); a != b {
			rt.Errorf("run-out %v, priced once %v", a, b)
		}
		if a, b := s.Lasts(c, n), s.Lasts(once, n); a != b {
			rt.Errorf("lasts %v, priced once %v", a, b)
		}
		runs := []Run{{From: 0, To: 1, Cost: 1}, {From: n / 2, To: n, Cost: 3}}
		if a, b := s.Light(c, runs), s.Light(once, runs); !reflect.DeepEqual(a, b) {
			rt.Errorf("light %v, priced once %v", a, b)
		}
		extra := []float64{1, 1}
		if a, b := s.Sooner(c, extra), s.Sooner(once, extra); !reflect.DeepEqual(a, b) {
			rt.Errorf("sooner %v, priced once %v", a, b)
		}
	})
}

// In the first weeks no booster can be fitted.  What was learned is then not learned anew
// with each forecast, only where a week is over.
func TestTheFirstWeeksAreLearnedFromOnce(t *testing.T) {
	obs := household(monday, time.Hour, 10, 5)
	f := mustNew(t, Options{Step: time.Hour, Seed: 1})
	known := 9 * 24
	feed(t, f, obs[:known])
	f.Forecast(obs[known].Slot.Start, 24*time.Hour)
	learned := f.engine.pass
	feed(t, f, obs[known:known+1])
	f.Forecast(obs[known+1].Slot.Start, 24*time.Hour)
	if len(f.engine.boosts) > 0 || f.engine.pass != learned {
		t.Errorf("%d boosters after nine days; all was learned anew: %v", len(f.engine.boosts), f.engine.pass != learned)
	}
}

// A fit of four weeks ago is wanted again, and is what it would be were it made anew: also
// where some of what it was made from comes late.
func TestAFitWantedAgainIsWhatItWouldBeMadeAnew(t *testing.T) {
	unraced.Only(t)
	for _, late := range []bool{false, true} {
		again, anew := mustNew(t, Options{Step: time.Hour}), mustNew(t, Options{Step: time.Hour})
		obs := household(monday, time.Hour, 70, 1)
		made, reused := map[*booster]bool{}, 0
		for from := 0; from < 70; from += 7 {
			news := obs[from*24 : (from+7)*24]
			if late && from == 42 {
				news = slices.Concat(slices.Clone(obs[10*24:20*24]), news)
				for i := range news[:240] {
					news[i].Energy *= 3
				}
			}
			feed(t, again, news)
			feed(t, anew, news)
			if anew.engine != nil {
				anew.engine.spare = nil
			}
			at := monday.Add(time.Duration(from+7) * day)
			if a, b := again.Forecast(at, 7*day), anew.Forecast(at, 7*day); !reflect.DeepEqual(a, b) {
				t.Fatalf("late %v: the forecasts differ after %d days", late, from+7)
			}
			for _, f := range again.engine.boosts {
				if made[f.q[0]] {
					reused++
				}
			}
			for _, f := range again.engine.boosts {
				made[f.q[0]] = true
			}
		}
		if reused == 0 && !late {
			t.Error("none was wanted again")
		}
	}
}
