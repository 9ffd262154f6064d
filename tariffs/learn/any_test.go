package learn_test

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs/learn"
	"pgregory.net/rapid"
)

// TestAnyReceiptsMakeATariffThatIsGood: whatever the receipts say, what is found of them can
// be charged by, or is refused.
func TestAnyReceiptsMakeATariffThatIsGood(t *testing.T) {
	tried, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var in []learn.Receipt
		for i := range rapid.IntRange(3, 25).Draw(t, "receipts") {
			r := learn.Receipt{
				Line: i + 2, Day: time.Date(2025, 1, 1+rapid.IntRange(0, 400).Draw(t, "day"), 0, 0, 0, 0, time.UTC),
				Energy: units.Energy(rapid.Int64Range(0, 5000).Draw(t, "energy")) * units.KilowattHour / 10,
				Amount: units.Money(rapid.Int64Range(0, 500_000).Draw(t, "amount")) * units.One / 100,
			}
			if rapid.Bool().Draw(t, "by a price") {
				r.Amount = units.Price(2_500_000).Cost(r.Energy) + 10*units.One
			}
			if r.HasTax = rapid.Bool().Draw(t, "taxed"); r.HasTax {
				r.Tax = r.Amount.Part(rapid.Int64Range(0, 100).Draw(t, "tax"), 100)
			}
			in = append(in, r)
		}
		found, err := learn.Learn(in, learn.Options{Currency: "EUR", Zone: "UTC", Units: units.KilowattHour / 10})
		if err != nil {
			refused++
			return
		}
		tried++
		if faults := found.Document.Check(); len(faults) > 0 {
			t.Fatalf("%v\n%+v", faults, found.Document.Versions[0])
		}
		if found.Explained < 0 || found.Explained > len(in) {
			t.Fatalf("%d of %d explained", found.Explained, len(in))
		}
	})
	if refused > tried/10 {
		t.Errorf("%d of %d are refused", refused, tried+refused)
	}
}
