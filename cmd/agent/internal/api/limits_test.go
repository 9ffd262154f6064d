package api

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
)

// The table is evidence, and others' programs read it: its columns stay.
func TestLimitsAreATable(t *testing.T) {
	from := time.Date(2026, 12, 1, 17, 0, 0, 0, time.UTC)
	rows := LimitRowsOf([]control.LimitRecord{
		{
			N: 1, Source: policy.Signed, Phase: policy.Limited, By: "utility.example", Event: "peak", Loads: []string{"car", "geyser"}, Limit: 4200 * units.Watt, From: from, To: from.Add(time.Hour),
			Measured: 59 * time.Minute, Told: true, Energy: 3 * units.KilowattHour, Most: 7360 * units.Watt, Over: 1500 * time.Millisecond, Met: from.Add(2 * time.Second),
		},
		{N: 3, Source: policy.Own, Phase: policy.FailSafe, Whole: true, Limit: 8 * units.Kilowatt, From: from.Add(time.Hour)},
	})
	var out strings.Builder
	if err := WriteLimits(&out, rows); err != nil {
		t.Fatal(err)
	}
	const want = `n,source,state,by,event,of,loads,limit_w,from,to,measured_s,told,energy_kwh,most_w,above_s,met
1,signed,limited,utility.example,peak,loads,car geyser,4200,2026-12-01T17:00:00Z,2026-12-01T18:00:00Z,3540,true,3,7360,1.5,2026-12-01T17:00:02Z
3,mqtt,failsafe,,,site,,8000,2026-12-01T18:00:00Z,,0,false,0,0,0,
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
