package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// with gives the bench a house of the loads.
func (b *bench) with(docs ...loads.Document) {
	b.t.Helper()
	b.site.Loads = nil
	for _, d := range docs {
		d.Name, d.Switch = d.ID, loads.SwitchDocument{Driver: "house"}
		l, err := loads.Compile(d, b.site.Zone)
		must(b.t, err)
		b.site.Loads = append(b.site.Loads, l)
	}
	g := loads.DefaultGuard()
	g.GapMin, g.GapMax, g.Spread = 0, 0, 0
	g.Supply, g.SupplyFeedback = true, true
	b.site.Guard = loads.NewGuard(g, b.site.Loads, b.site.Zone)
	b.st, _ = b.site.Begin(b.now)
	b.st.Credit.Unlocked = true
	b.reading(0)
}

func TestAnnouncedStartsStayWhereTheyAreOnATwoPriceTariff(t *testing.T) {
	b := newBench(t)
	hour := time.Hour
	b.with(
		loads.Document{ID: "geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour}},
		loads.Document{ID: "pool", Kind: loads.OnOff, Power: units.Kilowatt, MinOn: &hour, Need: &loads.NeedDocument{For: 6 * time.Hour}},
		loads.Document{ID: "washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: 90 * time.Minute, Need: &loads.NeedDocument{Runs: 1}},
	)
	const days = 3
	announced := map[string]time.Time{}
	moves, plans, short := 0, 0, 0
	for k := range days * 144 {
		b.power = units.Power(300+200*(k%7)) * units.Watt
		made := b.st.Plan
		b.reading(10 * time.Minute)
		if b.st.Plan == nil {
			continue
		}
		if b.st.Plan != made {
			plans++
			if len(b.st.Plan.Short) > 0 {
				short++
			}
		}
		for _, l := range b.st.Plan.Loads {
			start, _, _ := b.st.Plan.Run(l.ID, b.now)
			if was := announced[l.ID]; was.After(b.now) && !start.Equal(was) {
				moves++
				t.Logf("%s at %s: from %s to %s", l.ID, b.now, was, start)
			}
			announced[l.ID] = start
		}
	}
	if moves > days || plans < 100 {
		t.Errorf("%d announced starts moved in %d days and %d plans, want one a day at most", moves, days, plans)
	}
	if short > 0 {
		t.Errorf("%d of %d plans name a shortfall, and none came", short, plans)
	}
}

// highest runs three days of a house with equal loads under a demand charge and tells its
// highest interval in kW, and how many of its plans named a shortfall.
func highest(t *testing.T, interval time.Duration, price units.Money, all ...string) (kw float64, short int) {
	t.Helper()
	b := newBench(t)
	tariff, err := tariffs.New(tariffs.Document{
		Name: "demand", Currency: "ZAR", Zone: b.site.Zone.String(),
		Versions: []tariffs.Version{{
			Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 1_000_000}},
			Demand: []tariffs.DemandCharge{{Name: "max", Price: price, Interval: interval}},
		}},
	})
	must(t, err)
	b.site.Tariff = tariff
	var docs []loads.Document
	for _, id := range all {
		docs = append(docs, loads.Document{ID: id, Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour}})
	}
	b.power = 500 * units.Watt
	b.with(docs...)
	for range int(48 * time.Hour / interval) {
		before := b.register
		for range int(interval / (10 * time.Minute)) {
			b.reading(10 * time.Minute)
		}
		kw = max(kw, (b.register - before).Mean(interval).KW())
		if b.st.Plan != nil && len(b.st.Plan.Short) > 0 {
			short++
		}
	}
	return kw, short
}

func TestTheLeastPossibleDemandIsReachedAndNobodyGoesShort(t *testing.T) {
	for name, c := range map[string]struct {
		interval time.Duration
		price    units.Money
		loads    []string
		want     float64
	}{
		"one load after the other in half hours":                {30 * time.Minute, 30 * units.One, []string{"a", "b", "c"}, 3.5},
		"the same where a kW costs as much as many kWh":         {30 * time.Minute, 300 * units.One, []string{"a", "b", "c"}, 3.5},
		"each in halves of hours, of which the other has other": {time.Hour, 100 * units.One, []string{"a", "b"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			kw, short := highest(t, c.interval, c.price, c.loads...)
			if kw > c.want+0.01 {
				t.Errorf("the highest interval is %.2f kW, %.2f is possible", kw, c.want)
			}
			if short > 0 {
				t.Errorf("%d plans name a shortfall", short)
			}
		})
	}
}
