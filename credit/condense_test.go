package credit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// Whatever happens to an account, its entries added up come to the same, follow
// what was stored before them, and keep every token.
func TestEntriesAddedUpComeToTheSame(t *testing.T) {
	unraced.Only(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := open(rt, func(d *credit.Document) {
			d.Opening = 20 * one
			d.Emergency = credit.EmergencyDocument{Amount: 2 * one, OfferBelow: one, Automatic: true, SuspendStanding: true}
		})
		s.owe("old bill", 20*one, true)
		base := rapid.IntRange(1, len(s.ledger)).Draw(rt, "stored")
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			s.now = s.now.Add(30 * time.Minute)
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				s.topUp(units.Money(rapid.IntRange(1, 9).Draw(rt, "bought")) * one)
			case 1:
				s.supply(credit.Facts{Overload: rapid.Bool().Draw(rt, "overload")})
			default:
				s.charge(
					credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: one, Tax: one / 8, Energy: units.KilowattHour},
					credit.Charge{Name: "service", Kind: credit.Standing, Amount: one / 2},
				)
				s.settle()
			}
		}
		base = min(base, len(s.ledger)-1)
		got := credit.Condense(s.ledger[base:], rapid.IntRange(0, 20).Draw(rt, "keep"))
		whole := append(append([]credit.Entry{}, s.ledger[:base]...), got...)
		if err := credit.Verify(whole); err != nil {
			rt.Fatalf("%v", err)
		}
		sum := func(all []credit.Entry) string {
			var tax units.Money
			var energy units.Energy
			tokens := ""
			for _, e := range all {
				tax, energy = tax+e.Tax, energy+e.Energy
				if e.Kind == credit.Topup {
					tokens += e.Ref + e.Amount.String()
				}
			}
			end := all[len(all)-1]
			return fmt.Sprint(end.Balance, end.Debt, tax, energy, tokens)
		}
		if a, b := sum(s.ledger), sum(whole); a != b {
			rt.Fatalf("it came to %s, added up it comes to %s", a, b)
		}
	})
}

// A full disk is no reason to sit in the dark: the cut for want of credit waits
// until a top-up can be recorded, and is written down; every other cut goes.
func TestNobodyIsCutForCreditWhileNoTopUpCanBeRecorded(t *testing.T) {
	for _, row := range []struct {
		name  string
		facts credit.Facts
		lit   bool
		cause credit.Cause
	}{
		{"nothing else", credit.Facts{}, true, credit.NoCause},
		{"too much power", credit.Facts{Overload: true}, false, credit.ByOverload},
		{"tampering", credit.Facts{Tamper: true}, false, credit.ByTamper},
		{"a fault", credit.Facts{Fault: true}, false, credit.ByFault},
		{"the utility", credit.Facts{Utility: true}, false, credit.ByUtility},
		{"the customer", credit.Facts{Customer: true}, false, credit.ByCustomer},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := open(t, func(d *credit.Document) { d.Opening = one })
			s.lit(true, credit.NoCause)
			s.use(2 * one)
			row.facts.Unrecorded = true
			d := s.supply(row.facts)
			if d.Close != row.lit || d.Cause != row.cause {
				t.Fatalf("%+v", d)
			}
			s.supply(row.facts)
			notices := 0
			for _, e := range s.ledger {
				if e.Kind == credit.Notice && e.Name == "supply" {
					notices++
				}
			}
			if !d.Spared || notices != 1 {
				t.Errorf("spared %v, written down %d times", d.Spared, notices)
			}
			s.sound()
			if d := s.supply(credit.Facts{}); d.Close || d.Cause != credit.ForNoCredit {
				t.Errorf("when a top-up can be recorded again: %+v", d)
			}
		})
	}
	t.Run("off already", func(t *testing.T) {
		s := open(t, nil)
		s.lit(false, credit.ForNoCredit)
		if d := s.supply(credit.Facts{Unrecorded: true}); d.Close {
			t.Errorf("a full disk switches the supply on: %+v", d)
		}
	})
}
