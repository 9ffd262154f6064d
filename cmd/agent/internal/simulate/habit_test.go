package simulate

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// What people tell their agent of the vendor's hours is what the vendor keeps.
func TestTheAgentKnowsTheHoursThatTheVendorKeeps(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		at := rapid.Custom(func(r *rapid.T) WeekTime {
			return WeekTime(time.Duration(rapid.IntRange(0, 7*24*4-1).Draw(r, "quarter")) * 15 * time.Minute)
		})
		var v Vendor
		for range rapid.IntRange(1, 4).Draw(r, "closed") {
			c := Closed{at.Draw(r, "from"), at.Draw(r, "to")}
			if c.From != c.To {
				v.Closed = append(v.Closed, c)
			}
		}
		hours, ever := v.hours(), false
		for d := range 7 {
			for m := 0; m < 24*60; m += 15 {
				_, closed := v.closed(WeekTime(time.Duration(d)*day + time.Duration(m)*time.Minute))
				ever = ever || !closed
				if len(hours) > 0 && hours.Open(time.Weekday(d), units.TimeOfDay(m)) == closed {
					r.Fatalf("%+v: %v at minute %d of %s", v, hours, m, time.Weekday(d))
				}
			}
		}
		if len(hours) == 0 && ever && len(v.Closed) > 0 {
			r.Fatalf("%+v: no hours are told", v)
		}
	})
}
