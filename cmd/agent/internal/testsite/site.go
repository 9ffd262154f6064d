package front

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
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

// testTariff is dear by day and cheap by night, in two blocks, with a standing
// charge; its figures are examples.
func testTariff(t testing.TB) tariffs.Document {
	t.Helper()
	var night tariffs.Span
	must(t, night.From.SetText("22:00"), night.To.SetText("06:00"))
	return tariffs.Document{
		Name: "test", Currency: "ZAR", Zone: "Africa/Johannesburg", Current: tariffs.CurrentExample,
		Sources:  []tariffs.Source{{Title: "A paper", URL: "https://example.org/paper", Dated: "2026-07-01", For: "prices"}},
		Calendar: tariffs.Calendar{Periods: []tariffs.Period{{Name: "night", Times: []tariffs.Span{night}}, {Name: "day"}}},
		Versions: []tariffs.Version{{
			Name: "2026/27",
			Energy: []tariffs.EnergyCharge{
				{Name: "day energy", Periods: []string{"day"}, Price: 3_000_000},
				{Name: "night energy", Periods: []string{"night"}, Price: 1_000_000},
				{Name: "block", Steps: []tariffs.Step{{To: 350 * units.KilowattHour}, {Price: 500_000}}},
			},
			Charges: []tariffs.FixedCharge{
				{Name: "service", Amount: 2 * units.One, Due: tariffs.DueDay},
				{Name: "network", Amount: 30 * units.One, Due: tariffs.DueMonth},
			},
		}},
	}
}

// testSite is a house in Johannesburg with a geyser and no contactor.
func testSite(t testing.TB) *control.Site {
	t.Helper()
	zone, err := time.LoadLocation("Africa/Johannesburg")
	must(t, err)
	tariff, err := tariffs.New(testTariff(t))
	must(t, err)
	doc := credit.Defaults()
	doc.Opening = 500 * units.One
	scheme, err := openpaygo.New(openpaygo.Document{
		Key: "bc41ec9530f6dac86b1a29ab82edc5fb", StartingCode: 516959010, ValueDivider: 1, Unit: openpaygo.Money,
	})
	must(t, err)
	engine, err := credit.New(doc, zone, scheme)
	must(t, err)
	geyser, err := loads.Compile(loads.Document{
		ID: "geyser", Name: "Geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour},
		Switch: loads.SwitchDocument{Driver: "house"},
	}, zone)
	must(t, err)
	plan, err := schedule.Parse("*/30 * * * *", zone)
	must(t, err)
	all := []loads.Load{geyser}
	return &control.Site{
		ID: "test", Meter: "1", Zone: zone, Currency: "ZAR",
		Limits: metering.Limits{MaxGap: 5 * time.Minute, MaxPower: 20 * units.Kilowatt, Slack: 15 * time.Second}, SilentAfter: 3 * time.Minute,
		Interval: 30 * time.Minute, PointEvery: time.Minute,
		Tariff: tariff, Credit: engine, Loads: all, Guard: loads.NewGuard(loads.DefaultGuard(), all, zone),
		PlanAt: plan, PlanSlot: 30 * time.Minute, PlanAhead: 24 * time.Hour, RunOutOver: 48 * time.Hour, Shift: true, Seed: 1,
	}
}

func testPlanner(t testing.TB, site *control.Site) *planning.Planner {
	t.Helper()
	f, err := forecast.New(forecast.Options{Zone: site.Zone, Step: site.Interval})
	must(t, err)
	return planning.New(site.Rules(), f, nil)
}
