package desk

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// lived is a home over days: 200 W always, an evening of 700 W more, a geyser from six to seven; and what
// the ledger was charged, of which each consumption is times as much.
func lived(t *testing.T, days int, times int64) (*control.Site, control.State, *testsite.Records) {
	t.Helper()
	site := testsite.New(t)
	from := units.DayStart(2026, 11, 1, site.Zone)
	r := &testsite.Records{}
	account, entries := site.Credit.Open(site.Meter, from)
	r.Entries = entries
	var acc tariffs.Account
	for at := from; at.Before(units.DayStart(2026, 11, 1+days, site.Zone)); at = at.Add(site.Interval) {
		hour, slot := at.In(site.Zone).Hour(), units.Slot{Start: at, Len: site.Interval}
		all, geyser := 100*units.WattHour, units.Energy(0)
		if hour >= 18 && hour < 22 {
			all += 350 * units.WattHour
		}
		if hour == 6 {
			geyser = 1500 * units.WattHour
		}
		all += geyser
		for series, e := range map[string]units.Energy{planning.SiteSeries: all, "geyser": geyser} {
			r.Stretches = append(r.Stretches, planning.Interval{Series: series, Interval: metering.Interval{Slot: slot, Import: e, Covered: slot.Len}})
		}
		var list []credit.Charge
		var items, due []tariffs.Item
		acc, items = site.Tariff.Consume(acc, slot.Start, slot.End(), all)
		acc, due = site.Tariff.Elapse(acc, slot.Start, slot.End())
		for _, it := range items {
			list = append(list, credit.Charge{Name: it.Name, Kind: credit.Consumption, Amount: it.Gross() * units.Money(times), Energy: it.Energy})
		}
		for _, it := range due {
			list = append(list, credit.Charge{Name: it.Name, Kind: credit.Standing, Amount: it.Gross()})
		}
		var more []credit.Entry
		account, more = site.Credit.Accrue(account, slot.End(), list...)
		r.Entries = append(r.Entries, more...)
		account, more = site.Credit.Settle(account, slot.End(), at.UTC().Format(time.RFC3339))
		r.Entries = append(r.Entries, more...)
	}
	st, _ := site.Begin(units.DayStart(2026, 11, 1+days, site.Zone).Add(10 * time.Minute))
	st.Tariff, st.Credit = acc, account
	return site, st, r
}

func TestWhereTheEnergyWent(t *testing.T) {
	site, st, r := lived(t, 40, 1)
	u, err := shown(site, st, r).Use(t.Context(), 8) // seven whole days, and the ten minutes of today
	if err != nil {
		t.Fatal(err)
	}
	day := units.FromKWh(4.8 + 2.8 + 3)
	if u.Energy != 7*day || u.Gaps || !u.Costed || len(u.Loads) != 1 || u.Rest == nil {
		t.Fatalf("%+v", u)
	}
	// The ten minutes of the interval under way are in no record: what is counted ends before them.
	if want := units.DayStart(2026, 12, 11, site.Zone); !u.To.Equal(want) {
		t.Errorf("counted until %s, want %s", u.To, want)
	}
	g := u.Loads[0]
	if g.Energy != 7*units.FromKWh(3) || g.Name != "Geyser" || !g.Rated || g.Partly || u.Rest.Energy != u.Energy-g.Energy {
		t.Errorf("the geyser %+v of %s, the rest %+v", g, u.Energy, u.Rest)
	}
	// Charged for energy in those days, by the ledger; what falls due by the day is not in it.
	want := units.Money(0)
	for _, e := range r.Entries {
		if e.Kind == credit.Consumption && e.Ref >= u.From.UTC().Format(time.RFC3339) {
			want -= e.Amount
		}
	}
	if u.Cost != want || g.Cost+u.Rest.Cost != want {
		t.Errorf("it cost %s, by the ledger %s; the geyser %s, the rest %s", u.Cost, want, g.Cost, u.Rest.Cost)
	}
	if len(u.Periods) != 2 || u.Periods[0].Name != "day" || u.Periods[1].Name != "night" || u.Periods[0].Energy+u.Periods[1].Energy != u.Energy || u.Periods[0].Cost+u.Periods[1].Cost != want {
		t.Errorf("by periods %+v", u.Periods)
	}
	if s := u.Standby; s == nil || s.Power != 200*units.Watt || s.Energy != 28*units.FromKWh(4.8) || s.Of != 28*day || s.Cost <= 0 || s.Cost >= u.Cost*4 {
		t.Errorf("always on: %+v", u.Standby)
	}
}

func TestATipIsWhatTheSameDaysWouldHaveCostLess(t *testing.T) {
	site, st, r := lived(t, 40, 1)
	u, err := shown(site, st, r).Use(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	tip := func(kind string) web.Tip {
		i := slices.IndexFunc(u.Tips, func(t web.Tip) bool { return t.Kind == kind })
		if i < 0 {
			t.Fatalf("no tip %s among %+v", kind, u.Tips)
		}
		return u.Tips[i]
	}
	// By day 16 h of 200 W, the evening and the geyser; a tenth of it costs 2 the kWh less by night.
	if x := tip(web.TipShift); x.Name != "day" || x.Other != "night" || x.Energy != 28*units.FromKWh(0.9) || x.Saves != 28*units.Money(1_800_000) || x.Days != 28 {
		t.Errorf("%+v", x)
	}
	// Two thirds of the day at 3, a third at 1, and of each kWh above 350 a half more.
	least := 28 * (units.Price(3_000_000).Cost(units.FromKWh(0.16)) + units.Price(1_000_000).Cost(units.FromKWh(0.08)))
	if x := tip(web.TipStandby); x.Energy != 28*units.FromKWh(0.24) || x.Saves < least || x.Saves > least+28*units.Price(500_000).Cost(units.FromKWh(0.24)) {
		t.Errorf("%+v, at least %s", x, least)
	}
	if x := tip(web.TipLoad); x.Name != "Geyser" || x.Energy != 28*units.FromKWh(0.3) || x.Saves < 28*units.Price(3_000_000).Cost(units.FromKWh(0.3)) {
		t.Errorf("%+v", x)
	}
	if !slices.IsSortedFunc(u.Tips, func(a, b web.Tip) int { return int(b.Saves - a.Saves) }) {
		t.Errorf("not what saves most first: %+v", u.Tips)
	}
}

// Nothing is said where it would not be true.
func TestNoTipWithoutWhatItRestsOn(t *testing.T) {
	for _, c := range []struct {
		situation string
		days      int
		times     int64
		with      func(*control.Site, *testsite.Records)
		standby   bool
		tips      int
	}{
		{situation: "all is there", days: 40, times: 1, standby: true, tips: 3},
		{situation: "a home of three weeks", days: 21, times: 1},
		{situation: "the ledger was charged other prices than the tariff's", days: 40, times: 2, standby: true},
		{situation: "credit is kWh", days: 40, times: 1, standby: true, with: func(s *control.Site, _ *testsite.Records) { s.InKWh = true }},
		{situation: "a hole of three hours", days: 40, times: 1, standby: true, with: func(_ *control.Site, r *testsite.Records) {
			r.Stretches = append(r.Stretches[:2600:2600], r.Stretches[2612:]...)
		}},
		{situation: "the supply was off most of the time", days: 40, times: 1, tips: 2, with: func(_ *control.Site, r *testsite.Records) {
			for i := range r.Stretches {
				if i%3 > 0 {
					r.Stretches[i].Quality |= metering.SupplyOff
				}
			}
		}},
		{situation: "nothing is recorded of the geyser at first", days: 40, times: 1, standby: true, tips: 2, with: func(_ *control.Site, r *testsite.Records) {
			n := 0
			r.Stretches = slices.DeleteFunc(r.Stretches, func(iv planning.Interval) bool { n++; return iv.Series == "geyser" && n < 3000 })
		}},
	} {
		site, st, r := lived(t, c.days, c.times)
		if c.with != nil {
			c.with(site, r)
		}
		u, err := shown(site, st, r).Use(t.Context(), 30)
		if err != nil || (u.Standby != nil) != c.standby || len(u.Tips) != c.tips {
			t.Errorf("%s: always on %+v, %d tips %+v, %v", c.situation, u.Standby, len(u.Tips), u.Tips, err)
		}
		if c.situation == "nothing is recorded of the geyser at first" && !u.Loads[0].Partly {
			t.Errorf("%s: %+v", c.situation, u.Loads)
		}
	}
}
