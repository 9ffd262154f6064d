package web

import (
	"strings"
	"testing"
)

// The fake house's clock shows Sunday 22 November, 16:07.
func TestThePageAndTheAPITellWhatIsToCome(t *testing.T) {
	x := newSite(t, nil)
	bearer := []string{"Authorization", "Bearer " + testPIN}
	x.want(x.get("/"), 200, `id="expect-from" name="from" type="date" required min="2026-11-22" value="2026-11-22"`, `value="2026-11-29"`)
	x.want(x.get("/"), 200, `<div class="kwh-only"><label for="expect-kwh">`) // which is hidden where it is not asked for
	x.want(x.get("/api/v1/view"), 200, `"expected":[]`)
	x.want(x.json("/api/v1/expect", map[string]string{"expect": "away until Fri"}), 401, "pin_needed")
	x.want(x.json("/api/v1/expect", map[string]string{"away": "Fri"}, bearer...), 400, "away from")
	x.want(x.json("/api/v1/expect", map[string]string{"expect": "soon"}, bearer...), 409, "not understood")
	x.want(x.json("/api/v1/expect", map[string]string{"expect": "away until Fri"}, bearer...), 200, `"expected":[{"n":1,"what":"away"`, `"by":"api"`)
	x.want(x.json("/api/v1/outages", []any{}), 401, "pin_needed")
	x.want(x.json("/api/v1/outages", "today", bearer...), 400, "events")
	x.want(x.json("/api/v1/outages", []map[string]string{{"start": "2026-12-04T18:00:00+02:00", "end": "2026-12-04T20:30:00+02:00"}}, bearer...), 200, `"what":"outage"`, `"n":3`)
	if page := x.get("/").body; !strings.Contains(page, "There is no mains from 18:00") || strings.Contains(page, "on Saturday") {
		t.Error("the page does not say what is announced of the next day, and nothing else")
	}
	x.want(x.json("/api/v1/expect", map[string]string{"expect": "withdraw 1"}, bearer...), 200, `"expected":[]`)

	x.form("/signin", "pin", testPIN)
	for _, c := range []struct {
		fields []string
		told   string
	}{
		{[]string{"what", "away", "from", "2026-12-20", "until", "2027-01-03", "kwh", "3"}, "expect away from 2026-12-20 until 2027-01-03 by page"},
		{[]string{"what", "extra", "from", "2026-12-20", "until", "2026-12-20", "kwh", "3"}, "expect 3 kWh from 2026-12-20 until 2026-12-20 by page"},
		{[]string{"withdraw", "1"}, "expect withdraw 1 by page"},
	} {
		if a := x.form("/expect", c.fields...); a.StatusCode != 303 {
			t.Errorf("%v: %d", c.fields, a.StatusCode)
		}
		if got := x.f.calls[len(x.f.calls)-1]; got != c.told {
			t.Errorf("%v: %q", c.fields, got)
		}
	}
	x.form("/expect", "what", "away", "from", "2026-12-20", "until", "2027-01-03")
	x.want(x.get("/"), 200, "Noted: nobody is there", "Nobody is there from Tue 1 Dec 00:00", "Take it back")
}
