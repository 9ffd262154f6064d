package control

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// wanted is what the home of habits would draw in the slot that begins at an instant.
func wanted(site *Site, at time.Time) units.Power {
	iv := habits(site, at, at.Add(site.Interval))[0]
	return iv.Import.Mean(iv.Slot.Len)
}

// The same house after 0, 1, 3 and 22 days in the dark: what it is promised is what
// comes, and a week's top-up is the same.
func TestAHouseIsPromisedTheSameAfterDarkDays(t *testing.T) {
	type row struct {
		promised, lasted float64 // hours
		advice           units.Money
	}
	var first row
	for _, dark := range []int{0, 1, 3, 22} {
		b := newBench(t)
		b.site.Loads, b.st.Loads = nil, nil
		daily, err := schedule.Parse("0 0 * * *", b.site.Zone)
		must(t, err)
		b.site.PlanAt, b.site.RunOutOver = daily, 8*24*time.Hour
		b.site.Limits.MaxGap, b.site.SilentAfter = 31*time.Minute, time.Hour
		b.planner.Learn(habits(b.site, b.now.AddDate(0, 0, -42), b.now))
		slot := func() {
			b.power = wanted(b.site, b.now)
			b.reading(b.site.Interval)
		}
		days := func(n int) {
			for end := b.now.AddDate(0, 0, n); b.now.Before(end); {
				slot()
			}
		}
		top := func(m units.Money) {
			a, entries, err := b.site.Credit.Adjust(b.st.Credit, b.now, "adjustment", m-b.balance(), "test")
			must(t, err)
			b.st.Credit = a
			b.ledger = append(b.ledger, entries...)
		}
		top(1000 * units.One)
		days(1)
		if dark > 0 {
			top(-units.One)
			days(dark)
			if b.states[loads.SupplyID] {
				t.Fatal("the supply is not off")
			}
		}
		top(20 * units.One)
		slot()
		plan := b.planner.Plan(b.st)
		b.st.Plan, b.st.AskedAt, b.st.WantPlan = &plan, b.now, false
		need, err := b.site.TopUpFor(&b.st, b.now.AddDate(0, 0, 6), units.One)
		must(t, err)
		r := row{promised: plan.RunOut.Mid.Sub(b.now).Hours(), advice: need.Even}
		for from := b.now; b.states[loads.SupplyID] && b.now.Sub(from) < 7*24*time.Hour; r.lasted = b.now.Sub(from).Hours() {
			slot()
		}
		t.Logf("%2d days dark: promised %.1f h, lasted %.1f h; top-up for a week %s", dark, r.promised, r.lasted, r.advice)
		if dark == 0 {
			first = r
		}
		if math.Abs(r.promised-r.lasted) > 0.15*r.lasted+1 {
			t.Errorf("%d days dark: %.1f h were promised and %.1f came", dark, r.promised, r.lasted)
		}
		if d := (r.advice - first.advice).Float(); math.Abs(d) > 0.1*first.advice.Float() {
			t.Errorf("%d days dark: a week's top-up is %s; it was %s", dark, r.advice, first.advice)
		}
	}
}
