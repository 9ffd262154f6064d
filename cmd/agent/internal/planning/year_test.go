package planning

import (
	"context"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/units/unitstest"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// overMidnight are loads of which one has hours that lie over midnight.
func overMidnight() []loads.Document {
	none := time.Duration(0)
	return []loads.Document{
		{
			ID: "geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, MinOff: &none,
			Need: &loads.NeedDocument{For: 2 * time.Hour, Between: []loads.Window{{From: 22 * 60, To: 6 * 60}, {From: 13 * 60, To: 15 * 60}}},
		},
		{ID: "washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: 90 * time.Minute, Need: &loads.NeedDocument{Runs: 1}},
	}
}

// A plan is made at every half hour of the year, whatever the clock does in its
// horizon: in order of time, at the tariff's prices, and with a run-out that lies ahead.
func TestEveryHalfHourOfTheYearIsPlanned(t *testing.T) {
	unraced.Only(t)
	const half = 30 * time.Minute
	for _, y := range unitstest.Years(t) {
		t.Run(y.Name, func(t *testing.T) {
			tried := 0
			b := newBenchIn(t, y.Loc, true, overMidnight()...)
			s := &b.rules
			instants := y.Instants(3, 4, unitstest.Horizons()...)
			for n, at := range instants {
				if !unitstest.Long() && n%4 != 0 { // the forecast and the tariff have walks of their own
					continue
				}
				f, err := forecast.New(forecast.Options{Zone: y.Loc, Step: half, Background: true})
				must(t, err)
				for from := at.Add(-8 * 24 * time.Hour); from.Before(at); from = from.Add(half) {
					must(t, f.Update(forecast.Observation{Slot: units.Slot{Start: from, Len: half}, Energy: units.Energy(100+from.In(y.Loc).Hour()*20) * units.WattHour}))
				}
				p := New(*s, f, nil)
				p.paths = 8
				p.Within(time.Millisecond)
				now := at.Add(7 * time.Minute)
				for _, h := range unitstest.Horizons() {
					tried++
					s.Ahead, s.RunOutOver, s.Shift = h, h, n%64 == 0
					p.rules = *s
					brief := b.brief(now)
					plan, o := p.look(&brief)
					problem, jobs := s.problem(&brief, o)
					if faults := problem.Check(); len(faults) > 0 {
						t.Fatalf("%s: at %v over %v: %v", y.Name, at.In(y.Loc), h, faults)
					}
					owed := 0
					for _, l := range brief.Loads {
						owed += len(l.Requests)
					}
					if len(jobs) == 0 && owed > 0 {
						t.Fatalf("%s: at %v over %v: nothing is to be placed of %d requests", y.Name, at.In(y.Loc), h, owed)
					}
					for i, slot := range o.slots {
						if want := at.Add(time.Duration(i) * half); slot.Start != want {
							t.Fatalf("%s: at %v over %v: slot %d begins %v", y.Name, at, h, i, slot.Start)
						}
						if plan.Low[i] > plan.Mid[i] || plan.Mid[i] > plan.High[i] || plan.Low[i] < 0 {
							t.Fatalf("%s: at %v over %v: slot %d between %s, %s and %s", y.Name, at, h, i, plan.Low[i], plan.Mid[i], plan.High[i])
						}
						if want, _ := s.Tariff.PriceAt(tariffs.Account{}, slot.Start); plan.Prices[i] != want {
							t.Fatalf("%s: at %v over %v: slot %d (%v) is priced %s, the tariff says %s", y.Name, at, h, i, slot.Start.In(y.Loc), plan.Prices[i], want)
						}
					}
					if n%16 != 0 {
						continue // the problem is made at each; a plan of it takes longer
					}
					plan, err = p.Plan(context.Background(), brief, 0)
					must(t, err)
					if r := plan.RunOut; !r.Known || r.Early.Before(now) || r.Mid.Before(r.Early) || r.Mid.After(at.Add(h+half)) {
						t.Fatalf("%s: at %v over %v: %+v", y.Name, at, h, r)
					}
					last := now
					for _, need := range plan.Outlook.Needs {
						if !need.Until.After(last) || need.Safe < need.Even {
							t.Fatalf("%s: at %v over %v: needs %+v", y.Name, at, h, plan.Outlook.Needs)
						}
						last = need.Until
					}
					if len(plan.Outlook.Needs) < int(h.Hours()-1)/25 {
						t.Fatalf("%s: at %v over %v: %d midnights", y.Name, at, h, len(plan.Outlook.Needs))
					}
				}
			}
			t.Logf("%s: %d problems", y.Name, tried)
		})
	}
}
