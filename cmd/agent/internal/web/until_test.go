package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// The fake house's clock shows Sunday 22 November, 16:07.
func TestThePageAndTheAPIAskThatTheCreditLasts(t *testing.T) {
	x := newSite(t, nil)
	bearer := []string{"Authorization", "Bearer " + testPIN}
	x.want(x.get("/"), 200, `type="datetime-local"`, `min="2026-11-22T16:07"`, `value="2026-11-25T18:00"`)
	x.want(x.get("/api/v1/view"), 200, `"until":null`)

	x.want(x.json("/api/v1/until", map[string]string{"until": "Fri 18:00"}), 401, "pin_needed")
	x.want(x.json("/api/v1/until", map[string]string{"when": "Fri 18:00"}, bearer...), 400, "Fri 18:00")
	x.want(x.json("/api/v1/until", map[string]string{"until": "soon"}, bearer...), 409, "write it like Fri 18:00")
	x.want(x.json("/api/v1/until", map[string]string{"until": "Fri 18:00"}, bearer...), 200,
		`"at":"2026-11-27T16:00:00Z","by":"api"`, `"lasts":true,"sure":93`, `"keep":"42.000000"`, `"kwh":3.3,"later":false`)
	x.want(x.json("/api/v1/until", map[string]string{"until": "off"}, bearer...), 200, `{"until":null}`)

	// Without a script the form does the same.
	asked := func(until string, holds ...string) {
		t.Helper()
		if a := x.form("/until", "until", until); a.StatusCode != 303 {
			t.Errorf("%q: %d", until, a.StatusCode)
		}
		x.want(x.get("/"), 200, holds...)
	}
	if a := x.form("/until", "until", "2026-11-27T18:00"); a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/signin") {
		t.Errorf("without the PIN: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	x.form("/signin", "pin", testPIN)
	asked("2026-11-27T18:00",
		"The credit is to last until Fri 18:00. A new plan is being made.", "The chance that it does is 93 %.",
		"With a top-up of R\u00a042.00 nothing is left out.", "Left out for it:", "Pool pump, tomorrow 12:07: 3\u00a0h, 3.30\u00a0kWh", `value="2026-11-27T18:00"`, "Cancel this")
	asked("never", "is not a time: write it like")
	asked("off", "The plan is free again to use the credit.")
}

func TestAWishIsToldAsItIs(t *testing.T) {
	x := newSite(t, nil)
	ends := fakeNow.Add(30 * time.Hour)
	for name, c := range map[string]struct {
		u    present.Until
		want []string
	}{
		"not planned yet":                     {present.Until{}, []string{"What that takes is being worked out."}},
		"it lasts and nothing is left out":    {present.Until{Known: true, Lasts: true, Sure: 99, BuyMay: true, KeepMay: true}, []string{"The chance that it does is 99 %.", "Nothing is left out for it."}},
		"it does not last":                    {present.Until{Known: true, Sure: 41, Ends: ends, Buy: units.FromFloat(12), BuyMay: true, Keep: units.FromFloat(50), KeepMay: true, Given: []present.GivenUp{{Name: "Pool pump", Later: true, Time: time.Hour, At: ends}}}, []string{"It may end tomorrow 22:07, although all is left out that can be: the chance that it lasts is 41 %.", "With a top-up of R\u00a012.00 it lasts in nine cases of ten.", "With a top-up of R\u00a050.00 nothing is left out.", "Pool pump waits until after it: 1\u00a0h"}},
		"no top-up is enough":                 {present.Until{Known: true, Sure: 3, Ends: ends}, []string{"No single top-up that this account can take makes it last for certain."}},
		"no top-up is enough for all of them": {present.Until{Known: true, Lasts: true, Sure: 92, BuyMay: true, Given: []present.GivenUp{{Name: "Geyser", At: ends}}}, []string{"No single top-up that this account can take is enough for everything."}},
	} {
		t.Run(name, func(t *testing.T) {
			c.u.At = fakeNow.Add(60 * time.Hour)
			x.f.change(func(v *picture.View) { v.Until = c.u })
			x.want(x.get("/"), 200, append(c.want, "The credit is to last until Wed 04:07.")...)
		})
	}
}
