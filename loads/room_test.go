package loads

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// roomy is a guard's bench with a geyser (3 kW, priority 1), a car that is told 6 to 32 A
// (priority 5) and a pump (1 kW, priority 7), beside a meter that tells the site's power.
type roomy struct {
	bench
	ls    []Load
	now   time.Time
	other units.Power // drawn besides
	draws map[string]units.Power
	limit Limit // of which Drawn is filled in
	wants map[string]string
	late  time.Duration // by which the meter is late
	past  []Drawn
	in    GuardInput
}

func newRoomy(t *testing.T, allowed units.Power) *roomy {
	t.Helper()
	car, err := Compile(car(t), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	car.Priority, car.MinOff, car.MinOn, car.Respect = 5, 0, 0, 0
	ls := []Load{
		guardLoad("geyser", func(l *Load) { l.Priority, l.Power, l.MinOff = 1, 3*units.Kilowatt, 0 }),
		car,
		guardLoad("pump", func(l *Load) { l.Priority, l.Power, l.MinOff = 7, units.Kilowatt, 0 }),
	}
	return &roomy{
		bench: bench{t: t, g: NewGuard(still(), ls, time.UTC)}, ls: ls, now: t0, other: 500 * units.Watt,
		draws: map[string]units.Power{}, limit: Limit{Allowed: allowed}, wants: map[string]string{},
	}
}

// drawn is what flows.
func (r *roomy) drawn() units.Power {
	sum := r.other
	for _, l := range r.ls {
		sum += r.draws[l.ID]
	}
	return sum
}

// second goes on by a second, in which devices do what they are told.
func (r *roomy) second() Verdict {
	r.t.Helper()
	r.now = r.now.Add(time.Second)
	r.past = append(r.past, Drawn{Power: r.drawn(), From: r.now, At: r.now, Known: true})
	in := r.in
	in.Now, in.Limit = r.now, r.limit
	in.Limit.Drawn = r.past[max(0, len(r.past)-1-int(r.late/time.Second))]
	for _, l := range r.ls {
		if w := r.wants[l.ID]; w != "" {
			in.Wishes = append(in.Wishes, Wish{ID: l.ID, Set: set(r.t, w), Reason: "plan"})
		}
		in.Facts = append(in.Facts, Fact{ID: l.ID, Takes: l.Takes(), Observation: Observation{
			Known: true, At: r.now, On: r.draws[l.ID] > 0, Power: r.draws[l.ID], HasPower: true,
		}})
	}
	v := r.step(in)
	r.in = GuardInput{}
	for _, c := range v.Commands {
		i := slices.IndexFunc(r.ls, func(l Load) bool { return l.ID == c.ID })
		r.draws[c.ID] = r.ls[i].Draws(c.Set)
	}
	return v
}

func (r *roomy) seconds(n int) (v Verdict) {
	r.t.Helper()
	for range n {
		v = r.second()
	}
	return v
}

// told is what each load is told, with why it is held.
func (r *roomy) told(v Verdict) string {
	var out []string
	for _, l := range r.ls {
		text := l.ID + " " + r.s.Unit(l.ID).Set.String()
		if why, _ := heldFor(v, l.ID); why != "" {
			text += " (" + string(why) + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestNothingStartsAndNothingIsToldMoreThanThereIsRoomFor(t *testing.T) {
	for _, row := range []struct {
		name   string
		limit  units.Power
		strict bool
		wants  []string // one after another, "id set-point"
		want   string
	}{
		{"there is room for all", 13 * units.Kilowatt, false, []string{"geyser on", "car on 7360 W", "pump on"}, "geyser on, car on 7360 W, pump on"},
		{"no limit", 0, false, []string{"geyser on", "car on 7360 W", "pump on"}, "geyser on, car on 7360 W, pump on"},
		{"a car starts at what is left", 6 * units.Kilowatt, false, []string{"geyser on", "car on 7360 W"}, "geyser on, car on 2300 W (limit), pump off"},
		{"less than its least is left", 4 * units.Kilowatt, false, []string{"geyser on", "car on 7360 W"}, "geyser on, car off (limit), pump off"},
		{"it is told more than there is room for", 6 * units.Kilowatt, false, []string{"geyser on", "car on 1380 W", "car on 7360 W"}, "geyser on, car on 1380 W (limit), pump off"},
		{"it is told more, and there is room", 6 * units.Kilowatt, false, []string{"geyser on", "car on 1380 W", "car on 2300 W"}, "geyser on, car on 2300 W, pump off"},
		{"to be told less needs none", 3 * units.Kilowatt, true, []string{"car on 2300 W", "car on 1380 W"}, "geyser off, car on 1380 W, pump off"},
		{"what is less important makes way", 6 * units.Kilowatt, false, []string{"car on 5060 W", "geyser on"}, "geyser on, car on 5060 W, pump off"},
		{"but not below the utility's limit", 6 * units.Kilowatt, true, []string{"car on 5060 W", "geyser on"}, "geyser off (limit), car on 5060 W, pump off"},
		{"what is more important does not", 5 * units.Kilowatt, false, []string{"car on 3910 W", "pump on"}, "geyser off, car on 3910 W, pump off (limit)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRoomy(t, row.limit)
			r.limit.Strict = row.strict
			for _, l := range r.ls {
				r.wants[l.ID] = "off"
			}
			var v Verdict
			for _, w := range row.wants {
				id, to, _ := strings.Cut(w, " ")
				r.wants[id] = to
				v = r.seconds(40)
			}
			if got := r.told(v); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

func TestAllAtOnceStartsNoMoreThanThereIsRoomForHoweverLateTheMeter(t *testing.T) {
	for _, late := range []time.Duration{0, 10 * time.Second} {
		for _, id := range []string{"", "car"} { // the car runs already
			r := newRoomy(t, 7*units.Kilowatt)
			r.late, r.limit.Strict = late, true
			for _, l := range r.ls {
				r.wants[l.ID] = "off"
			}
			if id != "" {
				r.wants[id] = "on 1380 W"
			}
			r.seconds(30)
			r.wants = map[string]string{"geyser": "on", "car": "on 7360 W", "pump": "on"}
			for range 600 {
				v := r.second()
				if r.drawn() > r.limit.Allowed {
					t.Fatalf("late by %v, %q runs: %v drawn where %v are allowed: %s", late, id, r.drawn(), r.limit.Allowed, r.told(v))
				}
			}
			if r.draws["geyser"] == 0 || r.draws["car"] == 0 {
				t.Errorf("late by %v: there is room, and not used: %v", late, r.draws)
			}
		}
	}
}

func TestAfterALimitLoadsComeBackOneByOne(t *testing.T) {
	r := newRoomy(t, 0)
	c := still()
	c.GapMin, c.GapMax, c.Spread = time.Second, 10*time.Second, 30*time.Second
	r.g = NewGuard(c, r.ls, time.UTC)
	r.wants = map[string]string{"geyser": "off", "car": "on 1380 W", "pump": "off"} // held off, and low
	r.seconds(60)
	r.wants = map[string]string{"geyser": "on", "car": "on 7360 W", "pump": "on"}
	r.in.Eased = true
	var at []int
	for s := range 90 {
		if n := len(r.second().Commands); n > 0 {
			at = append(at, s)
			if n > 1 {
				t.Errorf("%d come back in one second", n)
			}
		}
	}
	if len(at) != 3 || at[2]-at[0] < 5 {
		t.Errorf("they come back %v s after it has ended", at)
	}
	if at[0] == 0 {
		t.Error("the first comes back in the very second")
	}
}

func TestWhileAStartIsHeldOffIsSaidAgain(t *testing.T) {
	r := newRoomy(t, 2*units.Kilowatt)
	r.wants = map[string]string{"geyser": "on", "car": "off", "pump": "off"}
	r.limit.Allowed = 0
	r.seconds(20)
	r.limit.Allowed = 2 * units.Kilowatt
	r.now = r.now.Add(time.Second)
	off := 0
	for range 60 { // it is off to protect for a moment, does not hear it, and is wanted again
		r.now = r.now.Add(time.Second)
		w := Wish{ID: "geyser", Set: Setpoint{On: true}, Reason: "plan"}
		if off == 0 {
			w = Wish{ID: "geyser", Protect: true, Reason: "limit"}
		}
		v := r.step(GuardInput{Now: r.now, Wishes: []Wish{w}, Limit: Limit{Allowed: 2 * units.Kilowatt, Drawn: Drawn{Power: 3500 * units.Watt, From: r.now, At: r.now, Known: true}}})
		for _, c := range v.Commands {
			if c.ID == "geyser" && !c.Set.On {
				off++
			} else if c.ID == "geyser" {
				t.Fatalf("told %v where nothing may be drawn", c.Set)
			}
		}
	}
	if off < 3 {
		t.Errorf("off was said %d times to a switch that does not answer", off)
	}
}

// TestWhatIsToldInStepsFitsTheRoomOfALateMeter: told more in steps before the first of them was
// measured, only the last was reckoned to come.
func TestWhatIsToldInStepsFitsTheRoomOfALateMeter(t *testing.T) {
	for _, row := range []struct {
		kW    units.Power
		late  time.Duration
		wants []string // second by second: nothing new, or what is wanted of what
	}{
		{5, 3 * time.Second, []string{"car on 1380 W", "car off", "", "", "car on 3220 W", "geyser on", "", ""}},
		{5, 3 * time.Second, []string{"car on 3220 W", "car off", "", "", "car on 3220 W", "geyser on", "", ""}},
		{3, 4 * time.Second, []string{"car on 1380 W", "car on 1610 W", "", "", "car on 2530 W", "", ""}},
		{3, 4 * time.Second, []string{"car on 1380 W", "", "car on 1610 W", "", "car on 2530 W", "", ""}},
		{3, 4 * time.Second, []string{"car on 1380 W", "", "", "car on 1610 W", "car on 2530 W", "", ""}},
	} {
		r := newRoomy(t, row.kW*units.Kilowatt)
		r.limit.Strict, r.late = true, row.late
		for s, w := range row.wants {
			if id, to, some := strings.Cut(w, " "); some {
				r.wants[id] = to
			}
			if v := r.second(); r.drawn() > r.limit.Allowed {
				t.Errorf("late by %v, %q: after %d s %v drawn where %v are allowed: %s", row.late, row.wants, s, r.drawn(), r.limit.Allowed, r.told(v))
			}
		}
	}
}

// TestNoTellingTakesTheSiteBeyondItsLimit: whatever is wanted and when, nothing is told that,
// obeyed, takes the site beyond its limit, where nothing makes way.
func TestNoTellingTakesTheSiteBeyondItsLimit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRoomy(t, units.Power(rapid.Int64Range(1, 14).Draw(rt, "kW"))*units.Kilowatt)
		r.limit.Strict = true
		r.late = time.Duration(rapid.Int64Range(0, 5).Draw(rt, "late")) * time.Second
		within := true
		for s := range 120 {
			if rapid.IntRange(0, 9).Draw(rt, "new") == 0 {
				id := rapid.SampledFrom([]string{"geyser", "car", "pump"}).Draw(rt, "id")
				w := "off"
				if rapid.Bool().Draw(rt, "on") {
					if w = "on"; id == "car" {
						w = fmt.Sprintf("on %d W", 230*rapid.IntRange(6, 32).Draw(rt, "A"))
					}
				}
				r.wants[id] = w
			}
			v := r.second()
			within = within && r.drawn() <= r.limit.Allowed
			if !within {
				rt.Fatalf("after %d s %v are drawn of %v: %s", s, r.drawn(), r.limit.Allowed, r.told(v))
			}
		}
	})
}
