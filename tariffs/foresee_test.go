package tariffs

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// A path is charged for the highest mean of an interval whatever the slots' length: as the ledger
// where they are no longer than it, and for the slot's mean where they are.
func TestAPathsDemandIsTheLedgersWhateverTheInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slot := rapid.SampledFrom([]time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute}).Draw(t, "slot")
		interval := rapid.SampledFrom([]time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour}).Draw(t, "interval")
		unit := rapid.SampledFrom([]DemandUnit{KW, KVA}).Draw(t, "unit")
		tar := mustNew(t, Document{Currency: "KES", Zone: "Africa/Nairobi", Versions: []Version{{
			Energy: []EnergyCharge{{Name: "energy", Price: 1_000_000}},
			Demand: []DemandCharge{{Name: "most", Price: 100 * units.One, Unit: unit, Interval: interval, AssumeFactor: hundred / 10 * 9}},
		}}})
		start := time.Date(2026, 1, 29, 21, 0, 0, 0, time.UTC) // a local midnight, two days before the month is over
		acc, _ := tar.Consume(Account{}, start.Add(-30*time.Hour), start, units.Energy(rapid.Int64Range(0, 200).Draw(t, "before"))*kWh)
		slots := units.Slots(start, slot, int(72*time.Hour/slot))
		sum := units.Energy(0)
		e, mean := make([]units.Energy, len(slots)), make([]units.Energy, len(slots))
		for i := range e {
			e[i] = units.Energy(rapid.Int64Range(-1000, 3000).Draw(t, "Wh")) * units.WattHour
			mean[i] = max(0, e[i])
			sum += mean[i]
		}
		tab := tar.Table(acc, slots, mean)
		path := tab.Path(slots)
		for range 2 { // the first slot begins it anew
			var along units.Money
			for i := range slots {
				along += path.Demand(i, e[i])
			}
			want := tar.Cost(acc, slots, mean) - units.Price(1_000_000).Cost(sum)
			if d := (along - want).Float(); math.Abs(d) > 0.01 {
				t.Fatalf("slots of %v, intervals of %v, in %s: the path comes to %s, the ledger to %s", slot, interval, unit, along, want)
			}
		}
	})
}
