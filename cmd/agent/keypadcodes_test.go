package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/panel"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit/keypad"
	"github.com/keeplit/keeplit/internal/units"
)

// The keypad's short codes at a whole agent: each shows its two lines, what is not
// known says so, none counts as a try, and the printed card has them all.
func TestTheShortCodesOfTheKeypadShowWhatTheCardSays(t *testing.T) {
	h := aHome(t, "")
	var shown string
	keys := panel.Keys{
		Loop: h.s.Loop(), Credit: h.s.Site().Credit, Words: present.NewWords().Keypad(h.s.Site()), View: h.s.Desk().View, Tokens: h.s.Desk().LastTokens,
		Show: func(a, b string) {
			if len(a) > 16 || len(b) > 16 {
				t.Errorf("%q and %q do not fit", a, b)
			}
			shown = a + " / " + b
		},
	}
	press := func(code, want string) {
		t.Helper()
		if keys.Pressed(t.Context(), keypad.Event{Kind: keypad.Enter, Token: code}); !strings.HasPrefix(shown, want) {
			t.Errorf("%s#: %q, want %q", code, shown, want)
		}
	}
	press("6", "Power / not known")
	press("4", "Token 1 / there is none")
	h.pass(30 * time.Minute)
	for _, amount := range []units.Money{20, 30, 50} {
		press(h.token(amount*units.One), "Added")
	}
	h.until("12:00")
	h.until("12:00")
	press("1", "Today ")
	press("2", "Yday ")
	press("3", "Month ")
	if !strings.HasSuffix(shown, "/ Bought 100.00") {
		t.Errorf("the month: %q", shown)
	}
	press("4", "1: 02/11 06:30 / +50.00 ZAR")
	press("42", "2: 02/11 06:30 / +30.00 ZAR")
	press("43", "3: 02/11 06:30 / +20.00 ZAR")
	press("44", "Token 4 / there is none")
	press("5", "Debt / 0.00 ZAR")
	press("6", "Power / ")
	press("7", "Days left")
	press("8", "3.45 ZAR/kWh / 22:00 1.15 ZAR")
	press("9", "Supply is on / ")
	press("77", "No such code / 1 to 9, 41 to 45")
	h.balance(-units.One)
	keys.Loop, keys.View = h.s.Loop(), h.s.Desk().View
	h.pass(10 * time.Minute)
	press("9", "Supply is off / no credit")
	if wrong := h.s.Loop().Snapshot().State.Credit.Lock("keypad").Wrong; wrong != 0 {
		t.Errorf("%d wrong tokens counted", wrong)
	}

	card, err := os.ReadFile("../../docs/keypad-card.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range panel.Codes() {
		if row := "| `" + c.Digits + "` `#` |"; len(c.Digits) == 1 && !strings.Contains(string(card), row) {
			t.Errorf("the card lacks %s", row)
		}
		if c.Name == "" || present.NewWords().Keypad(h.s.Site()).Say("code."+c.Name) == "keypad.code."+c.Name {
			t.Errorf("%s has no name", c.Digits)
		}
	}
}

// The receipt of a top-up says what the next ones will pay of the debt, on the page
// and over HTTP.
func TestTheReceiptForetellsWhatTheDebtTakesOfTheNextTopUps(t *testing.T) {
	h := aHome(t, "credit: {opening: 60, debt: {share_percent: 50, by_time: 5}}\n")
	h.pass(time.Minute)
	h.order(nil, control.Owe("old bill", 32*units.One, true, "agreed"))
	h.press("/topup", "token="+h.token(20*units.One))
	if got := strings.ReplaceAll(strings.Join(plainText(h.last), " "), present.NoBreak, " "); !strings.Contains(got, "Of the next top-ups of R 20.00 the debt takes: R 10.00, R 10.00, R 2.00.") {
		t.Errorf("the page says %q", got)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/api/v1/topup", strings.NewReader(`{"token":"`+h.token(20*units.One)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	h.last = h.call(r)
	if !strings.Contains(h.last, `"next":{"amount":"20.000000","to_debt":["10.000000","2.000000"]}`) {
		t.Errorf("the API says %s", h.last)
	}
}
