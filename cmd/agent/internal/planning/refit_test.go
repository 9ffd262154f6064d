package control

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// habits are a home's intervals from one instant to another: more in the evening, a
// little different from day to day.
func habits(site *Site, from, to time.Time) []Interval {
	var out []Interval
	for _, slot := range units.Slots(from, site.Interval, int(to.Sub(from)/site.Interval)) {
		n := slot.Start.Unix() / int64(site.Interval/time.Second)
		kwh := 0.1 + 0.01*float64(n*n%17)
		if h := slot.Start.In(site.Zone).Hour(); h >= 18 && h < 22 {
			kwh += 0.4 + 0.02*float64(n/48%5)
		}
		out = append(out, Interval{Series: SiteSeries, Interval: metering.Interval{Slot: slot, Import: units.FromKWh(kwh), Covered: slot.Len}})
	}
	return out
}

// refitBench is a bench whose forecaster leaves its refits to the planner, or
// not, with five weeks known.
func refitBench(t *testing.T, background bool) *bench {
	t.Helper()
	b := newBench(t)
	f, err := forecast.New(forecast.Options{Zone: b.site.Zone, Step: b.site.Interval, Background: background})
	must(t, err)
	b.planner = NewPlanner(b.site, f, nil)
	t.Cleanup(b.planner.Wait)
	b.planner.Learn(habits(b.site, b.now.AddDate(0, 0, -35), b.now))
	return b
}

// planAt is the plan at another time than the State's.
func (b *bench) planAt(at time.Time) Plan {
	st := b.st
	st.Now = at
	return b.planner.Plan(context.Background(), st)
}

func sameForecast(a, b Plan) bool {
	return reflect.DeepEqual([][]units.Power{a.Low, a.Mid, a.High}, [][]units.Power{b.Low, b.Mid, b.High}) && a.RunOut == b.RunOut
}

func TestRefitBesideThePlansAnswersAsOneMadeAtOnce(t *testing.T) {
	b, inline := refitBench(t, true), refitBench(t, false)
	if !sameForecast(b.planAt(b.now), inline.planAt(b.now)) {
		t.Fatal("the first plan after a start does not rest on all that is known")
	}
	if b.planner.refitting {
		t.Fatal("what the first plan needs is learned beside it")
	}
	week := b.now.AddDate(0, 0, 8)
	news := habits(b.site, b.now, week)
	b.planner.Learn(news)
	inline.planner.Learn(news)
	var learning sync.WaitGroup
	next := habits(b.site, week, week.Add(b.site.Interval))
	learning.Go(func() { b.planner.Learn(next) }) // as the loop does meanwhile
	b.planAt(week)
	if !b.planner.refitting {
		t.Fatal("a week has gone by and nothing is learned")
	}
	learning.Wait()
	b.planner.Wait()
	week = week.Add(b.site.Interval)
	inline.planner.Learn(next)
	got, want := b.planAt(week), inline.planAt(week)
	if b.planner.refitting || b.planner.forecast.RefitDue(week) {
		t.Error("what was learned is not taken over")
	}
	if !sameForecast(got, want) {
		t.Error("learned beside the plans is another forecast than learned at once")
	}
}

func TestPlanWaitsWhereNothingLearnedStands(t *testing.T) {
	late := habits(testSite(t), begin().AddDate(0, 0, -3), begin().AddDate(0, 0, -2))
	for i := range late {
		late[i].Import *= 2
	}
	for _, c := range []struct {
		name  string
		later time.Duration // of the plan that is asked, from the first
		late  []Interval
		busy  bool // a refit is under way
	}{
		{"intervals of days ago come late", 30 * time.Minute, late, false},
		{"they come while a refit is under way", 8*24*time.Hour + 30*time.Minute, late, true},
		{"the clock is set back a day", -24 * time.Hour, nil, false},
		{"the clock is set back while a refit is under way", 6 * 24 * time.Hour, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, inline := refitBench(t, true), refitBench(t, false)
			b.planAt(b.now)
			inline.planAt(b.now)
			if c.busy {
				news := habits(b.site, b.now, b.now.AddDate(0, 0, 8))
				b.planner.Learn(news)
				inline.planner.Learn(news)
				b.planAt(b.now.AddDate(0, 0, 8))
				if !b.planner.refitting {
					t.Fatal("no refit is under way")
				}
			}
			b.planner.Learn(c.late)
			inline.planner.Learn(c.late)
			at := b.now.Add(c.later)
			if got, want := b.planAt(at), inline.planAt(at); !sameForecast(got, want) {
				t.Errorf("the plan does not rest on all that is known: runs out %+v, should %+v", got.RunOut, want.RunOut)
			}
		})
	}
}

func TestLoopEndsWithItsRefits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runLoop(t)
		whole, _ := r.cfg.Planner.(*failing)
		p := whole.Planner
		f, err := forecast.New(forecast.Options{Zone: p.site.Zone, Step: p.site.Interval, Background: true})
		must(t, err)
		p.forecast = f
		now := time.Now().UTC().Truncate(p.site.Interval)
		p.Learn(habits(p.site, now.AddDate(0, 0, -35), now))
		p.catchUp(now)
		f.Refit(now.AddDate(0, 0, -8)) // as far as the weekly learning has come
		if !f.RefitDue(now) || !f.Learned(now) {
			t.Fatal("the last refit is more than a week old, and none is due")
		}
		r.read(t, 0)
		for range 3 { // the loop asks for its first plan
			time.Sleep(time.Second)
			r.read(t, 0)
		}
		r.stop()
		if !p.refitting {
			t.Fatal("the loop's plan has not begun a refit")
		}
		if len(p.refitted) != 1 {
			t.Error("the loop has ended and a refit of it has not")
		}
	})
}
