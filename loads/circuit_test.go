package loads

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/units"
)

// What hangs on a circuit hangs on all that feeds it, and of a current each phase has its own.
func TestCircuitsHoldWhatHangsOnThemAndOnWhatTheyFeed(t *testing.T) {
	three := &RangeDocument{Min: Level{Current: 6_000}, Max: Level{Current: 16_000}, Phases: 3}
	no := false
	all := []Document{
		{ID: "car", Kind: Varies, Range: three, Circuit: "garage"},
		{ID: "press", Circuit: "bench"},
		{ID: "saw", Circuit: "bench", Phase: 2},
		{ID: "lamp", Circuit: "house"},
		{ID: "free"},
		{ID: "left-out", Circuit: "garage", Enabled: &no},
	}
	circuits := []CircuitDocument{
		{ID: "bench", In: "garage", Limit: Level{Power: 3 * units.Kilowatt}},
		{ID: "garage", Name: "Garage", In: "house", Limit: Level{Current: 20_000}, Phases: 3},
		{ID: "house", Limit: Level{Power: 14 * units.Kilowatt}},
		{ID: "nothing", Limit: Level{Current: 10_000}},
	}
	if f := CheckCircuits(circuits, all); len(f) > 0 {
		t.Fatal(f)
	}
	var got []string
	for _, c := range CircuitsOf(circuits, all) {
		for _, x := range c.Curbs {
			got = append(got, fmt.Sprintf("%s %s: %s", c.Name, x.Allowed, strings.Join(x.Of, " ")))
		}
	}
	want := []string{
		"bench 3000 W: press saw",
		"Garage 13800 W: car press saw",
		"Garage 4600 W: car press",     // phase 1: the press may hang on any
		"Garage 4600 W: car press saw", // phase 2
		"Garage 4600 W: car press",
		"house 14000 W: car press saw lamp",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := NotesOfCircuits(circuits, nil, 10*units.Kilowatt); n.Error() != "circuits[2].limit: house may carry 14000 W, and the site that feeds it 10000 W: that holds first; nothing is to be done where that is so" {
		t.Error(n)
	}
}

// A load that can never run is found where the configuration is looked at.
func TestALoadThatNeverRunsIsFound(t *testing.T) {
	three := &RangeDocument{Min: Level{Current: 6_000}, Max: Level{Current: 16_000}, Phases: 3}
	circuits := []CircuitDocument{{ID: "house", Limit: Level{Current: 16_000}, Phases: 3}, {ID: "bench", In: "house", Limit: Level{Power: 5 * units.Kilowatt}}}
	all := []Document{
		{ID: "heater", Power: 5 * units.Kilowatt, Circuit: "bench"}, // 3680 W a phase
		{ID: "car", Kind: Varies, Range: three, Circuit: "house"},
		{ID: "kiln", Power: 3 * units.Kilowatt, Circuit: "house", Phase: 2},
	}
	if f := CheckCircuits(circuits, all); len(f) != 1 || !strings.HasPrefix(f.Error(), "loads[0].circuit: 5000 W on 1 of the phases is more than the circuit house may carry on each, 3680 W;") {
		t.Error(f)
	}
	fridge := Document{ID: "fridge", Power: units.Kilowatt, Class: AlwaysOn, Circuit: "house", Phase: 2}
	if f := NotesOfCircuits(circuits, append(all[1:], fridge), 0); len(f) != 1 || !strings.HasPrefix(f.Error(), "loads[1].circuit: beside what is always on house has 2680 W left, and kiln draws 3000 W: it runs only while that is off;") {
		t.Error(f)
	}
	all = []Document{{ID: "kiln", NotWith: []string{"fridge"}}, fridge, {ID: "pump", Class: AlwaysOn, Need: &NeedDocument{}, NotWith: []string{"kiln"}}}
	if f := NotesApart(all); len(f) != 1 || f.Error() != "loads[0]: it is not to run with fridge, which is always on: it runs only while somebody has that off; write not_with for what is off at times" {
		t.Error(f)
	}
}

// A load of three phases takes a third of its power on each.
func TestAPhaseIsHeldBesideALoadOfThree(t *testing.T) {
	for _, row := range []struct {
		phases  []int
		allowed units.Power
		want    string
	}{
		{[]int{3, 1}, 2500 * units.Watt, "on 7360 W, off"},
		{[]int{3, 1}, 3500 * units.Watt, "on 7360 W, on"},
		{nil, 3500 * units.Watt, "on 3450 W, off"},
	} {
		c := &curbed{roomy: newRoomy(t, 0)}
		c.curbs = []Curb{{Of: []string{"car", "pump"}, Phases: row.phases, Allowed: row.allowed}}
		for range 60 {
			c.wants["pump"], c.wants["car"] = "on", "on 7360 W"
			c.second()
		}
		if got := c.s.Unit("car").Set.String() + ", " + c.s.Unit("pump").Set.String(); got != row.want {
			t.Errorf("%s for car and pump of %v phases: %s, want %s", row.allowed, row.phases, got, row.want)
		}
	}
}
