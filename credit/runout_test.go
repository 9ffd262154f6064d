package credit_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

func TestRunOutOverPaths(t *testing.T) {
	paths := []credit.Path{
		{one, one, one, one},              // 3 ends in slot 2
		{2 * one, 2 * one, 0},             // in slot 1
		{0, 0, one},                       // never
		{one, -2 * one, 3 * one, 2 * one}, // sold energy carries it to slot 3
	}
	r := credit.RunsOut(3*one, noon(), time.Hour, paths)
	for _, c := range []struct {
		percent int
		slot    int // -1: not within the paths
	}{{0, 1}, {25, 1}, {26, 2}, {50, 2}, {75, 3}, {76, -1}, {100, -1}} {
		at, ok := r.At(c.percent)
		if ok != (c.slot >= 0) || ok && !at.Equal(noon().Add(time.Duration(c.slot)*time.Hour)) {
			t.Errorf("by %d %%: %s %v, want slot %d", c.percent, at, ok, c.slot)
		}
	}
	if _, ok := credit.RunsOut(one, noon(), time.Hour, nil).At(50); ok {
		t.Error("credit runs out on no path at all")
	}
	for _, c := range []struct {
		n, percent int
		want       units.Money
	}{{4, 100, 4 * one}, {4, 75, 4 * one}, {4, 50, 4 * one}, {4, 25, one}, {1, 100, 2 * one}, {0, 100, 0}, {3, 50, 2 * one}} {
		if got := credit.NeedFor(paths, c.n, c.percent); got != c.want {
			t.Errorf("enough for %d slots in %d %%: %s, want %s", c.n, c.percent, got, c.want)
		}
	}
}

// The smallest top-up is enough, and one step less is not, whatever is owed.
func TestSmallestTopUpIsTheSmallest(t *testing.T) {
	fee := func(amount units.Money) []credit.Charge {
		return []credit.Charge{{Name: "fee", Kind: credit.Standing, Amount: min(amount, one/2)}}
	}
	rapid.Check(t, func(r *rapid.T) {
		s := open(r, func(d *credit.Document) {
			d.Opening = one
			d.Debt = credit.DebtDocument{SharePercent: rapid.Int64Range(0, 90).Draw(r, "share"), Period: credit.Week}
			d.Emergency = credit.EmergencyDocument{Amount: 2 * one, OfferBelow: one}
		})
		s.owe("old bill", one+units.Money(rapid.Int64Range(0, int64(20*one)).Draw(r, "debt by share")), true)
		s.owe("standing charge", 1+units.Money(rapid.Int64Range(0, int64(5*one)).Draw(r, "debt at once")), false)
		s.use(units.Money(rapid.Int64Range(0, int64(4*one)).Draw(r, "used")))
		need := units.Money(rapid.Int64Range(0, int64(50*one)).Draw(r, "need"))
		amount, ok := s.engine.SmallestTopUp(s.a, s.now, need, one/100, fee)
		if !ok {
			r.Fatalf("nothing is enough for %s", need)
		}
		for _, m := range []units.Money{amount, amount - one/100} {
			if m <= 0 {
				continue
			}
			a, _, res := s.engine.TopUp(s.a, s.now, s.vend(credit.AddCredit, m), "page", fee)
			if !res.Accepted() {
				r.Fatalf("%+v", res)
			}
			if (a.Available() > need) != (m == amount) {
				r.Fatalf("a top-up of %s leaves %s for %s", m, a.Available(), need)
			}
		}
	})

	s := open(t, func(d *credit.Document) { d.MaximumBalance = 10 * one })
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, 10*one, 0); ok {
		t.Errorf("%s for more than the account may hold", amount)
	}
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, 9*one, one); !ok || amount != 10*one {
		t.Errorf("%s %v, want 10", amount, ok)
	}
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, -one, one); !ok || amount != 0 {
		t.Errorf("%s %v for what is there already", amount, ok)
	}
}
