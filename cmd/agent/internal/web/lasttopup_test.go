package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/units"
)

// The answer to a token brings the newest top-up with it: the page would show the one before.
func TestTheAnswerToATokenBringsTheLastTopUp(t *testing.T) {
	x := newSite(t, nil)
	x.form("/signin", "pin", testPIN)
	a := spaced(x.do("POST", "/topup", "token=12345678901234567890", "Content-Type", "application/x-www-form-urlencoded", "HX-Request", "true"))
	x.want(a, 200, `id="r-lasttopup"`, "Last top-up")
}

// Where nothing is in the records since a top-up, it is not said that nothing was charged.
func TestATopUpOfThisMomentSaysWhatIsKnown(t *testing.T) {
	x := newSite(t, nil)
	c := x.s.texts
	m := &model{Format: formatFor(c, &x.f.v), V: &x.f.v, Body: accountBody{Newest: true, TopUps: []statement.Purchase{
		{Seq: 9, At: fakeNow, Amount: 50 * units.One},
		{Seq: 8, At: fakeNow.Add(-3 * time.Minute), Until: fakeNow, Amount: 20 * units.One},
	}}}
	var b strings.Builder
	if err := x.s.pages.ExecuteTemplate(&b, "bytopups", m); err != nil {
		t.Fatal(err)
	}
	body := plainSpaces(b.String())
	for _, want := range []string{"What was used since then is not in the records yet.", "The next top-up came 3 min later."} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in %s", want, body)
		}
	}
	for _, not := range []string{"Nothing has been charged", "0.00 kWh"} {
		if strings.Contains(body, not) {
			t.Errorf("%q is in %s", not, body)
		}
	}
}
