package credit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// So much a week, whatever is bought; beside a share or alone.
func TestDebtByTimeIsTakenEachWeekWhateverIsBought(t *testing.T) {
	for _, c := range []struct {
		situation string
		share     int64
		debts     []units.Money // left after each of six weeks
	}{
		{"by time alone: top-ups pay nothing", 0, []units.Money{100, 93, 86, 79, 72, 65}},
		{"by time and by share: a fifth of 10 a week besides", 20, []units.Money{98, 89, 80, 71, 62, 53}},
	} {
		s := open(t, func(d *credit.Document) {
			d.Debt = credit.DebtDocument{SharePercent: c.share, Period: credit.Week, ByTime: 7 * one}
			d.Opening = 500 * one
		})
		s.owe("old bill", 100*one, true)
		s.owe("standing charge", 3*one, false) // it is paid whole, and no instalment pays it
		for week, want := range c.debts {
			s.keep(s.engine.Tick(s.a, s.now))
			s.topUp(10 * one)
			if got := s.a.Debt(); got != want*one {
				t.Errorf("%s: week %d: %s owed, want %d", c.situation, week, got, want)
			}
			s.now = s.now.AddDate(0, 0, 7)
		}
		s.sound()
	}
}

// Recovery by time alone never ends the credit: what is not there is taken from
// the next top-up, first of all, and told as what it paid.
func TestDebtByTimeNeverTakesTheLastCredit(t *testing.T) {
	s := open(t, func(d *credit.Document) {
		d.Debt = credit.DebtDocument{Period: credit.Week, ByTime: 7 * one}
		d.Opening = 5 * one
	})
	s.owe("old bill", 20*one, true)
	for range 3 { // two weeks fall due
		s.keep(s.engine.Tick(s.a, s.now))
		s.lit(true, credit.NoCause)
		s.has(5 * one)
		s.now = s.now.AddDate(0, 0, 7)
	}
	s.now = s.now.AddDate(0, 0, -7)
	if r := s.topUp(10 * one); len(r.Paid) != 1 || r.Paid[0].Amount != 10*one {
		t.Errorf("paid %v", r.Paid)
	}
	s.has(1 * one) // of 14 that had fallen due the top-up paid 10, and 4 were there then
	if got := s.a.Debt(); got != 6*one {
		t.Errorf("%s owed, want 6", got)
	}
	// The end of the debt ends the instalments.
	s.topUp(50 * one)
	for range 4 {
		s.now = s.now.AddDate(0, 0, 7)
		s.keep(s.engine.Tick(s.a, s.now))
	}
	s.has(45 * one)
	// A clock that leaps a year ahead takes one instalment, one set back none.
	s.owe("new bill", 100*one, true)
	s.now = s.now.AddDate(1, 0, 0)
	s.keep(s.engine.Tick(s.a, s.now))
	s.has(38 * one)
	s.now = s.now.AddDate(-1, 0, 0)
	s.keep(s.engine.Tick(s.a, s.now))
	s.has(38 * one)
	s.sound()
}

// What had fallen due and was not there to take ends with the rule: a top-up after
// it pays nothing by time, though the debt stands.
func TestAnInstalmentEndsWithItsRule(t *testing.T) {
	s := open(t, func(d *credit.Document) { d.Debt = credit.DebtDocument{Period: credit.Week, ByTime: 7 * one} })
	s.owe("old bill", 100*one, true)
	for range 3 { // without credit nothing is taken
		s.keep(s.engine.Tick(s.a, s.now))
		s.now = s.now.AddDate(0, 0, 7)
	}
	s.keep(s.engine.Tick(s.a, s.now))
	if s.a.Instalment.Left == 0 {
		t.Fatal("nothing has fallen due")
	}
	without, err := credit.New(credit.Defaults(), time.UTC, s.scheme)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := without.Tick(s.a, s.now)
	if a.Instalment != (credit.Instalment{}) || a.Debt() != 100*one {
		t.Errorf("without the rule %+v is due of %s", a.Instalment, a.Debt())
	}
}

// What is foreseen to fall due is what is taken, to the instant and to the end of the debt.
func TestInstalmentsAreForeseenAsTheyAreTaken(t *testing.T) {
	unraced.Only(t)
	for _, period := range []credit.Period{credit.Day, credit.Week, credit.Month} {
		s := open(t, func(d *credit.Document) {
			d.Debt = credit.DebtDocument{Period: period, ByTime: 30 * one}
			d.Opening = 500 * one
		})
		s.owe("old bill", 100*one, true)
		s.keep(s.engine.Tick(s.a, s.now))
		end := s.now.AddDate(0, 6, 0)
		foreseen := s.engine.Instalments(s.a, s.now, end)
		var taken []credit.Falling
		for s.now.Before(end) {
			had := s.a.Debt()
			s.now = s.now.Truncate(time.Hour).Add(time.Hour)
			s.keep(s.engine.Tick(s.a, s.now))
			if paid := had - s.a.Debt(); paid > 0 {
				taken = append(taken, credit.Falling{At: s.now, Amount: paid})
			}
		}
		if !slices.Equal(foreseen, taken) || len(taken) != 4 || taken[3].Amount != 10*one {
			t.Errorf("by %s: foreseen %v, taken %v", period, foreseen, taken)
		}
	}
}

// "Half goes to the debt, 3 more times": a debt of 8,026 at half of each top-up of
// 4,000, as a utility foretold it.
func TestTheNextTopUpsAreForetold(t *testing.T) {
	s := open(t, func(d *credit.Document) { d.Debt = credit.DebtDocument{SharePercent: 50, Period: credit.Week} })
	s.owe("connection", 8026*one, true)
	want := []units.Money{2000 * one, 2000 * one, 2000 * one, 2000 * one, 26 * one}
	if got := s.engine.Foretell(s.a, s.now, 4000*one, 9); !slices.Equal(got, want) {
		t.Errorf("foretold %v, want %v", got, want)
	}
	for _, w := range want { // and so it comes
		if r := s.topUp(4000 * one); len(r.Paid) != 1 || r.Paid[0].Amount != w {
			t.Errorf("paid %v, foretold %s", r.Paid, w)
		}
	}
	if got := s.engine.Foretell(s.a, s.now, 4000*one, 3); got != nil {
		t.Errorf("without a debt: %v", got)
	}
}
