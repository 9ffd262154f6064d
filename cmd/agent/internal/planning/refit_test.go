package planning

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/internal/units"
)

// refitBench is a bench whose forecaster leaves its refits to the planner, or
// not, with five weeks known.
func refitBench(t *testing.T, background bool) *bench {
	t.Helper()
	b := newBench(t, background)
	b.Learn(b.habits(b.now.AddDate(0, 0, -35), b.now))
	return b
}

func sameForecast(a, b Plan) bool {
	return reflect.DeepEqual([][]units.Power{a.Low, a.Mid, a.High}, [][]units.Power{b.Low, b.Mid, b.High}) && a.RunOut == b.RunOut
}

func TestRefitBesideThePlansAnswersAsOneMadeAtOnce(t *testing.T) {
	b, inline := refitBench(t, true), refitBench(t, false)
	if !sameForecast(b.planAt(b.now), inline.planAt(b.now)) {
		t.Fatal("the first plan after a start does not rest on all that is known")
	}
	if b.refitting {
		t.Fatal("what the first plan needs is learned beside it")
	}
	week := b.now.AddDate(0, 0, 8)
	news := b.habits(b.now, week)
	b.Learn(news)
	inline.Learn(news)
	var learning sync.WaitGroup
	next := b.habits(week, week.Add(b.rules.Interval))
	learning.Go(func() { b.Learn(next) }) // as the loop does meanwhile
	b.planAt(week)
	if !b.refitting {
		t.Fatal("a week has gone by and nothing is learned")
	}
	learning.Wait()
	b.Wait()
	week = week.Add(b.rules.Interval)
	inline.Learn(next)
	got, want := b.planAt(week), inline.planAt(week)
	if b.refitting || b.forecast.RefitDue(week) {
		t.Error("what was learned is not taken over")
	}
	if !sameForecast(got, want) {
		t.Error("learned beside the plans is another forecast than learned at once")
	}
}

func TestPlanWaitsWhereNothingLearnedStands(t *testing.T) {
	unraced.Only(t)
	late := newBench(t, false).habits(begin().AddDate(0, 0, -3), begin().AddDate(0, 0, -2))
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
				news := b.habits(b.now, b.now.AddDate(0, 0, 8))
				b.Learn(news)
				inline.Learn(news)
				b.planAt(b.now.AddDate(0, 0, 8))
				if !b.refitting {
					t.Fatal("no refit is under way")
				}
			}
			b.Learn(c.late)
			inline.Learn(c.late)
			at := b.now.Add(c.later)
			if got, want := b.planAt(at), inline.planAt(at); !sameForecast(got, want) {
				t.Errorf("the plan does not rest on all that is known: runs out %+v, should %+v", got.RunOut, want.RunOut)
			}
		})
	}
}
