package planning

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// What goes without until credit is bought, as is likely in time, is short of nothing; but it is
// noted, and by when that is.
func TestWhatGoesWithoutUntilCreditIsBoughtIsNoted(t *testing.T) {
	evenings := weeks(60, func(at time.Time, left float64) float64 {
		if at.Minute() == 0 && at.Hour() == 18 && left < 10 {
			return 15
		}
		return 0
	})
	b := newBench(t, false)
	b.rules.Zone, b.rules.RunOutOver = time.UTC, 14*24*time.Hour
	b.now = b.now.Add(10 * time.Hour) // eight in the morning, as the purchases are counted
	b.Learn(b.habits(b.now.AddDate(0, 0, -21), b.now))
	brief := b.brief(b.now)
	brief.Left, brief.Purchases = 6*units.One, &evenings
	plan := b.planOf(brief)
	washer := false
	for _, a := range plan.Awaits {
		washer = washer || a.Load == "washer" && a.At.After(b.now) && !a.At.After(b.now.Add(12*time.Hour))
	}
	if !washer || len(on(plan, "washer")) > 0 || len(plan.Short) > 0 {
		t.Errorf("at %s it awaits %v and is short of %v", b.now, plan.Awaits, plan.Short)
	}
	if brief.Left = 200 * units.One; len(b.planOf(brief).Awaits) > 0 {
		t.Error("with plenty something waits for more")
	}
}
