package loads

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/units"
)

var t0 = time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)

func guardLoad(id string, change ...func(*Load)) Load {
	l := Load{ID: id, Kind: OnOff, Power: units.Kilowatt, Defer: true, MinOn: time.Minute, MinOff: 3 * time.Minute, Feedback: true}
	for _, f := range change {
		f(&l)
	}
	return l
}

// bench drives a guard by hand: it keeps the state, and every state goes through
// JSON as if the process had been restarted.
type bench struct {
	t *testing.T
	g *Guard
	s GuardState
}

func (b *bench) step(in GuardInput) Verdict {
	b.t.Helper()
	before, err := json.Marshal(b.s)
	if err != nil {
		b.t.Fatal(err)
	}
	var restored GuardState
	if err := json.Unmarshal(before, &restored); err != nil {
		b.t.Fatal(err)
	}
	if !reflect.DeepEqual(b.s, restored) {
		b.t.Fatalf("state does not survive JSON: %s", cmp.Diff(b.s, restored))
	}
	next, v := b.g.Step(restored, in)
	if again, _ := json.Marshal(restored); string(again) != string(before) {
		b.t.Fatal("Step changed the state it was given")
	}
	b.s = next
	return v
}

func seen(id string, on bool, at time.Time) Fact {
	return Fact{ID: id, Observation: Observation{On: on, Known: true, At: at}}
}

// still is a configuration without any random wait.
func still() GuardConfig {
	c := DefaultGuard()
	c.GapMin, c.GapMax, c.Spread = 0, 0, 0
	return c
}

func sent(v Verdict) string {
	out := ""
	for _, c := range v.Commands {
		state := "off"
		if c.Set.On {
			state = "on"
		}
		out += c.ID + " " + state + ";"
	}
	return out
}

func heldFor(v Verdict, id string) (HoldBack, time.Time) {
	for _, h := range v.Held {
		if h.ID == id {
			return h.Reason, h.Until
		}
	}
	return "", time.Time{}
}

func TestGuardKeepsMinimumTimesAcrossRestarts(t *testing.T) {
	b := &bench{t: t, g: NewGuard(still(), []Load{guardLoad("pump")}, time.UTC)}
	want := func(on bool) []Wish { return []Wish{{ID: "pump", Set: Setpoint{On: on}, Reason: "plan"}} }
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }

	v := b.step(GuardInput{Now: at(0), Wishes: want(true)})
	if why, until := heldFor(v, "pump"); why != HeldMinOff || !until.Equal(at(180)) {
		t.Fatalf("a load never seen must wait its minimum off time, got %q until %v", why, until)
	}
	if v = b.step(GuardInput{Now: at(179), Wishes: want(true)}); len(v.Commands) != 0 {
		t.Fatalf("started too early: %s", sent(v))
	}
	if v = b.step(GuardInput{Now: at(180), Wishes: want(true)}); sent(v) != "pump on;" {
		t.Fatalf("not started when it might: %q %+v", sent(v), v.Held)
	}
	b.step(GuardInput{Now: at(181), Wishes: want(true), Facts: []Fact{seen("pump", true, at(181))}})
	v = b.step(GuardInput{Now: at(200), Wishes: want(false)})
	if why, until := heldFor(v, "pump"); why != HeldMinOn || !until.Equal(at(240)) {
		t.Fatalf("minimum on time: got %q until %v", why, until)
	}
	v = b.step(GuardInput{Now: at(201), Wishes: []Wish{{ID: "pump", Protect: true, Reason: "shed"}}})
	if sent(v) != "pump off;" || v.Commands[0].Reason != "shed" {
		t.Fatalf("protection must not wait for the minimum on time: %q", sent(v))
	}
	v = b.step(GuardInput{Now: at(300), Wishes: want(true), Facts: []Fact{seen("pump", false, at(202))}})
	if why, until := heldFor(v, "pump"); why != HeldMinOff || !until.Equal(at(381)) {
		t.Fatalf("minimum off after a protective off: got %q until %v", why, until)
	}
}

func TestGuardRepeatsWithBackoffThenWarns(t *testing.T) {
	b := &bench{t: t, g: NewGuard(still(), []Load{guardLoad("pump", func(l *Load) { l.MinOff = 0 })}, time.UTC)}
	var sends []int
	warned := -1
	for s := range 1200 {
		now := t0.Add(time.Duration(s) * time.Second)
		v := b.step(GuardInput{Now: now, Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}, Facts: []Fact{seen("pump", false, now)}})
		if len(v.Commands) > 0 {
			sends = append(sends, s)
		}
		if len(v.Warnings) > 0 && warned < 0 {
			warned = s
			if w := v.Warnings[0]; w.Code != WarnUnconfirmed || !w.Since.Equal(t0) || !w.Want.On {
				t.Errorf("warning %+v", w)
			}
		}
	}
	if d := cmp.Diff([]int{0, 2, 6, 14, 30, 62, 126, 254, 510, 810, 1110}, sends); d != "" {
		t.Errorf("sends (s): %s", d)
	}
	if warned != 6 {
		t.Errorf("warned at %d s, want with the third send", warned)
	}
	now := t0.Add(1200 * time.Second)
	if v := b.step(GuardInput{Now: now, Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}, Facts: []Fact{seen("pump", true, now)}}); len(v.Warnings)+len(v.Commands) != 0 {
		t.Errorf("still warning or sending after confirmation: %+v", v)
	}
}

func TestGuardRepeatsAtOnceToASwitchThatIsBack(t *testing.T) {
	b := &bench{t: t, g: NewGuard(still(), []Load{guardLoad("pump", func(l *Load) { l.MinOff = 0 })}, time.UTC)}
	wish := []Wish{{ID: "pump", Set: Setpoint{On: true}}}
	for s := range 3600 {
		b.step(GuardInput{Now: t0.Add(time.Duration(s) * time.Second), Wishes: wish, Facts: []Fact{{ID: "pump"}}})
	}
	now := t0.Add(time.Hour)
	v := b.step(GuardInput{Now: now, Wishes: wish, Facts: []Fact{seen("pump", false, now)}})
	if sent(v) != "pump on;" {
		t.Errorf("heard again after an hour: %q, next at %v", sent(v), v.Next)
	}
	if v = b.step(GuardInput{Now: now.Add(time.Second), Wishes: wish, Facts: []Fact{seen("pump", false, now.Add(time.Second))}}); len(v.Commands) != 0 {
		t.Errorf("a second later again: %q", sent(v))
	}
}

func TestGuardSupply(t *testing.T) {
	c := DefaultGuard()
	c.Supply, c.SupplyFeedback = true, true
	loads := []Load{
		guardLoad("geyser", func(l *Load) { l.MinOff, l.Priority = 0, 2 }),
		guardLoad("fridge", func(l *Load) { l.MinOff, l.Priority = 0, 1 }),
		guardLoad("pump", func(l *Load) { l.MinOff, l.Priority = 0, 3 }),
	}
	b := &bench{t: t, g: NewGuard(c, loads, time.UTC)}
	wishes := []Wish{{ID: "geyser", Set: Setpoint{On: true}}, {ID: "fridge", Set: Setpoint{On: true}}, {ID: "pump", Set: Setpoint{On: true}}}

	now := t0
	v := b.step(GuardInput{Now: now, SupplyOn: true, SupplyReason: "credit", Wishes: wishes, Facts: []Fact{seen(SupplyID, false, now.Add(-time.Second))}})
	if got := sent(v); got != "fridge off;geyser off;pump off;supply on;" {
		t.Fatalf("first step: %q", got)
	}
	if why, _ := heldFor(v, "fridge"); why != HeldSupply {
		t.Fatalf("loads must wait until the supply is seen to be on: %q", why)
	}
	started := map[string]time.Time{}
	for range 120 {
		now = now.Add(time.Second)
		facts := []Fact{seen(SupplyID, true, now)}
		for id := range started {
			facts = append(facts, seen(id, true, now))
		}
		v = b.step(GuardInput{Now: now, SupplyOn: true, Wishes: wishes, Facts: facts})
		for _, cmd := range v.Commands {
			if !cmd.Set.On {
				continue // said again to what has not answered
			}
			if _, twice := started[cmd.ID]; twice {
				t.Errorf("%s started twice", cmd.ID)
			}
			started[cmd.ID] = now
		}
	}
	if len(started) != 3 {
		t.Fatalf("started after the supply came: %v", started)
	}
	for a, ta := range started {
		for b, tb := range started {
			if a != b && ta.Sub(tb).Abs() < c.GapMin {
				t.Errorf("%s and %s started together", a, b)
			}
		}
	}

	now = now.Add(time.Second)
	v = b.step(GuardInput{Now: now, SupplyOn: false, SupplyReason: "credit spent", Wishes: wishes})
	if got := sent(v); got != "supply off;fridge off;geyser off;pump off;" {
		t.Fatalf("cut-off in the same step, the supply first: %q", got)
	}
	if len(v.Held) != 3 || v.Held[0].Reason != HeldSupply {
		t.Errorf("held: %+v", v.Held)
	}

	// Welded: still closed 200 ms later.
	now = now.Add(time.Second)
	v = b.step(GuardInput{Now: now, Wishes: wishes, Facts: []Fact{seen(SupplyID, true, now)}})
	if len(v.Warnings) != 1 || v.Warnings[0].Code != WarnSupplyStuck {
		t.Fatalf("a contactor that stays closed: %+v", v.Warnings)
	}
	// The loads cannot answer without supply: nobody is warned of them.
	for range 600 {
		now = now.Add(time.Second)
		v = b.step(GuardInput{Now: now, Wishes: wishes, Facts: []Fact{seen(SupplyID, false, now)}})
		if len(v.Warnings) != 0 || len(v.Commands) != 0 {
			t.Fatalf("while the supply is off: %+v", v)
		}
	}
	v = b.step(GuardInput{Now: now.Add(time.Second), SupplyOn: true, SupplyReason: "topped up", Wishes: wishes, Facts: []Fact{seen(SupplyID, false, now)}})
	if sent(v) != "supply on;" {
		t.Fatalf("restore at once: %q", sent(v))
	}
}

func TestGuardLimitsStarts(t *testing.T) {
	for _, tc := range []struct {
		name    string
		perHour int
		perDay  int
		why     HoldBack
		until   time.Time
	}{
		{"an hour", 4, 0, HeldHour, t0.Add(time.Hour)},
		{"a local day", 0, 4, HeldStarts, time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := still()
			c.PerHour = tc.perHour
			zone := time.FixedZone("UTC+2", 2*3600)
			b := &bench{t: t, g: NewGuard(c, []Load{guardLoad("pump", func(l *Load) { l.MinOn, l.MinOff, l.MaxStart, l.Feedback = 0, 0, tc.perDay, false })}, zone)}
			starts := 0
			var v Verdict
			for s := range 300 {
				v = b.step(GuardInput{Now: t0.Add(time.Duration(s) * time.Second), Wishes: []Wish{{ID: "pump", Set: Setpoint{On: s/10%2 == 0}}}})
				for _, cmd := range v.Commands {
					if cmd.Set.On && cmd.Attempt == 1 {
						starts++
					}
				}
			}
			if starts != 4 {
				t.Errorf("%d starts, want 4", starts)
			}
			v = b.step(GuardInput{Now: t0.Add(301 * time.Second), Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}})
			if why, until := heldFor(v, "pump"); why != tc.why || !until.Equal(tc.until) {
				t.Errorf("held %q until %v, want %q until %v", why, until, tc.why, tc.until)
			}
		})
	}
}

func TestGuardSwitchesThatAnswerOtherwise(t *testing.T) {
	newBench := func(t *testing.T) *bench {
		return &bench{t: t, g: NewGuard(still(), []Load{guardLoad("pump")}, time.UTC)}
	}
	t.Run("seen on at first sight is not a start and is told once", func(t *testing.T) {
		b := newBench(t)
		v := b.step(GuardInput{Now: t0, Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}, Facts: []Fact{seen("pump", true, t0)}})
		if sent(v) != "pump on;" || b.s.Unit("pump").Starts != 0 {
			t.Errorf("%q, %d starts", sent(v), b.s.Unit("pump").Starts)
		}
	})
	t.Run("a load without a wish is left alone", func(t *testing.T) {
		b := newBench(t)
		for s := range 100 {
			now := t0.Add(time.Duration(s) * time.Second)
			if v := b.step(GuardInput{Now: now, Facts: []Fact{seen("pump", s%20 < 10, now)}}); len(v.Commands) != 0 {
				t.Fatalf("at %d s: %q", s, sent(v))
			}
		}
	})
	t.Run("someone presses the button", func(t *testing.T) {
		b := newBench(t)
		b.step(GuardInput{Now: t0, Wishes: []Wish{{ID: "pump"}}, Facts: []Fact{seen("pump", false, t0)}})
		press := t0.Add(10 * time.Second)
		v := b.step(GuardInput{Now: press, Wishes: []Wish{{ID: "pump"}}, Facts: []Fact{seen("pump", true, press)}})
		if why, until := heldFor(v, "pump"); why != HeldMinOn || !until.Equal(press.Add(time.Minute)) {
			t.Errorf("held %q until %v", why, until)
		}
		if u := b.s.Unit("pump"); u.Starts != 1 || !u.Set.On {
			t.Errorf("a start by hand is a start: %+v", u)
		}
		v = b.step(GuardInput{Now: press.Add(time.Minute), Wishes: []Wish{{ID: "pump"}}})
		if sent(v) != "pump off;" {
			t.Errorf("after the minimum on time: %q", sent(v))
		}
	})
	t.Run("a switch that turns itself on again and again is not fought in a loop", func(t *testing.T) {
		b := newBench(t)
		n := 0
		for ms := 0; ms < 60_000; ms += 100 {
			now := t0.Add(time.Duration(ms) * time.Millisecond)
			on := ms/100%2 == 0
			v := b.step(GuardInput{Now: now, Wishes: []Wish{{ID: "pump", Protect: true}}, Facts: []Fact{seen("pump", on, now)}})
			n += len(v.Commands)
		}
		if n < 2 || n > 31 {
			t.Errorf("%d commands in a minute", n)
		}
	})
	t.Run("a command never obeyed leaves no trace when it is not wanted any more", func(t *testing.T) {
		b := newBench(t)
		b.step(GuardInput{Now: t0, Wishes: []Wish{{ID: "pump"}}, Facts: []Fact{seen("pump", false, t0)}})
		on := t0.Add(10 * time.Minute)
		if v := b.step(GuardInput{Now: on, Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}}); sent(v) != "pump on;" {
			t.Fatalf("%q", sent(v))
		}
		off := on.Add(5 * time.Second)
		v := b.step(GuardInput{Now: off, Wishes: []Wish{{ID: "pump"}}, Facts: []Fact{seen("pump", false, off)}})
		if u := b.s.Unit("pump"); len(v.Held) != 0 || u.Set.On || !u.Since.Equal(t0) {
			t.Errorf("held %+v, unit %+v", v.Held, u)
		}
	})
	t.Run("an old observation does not undo a command", func(t *testing.T) {
		b := newBench(t)
		b.step(GuardInput{Now: t0, Wishes: []Wish{{ID: "pump"}}, Facts: []Fact{seen("pump", false, t0)}})
		on := t0.Add(10 * time.Minute)
		b.step(GuardInput{Now: on, Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}})
		b.step(GuardInput{Now: on.Add(time.Second), Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}, Facts: []Fact{seen("pump", true, on.Add(time.Second))}})
		b.step(GuardInput{Now: on.Add(2 * time.Second), Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}, Facts: []Fact{seen("pump", false, on.Add(-time.Second))}})
		if u := b.s.Unit("pump"); !u.Set.On || !u.Confirmed {
			t.Errorf("%+v", u)
		}
	})
}

// A fridge is metered and shed, but nobody plans it: when there is room again it
// must come back by itself.
func TestGuardRestoresWhatItSpared(t *testing.T) {
	c := still()
	c.Supply = true
	b := &bench{t: t, g: NewGuard(c, []Load{guardLoad("fridge", func(l *Load) { l.Defer = false })}, time.UTC)}
	now := t0
	on := true // the fridge's plug
	step := func(supply bool, wishes ...Wish) {
		now = now.Add(time.Second)
		for _, cmd := range b.step(GuardInput{Now: now, SupplyOn: supply, Wishes: wishes, Facts: []Fact{seen("fridge", on, now)}}).Commands {
			if cmd.ID == "fridge" {
				on = cmd.Set.On
			}
		}
	}
	step(true)
	step(true, Wish{ID: "fridge", Protect: true, Reason: "limit"})
	if on {
		t.Fatal("it was not shed")
	}
	for range 170 {
		step(true)
	}
	if on {
		t.Fatal("it came back before its minimum off time")
	}
	for range 20 {
		step(true)
	}
	if !on {
		t.Fatal("nobody sheds it any more, and it stays off")
	}
	for range 60 {
		step(false) // the supply is cut
	}
	if on {
		t.Fatal("it is on without supply")
	}
	for range 300 {
		step(true)
	}
	if !on {
		t.Fatal("it stays off after the supply is back")
	}
	for range 120 {
		step(true, Wish{ID: "fridge", Reason: "skip"}) // a person wants it off
	}
	for range 600 {
		step(true)
	}
	if on {
		t.Fatal("it came on against a person's wish")
	}
}

func TestGuardRenewsTheDeadMan(t *testing.T) {
	b := &bench{t: t, g: NewGuard(still(), []Load{guardLoad("pump", func(l *Load) { l.MinOff, l.DeadMan = 0, 10*time.Minute })}, time.UTC)}
	var renewals []int
	for s := range 1000 {
		now := t0.Add(time.Duration(s) * time.Second)
		var facts []Fact
		if s > 0 {
			facts = []Fact{seen("pump", true, now)}
		}
		for _, c := range b.step(GuardInput{Now: now, Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}, Facts: facts}).Commands {
			if c.Renew {
				renewals = append(renewals, s)
			}
		}
	}
	if d := cmp.Diff([]int{200, 400, 600, 800}, renewals); d != "" {
		t.Error(d)
	}
}

func TestGuardSaysEverythingAgainToFreshDrivers(t *testing.T) {
	c := still()
	c.Supply = true
	b := &bench{t: t, g: NewGuard(c, []Load{guardLoad("pump", func(l *Load) { l.MinOff, l.Feedback = 0, false })}, time.UTC)}
	wish := []Wish{{ID: "pump", Set: Setpoint{On: true}}}
	b.step(GuardInput{Now: t0, SupplyOn: true, Wishes: wish})
	b.step(GuardInput{Now: t0.Add(time.Second), SupplyOn: true, Wishes: wish})
	if v := b.step(GuardInput{Now: t0.Add(2 * time.Second), SupplyOn: true, Wishes: wish}); len(v.Commands) != 0 {
		t.Fatalf("nothing changed, yet %q", sent(v))
	}
	v := b.step(GuardInput{Now: t0.Add(3 * time.Second), SupplyOn: true, Wishes: wish, Fresh: true})
	if sent(v) != "supply on;pump on;" {
		t.Errorf("after a restart: %q", sent(v))
	}
	v = b.step(GuardInput{Now: t0.Add(4 * time.Second), SupplyOn: true, Wishes: wish, Failed: []string{SupplyID}})
	if len(v.Commands) != 0 {
		t.Errorf("a failed command is not repeated at once: %q", sent(v))
	}
	v = b.step(GuardInput{Now: t0.Add(5 * time.Second), SupplyOn: true, Wishes: wish, Failed: []string{SupplyID}})
	if sent(v) != "supply on;" || v.Commands[0].Attempt != 2 {
		t.Errorf("a failed command without feedback is repeated: %+v", v.Commands)
	}
}

func TestGuardAfterTheClockWasSetBack(t *testing.T) {
	b := &bench{t: t, g: NewGuard(DefaultGuard(), []Load{guardLoad("pump")}, time.UTC)}
	future := t0.Add(1000 * time.Hour)
	b.step(GuardInput{Now: future, Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}})
	b.step(GuardInput{Now: future.Add(4 * time.Minute), Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}})
	b.step(GuardInput{Now: future.Add(6 * time.Minute), Wishes: []Wish{{ID: "pump"}}})
	v := b.step(GuardInput{Now: t0, Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}})
	if why, until := heldFor(v, "pump"); until.After(t0.Add(3 * time.Minute)) {
		t.Errorf("held %q until %v", why, until)
	}
	started := false
	for s := range 300 {
		v := b.step(GuardInput{Now: t0.Add(time.Duration(s) * time.Second), Wishes: []Wish{{ID: "pump", Set: Setpoint{On: true}}}})
		started = started || sent(v) == "pump on;"
		if started && s < 180 {
			t.Fatalf("started at %d s", s)
		}
	}
	if !started {
		t.Error("never started again")
	}
}

// beyond is a site that draws so much more than it may, as read at an instant.
func beyond(over units.Power, read time.Time) Limit {
	const allowed = 200 * units.Kilowatt
	return Limit{Allowed: allowed, Drawn: Drawn{Power: allowed + over, From: read, At: read, Known: true}}
}

func TestShedLeastImportantFirst(t *testing.T) {
	ls := []Load{
		guardLoad("fridge", func(l *Load) { l.Essential = true; l.Priority = 9 }),
		guardLoad("geyser", func(l *Load) { l.Priority, l.Power = 5, 3*units.Kilowatt }),
		guardLoad("heater", func(l *Load) { l.Priority, l.Power = 7, 2*units.Kilowatt }),
		guardLoad("pump", func(l *Load) { l.Priority = 8 }),
		guardLoad("tv", func(l *Load) { l.Priority = 1 }),
	}
	var s GuardState
	for _, l := range ls {
		u := UnitState{ID: l.ID, Set: Setpoint{On: l.ID != "pump"}}
		if l.ID == "heater" {
			u.Seen = Observation{Power: 1500 * units.Watt, HasPower: true}
		}
		s.Units = append(s.Units, u)
	}
	for _, tc := range []struct {
		excess units.Power
		ids    []string
		freed  units.Power
	}{
		{units.Watt, []string{"heater"}, 1500 * units.Watt},
		{1600 * units.Watt, []string{"heater", "geyser"}, 4500 * units.Watt},
		{units.Kilowatt * 100, []string{"heater", "geyser", "tv"}, 5500 * units.Watt},
	} {
		out, freed := Shed(ls, s, func(string) Capability { return Capability{} }, beyond(tc.excess, t0), t0)
		var ids []string
		for _, r := range out {
			if ids = append(ids, r.ID); r.Set.On {
				t.Errorf("%s is left on at %v", r.ID, r.Set)
			}
		}
		if d := cmp.Diff(tc.ids, ids); d != "" || freed != tc.freed {
			t.Errorf("excess %v: freed %v, %s", tc.excess, freed, d)
		}
	}
}

func BenchmarkGuardStep(b *testing.B) {
	var ls []Load
	var wishes []Wish
	for i := range 20 {
		id := string(rune('a' + i))
		ls = append(ls, guardLoad(id))
		wishes = append(wishes, Wish{ID: id, Set: Setpoint{On: i%2 == 0}, Reason: "plan"})
	}
	c := DefaultGuard()
	c.Supply, c.SupplyFeedback = true, true
	g := NewGuard(c, ls, time.UTC)
	var s GuardState
	now := t0
	facts := make([]Fact, 0, 21)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		facts = append(facts[:0], seen(SupplyID, true, now))
		for _, u := range s.Units {
			if u.ID != SupplyID {
				facts = append(facts, seen(u.ID, u.Set.On, now))
			}
		}
		s, _ = g.Step(s, GuardInput{Now: now, SupplyOn: true, Wishes: wishes, Facts: facts})
	}
}
