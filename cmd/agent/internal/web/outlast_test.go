package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/internal/units"
)

// The fake agent reckons with 50 a day in nine cases of ten, 40 in half of them,
// and has 183.43 of credit on Sunday 22 November.
func TestWhatLastsUntilWhen(t *testing.T) {
	x := newSite(t, nil)
	x.f.v.Loads[0].RunEnergy, x.f.v.Loads[0].RunSooner = 6*units.KilowattHour, 7*time.Hour
	for _, c := range []struct {
		name, until string
		page        []string
		status      int
		api         []string
	}{
		{"a day that the credit reaches", "2026-11-24", []string{"lasts to the end of Tue 24 Nov without a top-up"}, 200, []string{`"safe":"0.000000"`}},
		{"a day that it does not", "2026-11-27", []string{"66.57", "to the end of Fri 27 Nov in nine cases of ten", "R\u00a016.57 is enough in half"}, 200, []string{`"safe":"66.572900"`, `"even":"16.572900"`, `"until":"2026-11-27T22:00:00Z"`}},
		{"not in half of the cases", "2026-11-26", []string{"16.57", "In half of the cases no top-up is needed"}, 200, []string{`"even":"0.000000"`}},
		{"more than one top-up may be", "2026-12-03", []string{"No single top-up"}, 200, []string{`"safe":null`}},
		{"beyond the forecast", "2027-01-01", []string{"The forecast reaches from Sun 22 Nov to Sat 5 Dec"}, 404, []string{"unknown"}},
		{"yesterday", "2026-11-21", []string{"The forecast reaches"}, 404, nil},
		{"no date", "soon", []string{"This is not a date"}, 404, nil},
		{"a week ahead by itself", "", []string{`value="2026-11-29"`, "166.57"}, 200, []string{`"until":"2026-11-29T22:00:00Z"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := x.get("/topup?until=" + c.until)
			x.want(page, 200, append(c.page, `type="date"`, `min="2026-11-22" max="2026-12-05"`, "One more kWh used now takes 1\u00a0h\u00a018\u00a0min of credit")...)
			x.want(x.get("/api/v1/topup?until="+c.until), c.status, c.api...)
		})
	}
	x.want(x.get("/"), 200, "One more kWh used now takes", "One run uses 6.00\u00a0kWh and takes 7\u00a0h of credit")
	x.want(x.get("/api/v1/view"), 200, `"hours_per_kwh":1.3`, `"run_kwh":6,"run_hours":7`, `"reach":"2026-12-05T22:00:00Z"`)

	x.f.mu.Lock()
	x.f.changeLocked(func(v *picture.View) { v.RunOut, v.TopUp.Keypad = picture.RunOut{}, "Token: 1234 56" })
	x.f.mu.Unlock()
	x.want(x.get("/topup"), 200, "On the keypad at the meter: Token: 1234 56")
	x.want(x.get("/api/v1/view"), 200, `"keypad":"Token: 1234 56"`)
	if page := x.get("/topup"); !strings.Contains(page.body, "There is no forecast now") || strings.Contains(page.body, `type="date"`) {
		t.Error("before the first forecast a date can be chosen")
	}
}
