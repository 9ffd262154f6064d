package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/beside"
)

// MeterReading keeps what stands on the display, and knows no meter that it could be wrong beside.
func (f *fakeAgent) MeterReading(_ context.Context, r MeterReading, way string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("reading %+v by %s", r, way); err != nil {
		return err
	}
	shown, step, why := beside.ParseShown(r.Shown)
	if why != nil {
		return &Refusal{Reason: "It is not what a meter shows."}
	}
	f.changeLocked(func(v *picture.View) {
		st := beside.State{Readings: v.Beside.Readings, Last: len(v.Beside.Readings)}
		st, why = st.Add(v.At, beside.Told{At: v.At.Add(time.Duration(st.Last-3) * 24 * time.Hour), By: way, Shown: shown, Step: step, Sure: r.Sure, Here: beside.Point{Own: units.FromKWh(100 + 7*float64(st.Last))}}, beside.Rules{Percent: 4})
		v.Beside = picture.Beside{Account: st.Account(beside.Rules{Percent: 4}, v.Zone), Readings: st.Readings}
	})
	if why != nil {
		return &Refusal{Reason: why.String()}
	}
	return nil
}

func (f *fakeAgent) WithdrawReading(_ context.Context, n int, way string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("withdraw %d by %s", n, way); err != nil {
		return err
	}
	st, _, ok := beside.State{Readings: f.v.Beside.Readings}.Withdraw(n)
	if !ok {
		return &Refusal{Reason: "There is no such reading."}
	}
	f.changeLocked(func(v *picture.View) {
		v.Beside = picture.Beside{Account: st.Account(beside.Rules{Percent: 4}, v.Zone), Readings: st.Readings}
	})
	return nil
}

// What stands on the utility's meter is entered on the page System and by the API, held
// against what was measured, and taken back.
func TestTheUtilitysMeterIsEnteredAndTakenBack(t *testing.T) {
	x := newSite(t, nil)
	bearer := []string{"Authorization", "Bearer " + testPIN}
	x.want(x.get("/system"), 200, "h-beside", "Read your utility", `name="shown"`, `max="2026-11-23T16:07"`)
	if a := x.get("/api/v1/view"); strings.Contains(a.body, `"beside"`) {
		t.Error("the view tells of a meter that nobody has read")
	}
	tell := func(shown string) map[string]any { return map[string]any{"shown": shown} }
	x.want(x.json("/api/v1/meter/readings", tell("300.1")), 401, "pin_needed")
	x.want(x.json("/api/v1/meter/readings", map[string]any{"kwh": 3}, bearer...), 400, `\"shown\"`)
	x.want(x.json("/api/v1/meter/readings", tell("three"), bearer...), 409, "not what a meter shows")
	x.want(x.json("/api/v1/meter/readings", tell("300.1"), bearer...), 200, `"whole":null`, `"shown_kwh":300.1`, `"own_kwh":100`)
	x.want(x.json("/api/v1/meter/readings", tell("307.0"), bearer...), 200, `"utility_kwh":6.9`, `"own_kwh":7`, `"more_percent":1.4`, `"is":"unclear"`)
	x.want(x.json("/api/v1/meter/readings", tell("30.72"), bearer...), 409, "reading.below")
	x.want(x.json("/api/v1/meter/readings/9/withdraw", nil, bearer...), 409, "no such reading")
	x.want(x.json("/api/v1/meter/readings/x/withdraw", nil, bearer...), 404)

	// Without a script the form does the same.
	if a := x.form("/meter/readings", "shown", "320"); a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/signin") {
		t.Errorf("without the PIN: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	x.form("/signin", "pin", testPIN)
	x.form("/meter/readings", "shown", " 313,1 ", "sure", "1")
	x.want(x.get("/system"), 200, "The reading is kept.", "counted 13.0\u00a0kWh from", "14.0\u00a0kWh were measured: 7.7 % more.", "more than the 4 %", "313.1\u00a0kWh", `action="/meter/readings/3/withdraw"`)
	x.form("/meter/readings/3/withdraw")
	x.want(x.get("/system"), 200, "The reading was taken back.", "6.9\u00a0kWh from", "too early to judge")
	x.want(x.json("/api/v1/meter/readings/2/withdraw", nil, bearer...), 200, `"whole":null`)
	x.want(x.get("/system"), 200, "From the second reading on")
}
