package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/quality"
)

// What the voltage was stands on the page System, also for those who only look, and is
// sent with the picture; where nothing is known of it there is no card.
func TestTheVoltageIsOnThePageSystem(t *testing.T) {
	x := newSite(t, nil)
	for _, p := range []string{"/system", "/api/v1/view"} {
		if a := x.get(p); strings.Contains(a.body, "h-quality") || strings.Contains(a.body, `"quality"`) {
			t.Errorf("%s tells of a voltage that nobody measured", p)
		}
	}
	rules := quality.Rules{Zone: x.f.v.Zone, Nominal: 230_000, Frequency: 50_000}
	end := fakeNow.Truncate(10 * time.Minute).Add(-3 * time.Hour)
	for k := range 12 {
		v := quality.Ten{End: end.Add(time.Duration(k) * 10 * time.Minute), Covered: 1_000_000, Phases: []quality.Phase{{Voltage: units.Voltage(231_000 - 7_000*k)}}}
		x.f.v.Quality = x.f.v.Quality.Take(rules, &quality.News{Tens: []quality.Ten{v}})
	}
	x.f.v.Quality = x.f.v.Quality.Take(rules, &quality.News{Events: []quality.Event{{Kind: quality.Dip, Start: end, Length: 340 * time.Millisecond, Voltage: 121_000}}})
	a := x.get("/system")
	x.want(a, 200, "h-quality", "whatever the rest of the week brings", "Disturbed by 1 dip.", "class S")
	x.want(x.get("/api/v1/view"), 200, `"promise":"voltage_100"`, `"is":"broken"`, `"sampled":true`)
}
