package picture

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// A person who looked an hour ago and looks again sees another end of the credit, and why.
func TestWhyTheEndOfTheCreditMoved(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	plan := func(mid time.Time, change func(p *planning.Plan)) *planning.Plan {
		p := &planning.Plan{MadeAt: at, Start: at, Slot: 30 * time.Minute, RunOut: planning.RunOut{Known: true, Mid: mid}}
		for range 48 {
			p.Prices = append(p.Prices, 3*units.Price(units.One))
			p.Mid = append(p.Mid, units.FromKW(0.5))
		}
		for _, l := range site.Loads {
			p.Loads = append(p.Loads, planning.LoadPlan{ID: l.ID, Power: make([]units.Power, 48)})
		}
		if change != nil {
			change(p)
		}
		return p
	}
	end, hour := at.Add(60*time.Hour), at.Add(time.Hour)
	for _, c := range []struct {
		situation string
		by        time.Duration // the end moves by
		used      float64       // kWh of the hour; 0.5 are expected
		added     units.Money
		next      func(p *planning.Plan)
		also      func(st *control.State)
		want      Moved // Was and At are as always
	}{
		{"something was bought", 20 * time.Hour, 0.5, 50 * units.One, nil, nil, Moved{By: MovedBought, Amount: 50 * units.One}},
		{"more was used than expected", -13 * time.Hour, 4.5, 0, nil, nil, Moved{By: MovedUsedMore, Energy: 4 * units.KilowattHour}},
		{"less was used than expected", 5 * time.Hour, -3.5, 0, nil, nil, Moved{By: MovedUsedLess, Energy: 4 * units.KilowattHour}},
		{"somebody has run an appliance", -13 * time.Hour, 4.5, 0, nil, func(st *control.State) {
			st.Loads[0].Progress.Override = &loads.Override{Run: true, Until: hour.Add(time.Hour)}
		}, Moved{By: MovedAsked, Name: site.Loads[0].Name, Energy: 4 * units.KilowattHour}},
		{"a run is planned besides", -5 * time.Hour, 0.5, 0, func(p *planning.Plan) { p.Loads[0].Power[10] = units.FromKW(6) }, nil, Moved{By: MovedRunsMore, Name: site.Loads[0].Name, Energy: 3 * units.KilowattHour}},
		{"prices rise", -5 * time.Hour, 0.5, 0, func(p *planning.Plan) {
			for i := range p.Prices {
				p.Prices[i] *= 2
			}
		}, nil, Moved{By: MovedPriceUp}},
		{"more use is expected", -5 * time.Hour, 0.5, 0, func(p *planning.Plan) { p.Mid[10] += units.FromKW(6) }, nil, Moved{By: MovedMore, Energy: 3 * units.KilowattHour}},
		{"several things, and none of them most of it", -5 * time.Hour, 2.5, 0, func(p *planning.Plan) { p.Mid[10] += units.FromKW(4); p.Loads[0].Power[10] = units.FromKW(4) }, nil, Moved{By: MovedForecast}},
		{"only beyond the plan", -5 * time.Hour, 0.5, 0, nil, nil, Moved{By: MovedForecast}},
		{"it went the other way than what was used", 5 * time.Hour, 4.5, 0, nil, nil, Moved{By: MovedForecast}},
		{"an hour is not worth a word", -time.Hour, 4.5, 0, nil, nil, Moved{}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			st, _ := site.Begin(at)
			st.Credit.Balance = 90 * units.One // 60 hours of 0.5 kW at 3
			var e Ends
			look := func() Moved {
				return e.Watch(site, &st, RunOut{Known: true, At: st.Plan.RunOut.Mid})
			}
			st.Now, st.Plan = at, plan(end, nil)
			if m := look(); m != (Moved{}) {
				t.Fatalf("at the first look: %+v", m)
			}
			balance := st.Credit.Balance
			st.Now = hour
			look()
			st.Meter.Registers.Import += units.FromKWh(c.used)
			st.Credit.Balance = balance + c.added
			st.Plan = plan(end.Add(c.by), c.next)
			if c.also != nil {
				c.also(&st)
			}
			if c.want.By != "" {
				c.want.Was, c.want.At = end, hour
			}
			if m := look(); m != c.want {
				t.Errorf("%+v, want %+v", m, c.want)
			}
			st.Now = hour.Add(5 * time.Hour)
			if m := look(); m != c.want {
				t.Errorf("five hours on %+v", m)
			}
			st.Now = hour.Add(7 * time.Hour)
			if m := look(); m != (Moved{}) {
				t.Errorf("seven hours on %+v", m)
			}
		})
	}
	t.Run("it comes back", func(t *testing.T) {
		st, _ := site.Begin(at)
		var e Ends
		for i, mid := range []time.Time{end, end.Add(-13 * time.Hour), end} {
			st.Now, st.Plan = at.Add(time.Duration(i)*time.Minute), plan(mid, nil)
			m := e.Watch(site, &st, RunOut{Known: true, At: mid})
			if i == 1 && !m.Was.Equal(end) || i == 2 && !m.Was.Equal(end.Add(-13*time.Hour)) {
				t.Errorf("look %d: %+v", i, m)
			}
		}
		if m := e.Watch(site, &st, RunOut{}); m != (Moved{}) {
			t.Errorf("nothing is foreseen, and it moved: %+v", m)
		}
	})
	t.Run("it falls by little and little", func(t *testing.T) {
		st, _ := site.Begin(at)
		var e Ends
		var m Moved
		for i := range 5 {
			mid := end.Add(-time.Duration(i) * 50 * time.Minute)
			st.Now, st.Plan = at.Add(time.Duration(i)*20*time.Minute), plan(mid, nil)
			m = e.Watch(site, &st, RunOut{Known: true, At: mid})
		}
		if !m.Was.Equal(end) {
			t.Errorf("%+v", m)
		}
	})
}
