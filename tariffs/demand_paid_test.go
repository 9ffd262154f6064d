package tariffs

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Up to what is paid for a demand adds nothing to the bill, and a kW more does.
func TestWhatOfADemandIsPaidAddsNothing(t *testing.T) {
	day := func(d, kw int) DayPeak {
		return DayPeak{Day: DateOf(2026, 3, d), Highest: units.Power(kw) * units.Kilowatt}
	}
	noon := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		meanOf  int
		highest units.Power
		days    []DayPeak
		want    units.Power
	}{
		{"the highest of the month", 0, 4 * units.Kilowatt, nil, 4 * units.Kilowatt},
		{"the first of three days", 3, 0, nil, 0},
		{"another day of three that are not full", 3, 0, []DayPeak{day(3, 6), day(4, 5)}, 0},
		{"a day among three that are not full", 3, 0, []DayPeak{day(3, 6), day(20, 5)}, 5 * units.Kilowatt},
		{"another day than three", 3, 0, []DayPeak{day(3, 6), day(4, 5), day(5, 2)}, 2 * units.Kilowatt},
		{"the highest day of three", 3, 0, []DayPeak{day(20, 6), day(4, 5), day(5, 2)}, 6 * units.Kilowatt},
	} {
		tariff, err := New(Document{
			Name: "t", Currency: "EUR", Zone: "UTC",
			Versions: []Version{{
				Energy: []EnergyCharge{{Name: "energy", Price: 1_000_000}},
				Demand: []DemandCharge{{Name: "demand", Price: units.One, Unit: KW, Interval: 30 * time.Minute, MeanOf: c.meanOf}},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p := Peak{Version: tariff.versions[0].doc.From, Name: "demand", Highest: c.highest, Days: c.days}
		if got, ok := tariff.Paid(p, noon); !ok || got != c.want {
			t.Errorf("%s: %s is paid for, not %s (%v)", c.name, got, c.want, ok)
		}
		if p.Name = "another"; c.meanOf == 0 {
			if _, ok := tariff.Paid(p, noon); ok {
				t.Error("a charge that there is not counts what is drawn")
			}
		}
		if c.meanOf == 0 {
			continue
		}
		// By the bill itself.
		charge := &tariff.versions[0].demand[0]
		for _, more := range []units.Power{0, units.Kilowatt} {
			d := c.want + more
			q := Peak{Days: append([]DayPeak(nil), c.days...)}
			before := units.Power(0)
			for _, x := range q.Days {
				before += x.Highest / units.Power(c.meanOf)
			}
			if rises := charge.take(&q, d, DateOf(2026, 3, 20)) > before+units.Watt; d > 0 && rises != (more > 0) {
				t.Errorf("%s: %s raises the bill: %v", c.name, d, rises)
			}
		}
	}
}
