package credit_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

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
			if left, ok := s.engine.AfterTopUp(s.a, s.now, m, fee); !ok || left != a.Available() {
				r.Fatalf("a top-up of %s leaves %s, and %s (%v) was foretold", m, a.Available(), left, ok)
			}
			if (a.Available() > need) != (m == amount) {
				r.Fatalf("a top-up of %s leaves %s for %s", m, a.Available(), need)
			}
		}
	})

	s := open(t, func(d *credit.Document) { d.MaximumBalance = 10 * one })
	if left, ok := s.engine.AfterTopUp(s.a, s.now, 11*one); ok {
		t.Errorf("more than may be on the account leaves %s", left)
	}
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, 10*one, 0); ok {
		t.Errorf("%s for more than the account may hold", amount)
	}
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, 9*one, one); !ok || amount != 10*one {
		t.Errorf("%s %v, want 10", amount, ok)
	}
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, -one, one); !ok || amount != 0 {
		t.Errorf("%s %v for what is there already", amount, ok)
	}

	s = open(t, func(d *credit.Document) {
		d.Provision = credit.ProvisionDocument{Amount: 20 * one, Period: credit.Day}
	})
	s.topUp(15 * one)
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, 20*one, one); ok {
		t.Errorf("%s where only 5 may still be bought today", amount)
	}
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, 19*one, one); !ok || amount != 5*one {
		t.Errorf("%s %v, want 5", amount, ok)
	}

	s = open(t, func(d *credit.Document) { d.RestoreAbove = 3 * one })
	s.use(one)
	s.a, _, _ = s.engine.Supply(s.a, s.now, credit.Facts{})
	if amount, ok := s.engine.SmallestTopUp(s.a, s.now, 0, one); !ok || amount != 5*one {
		t.Errorf("%s %v after a cut; 4 more than the debt of 1 brings it back", amount, ok)
	}
}
