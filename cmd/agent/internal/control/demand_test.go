package control

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

func TestIntervalsHoldMaximumDemand(t *testing.T) {
	for _, row := range []struct {
		name   string
		charge []tariffs.DemandCharge
		want   units.Power // of a half hour with 1 kW in its first quarter, 3 kW in its second
	}{
		{"no demand charge: half hours", nil, 2 * units.Kilowatt},
		{"a demand charge by quarter hours", []tariffs.DemandCharge{{Name: "demand", Price: units.One, Interval: 15 * time.Minute}}, 3 * units.Kilowatt},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			doc := b.site.Tariff.Document()
			doc.Versions = slices.Clone(doc.Versions)
			doc.Versions[0].Demand = row.charge
			tariff, err := tariffs.New(doc)
			must(t, err)
			b.site.Tariff = tariff
			b.st, err = b.site.Resume(b.st)
			must(t, err)
			for _, l := range b.site.Loads {
				b.states[l.ID] = false
			}
			var stored []planning.Interval
			for i := range 60 {
				b.power = units.Kilowatt
				if i%30 >= 15 {
					b.power = 3 * units.Kilowatt
				}
				// The loads stay off, whatever they are told.
				for _, l := range b.site.Loads {
					b.states[l.ID] = false
				}
				eff := b.reading(time.Minute)
				stored = append(stored, eff.Intervals...)
			}
			n := 0
			for _, iv := range stored {
				if iv.Series != planning.SiteSeries {
					continue
				}
				if n++; iv.MaxDemand != row.want {
					t.Errorf("%s: maximum demand %s, want %s", iv.Slot.Start, iv.MaxDemand, row.want)
				}
			}
			if n != 2 {
				t.Fatalf("%d intervals in an hour", n)
			}
		})
	}
}

// A box that lay in a drawer for a year begins its month anew, and not in the month of
// that name.
func TestTheGreatestDemandBeginsAnewInTheSameMonthOfAnotherYear(t *testing.T) {
	b := newBench(t)
	b.planner = nil
	alone(b)
	b.power = 5 * units.Kilowatt
	b.run(time.Hour, 5*time.Minute)
	if most := b.st.Meter.Sliding.Max; most < 4*units.Kilowatt {
		t.Fatalf("the greatest demand is %s", most)
	}
	from := b.now.AddDate(1, 0, 0)
	meter, _ := b.site.watching().Count(b.st.Meter, metering.Consumption{From: from, To: from.Add(time.Minute), Import: units.WattHour})
	if most := meter.Sliding.Max; most >= 4*units.Kilowatt {
		t.Errorf("a year later the month's greatest demand is still %s", most)
	}
}
