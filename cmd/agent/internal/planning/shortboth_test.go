package planning

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// A load whose hours are too short for its need, and whose credit is not enough for what
// there is time for, is told of both, with all that is missing.
func TestWhatIsShortOfHoursAndOfCreditIsToldOfBoth(t *testing.T) {
	const need, room = 40.0, 5 * 7.36 // kWh, from 02:00 to 07:00
	for _, kind := range []loads.Kind{loads.Varies, loads.OnOff} {
		for _, row := range []struct {
			name  string
			left  units.Money
			until time.Duration
			want  ShortCause
		}{
			{"there is credit for all", 1000 * units.One, 0, ShortOfHours},
			{"there is credit for a part", 12 * units.One, 0, ShortOfBoth},
			{"there is none", units.One / 10, 0, ShortOfBoth},
			{"it is given up so that the credit lasts", 12 * units.One, 20 * time.Hour, ShortOfHours}, // the rest is told there
		} {
			d := charger(40 * units.KilowattHour)
			if kind == loads.OnOff {
				d.Kind, d.Range, d.Power = kind, nil, 7360*units.Watt
			}
			b := newBench(t, false, d)
			b.Learn(b.habits(b.now.AddDate(0, 0, -20), b.now))
			b.left, b.now = row.left, begin().Add(2*time.Hour)
			l := b.rules.Loads[0]
			before := l.Roll(loads.Progress{}, begin().Add(-5*time.Hour))
			b.progress = map[string]loads.Progress{"car": l.Account(before, loads.Taken{From: b.now.Add(-time.Minute), To: b.now})}
			if row.until > 0 {
				b.until = b.now.Add(row.until)
			}
			plan := b.planAt(b.now)
			if len(plan.Short) != 1 || plan.Short[0].Cause != row.want || plan.Short[0].Load != "car" {
				t.Errorf("%s, %s: %+v, want one for %q", kind, row.name, plan.Short, row.want)
				continue
			}
			ready := begin().Add(7 * time.Hour)
			got := 0.0
			for i, p := range plan.Loads[0].Power {
				if plan.Start.Add(time.Duration(i) * plan.Slot).Before(ready) {
					got += p.Over(plan.Slot).KWh()
				}
			}
			if row.until > 0 {
				got += room // given up, and told there
			}
			missing := (plan.Short[0].Energy + l.Power.Over(plan.Short[0].Time)).KWh()
			if kind == loads.OnOff && plan.Short[0].Time == 0 || kind == loads.Varies && plan.Short[0].Energy == 0 || math.Abs(got+missing-need) > 7.36/2 {
				t.Errorf("%s, %s: it gets %.1f kWh of %v, and %.1f are told as missing: %+v", kind, row.name, got, need, missing, plan.Short[0])
			}
		}
	}
}
