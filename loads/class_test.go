package loads

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Numbers keep their order among each other, and stand between the words that they are told as.
func TestLoadsAreRankedByClassAndOrder(t *testing.T) {
	ranked := []Document{
		{ID: "written-nothing"},
		{ID: "must-second", Class: MustHave, Order: 1},
		{ID: "nice-first", Class: NiceToHave},
		{ID: "number-1", Priority: 1},
		{ID: "number-2", Priority: 2},
		{ID: "nice-last", Class: NiceToHave, Order: 1000},
		{ID: "can-first", Class: CanWait},
		{ID: "number-3", Priority: 3},
		{ID: "can-fourth", Class: CanWait, Order: 4},
		{ID: "number-1000", Priority: 1000},
	}
	last := -1
	for _, d := range ranked {
		d.Kind, d.Power = OnOff, units.Kilowatt
		l, err := Compile(d, time.UTC)
		if err != nil {
			t.Fatal(d.ID, err)
		}
		if l.Priority <= last || l.Essential {
			t.Errorf("%s: rank %d after %d, never shed %v", d.ID, l.Priority, last, l.Essential)
		}
		last = l.Priority
	}
	for _, d := range []Document{{Essential: true}, {Class: AlwaysOn}} {
		d.ID, d.Power = "fridge", units.Kilowatt
		if l, err := Compile(d, time.UTC); err != nil || !l.Essential || l.Class != AlwaysOn || !d.Spared() {
			t.Errorf("%+v: %+v, %v", d, l, err)
		}
	}
}

// What can wait goes first, whatever it is called, and what is always on does not go.
func TestTheClassSaysWhatIsShedFirst(t *testing.T) {
	var all []Load
	var s GuardState
	for _, d := range []Document{
		{ID: "a-can", Class: CanWait}, {ID: "b-nice", Class: NiceToHave, Order: 9}, {ID: "c-must"}, {ID: "d-always", Class: AlwaysOn}, {ID: "e-can", Class: CanWait, Order: 1},
	} {
		d.Power = units.Kilowatt
		l, err := Compile(d, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
		s.Units = append(s.Units, UnitState{ID: d.ID, Set: Setpoint{On: true}})
	}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	x := Limit{Allowed: units.Watt, Drawn: Drawn{Power: 5 * units.Kilowatt, From: now, At: now, Known: true}}
	out, freed := Shed(all, s, func(string) Capability { return Capability{} }, x, now)
	var ids []string
	for _, r := range out {
		ids = append(ids, r.ID)
	}
	if want := []string{"e-can", "a-can", "b-nice", "c-must"}; !slices.Equal(ids, want) || freed != 4*units.Kilowatt {
		t.Errorf("shed %v, %v freed; want %v", ids, freed, want)
	}
}

func TestOlderKeysAreToldByClass(t *testing.T) {
	for _, c := range []struct {
		d    Document
		want string
	}{
		{Document{Essential: true}, "essential: true is class always_on; write class: always_on"},
		{Document{Priority: 2}, "priority: 2 is class nice_to_have, in it the place 2; write class: nice_to_have and order: 2"},
		{Document{Priority: 3}, "priority: 3 is class can_wait, in it the place 3; write class: can_wait and order: 3"},
		{Document{Class: CanWait, Order: 3}, ""},
		{Document{}, ""},
	} {
		if got := c.d.Notes().Error(); got != c.want {
			t.Errorf("%+v: %q", c.d, got)
		}
	}
}
