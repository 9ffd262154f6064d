package tariffs

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// TestARestOfOneIsNoMonthCaughtUp: at most one month's charge of 100 is caught up; who has
// paid 99 of a month owes the next one none the less.
func TestARestOfOneIsNoMonthCaughtUp(t *testing.T) {
	for _, c := range []struct {
		what   string
		months int
		paid   []int64 // in January, February and so on; the last is great
		want   string  // taken from the last
	}{
		{"a rest of 1 and a whole month: one month's charge, and this month's", 1, []int64{99, 0, 1000}, "200.00"},
		{"a rest of 1 alone", 1, []int64{99, 1000}, "101.00"},
		{"a rest of 99", 1, []int64{1, 0, 1000}, "200.00"},
		{"nothing was paid", 1, []int64{0, 0, 0, 1000}, "200.00"},
		{"two months and a rest, of which two are caught up", 2, []int64{99, 0, 0, 1000}, "300.00"},
		{"one month and a rest, where two may be", 2, []int64{99, 0, 1000}, "201.00"},
		{"no limit", 0, []int64{99, 0, 0, 0, 1000}, "401.00"},
	} {
		tar := mustNew(t, Document{Currency: "BDT", Zone: "Asia/Dhaka", Versions: []Version{{
			Energy:  []EnergyCharge{{Name: "energy"}},
			Charges: []FixedCharge{{Name: "rent", Amount: 100 * units.One, Due: DueFirstPurchase, CatchUp: true, MaxMonths: c.months}},
		}}})
		acc, _ := tar.Consume(Account{}, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 1, 0, 0, 0, time.UTC), kWh)
		var last []Item
		for i, paid := range c.paid {
			acc, last = tar.Purchase(acc, time.Date(2026, time.January+time.Month(i), 5, 0, 0, 0, 0, time.UTC), units.Money(paid)*units.One)
		}
		if got := Sum(last).Decimal(2); got != c.want {
			t.Errorf("%s: %s taken, want %s", c.what, got, c.want)
		}
	}
}
