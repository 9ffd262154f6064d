package planning

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Plans hold each circuit of a tree, beside what runs whatever they say.
func TestPlansHoldEachCircuit(t *testing.T) {
	none := time.Duration(0)
	load := func(id, circuit string, power units.Power, need time.Duration) loads.Document {
		return loads.Document{ID: id, Kind: loads.OnOff, Power: power, MinOff: &none, Circuit: circuit, Need: &loads.NeedDocument{For: need}}
	}
	docs := []loads.Document{
		load("geyser", "house", 3*units.Kilowatt, 2*time.Hour), load("car", "garage", 2*units.Kilowatt, 3*time.Hour),
		load("heater", "garage", 2*units.Kilowatt, 3*time.Hour), load("pump", "", units.Kilowatt, 2*time.Hour),
	}
	circuits := []loads.CircuitDocument{
		{ID: "garage", In: "house", Limit: loads.Level{Power: 3 * units.Kilowatt}}, {ID: "house", Limit: loads.Level{Current: 20_000}},
	}
	most := func(plan Plan, from time.Time, ids ...string) (most units.Power) {
		for t := range plan.Prices {
			sum := units.Power(0)
			for _, l := range plan.Loads {
				for _, id := range ids {
					if l.ID == id && !plan.Start.Add(time.Duration(t)*plan.Slot).Before(from) {
						sum += l.Power[t]
					}
				}
			}
			most = max(most, sum)
		}
		return most
	}
	b := newBench(t, false, docs...)
	free := b.planAt(b.now)
	if most(free, b.now, "car", "heater") <= 3*units.Kilowatt || most(free, b.now, "car", "heater", "geyser") <= 4600*units.Watt {
		t.Fatal("nothing is tried: the loads are planned apart by chance")
	}
	b = newBench(t, false, docs...)
	b.rules.Circuits = loads.CircuitsOf(circuits, docs)
	plan := b.planAt(b.now)
	if garage, house := most(plan, b.now, "car", "heater"), most(plan, b.now, "car", "heater", "geyser"); garage > 3*units.Kilowatt || house > 4600*units.Watt {
		t.Errorf("%s in the garage, %s in the house", garage, house)
	}
	if len(on(plan, "geyser")) != 4 || len(on(plan, "car")) != 6 || len(on(plan, "heater")) != 6 {
		t.Errorf("geyser %d, car %d, heater %d slots: there is room for all", len(on(plan, "geyser")), len(on(plan, "car")), len(on(plan, "heater")))
	}
	brief := b.brief(b.now)
	until := b.now.Add(3 * time.Hour)
	for i := range brief.Loads {
		if brief.Loads[i].ID == "car" {
			brief.Loads[i].Committed, brief.Loads[i].Requests = until, nil
		}
	}
	for _, at := range append(on(b.planOf(brief), "heater"), on(b.planOf(brief), "geyser")...) {
		if at.Before(until) {
			t.Errorf("the heater or the geyser at %s, beside a car that is charged whatever the plan says", at)
		}
	}
}
