package credit_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/units"
)

const testKey = "00112233445566778899aabbccddeeff"

func scheme(t testing.TB) *openpaygo.Scheme {
	t.Helper()
	s, err := openpaygo.New(openpaygo.Document{Key: testKey, StartingCode: 123456789, Unit: openpaygo.Money, ValueDivider: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var t0 = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func TestACustomersDay(t *testing.T) {
	doc := credit.Defaults()
	doc.Opening = 3 * units.One
	doc.Emergency = credit.EmergencyDocument{Amount: 5 * units.One, OfferBelow: units.One}
	s := scheme(t)
	e, err := credit.New(doc, time.UTC, s)
	if err != nil {
		t.Fatal(err)
	}
	var ledger []credit.Entry
	a, es := e.Open("m1", t0)
	ledger = append(ledger, es...)
	use := func(m units.Money) {
		a, es = e.Accrue(a, t0, credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: m})
		ledger = append(ledger, es...)
	}
	on := func(want bool, cause credit.Cause) {
		t.Helper()
		var d credit.Decision
		a, es, d = e.Supply(a, t0, credit.Facts{})
		ledger = append(ledger, es...)
		if d.Close != want || d.Cause != cause {
			t.Fatalf("supply %+v, want %v %q", d, want, cause)
		}
	}
	on(true, credit.NoCause)
	use(3 * units.One)
	on(false, credit.ForNoCredit)
	a, es, err = e.AcceptEmergency(a, t0, "page")
	if err != nil {
		t.Fatal(err)
	}
	ledger = append(ledger, es...)
	on(true, credit.NoCause)
	use(5 * units.One)
	on(false, credit.ForNoCredit)
	if _, _, err := e.AcceptEmergency(a, t0, "page"); err == nil {
		t.Fatal("emergency credit lent twice")
	}
	token, count, _ := s.Issue(0, credit.AddCredit, 4)
	for i := range 2 {
		var r credit.Result
		a, es, r = e.TopUp(a, t0, token, "page")
		ledger = append(ledger, es...)
		if want := []credit.Code{credit.Accept, credit.Used}[i]; r.Token.Code != want {
			t.Fatalf("%+v", r)
		}
		on(false, credit.ForNoCredit)
	}
	token, _, _ = s.Issue(count, credit.AddCredit, 10)
	a, es, _ = e.TopUp(a, t0, token, "mqtt")
	ledger = append(ledger, es...)
	on(true, credit.NoCause)
	a, es = e.Settle(a, t0, "x")
	ledger = append(ledger, es...)
	if a.Balance != 9*units.One {
		t.Fatal(a.Balance)
	}
	if err := credit.Verify(ledger, a.Head); err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(a)
	var back credit.Account
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, back); d != "" {
		t.Fatal(d)
	}
	for _, e := range ledger {
		t.Log(e.Seq, e.Kind, e.Amount, e.Balance, e.Cause)
	}
}
