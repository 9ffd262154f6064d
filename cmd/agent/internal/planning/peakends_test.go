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

// steady foresees the same power for ever.
type steady struct{ kw float64 }

func (s steady) Forecast(at time.Time, horizon time.Duration) forecast.Forecast {
	var out forecast.Forecast
	for _, slot := range units.Slots(units.SlotAt(at, 30*time.Minute).Start, 30*time.Minute, int(horizon/(30*time.Minute))) {
		e := s.kw / 2
		out.Slots = append(out.Slots, forecast.Slot{Slot: slot, Mean: e, Q10: e, Q50: e, Q90: e})
	}
	return out
}

func (s steady) ScenariosIn(_ *[]float64, at time.Time, horizon time.Duration, n int, _ uint64) forecast.Scenarios {
	out := forecast.Scenarios{Start: units.SlotAt(at, 30*time.Minute).Start, Step: 30 * time.Minute}
	for range n {
		path := make([]float64, int(horizon/out.Step))
		for t := range path {
			path[t] = s.kw / 2
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
		b.Foresee(steady{c.kw})
		plan := b.planAt(night)
		if got := plan.RunOut.Mid.Sub(night); math.Abs((got-c.ends).Minutes()) > 1 || !plan.RunOut.Known {
			t.Errorf("%s: the credit is said to end after %v, the ledger has it after %v", c.situation, got, c.ends)
		}
	}
}
