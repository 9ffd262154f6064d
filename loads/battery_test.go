package loads

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func cells(change ...func(*Store)) Store {
	s := Store{Capacity: 10 * units.KilowattHour, Charge: 3 * units.Kilowatt, Discharge: 4 * units.Kilowatt, Reserve: 200, Efficiency: 90}
	for _, f := range change {
		f(&s)
	}
	return s
}

// What a battery is told follows the plan as far as the house of this moment lets it.
func TestSteer(t *testing.T) {
	const w = units.Watt
	sells := func(s *Store) { s.Export = true }
	for _, row := range []struct {
		name  string
		store Store
		t     Track
		want  string
	}{
		{"nobody plans, and sun is over", cells(), Track{House: -1500 * w, Heard: true, Charge: 500}, "on 1500 W"},
		{"more sun than it takes", cells(), Track{House: -5000 * w, Heard: true, Charge: 500}, "on 3000 W"},
		{"nobody plans, and the house draws", cells(), Track{House: 1500 * w, Heard: true, Charge: 500}, "on -1470 W"},
		{"more than it gives", cells(), Track{House: 9000 * w, Heard: true, Charge: 500}, "on -4000 W"},
		{"the reserve", cells(), Track{House: 1500 * w, Heard: true, Charge: 200}, "on rest"},
		{"just above it, at rest", cells(), Track{House: 1500 * w, Heard: true, Charge: 210, Now: Setpoint{On: true, Mode: Rests}}, "on rest"},
		{"just above it, under way", cells(), Track{House: 1500 * w, Heard: true, Charge: 210, Now: Setpoint{On: true, Power: -1400 * w}}, "on -1470 W"},
		{"what the house draws is not known", cells(), Track{Charge: 500}, "on rest"},
		{"planned to rest", cells(), Track{Planned: true, Net: 1000 * w, House: 1500 * w, Heard: true, Charge: 500}, "on rest"},
		{"planned to rest, and sun comes", cells(), Track{Planned: true, Net: 1000 * w, House: -700 * w, Heard: true, Charge: 500}, "on 700 W"},
		{"planned from the grid", cells(), Track{Planned: true, Plan: 2000 * w, Net: 1000 * w, House: 1500 * w, Heard: true, Charge: 500}, "on 2000 W"},
		{"planned from the grid, and nobody measures", cells(), Track{Planned: true, Plan: 2000 * w, Net: 1000 * w, Charge: 500}, "on 2000 W"},
		{"planned from the grid, with little credit", cells(), Track{Planned: true, Plan: 2000 * w, Net: 1000 * w, House: 1500 * w, Heard: true, Charge: 500, Spare: true}, "on rest"},
		{"planned from the sun, and there is less", cells(), Track{Planned: true, Plan: 2000 * w, Net: -2000 * w, House: -300 * w, Heard: true, Charge: 500}, "on 300 W"},
		{"planned from the sun, and there is none", cells(), Track{Planned: true, Plan: 2000 * w, Net: -2000 * w, House: 400 * w, Heard: true, Charge: 500}, "on rest"},
		{"planned from both", cells(), Track{Planned: true, Plan: 2500 * w, Net: -2000 * w, House: -1000 * w, Heard: true, Charge: 500}, "on 1500 W"},
		{"planned to give all, and it is more", cells(), Track{Planned: true, Plan: -1000 * w, Net: 1000 * w, House: 2030 * w, Heard: true, Charge: 500}, "on -2000 W"},
		{"planned to give all, and it is less", cells(), Track{Planned: true, Plan: -1000 * w, Net: 1000 * w, House: 530 * w, Heard: true, Charge: 500}, "on -500 W"},
		{"planned to give a part", cells(), Track{Planned: true, Plan: -1000 * w, Net: 2000 * w, House: 2500 * w, Heard: true, Charge: 500}, "on -1000 W"},
		{"planned to sell, and it may not", cells(), Track{Planned: true, Plan: -3000 * w, Net: 1000 * w, House: 1030 * w, Heard: true, Charge: 500}, "on -1000 W"},
		{"planned to sell", cells(sells), Track{Planned: true, Plan: -3000 * w, Net: 1000 * w, House: 1030 * w, Heard: true, Charge: 500}, "on -3000 W"},
		{"planned to sell, and nobody measures", cells(sells), Track{Planned: true, Plan: -3000 * w, Net: 1000 * w, Charge: 500}, "on rest"},
		{"a lamp more", cells(), Track{House: 1560 * w, Heard: true, Charge: 500, Now: Setpoint{On: true, Power: -1500 * w}}, "on -1500 W"},
		{"a kettle more", cells(), Track{House: 3030 * w, Heard: true, Charge: 500, Now: Setpoint{On: true, Power: -1500 * w}}, "on -3000 W"},
		{"a lamp less would flow out", cells(), Track{House: 1490 * w, Heard: true, Charge: 500, Now: Setpoint{On: true, Power: -1500 * w}}, "on -1460 W"},
		{"a cloud", cells(), Track{House: -900 * w, Heard: true, Charge: 500, Now: Setpoint{On: true, Power: 1500 * w}}, "on 900 W"},
		{"about nothing", cells(), Track{House: 100 * w, Heard: true, Charge: 500}, "on rest"},
	} {
		if got := row.store.Steer(row.t); got.String() != row.want {
			t.Errorf("%s: %v, want %s", row.name, got, row.want)
		}
	}
}

// battery is a guard's bench with a battery and a pump.
func battery(t *testing.T) *bench {
	return &bench{t: t, g: NewGuard(still(), []Load{
		guardLoad("pump", func(l *Load) { l.Power, l.MinOn, l.MinOff = units.Kilowatt, 0, 0 }),
		guardLoad("store", func(l *Load) {
			l.Kind, l.Store, l.Power, l.MinOn, l.MinOff = Battery, cells(), 3*units.Kilowatt, 0, 0
			l.Priority = CanWait.Rank(mostOrder) + 1
		}),
	}, time.UTC)}
}

func stored(set string, t *testing.T, flow units.Power, at time.Time) Fact {
	s := mustSet(t, set)
	return Fact{ID: "store", Takes: Load{Kind: Battery, Powers: cells().Powers()}.Takes().Proven(), Observation: Observation{
		On: s.On, Known: true, At: at, Power: flow, HasPower: true, Set: s, HasSet: true,
	}}
}

func mustSet(t *testing.T, text string) Setpoint { return set(t, text) }

// What a battery takes counts in the site's limit; what it gives makes no room before that is measured, and where
// it is to give no more that is counted at once.
func TestWhatABatteryDoesIsCounted(t *testing.T) {
	const w = units.Watt
	drawn := func(p units.Power, at time.Time) Limit {
		return Limit{Allowed: 3000 * w, Drawn: Drawn{Power: p, From: at, At: at, Known: true}}
	}
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	wish := func(text string) Wish { return Wish{ID: "store", Set: set(t, text), Reason: "plan"} }
	pump := Wish{ID: "pump", Set: Setpoint{On: true}, Reason: "plan"}

	b := battery(t)
	b.step(GuardInput{Now: at(0), Facts: []Fact{stored("off", t, 0, at(0))}, Limit: drawn(2500*w, at(0)), Wishes: []Wish{wish("on 2000 W"), {ID: "pump"}}})
	v := b.step(GuardInput{Now: at(10), Facts: []Fact{stored("off", t, 0, at(10))}, Limit: drawn(2500*w, at(10)), Wishes: []Wish{wish("on 2000 W")}})
	if u := b.s.Unit("store"); u.Set.Power != 500*w {
		t.Errorf("of 500 W that are left it takes %v: %v", u.Set, sent(v))
	}

	b = battery(t)
	b.step(GuardInput{Now: at(0), Facts: []Fact{stored("off", t, 0, at(0))}, Limit: drawn(2800*w, at(0)), Wishes: []Wish{wish("on -2000 W"), {ID: "pump"}}})
	b.step(GuardInput{Now: at(1), Facts: []Fact{stored("on -2000 W", t, 0, at(1))}, Limit: drawn(2800*w, at(1)), Wishes: []Wish{wish("on -2000 W"), {ID: "pump"}}})
	if v := b.step(GuardInput{Now: at(20), Facts: []Fact{stored("on -2000 W", t, -2000*w, at(20))}, Limit: drawn(2800*w, at(20)), Wishes: []Wish{wish("on -2000 W"), pump}}); b.s.Unit("pump").Set.On {
		t.Errorf("the pump starts although nothing less is measured: %v", sent(v))
	}
	if v := b.step(GuardInput{Now: at(40), Facts: []Fact{stored("on -2000 W", t, -2000*w, at(40))}, Limit: drawn(800*w, at(40)), Wishes: []Wish{wish("on -2000 W"), pump}}); sent(v) != "pump on;" {
		t.Errorf("there is room for the pump: %v", sent(v))
	}

	b = battery(t)
	b.step(GuardInput{Now: at(0), Facts: []Fact{stored("off", t, 0, at(0))}, Limit: drawn(2800*w, at(0)), Wishes: []Wish{wish("on -2000 W"), {ID: "pump"}}})
	b.step(GuardInput{Now: at(20), Facts: []Fact{stored("on -2000 W", t, -2000*w, at(20))}, Limit: drawn(500*w, at(20)), Wishes: []Wish{wish("on -2000 W"), {ID: "pump"}}})
	b.step(GuardInput{Now: at(40), Facts: []Fact{stored("on -2000 W", t, -2000*w, at(40))}, Limit: drawn(500*w, at(40)), Wishes: []Wish{wish("on rest"), {ID: "pump"}}})
	if u := b.s.Unit("store"); u.Set.Mode != Rests {
		t.Fatalf("it is told %v", u.Set)
	}
	if v := b.step(GuardInput{Now: at(41), Facts: []Fact{stored("on rest", t, 0, at(41))}, Limit: drawn(500*w, at(40)), Wishes: []Wish{wish("on rest"), pump}}); b.s.Unit("pump").Set.On {
		t.Errorf("the pump starts into what the battery has just ceased to give: %v", sent(v))
	}
	// What it takes makes way before any load does.
	out, _ := Shed(b.g.loads, GuardState{Units: []UnitState{
		{ID: "pump", Set: Setpoint{On: true}, Confirmed: true}, {ID: "store", Set: set(t, "on 2000 W"), Confirmed: true},
	}}, func(string) Capability { return stored("off", t, 0, t0).Takes }, Limit{Allowed: 3000 * w, Drawn: Drawn{Power: 3500 * w, From: at(60), At: at(60), Known: true}}, at(60))
	if len(out) != 1 || out[0].ID != "store" || out[0].Set.Power != 1500*w {
		t.Errorf("of 500 W too much the guard takes %+v", out)
	}
}

// A battery that has come to its reserve ceases to give although there is no room for what is drawn then: its
// reserve is no room.  Where there is none for what it is to take it rests; it does not go on giving, and is not left to
// its own ways either.
func TestABatteryGivesNoReserveForRoom(t *testing.T) {
	const w = units.Watt
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	full := func(s int) Limit {
		return Limit{Allowed: 3000 * w, Drawn: Drawn{Power: 2980 * w, From: at(s), At: at(s), Known: true}}
	}
	shared := []Curb{{Of: []string{"store"}, Allowed: 30 * w}}
	for _, row := range []struct {
		name, is, wish string
		limit          bool
		curbs          []Curb
	}{
		{"at its reserve", "on -2000 W", "on rest", true, nil},
		{"less is needed", "on -2000 W", "on -1000 W", true, nil},
		{"to be charged", "on -2000 W", "on 2000 W", true, nil},
		{"to be charged, within a limit of its own", "on -2000 W", "on 2000 W", false, shared},
		{"left to itself, and to be charged", "off", "on 2000 W", true, nil},
	} {
		b := battery(t)
		limit := func(s int) Limit {
			if row.limit {
				return full(s)
			}
			return Limit{}
		}
		flow := set(t, row.is).Power
		b.step(GuardInput{Now: at(0), Facts: []Fact{stored("off", t, 0, at(0))}, Limit: limit(0), Wishes: []Wish{{ID: "store", Set: set(t, row.is)}}})
		b.step(GuardInput{Now: at(20), Facts: []Fact{stored(row.is, t, flow, at(20))}, Limit: limit(20), Curbs: row.curbs, Wishes: []Wish{{ID: "store", Set: set(t, row.is)}}})
		b.step(GuardInput{Now: at(40), Facts: []Fact{stored(row.is, t, flow, at(40))}, Limit: limit(40), Curbs: row.curbs, Wishes: []Wish{{ID: "store", Set: set(t, row.wish)}}})
		want := row.wish
		if set(t, row.wish).Power > 0 {
			want = "on rest"
		}
		if got := b.s.Unit("store").Set.String(); got != want {
			t.Errorf("%s: it is told %s, want %s", row.name, got, want)
		}
	}
}
