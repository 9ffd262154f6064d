package days

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// TestEveryHourOfEveryDayIsCountedOnce: also where a day has 23 or 25, and in
// whatever order it is told.
func TestEveryHourOfEveryDayIsCountedOnce(t *testing.T) {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		from := time.Date(2026, time.Month(rapid.SampledFrom([]int{3, 6, 10}).Draw(rt, "month")), rapid.IntRange(22, 27).Draw(rt, "day"), 0, 0, 0, 0, zone).UTC()
		l, _ := List{}.At(from, zone)
		var used units.Energy
		var missed time.Duration
		for at := from; at.Before(from.AddDate(0, 0, 5)); {
			d := time.Duration(rapid.IntRange(1, 30).Draw(rt, "hours")) * time.Hour
			if rapid.Bool().Draw(rt, "dark") {
				l = l.Miss(at, at.Add(d), zone)
				missed += d
			} else {
				l = l.Use(at, zone, units.WattHour, 2)
				used += units.WattHour
			}
			at = at.Add(d)
		}
		var sum units.Energy
		var dark time.Duration
		for i, d := range l {
			sum += d.Energy
			dark += d.Unseen
			if d.Unseen > 25*time.Hour {
				rt.Fatalf("%s of one day", d.Unseen)
			}
			if i > 0 && !l[i-1].Start.Before(d.Start) {
				rt.Fatal("the days are out of order")
			}
		}
		if sum != used || dark != missed {
			rt.Fatalf("%s and %s were told, %s and %s are in the days", used, missed, sum, dark)
		}
		if len(l) > Keep {
			rt.Fatalf("%d days are kept", len(l))
		}
	})
}
