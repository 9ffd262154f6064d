package charges

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

var kinds = []tariffs.Kind{
	tariffs.KindEnergy, tariffs.KindExport, tariffs.KindDemand, tariffs.KindReactive, tariffs.KindFactor,
	tariffs.KindMinimum, tariffs.KindRebate, tariffs.KindDebt, tariffs.KindFixed,
}

func items(rt *rapid.T, name string) (all []tariffs.Item) {
	for range rapid.IntRange(0, 6).Draw(rt, name) {
		all = append(all, tariffs.Item{
			Name: rapid.SampledFrom([]string{"day", "night", "levy"}).Draw(rt, "item"), Kind: rapid.SampledFrom(kinds).Draw(rt, "kind"),
			Amount: units.Money(rapid.Int64Range(-9, 9).Draw(rt, "amount")), Tax: units.Money(rapid.Int64Range(-2, 2).Draw(rt, "tax")),
		})
	}
	return all
}

// The ledger's energy is the meter's, however many components price a kWh, and its
// money is the tariff's.
func TestEnergyIsToldOnceAndEveryCentIsTaken(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all, used := items(rt, "items"), units.Energy(rapid.Int64Range(0, 5).Draw(rt, "used"))
		var energy units.Energy
		var money units.Money
		for _, c := range Of(all, used) {
			money += c.Amount
			if c.Kind == credit.Consumption {
				energy += c.Energy
			}
		}
		if energy != used || money != tariffs.Sum(all) {
			t.Fatalf("%v of %v used: %v and %v are charged, want %v and %v", all, used, energy, money, used, tariffs.Sum(all))
		}
	})
}

// What is merged in and out again leaves nothing, and neither argument changes.
func TestWhatIsTakenBackWholeLeavesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := Of(items(rt, "first"), 0), Of(items(rt, "second"), 0)
		sum := func(all []credit.Charge) (m units.Money) {
			for _, c := range all {
				m += c.Amount
			}
			return m
		}
		before := sum(a)
		if both := Merge(a, b, 1); sum(both) != before+sum(b) || sum(Merge(both, b, -1)) != before || sum(a) != before {
			t.Fatalf("%v with %v is %v, without it again %v", a, b, both, Merge(both, b, -1))
		}
		if rest := Merge(b, b, -1); sum(rest) != 0 {
			t.Fatalf("%v less itself is %v", b, rest)
		}
	})
}
