package credit_test

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

func (s *site) owe(name string, amount units.Money, byShare bool) {
	s.Helper()
	a, entries, err := s.engine.Owe(s.a, s.now, name, amount, byShare, "agreed")
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.keep(a, entries)
}

// The worked case of the GB smart metering specification: 10 % of each top-up
// with a cap of 5 a week from Monday, a top-up of 10 every day.
func TestDebtByShareWithAWeeklyCap(t *testing.T) {
	s := open(t, func(d *credit.Document) {
		d.Debt = credit.DebtDocument{SharePercent: 10, Cap: 5 * one, Period: credit.Week}
	})
	s.owe("old bill", 100*one, true)
	for day, want := range []units.Money{1, 1, 1, 1, 1, 0, 0, 1} {
		r := s.topUp(10 * one)
		var paid units.Money
		for _, p := range r.Paid {
			paid += p.Amount
		}
		if paid != want*one {
			t.Errorf("day %d (%s): %s taken, want %s", day, s.now.Format("Mon"), paid, want*one)
		}
		s.now = s.now.AddDate(0, 0, 1)
	}
	s.has(80*one - 6*one)
	if got := s.a.Debt(); got != 94*one {
		t.Errorf("debt %s, want 94", got)
	}
	s.sound()
}

func TestOrderOfPaymentOnATopUp(t *testing.T) {
	fee := func(units.Money) []credit.Charge {
		return []credit.Charge{{Name: "service fee", Kind: credit.Standing, Amount: 2 * one, Tax: one / 4}}
	}
	s := open(t, func(d *credit.Document) {
		d.Debt.SharePercent = 20
		d.Emergency = credit.EmergencyDocument{Amount: 5 * one, OfferBelow: 0}
	})
	s.owe("old bill", 100*one, true)
	s.owe("standing charge", 3*one, false)
	a, entries, err := s.engine.AcceptEmergency(s.a, s.now, "page")
	if err != nil {
		t.Fatal(err)
	}
	s.keep(a, entries)
	s.use(4 * one)
	s.has(-4 * one)

	for _, c := range []struct {
		name  string
		topUp units.Money
		paid  []credit.Payment
		has   units.Money
	}{
		// 10: 2 to the payment debt (20 %), 2 fee, 3 accumulated debt, 3 of the 4 lent
		{"a top-up that does not reach", 10 * one, []credit.Payment{{"old bill", 2 * one}, {"service fee", 2 * one}, {"standing charge", 3 * one}}, -one},
		// 5: 1 to the payment debt, 2 fee, nothing more owed at once, 1 lent, 1 credit
		{"the next one", 5 * one, []credit.Payment{{"old bill", one}, {"service fee", 2 * one}}, one},
	} {
		r := s.topUp(c.topUp, fee)
		if len(r.Paid) != len(c.paid) {
			t.Fatalf("%s: paid %v, want %v", c.name, r.Paid, c.paid)
		}
		for i := range c.paid {
			if r.Paid[i] != c.paid[i] {
				t.Errorf("%s: paid %v, want %v", c.name, r.Paid[i], c.paid[i])
			}
		}
		s.has(c.has)
	}
	s.sound()
}

func TestStandingChargeIsSuspendedOnEmergencyCredit(t *testing.T) {
	s := open(t, func(d *credit.Document) {
		d.Emergency = credit.EmergencyDocument{Amount: 5 * one, OfferBelow: 2 * one, SuspendStanding: true}
		d.Opening = one
	})
	daily := func(day int) credit.Charge {
		return credit.Charge{Name: "standing charge", Kind: credit.Standing, Amount: one / 2, Period: noon().AddDate(0, 0, day).Truncate(24 * time.Hour)}
	}
	s.charge(daily(0))
	s.has(one / 2)
	s.use(one / 2)
	a, entries, err := s.engine.AcceptEmergency(s.a, s.now, "page")
	if err != nil {
		t.Fatal(err)
	}
	s.keep(a, entries)
	s.charge(daily(1))
	s.charge(daily(2))
	s.charge(daily(2)) // offered twice, taken once
	s.has(0)
	if got := s.a.Debt(); got != one {
		t.Errorf("debt %s, want 1", got)
	}
	s.settle()
	s.sound()
	s.topUp(3 * one)
	s.has(2 * one)
	if got := s.a.Debt(); got != 0 {
		t.Errorf("debt %s after the top-up, want 0", got)
	}
	s.sound()
}

func TestMaximumProvisionAndBalance(t *testing.T) {
	s := open(t, func(d *credit.Document) {
		d.Provision = credit.ProvisionDocument{Amount: 20 * one, Period: credit.Day}
		d.MaximumBalance = 50 * one
	})
	s.topUp(15 * one)
	token := s.vend(credit.AddCredit, 10*one)
	if r := s.enter(token, "page"); r.Token.Code != credit.Overflow {
		t.Fatalf("the second top-up of the day: %s, want overflow", r.Token.Code)
	}
	s.has(15 * one)
	s.now = s.now.AddDate(0, 0, -1)
	if r := s.enter(token, "page"); r.Token.Code != credit.Overflow {
		t.Fatalf("with the clock set back a day: %s, want overflow", r.Token.Code)
	}
	s.now = s.now.AddDate(0, 0, 2)
	if r := s.enter(token, "page"); !r.Accepted() {
		t.Fatalf("the refused token on the next day: %s, want accept", r.Token.Code)
	}
	s.has(25 * one)
	s.now = s.now.AddDate(0, 0, 1)
	s.topUp(20 * one)
	s.now = s.now.AddDate(0, 0, 1)
	if r := s.enter(s.vend(credit.AddCredit, 6*one), "page"); r.Token.Code != credit.Overflow {
		t.Fatalf("beyond the greatest balance: %s, want overflow", r.Token.Code)
	}
	s.has(45 * one)
	s.sound()
}

func TestFreeUnitsAreGivenOnceAPeriod(t *testing.T) {
	s := open(t, func(d *credit.Document) { d.FreeUnits = credit.FreeDocument{Amount: 50 * one, Period: credit.Month} })
	step := func(at time.Time, want units.Money) {
		t.Helper()
		s.now = at
		s.keep(s.engine.Tick(s.a, s.now))
		s.has(want)
	}
	s.has(50 * one) // with the account
	step(time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC), 50*one)
	step(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), 100*one)
	step(time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 100*one) // the clock goes back
	step(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), 100*one)
	step(time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC), 100*one) // and forward again
	step(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), 150*one)
	s.sound()
}

func TestOperatorsOrdersNeedAReason(t *testing.T) {
	s := open(t, nil)
	if _, _, err := s.engine.Adjust(s.a, s.now, credit.Adjustment, one, ""); err == nil {
		t.Error("an adjustment without a reason was made")
	}
	if _, _, err := s.engine.Adjust(s.a, s.now, credit.Topup, one, "why not"); err == nil {
		t.Error("an adjustment posed as a top-up")
	}
	a, entries, err := s.engine.Adjust(s.a, s.now, credit.Refund, -one, "paid out in cash, receipt 17")
	if err != nil {
		t.Fatal(err)
	}
	s.keep(a, entries)
	s.has(-one)
	if _, _, err := s.engine.Owe(s.a, s.now, "old bill", -one, true, "forgiven"); err == nil {
		t.Error("a debt was forgiven that does not exist")
	}
	s.sound()
}
