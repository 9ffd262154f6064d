package control

import (
	"context"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/units/unitstest"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// siteIn is the test's site in another zone, with a load whose hours lie over midnight.
func siteIn(t testing.TB, zone *time.Location) *Site {
	t.Helper()
	s := testSite(t)
	s.Zone = zone
	doc := s.Tariff.Document()
	doc.Zone = zone.String()
	var err error
	s.Tariff, err = tariffs.New(doc)
	must(t, err)
	money := credit.Defaults()
	money.Opening = 50 * units.One
	s.Credit, err = credit.New(money, zone)
	must(t, err)
	none := time.Duration(0)
	s.Loads = nil
	for _, d := range []loads.Document{
		{
			ID: "geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, MinOff: &none, Switch: loads.SwitchDocument{Driver: "house"},
			Need: &loads.NeedDocument{For: 2 * time.Hour, Between: []loads.Window{{From: 22 * 60, To: 6 * 60}, {From: 13 * 60, To: 15 * 60}}},
		},
		{
			ID: "washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: 90 * time.Minute, Switch: loads.SwitchDocument{Driver: "house"},
			Need: &loads.NeedDocument{Runs: 1},
		},
	} {
		l, err := loads.Compile(d, zone)
		must(t, err)
		s.Loads = append(s.Loads, l)
	}
	s.Guard = loads.NewGuard(loads.DefaultGuard(), s.Loads, zone)
	return s
}

// A plan is made at every half hour of the year, whatever the clock does in its
// horizon: in order of time, at the tariff's prices, and with a run-out that lies ahead.
func TestEveryHalfHourOfTheYearIsPlanned(t *testing.T) {
	const half = 30 * time.Minute
	for _, y := range unitstest.Years(t) {
		t.Run(y.Name, func(t *testing.T) {
			tried := 0
			s := siteIn(t, y.Loc)
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
				p := NewPlanner(s, f, nil)
				p.paths = 8
				p.Within(time.Millisecond)
				st, _ := s.Begin(at.Add(7 * time.Minute))
				for _, h := range unitstest.Horizons() {
					tried++
					s.PlanAhead, s.RunOutOver, s.Shift = h, h, n%64 == 0
					plan, o := p.look(st)
					problem, jobs := s.problem(&st, o)
					if faults := problem.Check(); len(faults) > 0 {
						t.Fatalf("%s: at %v over %v: %v", y.Name, at.In(y.Loc), h, faults)
					}
					owed := 0
					for _, l := range s.Loads {
						owed += len(l.Requests(st.Loads[0].Progress, loads.UnitState{}, st.Now, h))
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
					plan = p.Plan(context.Background(), st)
					if r := plan.RunOut; !r.Known || r.Early.Before(st.Now) || r.Mid.Before(r.Early) || r.Mid.After(at.Add(h+half)) {
						t.Fatalf("%s: at %v over %v: %+v", y.Name, at, h, r)
					}
					last := st.Now
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
