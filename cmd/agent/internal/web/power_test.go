package web

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/internal/units"
)

// Power that nobody told is not 0 W: not on the page, not in the API, not in the
// metrics.
func TestPowerThatWasNotToldIsShownNowhere(t *testing.T) {
	x := newSite(t, nil)
	f := x.f
	f.v.Power = picture.PowerNow{Freshness: picture.Fresh, Untold: true, Limit: units.FromKW(9.2)}
	f.v.Loads[0].Rated = true
	if a := x.get("/api/v1/view"); !strings.Contains(a.body, `"power":{"w":null,"derived":false,"at":null,`) || !strings.Contains(a.body, `"cost_per_hour":null`) {
		t.Errorf("the API says %s", a.body[strings.Index(a.body, `"power"`):][:200])
	}
	metrics := x.get("/metrics").body
	if strings.Contains(metrics, "keeplit_power_watts") || strings.Contains(metrics, `keeplit_load_power_watts{load="`+f.v.Loads[0].ID+`"`) {
		t.Error("the metrics have a power that nobody told")
	}
	page := x.get("/").body
	if !strings.Contains(page, "The meter does not tell its power.") || strings.Contains(page, ` id="power"`) || strings.Contains(page, "Share of the supply") {
		t.Error("the page shows a power that nobody told")
	}
}

func TestPowerByTheRegisterIsMarked(t *testing.T) {
	x := newSite(t, nil)
	f := x.f
	f.v.Power.Derived = true
	x.want(x.get("/api/v1/view"), 200, `"power":{"w":1342,"derived":true,`)
	x.want(x.get("/metrics"), 200, "keeplit_power_watts 1342\n", "keeplit_power_derived 1\n")
	x.want(x.get("/"), 200, "from the meter&#39;s register")
}
