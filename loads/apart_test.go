package loads

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// wants has loads wanted on.
func wants(ids ...string) (out []Wish) {
	for _, id := range ids {
		out = append(out, Wish{ID: id, Set: Setpoint{On: true}})
	}
	return out
}

// What is not to run together does not: what is on goes on, the other waits until it is seen to be
// off, and of two that are found on the one goes off that matters less.
func TestLoadsThatAreNotToRunTogetherDoNot(t *testing.T) {
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	plug := func(id string, change ...func(*Load)) Load {
		return guardLoad(id, append([]func(*Load){func(l *Load) { l.MinOn, l.MinOff = 0, 0 }}, change...)...)
	}
	with := func(id string) func(*Load) { return func(l *Load) { l.NotWith = []string{id} } }
	less := func(l *Load) { l.Priority = 5 }
	never := func(l *Load) { l.Essential = true }
	programme := func(l *Load) { l.Kind, l.Cycle = Cycle, time.Hour }
	measured := func(l *Load) { l.Kind, l.Power = Measured, 0 }
	drawing := func(id string, p units.Power, now time.Time) Fact {
		return Fact{ID: id, Observation: Observation{Known: true, HasPower: true, Power: p, At: now}}
	}
	for _, c := range []struct {
		name   string
		loads  []Load
		before []Fact
		wishes []Wish
		facts  []Fact
		want   string
		held   string
	}{
		{"what is on goes on, and the more important one waits", []Load{plug("a", with("b")), plug("b", less, programme)}, []Fact{seen("b", true, t0)}, wants("a", "b"), nil, "b on;", "a"},
		{"so where the other one names it", []Load{plug("a"), plug("b", less, programme, with("a"))}, []Fact{seen("b", true, t0)}, wants("a", "b"), nil, "b on;", "a"},
		{"of two that are wanted the more important one starts", []Load{plug("a", less, with("b")), plug("b")}, nil, wants("a", "b"), nil, "b on;", "a"},
		{"it waits until the other one is seen to be off", []Load{plug("a", with("b")), plug("b")}, []Fact{seen("b", true, t0)}, append(wants("a"), Wish{ID: "b"}), nil, "b off;", "a"},
		{"of two that are on the one goes off that matters less", []Load{plug("a", with("b")), plug("b", less)}, []Fact{seen("a", true, t0), seen("b", true, t0)}, wants("a", "b"), nil, "b off;a on;", ""},
		{"a programme under way is finished", []Load{plug("a", with("b")), plug("b", less, programme)}, []Fact{seen("a", true, t0), seen("b", true, t0)}, wants("a", "b"), nil, "a off;b on;", ""},
		{"what is always on stays on", []Load{plug("a", with("b")), plug("b", less, never)}, []Fact{seen("a", true, t0), seen("b", true, t0)}, wants("a", "b"), nil, "a off;b on;", ""},
		{"what is only measured, and draws", []Load{plug("a", with("b")), plug("b", measured)}, nil, wants("a"), []Fact{drawing("b", 2*units.Kilowatt, at(time.Minute))}, "", "a"},
		{"what is only measured, and stands by", []Load{plug("a", with("b")), plug("b", measured)}, nil, wants("a"), []Fact{drawing("b", 5*units.Watt, at(time.Minute))}, "a on;", ""},
		{"others are no matter", []Load{plug("a", with("b")), plug("b"), plug("c")}, []Fact{seen("b", true, t0)}, wants("b", "c"), nil, "b on;c on;", ""},
	} {
		b := &bench{t: t, g: NewGuard(still(), c.loads, time.UTC)}
		b.step(GuardInput{Now: t0, Facts: c.before})
		v := b.step(GuardInput{Now: at(time.Minute), Wishes: c.wishes, Facts: append(c.facts, c.before...)})
		if got := sent(v); got != c.want {
			t.Errorf("%s: sent %q, want %q", c.name, got, c.want)
		}
		if why, _ := heldFor(v, c.held); c.held != "" && why != HeldApart {
			t.Errorf("%s: held for %q", c.name, why)
		}
		if c.held == "" && len(v.Held) > 0 && c.want != "b off;a on;" && c.want != "a off;b on;" {
			t.Errorf("%s: held %v", c.name, v.Held)
		}
	}
}

// One that was told to be off and still draws its power is not off.
func TestWhatStillDrawsKeepsTheOtherOneWaiting(t *testing.T) {
	heater := guardLoad("heater", func(l *Load) { l.MinOn, l.MinOff, l.NotWith = 0, 0, []string{"pump"} })
	pump := guardLoad("pump", func(l *Load) { l.MinOn, l.MinOff = 0, 0 })
	b := &bench{t: t, g: NewGuard(still(), []Load{heater, pump}, time.UTC)}
	b.step(GuardInput{Now: t0, Facts: []Fact{seen("pump", true, t0)}})
	wishes := append(wants("heater"), Wish{ID: "pump"})
	welded := Fact{ID: "pump", Observation: Observation{Known: true, HasPower: true, Power: units.Kilowatt}}
	for i := 1; i <= 5; i++ {
		now := t0.Add(time.Duration(i) * time.Minute)
		welded.At = now
		if v := b.step(GuardInput{Now: now, Wishes: wishes, Facts: []Fact{welded}}); b.s.Unit("heater").Set.On {
			t.Fatalf("it starts beside one that draws: %s", sent(v))
		}
	}
	now := t0.Add(10 * time.Minute)
	if v := b.step(GuardInput{Now: now, Wishes: wishes, Facts: []Fact{seen("pump", false, now)}}); !b.s.Unit("heater").Set.On {
		t.Errorf("it does not start although the other one is off: %s, %v", sent(v), v.Held)
	}
}

// One that was on when its device fell silent, and is told to be off then, is on until its dead man
// has ended; where there is none the other one waits for a while, and not for ever.
func TestWhatCannotHearThatItIsToBeOffIsOnForAWhile(t *testing.T) {
	for _, row := range []struct {
		name          string
		deadMan, want time.Duration
		breaker       bool // of the room of one; else they are not to run together
	}{
		{"a dead man", 10 * time.Minute, 10 * time.Minute, false},
		{"none", 0, deafFor, false},
		{"a dead man, on a breaker", 10 * time.Minute, 10 * time.Minute, true},
		{"none, on a breaker", 0, deafFor, true},
	} {
		deadMan, want := row.deadMan, row.want
		heater := guardLoad("heater", func(l *Load) { l.MinOn, l.MinOff, l.NotWith = 0, 0, []string{"pump"} })
		var curbs []Curb
		if row.breaker {
			heater.NotWith, curbs = nil, []Curb{{Of: []string{"heater", "pump"}, Allowed: heater.Power}}
		}
		pump := guardLoad("pump", func(l *Load) { l.MinOn, l.MinOff, l.DeadMan = 0, 0, deadMan })
		b := &bench{t: t, g: NewGuard(still(), []Load{heater, pump}, time.UTC)}
		b.step(GuardInput{Now: t0, Facts: []Fact{seen("pump", false, t0)}})
		b.step(GuardInput{Now: t0.Add(time.Second), Wishes: wants("pump")})
		b.step(GuardInput{Now: t0.Add(2 * time.Second), Wishes: wants("pump"), Facts: []Fact{seen("pump", true, t0.Add(2*time.Second))}})
		told, silent := t0.Add(time.Minute), Fact{ID: "pump"}
		for now := told; ; now = now.Add(time.Minute) {
			b.step(GuardInput{Now: now, Wishes: append(wants("heater"), Wish{ID: "pump"}), Facts: []Fact{silent}, Curbs: curbs})
			if on := b.s.Unit("heater").Set.On; on != (now.Sub(told) >= want) {
				t.Fatalf("%s: %s after the pump was told to be off: the heater is on: %t", row.name, now.Sub(told), on)
			} else if on {
				break
			}
		}
	}
	// One that nobody has ever heard of keeps nobody waiting.
	heater := guardLoad("heater", func(l *Load) { l.MinOn, l.MinOff, l.NotWith = 0, 0, []string{"pump"} })
	b := &bench{t: t, g: NewGuard(still(), []Load{heater, guardLoad("pump")}, time.UTC)}
	b.step(GuardInput{Now: t0})
	b.step(GuardInput{Now: t0.Add(time.Second), Wishes: append(wants("heater"), Wish{ID: "pump"}), Facts: []Fact{{ID: "pump"}}})
	if !b.s.Unit("heater").Set.On {
		t.Error("the heater waits for one that was never on")
	}
}

// A battery is steered all the time, and so on: what is not to run with it would never run.
func TestNothingIsKeptApartFromABattery(t *testing.T) {
	all := []Document{{ID: "store", Kind: Battery, Switch: SwitchDocument{Driver: "sunspec"}}, {ID: "pump", NotWith: []string{"store"}, Switch: SwitchDocument{Driver: "house"}}}
	if l := CheckApart(all, 1); len(l) != 1 {
		t.Errorf("the pump is never to run, and of that is said: %v", l)
	}
}
