package planning

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Two loads that are not to run together have hours of their own, also beside what runs whatever
// the plan says, and where one of them is given up for want of credit.
func TestLoadsThatAreNotToRunTogetherArePlannedApart(t *testing.T) {
	none := time.Duration(0)
	car := loads.Document{ID: "car", Kind: loads.OnOff, Power: 2 * units.Kilowatt, MinOff: &none, NotWith: []string{"geyser"}, Need: &loads.NeedDocument{For: 3 * time.Hour}}
	together := func(plan Plan) (n int) {
		its := on(plan, "car")
		for _, at := range on(plan, "geyser") {
			for _, other := range its {
				if at.Equal(other) {
					n++
				}
			}
		}
		return n
	}
	free := car
	free.NotWith = nil
	if b := newBench(t, false, geyser(2*time.Hour), free); together(b.planAt(b.now)) == 0 {
		t.Fatal("nothing is tried: they are planned apart by chance")
	}
	b := newBench(t, false, geyser(2*time.Hour), car)
	plan := b.planAt(b.now)
	if n := together(plan); n > 0 || len(on(plan, "geyser")) != 4 || len(on(plan, "car")) != 6 {
		t.Errorf("%d slots together; geyser %v, car %v", n, on(plan, "geyser"), on(plan, "car"))
	}
	brief := b.brief(b.now)
	until := b.now.Add(3 * time.Hour)
	for i := range brief.Loads {
		if brief.Loads[i].ID == "car" {
			brief.Loads[i].Committed, brief.Loads[i].Requests = until, nil
		}
	}
	for _, at := range on(b.planOf(brief), "geyser") {
		if at.Before(until) {
			t.Errorf("the geyser at %s, while the car is charged whatever the plan says", at)
		}
	}
	given := 0
	for left := 2 * units.One; left < 14*units.One; left += units.One {
		b.left = left
		plan, asked := b.planAt(b.now), 0
		if n := together(plan); n > 0 {
			t.Errorf("with %s left: %d slots together", left, n)
		}
		for _, s := range plan.Short {
			asked += int(s.Time / plan.Slot)
		}
		if ran := len(on(plan, "geyser")) + len(on(plan, "car")); ran > 0 && ran < 4+6 {
			given++
		} else if ran == 0 && asked == 0 {
			t.Errorf("with %s left nothing runs, and nothing is short", left)
		}
	}
	if given == 0 {
		t.Error("nothing is given up in part: that is not tried")
	}
}
