package credit_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/units"
)

// tb is what a site needs of *testing.T and of *rapid.T.
type tb interface {
	Helper()
	Fatalf(string, ...any)
}

// site is an account with its ledger and its vendor.  After every operation it
// goes through storage as over a restart, and every entry is kept.
type site struct {
	tb
	engine *credit.Engine
	scheme *openpaygo.Scheme
	now    time.Time
	a      credit.Account
	ledger []credit.Entry
	issued int // count of the last token made
}

// noon is a Monday.
func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

const one = units.One

// paygo is a scheme of tokens in hundredths of the account's unit.
func paygo(t tb) *openpaygo.Scheme {
	t.Helper()
	s, err := openpaygo.New(openpaygo.Document{Key: "00112233445566778899aabbccddeeff", StartingCode: 123456789, Unit: openpaygo.Money, ValueDivider: 100, Extended: true, DisableTokens: true})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

func open(t tb, change func(*credit.Document)) *site {
	t.Helper()
	doc := credit.Defaults()
	if change != nil {
		change(&doc)
	}
	s := &site{tb: t, now: noon(), scheme: paygo(t)}
	var err error
	if s.engine, err = credit.New(doc, time.UTC, s.scheme); err != nil {
		t.Fatalf("%v", err)
	}
	a, entries := s.engine.Open("meter 1", s.now)
	s.keep(a, entries)
	return s
}

// keep stores an account and its entries and reads them back.
func (s *site) keep(a credit.Account, entries []credit.Entry) {
	s.Helper()
	data, err := json.Marshal(a)
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.a = credit.Account{}
	if err := json.Unmarshal(data, &s.a); err != nil {
		s.Fatalf("%v", err)
	}
	if d := cmp.Diff(a, s.a); d != "" {
		s.Fatalf("the account does not survive storage:\n%s", d)
	}
	for _, e := range entries {
		data, err := json.Marshal(e)
		if err != nil {
			s.Fatalf("%v", err)
		}
		var back credit.Entry
		if err := json.Unmarshal(data, &back); err != nil || back != e {
			s.Fatalf("the entry does not survive storage: %+v, %+v, %v", e, back, err)
		}
		s.ledger = append(s.ledger, back)
	}
}

// sound checks that the ledger is whole and sums to the balance.
func (s *site) sound() {
	s.Helper()
	if err := credit.Verify(s.ledger, s.a.Head); err != nil {
		s.Fatalf("%v", err)
	}
	var sum, owed units.Money
	for _, e := range s.ledger {
		sum += e.Amount
		owed += e.Owed
	}
	var debts units.Money
	for _, d := range s.a.Debts {
		debts += d.Amount
	}
	if sum != s.a.Balance || owed != debts || s.a.Head.Balance != s.a.Balance {
		s.Fatalf("entries sum to %s and %s of debt, the account says %s and %s", sum, owed, s.a.Balance, debts)
	}
}

func (s *site) use(m units.Money) {
	s.Helper()
	s.charge(credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: m})
}

func (s *site) charge(c ...credit.Charge) {
	s.Helper()
	s.keep(s.engine.Accrue(s.a, s.now, c...))
}

func (s *site) settle() {
	s.Helper()
	s.keep(s.engine.Settle(s.a, s.now, s.now.Format(time.RFC3339)))
}

// vend makes a token of an amount.
func (s *site) vend(effect credit.Effect, m units.Money) string {
	s.Helper()
	token, count, err := s.scheme.Issue(s.issued, effect, int(m/(one/100)))
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.issued = count
	return token
}

func (s *site) enter(token, source string, due ...credit.Due) credit.Result {
	s.Helper()
	a, entries, r := s.engine.TopUp(s.a, s.now, token, source, due...)
	s.keep(a, entries)
	return r
}

// topUp buys and enters a token that must be taken.
func (s *site) topUp(m units.Money, due ...credit.Due) credit.Result {
	s.Helper()
	r := s.enter(s.vend(credit.AddCredit, m), "page", due...)
	if !r.Accepted() {
		s.Fatalf("top-up of %s: %+v", m, r)
	}
	return r
}

func (s *site) supply(f credit.Facts) credit.Decision {
	s.Helper()
	a, entries, d := s.engine.Supply(s.a, s.now, f)
	s.keep(a, entries)
	return d
}

// lit checks that the supply is on, or off and why.
func (s *site) lit(want bool, cause credit.Cause) credit.Decision {
	s.Helper()
	d := s.supply(credit.Facts{})
	if d.Close != want || d.Cause != cause {
		s.Fatalf("supply is %v %q (%s), want %v %q", d.Close, d.Cause, d.Why, want, cause)
	}
	return d
}

func (s *site) has(available units.Money) {
	s.Helper()
	if got := s.a.Available(); got != available {
		s.Fatalf("available %s, want %s\n%s", got, available, s.statement())
	}
}

func (s *site) statement() string {
	out := ""
	for _, e := range s.ledger {
		out += fmt.Sprintf("%4d %s %-11s %14s %14s  %s\n", e.Seq, e.At.Format("Mon 15:04"), e.Kind, e.Amount, e.Balance, e.Cause)
	}
	return out
}

// A day in the life of the account, from the last credit to the next.
func TestCreditRunsOutAndComesBack(t *testing.T) {
	s := open(t, func(d *credit.Document) {
		d.Opening = 3 * one
		d.Emergency = credit.EmergencyDocument{Amount: 5 * one, OfferBelow: one}
	})
	s.lit(true, credit.NoCause)
	if s.engine.Offered(s.a) {
		t.Error("emergency credit is offered above its threshold")
	}
	s.use(2 * one)
	if !s.engine.Offered(s.a) {
		t.Error("emergency credit is not offered at its threshold")
	}
	s.use(one)
	s.lit(false, credit.ForNoCredit)

	a, entries, err := s.engine.AcceptEmergency(s.a, s.now, "page")
	if err != nil {
		t.Fatal(err)
	}
	s.keep(a, entries)
	s.lit(true, credit.NoCause)
	s.use(4*one + 999_999)
	s.lit(true, credit.NoCause)
	s.use(1)
	s.lit(false, credit.ForNoCredit)
	if _, _, err := s.engine.AcceptEmergency(s.a, s.now, "page"); err == nil {
		t.Error("emergency credit is lent twice")
	}

	// A top-up that does not pay the loan back keeps it dark.
	s.topUp(4 * one)
	s.has(-one)
	s.lit(false, credit.ForNoCredit)
	if s.engine.Offered(s.a) {
		t.Error("emergency credit is offered before it is paid back")
	}
	// Paid back to the last cent it is dark still, and on offer again.
	s.topUp(one)
	s.has(0)
	s.lit(false, credit.ForNoCredit)
	if !s.engine.Offered(s.a) {
		t.Error("emergency credit is not offered again when it is paid back")
	}
	s.topUp(2 * one)
	s.has(2 * one)
	s.lit(true, credit.NoCause)
	if s.a.Emergency.Stage != credit.NotTaken {
		t.Errorf("emergency credit is still %q", s.a.Emergency.Stage)
	}
	s.settle()
	s.sound()
	s.has(2 * one)
}
