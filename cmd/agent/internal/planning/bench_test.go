package planning

import (
	"context"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func begin() time.Time { return time.Date(2026, 11, 2, 22, 0, 0, 0, time.UTC) } // local midnight

// testTariff is dear by day, cheap by night, with a standing charge and VAT.
func testTariff(t testing.TB, zone *time.Location) *tariffs.Tariff {
	t.Helper()
	return nightAt(t, zone, 1_000_000)
}

// nightAt is the same with another price by night.
func nightAt(t testing.TB, zone *time.Location, price units.Price) *tariffs.Tariff {
	t.Helper()
	var night tariffs.Span
	var vat tariffs.Rate
	must(t, night.From.SetText("22:00"), night.To.SetText("06:00"), vat.SetText("15 %"))
	tariff, err := tariffs.New(tariffs.Document{
		Name: "test", Currency: "ZAR", Zone: zone.String(),
		Calendar: tariffs.Calendar{Periods: []tariffs.Period{{Name: "night", Times: []tariffs.Span{night}}, {Name: "day"}}},
		Versions: []tariffs.Version{{
			Energy: []tariffs.EnergyCharge{
				{Name: "day energy", Periods: []string{"day"}, Price: 3_000_000},
				{Name: "night energy", Periods: []string{"night"}, Price: price},
			},
			Charges: []tariffs.FixedCharge{{Name: "service", Amount: 2 * units.One, Due: tariffs.DueDay}},
			Taxes:   []tariffs.Tax{{Name: "VAT", Rate: vat}},
		}},
	})
	must(t, err)
	return tariff
}

// bench is a planner of a house in Johannesburg with a geyser and a washing machine,
// and what its Briefs are written from.
type bench struct {
	*Planner
	t        testing.TB
	now      time.Time
	account  tariffs.Account
	left     units.Money
	unlocked bool
	last     *Plan
	until    time.Time
	progress map[string]loads.Progress
	units    map[string]loads.UnitState
}

func newBench(t testing.TB, background bool, all ...loads.Document) *bench {
	t.Helper()
	zone, err := time.LoadLocation("Africa/Johannesburg")
	must(t, err)
	return newBenchIn(t, zone, background, all...)
}

func newBenchIn(t testing.TB, zone *time.Location, background bool, all ...loads.Document) *bench {
	t.Helper()
	none := time.Duration(0)
	if all == nil {
		all = []loads.Document{
			{ID: "geyser", Name: "Geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour}, MinOff: &none},
			{ID: "washer", Name: "Washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: 90 * time.Minute, Need: &loads.NeedDocument{Runs: 1}},
		}
	}
	rules := Rules{
		ID: "test", Zone: zone, Tariff: testTariff(t, zone), Interval: 30 * time.Minute, Slot: 30 * time.Minute,
		Ahead: 24 * time.Hour, RunOutOver: 48 * time.Hour, Shift: true, Seed: 1,
	}
	for _, d := range all {
		d.Switch = loads.SwitchDocument{Driver: "house"}
		l, err := loads.Compile(d, zone)
		must(t, err)
		rules.Loads = append(rules.Loads, l)
	}
	f, err := forecast.New(forecast.Options{Zone: zone, Step: rules.Interval, Background: background})
	must(t, err)
	b := &bench{
		Planner: New(rules, f, nil), t: t, now: begin(), left: 50 * units.One,
		progress: map[string]loads.Progress{}, units: map[string]loads.UnitState{},
	}
	b.Within(10 * time.Millisecond) // two loads are soon laid out
	t.Cleanup(b.Wait)
	return b
}

// brief is what the bench's site would write at an instant.
func (b *bench) brief(at time.Time) Brief {
	out := Brief{Now: at, Account: b.account, Left: b.left, Unlocked: b.unlocked, Last: b.last, Until: b.until}
	for _, l := range b.rules.Loads {
		p, u := b.progress[l.ID], b.units[l.ID]
		o := Owed{ID: l.ID, Committed: l.Committed(p, u, at), Requests: l.Requests(p, u, at, b.rules.Ahead)}
		o.Later = l.Requests(p, u, at, max(b.rules.Ahead, b.until.Sub(at)))[len(o.Requests):]
		out.Loads = append(out.Loads, o)
	}
	return out
}

func (b *bench) planAt(at time.Time) Plan { return b.planOf(b.brief(at)) }

func (b *bench) planOf(brief Brief) Plan {
	b.t.Helper()
	plan, err := b.Plan(context.Background(), brief, 0)
	must(b.t, err)
	return plan
}

// problem is what the optimizer would be asked now, less the futures.
func (b *bench) problem() (Brief, outlook, *optimizer.Problem) {
	brief := b.brief(b.now)
	_, o := b.look(&brief)
	p, _ := b.rules.problem(&brief, o)
	aboveZero(p)
	return brief, o, p
}

// habits are a home's intervals from one instant to another: more in the evening, a
// little different from day to day.
func (b *bench) habits(from, to time.Time) []Interval {
	var out []Interval
	for _, slot := range units.Slots(from, b.rules.Interval, int(to.Sub(from)/b.rules.Interval)) {
		n := slot.Start.Unix() / int64(b.rules.Interval/time.Second)
		kwh := 0.1 + 0.01*float64(n*n%17)
		if h := slot.Start.In(b.rules.Zone).Hour(); h >= 18 && h < 22 {
			kwh += 0.4 + 0.02*float64(n/48%5)
		}
		out = append(out, Interval{Series: SiteSeries, Interval: metering.Interval{Slot: slot, Import: units.FromKWh(kwh), Covered: slot.Len}})
		for _, l := range b.rules.Loads { // which used nothing
			out = append(out, Interval{Series: l.ID, Interval: metering.Interval{Slot: slot, Covered: slot.Len}})
		}
	}
	return out
}
