package planning

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// A load that is told powers may have several stretches of hours a day: it gets what it needs in
// them, and nothing between, shifted or as soon as it may, and where the credit is not enough.
func TestALoadThatIsToldPowersHasSeveralStretchesADay(t *testing.T) {
	zone, err := time.LoadLocation("Africa/Johannesburg")
	must(t, err)
	outside := func(plan Plan) (out []time.Time) {
		for _, at := range on(plan, "car") {
			if h := at.In(zone).Hour(); !(h >= 1 && h < 4 || h >= 10 && h < 13 || h >= 18 && h < 22) {
				out = append(out, at)
			}
		}
		return out
	}
	car := charger(30*units.KilowattHour, func(d *loads.Document) {
		d.Need.Between = []loads.Window{{From: 60, To: 240}, {From: 600, To: 780}, {From: 1080, To: 1320}}
		d.ReadyBy = nil
	})
	for _, shift := range []bool{true, false} {
		b := newBench(t, false, car)
		b.unlocked, b.rules.Shift = true, shift
		plan := b.planAt(b.now)
		if out := outside(plan); len(out) > 0 {
			t.Errorf("shifted %v: it is to charge outside its hours, at %v", shift, out)
		}
		if got := given(t, b, plan, "car", b.now, b.now.Add(24*time.Hour)); got < 29*units.KilowattHour {
			t.Errorf("shifted %v: it gets %v of 30 kWh", shift, got)
		}
	}
	b := newBench(t, false, car)
	for left := 2 * units.One; left < 60*units.One; left += 6 * units.One {
		b.left = left
		if out := outside(b.planAt(b.now)); len(out) > 0 {
			t.Errorf("with %s left: outside its hours, at %v", left, out)
		}
		b.until = b.now.Add(20 * time.Hour)
		if out := outside(b.planAt(b.now)); len(out) > 0 {
			t.Errorf("with %s left, which is to last: outside its hours, at %v", left, out)
		}
		b.until = time.Time{}
	}
}

// What had rather run in one piece goes on into a dearer half hour, where another load stops and begins
// anew in the next cheap one.
func TestWhatHadRatherRunInOnePieceDoes(t *testing.T) {
	pieces := func(prefer string) (n int) {
		d := geyser(150 * time.Minute)
		d.Prefer = prefer
		b := newBench(t, false, d)
		b.unlocked = true
		b.now = time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC) // 04:00, two hours before the day's price
		plan, last := b.planAt(b.now), time.Time{}
		for _, at := range on(plan, "geyser") {
			if at.Before(b.now.Add(20*time.Hour)) && !at.Equal(last.Add(plan.Slot)) {
				n++
			}
			if at.Before(b.now.Add(20 * time.Hour)) {
				last = at
			}
		}
		return n
	}
	if broken, whole := pieces(""), pieces("unbroken"); broken != 2 || whole != 1 {
		t.Errorf("in %d pieces, and in %d where it had rather run in one", broken, whole)
	}
}
