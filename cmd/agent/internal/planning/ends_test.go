package planning

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// daily foresees the same day for ever: a power by hours of it, UTC.
type daily func(hour int) float64

// always is the same power for ever.
func always(kw float64) daily { return func(int) float64 { return kw } }

func (d daily) Forecast(at time.Time, horizon time.Duration) forecast.Forecast {
	var out forecast.Forecast
	for _, slot := range units.Slots(units.SlotAt(at, 30*time.Minute).Start, 30*time.Minute, int(horizon/(30*time.Minute))) {
		e := d(slot.Start.Hour()) / 2
		out.Slots = append(out.Slots, forecast.Slot{Slot: slot, Mean: e, Q10: e, Q50: e, Q90: e})
	}
	return out
}

func (d daily) ScenariosIn(_ *[]float64, at time.Time, horizon time.Duration, n int, _ uint64) forecast.Scenarios {
	out := forecast.Scenarios{Start: units.SlotAt(at, 30*time.Minute).Start, Step: 30 * time.Minute}
	for range n {
		path := make([]float64, int(horizon/out.Step))
		for t := range path {
			path[t] = d(out.Start.Add(time.Duration(t)*out.Step).Hour()) / 2
		}
		out.Paths = append(out.Paths, path)
	}
	return out
}

// A month's first half hour is charged for at the demand that it has: whoever has money for
// two days of energy is without supply before one o'clock of the first.
func TestTheCreditEndsWithTheDemandThatIsCharged(t *testing.T) {
	night := time.Date(2026, 1, 31, 22, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		situation string
		perKW     units.Money
		had       units.Energy // in the half hour before, in January
		left      units.Money
		kw        float64
		ends      time.Duration // after the night
	}{
		{"no demand is charged", 0, 0, 600 * units.One, 5, 40 * time.Hour},
		{"a new month's demand", 900 * units.One, 25 * units.KilowattHour / 10, 600 * units.One, 5, 2*time.Hour + 570*30*time.Minute/4508},
		{"the month under way has had as much", 900 * units.One, 25 * units.KilowattHour / 10, 29 * units.One, 5, 29 * time.Hour / 15},
		{"the month under way has had less", 900 * units.One, 20 * units.KilowattHour / 10, 29 * units.One, 5, 29 * 30 * time.Minute / 908},
		{"what is left of the demand is enough", 900 * units.One, 25 * units.KilowattHour / 10, 4800 * units.One, 5, 20 * time.Hour},
	} {
		tariff, err := tariffs.New(tariffs.Document{
			Currency: "KES", Zone: "UTC", Versions: []tariffs.Version{{
				Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 3_000_000}},
				Demand: []tariffs.DemandCharge{{Name: "most", Price: max(1, c.perKW), Unit: tariffs.KW, Interval: 30 * time.Minute}},
			}},
		})
		must(t, err)
		b := newBenchIn(t, time.UTC, false, []loads.Document{}...)
		b.rules.Tariff, b.rules.Loads = tariff, nil
		b.account, _ = tariff.Consume(b.account, night.Add(-30*time.Minute), night, c.had)
		b.left, b.now = c.left, night
		b.Foresee(always(c.kw))
		plan := b.planAt(night)
		if got := plan.RunOut.Mid.Sub(night); math.Abs((got-c.ends).Minutes()) > 1 || !plan.RunOut.Known {
			t.Errorf("%s: the credit is said to end after %v, the ledger has it after %v", c.situation, got, c.ends)
		}
	}
}

// A home that uses 12 kWh by night and has as much left over by day buys 12 a day without a
// battery, and with one what it cannot hold or loses.
func TestTheCreditEndsWithTheBatteryInBetween(t *testing.T) {
	morning := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	tariff, err := tariffs.New(tariffs.Document{Currency: "KES", Zone: "UTC", Versions: []tariffs.Version{{Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 1_000_000}}}}})
	must(t, err)
	sun := func(hour int) float64 {
		if hour >= 6 && hour < 18 {
			return -1
		}
		return 1
	}
	each := math.Sqrt(0.85)
	for _, c := range []struct {
		situation string
		all       []loads.Document
		holds     float64
		foreseen  daily
		left      float64
		ends      float64 // hours
	}{
		{"no battery", nil, 0, sun, 18, 24 + 12 + 6},
		{"it holds 10, of which 2 are kept", []loads.Document{battery()}, 2, sun, 6, 24 + 12 + 8*each + 6 - (12 - 8*each)},
		{"no sun, and it is full", []loads.Document{battery()}, 10, always(1), 6, 8*each + 6},
		{"no sun, and it is at what is kept", []loads.Document{battery()}, 2, always(1), 6, 6},
	} {
		if c.all == nil {
			c.all = []loads.Document{}
		}
		b := newBenchIn(t, time.UTC, false, c.all...)
		b.rules.Tariff, b.rules.RunOutOver = tariff, 7*24*time.Hour
		b.left, b.now = units.FromFloat(c.left), morning
		b.Foresee(c.foreseen)
		got := b.holding(c.holds).RunOut
		if ends := got.Mid.Sub(morning).Hours(); !got.Known || math.Abs(ends-c.ends) > 0.1 {
			t.Errorf("%s: the credit is said to end after %.2f h, it does after %.2f", c.situation, ends, c.ends)
		}
	}
}
