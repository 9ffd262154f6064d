package picture

import (
	"testing"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// A charge that there was no credit for becomes a debt, and is a cost all the same; a debt that
// was taken on is none, nor is paying for it.
func TestWhatIsCost(t *testing.T) {
	var a Totals
	for i, e := range []credit.Entry{
		{Kind: credit.Opening, Amount: 100 * units.One},
		{Kind: credit.Consumption, Name: "energy", Amount: -7 * units.One},
		{Kind: credit.Export, Name: "sold", Amount: 2 * units.One},
		{Kind: credit.Standing, Name: "service", Amount: -3 * units.One},
		{Kind: credit.Debt, Name: "service", Owed: 4 * units.One, Ref: "grid"},
		{Kind: credit.Debt, Name: "old meter", Owed: 50 * units.One, Cause: "taken over"},
		{Kind: credit.Topup, Amount: 60 * units.One},
		{Kind: credit.Debt, Name: "service", Amount: -4 * units.One, Owed: -4 * units.One},
		{Kind: credit.Refund, Name: "energy", Amount: units.One},
		{Kind: credit.Adjustment, Amount: 9 * units.One},
	} {
		e.Seq = uint64(i + 1)
		a.Add(e)
	}
	if a.Cost != 11*units.One || a.Fixed != 3*units.One || a.Bought != 60*units.One || a.Earned != 3*units.One {
		t.Errorf("cost %s, fixed %s, bought %s, earned %s", a.Cost, a.Fixed, a.Bought, a.Earned)
	}
	var all units.Money
	for _, m := range a.Charged {
		all += m
	}
	if all-a.Earned != a.Cost || a.Charged[credit.Debt] != 4*units.One {
		t.Errorf("charged %v", a.Charged)
	}
}
