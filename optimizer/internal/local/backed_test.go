package local

import (
	"math"
	"slices"
	"testing"
)

// A slot with a battery that answers costs the least that it can with any power of the
// battery, at what its charge is worth.
func TestASlotWithABatteryThatAnswersCostsTheLeastOfAllItsPowers(t *testing.T) {
	tried := 0
	for seed := range uint64(40) {
		l := nudging(seed, "peaks").Local
		b := l.p.Battery
		if b == nil {
			continue
		}
		tried++
		l.rest()
		l.price(noUnit, 0)
		for slot := range l.p.N {
			l.worth[slot] = -0.3 * l.s.Rng.Float64()
			levels := slices.Clone(l.table[slot].z)
			for _, k := range l.kinks[slot] {
				levels = append(levels, k.th)
			}
			least := func(z float64) float64 {
				best := math.Inf(1)
				try := func(x float64) {
					if x < -b.MaxDischargeKW || x > b.MaxChargeKW {
						return
					}
					c := l.at(slot, z+x) + b.Inflow(x)*l.h*l.worth[slot]
					best = min(best, c+max(0, -x)*l.h*b.Wear)
				}
				try(-b.MaxDischargeKW)
				try(0)
				try(b.MaxChargeKW)
				for _, y := range levels {
					try(y - z)
				}
				return best
			}
			l.backSlot(slot)
			zero := l.back[slot].at(0) - least(0)
			for range 20 {
				z := 8 * l.s.Rng.Float64()
				if got, want := l.back[slot].at(z)-zero, least(z); math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
					t.Fatalf("seed %d, slot %d: %v kW cost %v, the least is %v", seed, slot, z, got, want)
				}
			}
		}
	}
	if tried < 8 {
		t.Errorf("only %d homes with a battery", tried)
	}
}
