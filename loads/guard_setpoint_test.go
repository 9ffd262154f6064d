package loads

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// wallbox is what a charger takes that is told in amperes, and gives back.
func wallbox(change ...func(*Capability)) Capability {
	c := Capability{
		Powers: []PowerRange{
			{From: 1380 * units.Watt, To: 7360 * units.Watt, Step: 230 * units.Watt},
			{From: -1380 * units.Watt, To: -4600 * units.Watt, Step: 230 * units.Watt},
		},
		Modes: []string{"eco"}, Pause: 30 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func readBack(c *Capability) { c.ReadBack = true }

// charger is a guard's bench with one load on a switch that takes set-points.
type charger struct {
	bench
	takes Capability
	now   time.Time
	says  Observation
	mute  bool // nothing is heard of its switch at all
}

func newCharger(t *testing.T, takes Capability, change ...func(*Load)) *charger {
	l := guardLoad("car", func(l *Load) { l.Power, l.MinOn, l.MinOff = 7*units.Kilowatt, 10*time.Minute, 0 })
	for _, f := range change {
		f(&l)
	}
	return &charger{bench: bench{t: t, g: NewGuard(still(), []Load{l}, time.UTC)}, takes: takes, now: t0}
}

// wish steps at a second of the test; "" is no wish.
func (c *charger) wish(second int, text string, change ...func(*Wish)) Verdict {
	c.t.Helper()
	c.now = t0.Add(time.Duration(second) * time.Second)
	in := GuardInput{Now: c.now}
	if text != "" {
		w := Wish{ID: "car", Set: set(c.t, text), Reason: "plan"}
		for _, f := range change {
			f(&w)
		}
		in.Wishes = []Wish{w}
	}
	if !c.mute {
		o := c.says
		o.At = c.now
		in.Facts = []Fact{{ID: "car", Observation: o, Takes: c.takes}}
	}
	return c.step(in)
}

func protect(w *Wish) { w.Protect = true }

func set(t testing.TB, text string) Setpoint {
	t.Helper()
	s, err := ParseSetpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sends holds a verdict's commands against set-points.
func (c *charger) sends(v Verdict, want ...string) {
	c.t.Helper()
	var got []string
	for _, cmd := range v.Commands {
		got = append(got, cmd.Set.String())
	}
	if !slices.Equal(got, want) {
		c.t.Fatalf("%v: sent %q, want %q (held: %+v)", c.now.Sub(t0), got, want, v.Held)
	}
}

func (c *charger) holds(v Verdict, want HoldBack, until int) {
	c.t.Helper()
	if why, at := heldFor(v, "car"); why != want || until >= 0 && !at.Equal(t0.Add(time.Duration(until)*time.Second)) {
		c.t.Fatalf("%v: held for %q until %v, want %q until %d s", c.now.Sub(t0), why, at.Sub(t0), want, until)
	}
}

// runs starts the car at six amperes and confirms it.
func (c *charger) runs() {
	c.t.Helper()
	c.sends(c.wish(0, "on 1380 W"), "on 1380 W")
	c.says = Observation{On: true, Known: true, Power: 1350 * units.Watt, HasPower: true, Set: set(c.t, "on 1380 W"), HasSet: c.takes.ReadBack}
	c.sends(c.wish(1, "on 1380 W"))
	if u := c.s.Unit("car"); !u.Confirmed || u.Starts != 1 {
		c.t.Fatalf("not running: %+v", u)
	}
}

func TestAChangedSetpointIsACommandAndNoStart(t *testing.T) {
	c := newCharger(t, wallbox(), func(l *Load) { l.MaxStart = 1 })
	c.runs()
	v := c.wish(10, "on 2300 W")
	c.sends(v)
	c.holds(v, HeldChange, 30)
	c.sends(c.wish(30, "on 2300 W"), "on 2300 W")
	c.sends(c.wish(60, "on -1380 W"), "on -1380 W") // to discharge is a change too
	c.sends(c.wish(90, "on eco"), "on eco")
	c.sends(c.wish(120, "on"), "on")
	u := c.s.Unit("car")
	if u.Starts != 1 || len(u.Hour) != 1 || !u.Since.Equal(t0) || u.Set != set(t, "on") || u.Told != u.Set {
		t.Errorf("after four changes: %+v", u)
	}
	// The least time on counts from the start, not from a change.
	v = c.wish(599, "off")
	c.holds(v, HeldMinOn, 600)
	c.sends(c.wish(600, "off"), "off")
}

func TestOffNeverWaitsForTheSetpointsPause(t *testing.T) {
	c := newCharger(t, wallbox(func(c *Capability) { c.Pause = time.Hour }), func(l *Load) { l.MinOn = 0 })
	c.runs()
	c.sends(c.wish(3, "off"), "off")

	c = newCharger(t, wallbox(func(c *Capability) { c.Pause = time.Hour }))
	c.runs()
	c.sends(c.wish(3, "off", protect), "off") // nor for the least time on, where it protects

	c = newCharger(t, wallbox(func(c *Capability) { c.Pause = time.Hour }))
	c.s.SupplyUp = true
	c.runs()
	v := c.wish(4, "on 2300 W")
	c.holds(v, HeldChange, 3600)
	c.holds(c.wish(5, "on 1610 W", protect), HeldChange, 3600) // to draw more protects nothing
	c.sends(c.wish(3600, "on 2300 W"), "on 2300 W")
	c.sends(c.wish(3601, "on 1610 W", protect), "on 1610 W") // a bound that protects is kept now
}

func TestARenewalKeepsTheSetpoint(t *testing.T) {
	c := newCharger(t, wallbox(), func(l *Load) { l.DeadMan = 3 * time.Minute })
	c.runs()
	for s := 2; s < 600; s++ {
		for _, cmd := range c.wish(s, "on 1380 W").Commands {
			if !cmd.Renew || cmd.Set != set(t, "on 1380 W") {
				t.Fatalf("%d s: %+v", s, cmd)
			}
		}
	}
	// Held for its pause it is renewed as it is.
	if c.takes.Pause = time.Hour; c.s.Unit("car").SentAt.Before(t0.Add(540 * time.Second)) {
		t.Fatal("it was not renewed")
	}
	v := c.wish(660, "on 4600 W")
	c.sends(v, "on 1380 W")
	c.holds(v, HeldChange, 3600)
}

func TestADeviceThatDrawsLessThanItsSetpointIsNotWrong(t *testing.T) {
	c := newCharger(t, wallbox())
	c.runs()
	c.sends(c.wish(30, "on 7360 W"), "on 7360 W")
	c.says.Power = 200 * units.Watt // the car is nearly full
	for s := 31; s < 600; s++ {
		if v := c.wish(s, "on 7360 W"); len(v.Commands)+len(v.Warnings)+len(v.Held) > 0 {
			t.Fatalf("%d s: %+v", s, v)
		}
	}
}

func TestADeviceWhoseSetpointIsReadBackMustFollowIt(t *testing.T) {
	c := newCharger(t, wallbox(readBack))
	c.runs()
	c.sends(c.wish(30, "on 7360 W"), "on 7360 W")
	var sends, warned []int
	for s := 31; s < 100; s++ { // it goes on at six amperes
		v := c.wish(s, "on 7360 W")
		if len(v.Commands) > 0 {
			c.sends(v, "on 7360 W")
			sends = append(sends, s)
		}
		if len(v.Warnings) > 0 {
			warned = append(warned, s)
		}
	}
	if !slices.Equal(sends, []int{32, 36, 44, 60, 92}) || len(warned) == 0 || warned[0] != 36 {
		t.Errorf("sent again at %v, warned from %v on", sends, warned)
	}
	c.says.Set = set(t, "on 7360 W")
	if v := c.wish(101, "on 7360 W"); len(v.Commands)+len(v.Warnings) > 0 || !c.s.Unit("car").Confirmed {
		t.Errorf("it obeys, and: %+v", v)
	}
	// It says no more which, and that takes nothing back.
	c.says.HasSet = false
	if v := c.wish(102, "on 7360 W"); len(v.Commands)+len(v.Warnings) > 0 {
		t.Errorf("silent about its set-point: %+v", v)
	}
}

func TestASetpointThatSomebodyElseChangedIsSaidAgain(t *testing.T) {
	c := newCharger(t, wallbox(readBack))
	c.runs()
	c.says.Set = set(t, "on 4600 W") // by the maker's app
	c.sends(c.wish(20, ""))
	if u := c.s.Unit("car"); u.Set != set(t, "on 4600 W") || u.Commanded || !u.Since.Equal(t0) {
		t.Fatalf("reckoned: %+v", u)
	}
	c.sends(c.wish(29, "")) // without a wish nobody controls it
	c.holds(c.wish(29, "on 1380 W"), HeldChange, 30)
	c.sends(c.wish(30, "on 1380 W"), "on 1380 W")
}

func TestAWishThatTheSwitchDoesNotTakeIsRefused(t *testing.T) {
	c := newCharger(t, wallbox(), func(l *Load) { l.DeadMan = 3 * time.Minute })
	v := c.wish(0, "on 900 W")
	c.sends(v)
	c.holds(v, HeldRefused, -1)
	c.runs()
	for s := 2; s < 300; s++ { // it goes on as it does, and is renewed
		v := c.wish(s, "on boost")
		c.holds(v, HeldRefused, -1)
		if len(v.Commands) > 0 {
			c.sends(v, "on 1380 W")
		}
	}
	if c.s.Unit("car").SentAt.Before(t0.Add(200 * time.Second)) {
		t.Error("it was not renewed")
	}
	c.sends(c.wish(601, "off"), "off")
}

func TestADeviceThatTakesLessThanItDidIsToldLess(t *testing.T) {
	c := newCharger(t, wallbox())
	c.runs()
	c.sends(c.wish(40, "on 7360 W"), "on 7360 W")
	c.takes.Powers[0].To = 3680 * units.Watt // another car
	c.sends(c.wish(100, ""), "on 3680 W")
	c.takes.Powers = c.takes.Powers[1:] // one that only gives
	v := c.wish(150, "")
	c.holds(v, HeldMinOn, 600)
	c.sends(c.wish(600, ""), "off")
}

func TestASwitchOfWhichNothingIsHeardIsNotToldMore(t *testing.T) {
	c := newCharger(t, wallbox(), func(l *Load) { l.DeadMan = 3 * time.Minute })
	c.runs()
	c.mute = true
	for _, wish := range []string{"", "on 7360 W"} {
		for s := 60; s < 400; s += 7 {
			if v := c.wish(s, wish); len(v.Commands) > 0 {
				c.sends(v, "on 1380 W")
			}
		}
	}
}

func TestASparedLoadComesBackAtItsSetpoint(t *testing.T) {
	c := newCharger(t, wallbox())
	c.runs()
	c.sends(c.wish(20, "off", protect), "off")
	c.says = Observation{Known: true}
	c.sends(c.wish(21, "off", protect))
	c.sends(c.wish(40, ""), "on 1380 W")
}

func TestANewSetpointForASilentDeviceWaitsForTheNextRepeat(t *testing.T) {
	c := newCharger(t, wallbox())
	c.says = Observation{Known: true} // off, and stays so
	var sends []int
	warned := false
	for s := range 400 { // another set-point every second
		w := Setpoint{On: true, Power: units.Power(1380+s%20*230) * units.Watt}
		v := c.wish(s, w.String())
		if len(v.Commands) > 0 {
			sends = append(sends, s)
		}
		warned = warned || len(v.Warnings) > 0
	}
	if !slices.Equal(sends, []int{0, 2, 6, 14, 30, 62, 126, 254}) || !warned {
		t.Errorf("sent at %v, warned: %v", sends, warned)
	}
	if n := c.s.Unit("car").Starts; n != 1 {
		t.Errorf("%d starts", n)
	}
}

func TestAnOffThatWasNeverObeyedIsTakenBackAtTheSetpointThatIsWanted(t *testing.T) {
	c := newCharger(t, wallbox(), func(l *Load) { l.MinOn, l.DeadMan = 0, 3*time.Minute })
	c.runs()
	c.sends(c.wish(40, "off"), "off") // it is deaf, and goes on at six amperes
	c.sends(c.wish(41, "on 2300 W"))
	c.sends(c.wish(42, "on 2300 W"), "on 2300 W")
	if u := c.s.Unit("car"); u.Starts != 1 || !u.Since.Equal(t0) {
		t.Errorf("reckoned: %+v", u)
	}
	c.sends(c.wish(43, "on 2300 W"))
	c.sends(c.wish(103, "on 2300 W"), "on 2300 W") // renewed as that

	c = newCharger(t, wallbox(readBack), func(l *Load) { l.MinOn = 0 })
	c.runs()
	c.sends(c.wish(40, "off"), "off")
	c.sends(c.wish(41, "on 1380 W")) // as it says it is
	c.holds(c.wish(42, "on 2300 W"), HeldChange, 70)
	c.sends(c.wish(70, "on 2300 W"), "on 2300 W")
}

// TestGuardRulesOfSetpoints lets random wishes loose on a guard of devices that
// take set-points, obey or not, and are turned by hand, and checks what is sent.
func TestGuardRulesOfSetpoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultGuard()
		c.Seed = rapid.Uint64().Draw(t, "seed")
		c.Supply = true
		l := guardLoad("car", func(l *Load) {
			l.MinOn = time.Duration(rapid.IntRange(0, 1200).Draw(t, "min on")) * time.Second
			l.MinOff = time.Duration(rapid.IntRange(0, 1200).Draw(t, "min off")) * time.Second
			l.MaxStart = rapid.IntRange(0, 20).Draw(t, "max starts")
			l.Feedback = rapid.Bool().Draw(t, "feedback")
			l.DeadMan = time.Duration(rapid.IntRange(0, 1).Draw(t, "dead man")) * 10 * time.Minute
		})
		full := wallbox(func(c *Capability) {
			c.Pause = time.Duration(rapid.IntRange(0, 900).Draw(t, "pause")) * time.Second
			c.ReadBack = rapid.Bool().Draw(t, "read back")
		})
		less := full
		less.Powers = full.Powers[:1]
		g := NewGuard(c, []Load{l}, time.UTC)
		wish := Wish{ID: "car"}
		takes, obeys, supply := full, true, true
		var s GuardState
		var device Setpoint
		var began, changed, off time.Time // of the run under way, by what was sent
		for now := t0; now.Before(t0.Add(12 * time.Hour)); now = now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "wait")) * time.Second) {
			switch e := rapid.IntRange(0, 99).Draw(t, "event"); {
			case e < 4:
				supply = !supply
			case e < 50:
				wish.Set, wish.Protect = full.AtMost(drawSetpoint(t)), e%5 == 0
			case e < 60:
				obeys = !obeys
			case e < 64:
				takes = less
			case e < 68:
				takes = full
			case e < 70:
				wish.Set = Setpoint{On: true, Power: 77}
			}
			in := GuardInput{Now: now, SupplyOn: supply, Wishes: []Wish{wish}, Facts: []Fact{{ID: "car", Takes: takes}}}
			if obeys && l.Feedback {
				in.Facts[0].Observation = Observation{On: device.On, Known: true, At: now, Set: device, HasSet: takes.ReadBack}
			}
			was := s.Unit("car")
			var v Verdict
			s, v = g.Step(s, in)
			for _, cmd := range v.Commands {
				if cmd.ID != "car" {
					continue
				}
				if err := takes.Check(cmd.Set); err != nil && !cmd.Renew && cmd.Attempt == 1 {
					t.Fatalf("%v: sent what cannot be told: %v", now, err)
				}
				if !supply && cmd.Set.On {
					t.Fatalf("%v: %v without a supply", now, cmd.Set)
				}
				if cmd.Renew && was.Set.On && cmd.Set != was.Set {
					t.Fatalf("%v: renewed as %v what was %v", now, cmd.Set, was.Set)
				}
				running := was.Set.On && was.Commanded && was.Confirmed
				switch {
				case !cmd.Set.On && running && !wish.Protect && supply && now.Sub(began) < l.MinOn:
					t.Fatalf("%v: off after %v", now, now.Sub(began))
				case cmd.Set.On && running && cmd.Set != was.Set && !wish.Protect && now.Sub(changed) < takes.Pause:
					t.Fatalf("%v: %v became %v after %v", now, was.Set, cmd.Set, now.Sub(changed))
				case cmd.Set.On && !was.Set.On && !off.IsZero() && now.Sub(off) < l.MinOff && was.Commanded && was.Confirmed:
					t.Fatalf("%v: on after %v", now, now.Sub(off))
				}
				switch {
				case !cmd.Set.On && was.Set.On:
					off = now
				case !cmd.Set.On:
				case !was.Set.On:
					if changed = now; s.Unit("car").Since.Equal(now) { // else it never went off
						began = now
					}
				case cmd.Set != was.Set:
					changed = now
				}
				if obeys || !l.Feedback {
					device = cmd.Set
				}
			}
			u := s.Unit("car")
			if (!supply || wish.Protect && !wish.Set.On) && u.Set.On && now.Sub(was.SentAt) >= c.RetryFirst {
				t.Fatalf("%v: still reckoned at %v", now, u.Set)
			}
			if wish.Protect && l.flow(wish.Set) <= l.flow(was.Set) && /* what gives less has others draw more, and waits as they do */ takes.Check(wish.Set) == nil && supply && was.Set.On && wish.Set.On && u.Set != wish.Set && now.Sub(was.SentAt) >= c.RetryFirst {
				t.Fatalf("%v: at %v, and %v protects", now, u.Set, wish.Set)
			}
			if !v.Next.IsZero() && !v.Next.After(now) {
				t.Fatalf("%v: told to step again at %v", now, v.Next)
			}
		}
	})
}
