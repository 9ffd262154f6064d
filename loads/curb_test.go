package loads

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// curbed is a roomy bench in which each second is held to curbs as the agent does: what is
// over is relieved by ShedTo.
type curbed struct {
	*roomy
	curbs []Curb
}

func (c *curbed) second() Verdict {
	takes := func(id string) Capability {
		l, _ := find(c.ls, id)
		return l.Takes()
	}
	c.in.Curbs = c.curbs
	for _, r := range ShedTo(c.ls, c.s, takes, c.curbs, c.now) {
		c.in.Wishes = append(c.in.Wishes, Wish{ID: r.ID, Set: r.Set, Protect: true, Reason: "limit"})
		delete(c.wants, r.ID)
	}
	return c.roomy.second()
}

func TestALimitOfDevicesHoldsThemAndNotTheHouse(t *testing.T) {
	all := []string{"car", "geyser", "pump"}
	for _, row := range []struct {
		name  string
		curbs []Curb
		want  string
	}{
		{"none", nil, "geyser on, car on 7360 W, pump on"},
		{"there is room for all, however much the house draws", []Curb{{Of: all, Allowed: 12 * units.Kilowatt}}, "geyser on, car on 7360 W, pump on"},
		{"14a: all together", []Curb{{Of: all, Allowed: 4200 * units.Watt}}, "geyser on, car off, pump on"},
		{"the car alone", []Curb{{Of: []string{"car"}, Allowed: 4200 * units.Watt}}, "geyser on, car on 4140 W, pump on"},
		{"the car below its least", []Curb{{Of: []string{"car"}, Allowed: units.Kilowatt}}, "geyser on, car off, pump on"},
		{"two limits, the lower rules", []Curb{{Of: []string{"car"}, Allowed: 6 * units.Kilowatt}, {Of: []string{"car", "pump"}, Allowed: 3 * units.Kilowatt}}, "geyser on, car on 2990 W, pump off"},
		{"a load that is none of the site's", []Curb{{Of: []string{"boat"}, Allowed: units.Kilowatt}}, "geyser on, car on 7360 W, pump on"},
	} {
		for _, late := range []bool{false, true} { // it comes while all run, or was there before
			t.Run(row.name, func(t *testing.T) {
				c := &curbed{roomy: newRoomy(t, 0)}
				c.other = 9 * units.Kilowatt
				for _, l := range c.ls {
					c.wants[l.ID] = "on"
				}
				c.wants["car"] = "on 7360 W"
				if late {
					c.seconds(30)
				}
				c.curbs = row.curbs
				for range 3 {
					c.second()
				}
				if late { // in three seconds it holds
					for _, b := range row.curbs {
						sum := units.Power(0)
						for _, l := range c.ls {
							if b.covers(l.ID) {
								sum += c.draws[l.ID]
							}
						}
						if sum > b.Allowed {
							t.Errorf("%s are drawn of %s after 3 s", sum, b.Allowed)
						}
					}
				}
				var v Verdict
				for range 60 {
					c.wants["geyser"], c.wants["pump"], c.wants["car"] = "on", "on", "on 7360 W"
					v = c.second()
				}
				_ = v
				got := ""
				for i, l := range c.ls {
					if i > 0 {
						got += ", "
					}
					got += l.ID + " " + c.s.Unit(l.ID).Set.String()
				}
				if got != row.want {
					t.Errorf("%s, want %s", got, row.want)
				}
			})
		}
	}
}

// However curbs come and go and whatever is wanted, what the devices were told is within each
// curb that has held for some seconds, and an essential load is told nothing by it.
func TestNoCurbIsPassed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRoomy(t, 0)
		r.bench.t = t
		c := &curbed{roomy: r}
		some := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"car", "geyser", "pump"}), rapid.ID[string])
		calm := 0
		for range rapid.IntRange(5, 60).Draw(rt, "seconds") {
			if rapid.IntRange(0, 9).Draw(rt, "change") == 0 {
				c.curbs, calm = nil, 0
				for range rapid.IntRange(0, 3).Draw(rt, "curbs") {
					x := Curb{Of: some.Draw(rt, "of"), Allowed: units.Power(rapid.IntRange(500, 9000).Draw(rt, "W")) * units.Watt}
					for range x.Of {
						x.Phases = append(x.Phases, rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(rt, "phases"))
					}
					c.curbs = append(c.curbs, x)
				}
			}
			c.wants["geyser"] = rapid.SampledFrom([]string{"on", "off"}).Draw(rt, "geyser")
			c.wants["pump"] = rapid.SampledFrom([]string{"on", "off"}).Draw(rt, "pump")
			c.wants["car"] = rapid.SampledFrom([]string{"off", "on 1380 W", "on 3910 W", "on 7360 W"}).Draw(rt, "car")
			c.second()
			calm++
			for _, b := range c.curbs {
				if over := b.over(c.ls, c.s, c.now); calm > 5 && over > 0 {
					rt.Fatalf("%s too much for %+v after %d s", over, b, calm)
				}
			}
		}
	})
}

func TestADeviceThatDoesNotFollowIsReckonedAsItMeasures(t *testing.T) {
	l := guardLoad("car", func(l *Load) { l.Kind = Varies })
	u := UnitState{Set: Setpoint{On: true, Power: 2 * units.Kilowatt}, Commanded: true, FirstSent: t0, Seen: Observation{Known: true, On: true, HasPower: true, Power: 6 * units.Kilowatt}}
	if got := l.reckons(u, t0.Add(time.Second)); got != 2*units.Kilowatt {
		t.Errorf("before it had time: %s", got)
	}
	if got := l.reckons(u, t0.Add(5*time.Second)); got != 6*units.Kilowatt {
		t.Errorf("after that: %s", got)
	}
	u.Seen.At = t0
	if got := l.reckons(u, t0.Add(5*time.Second)); got != 2*units.Kilowatt {
		t.Errorf("it has measured nothing since it was told: %s", got)
	}
	if got := l.reckons(u, t0.Add(tellsIn)); got != 6*units.Kilowatt {
		t.Errorf("it has measured nothing for a minute: %s", got)
	}
	u.Seen.At = t0.Add(4 * time.Second)
	if got := l.reckons(u, t0.Add(5*time.Second)); got != 6*units.Kilowatt {
		t.Errorf("it has measured that it does not follow: %s", got)
	}
	u.Seen.Power = 0
	if got := l.reckons(u, t0.Add(5*time.Second)); got != 2*units.Kilowatt {
		t.Errorf("it draws nothing for now: %s", got)
	}
}
