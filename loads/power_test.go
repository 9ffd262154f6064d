package loads

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// car is a charger of one phase: 6 A to 32 A, 8 kWh between 18:00 and 07:00.
func car(t testing.TB) Document {
	t.Helper()
	return Document{
		ID: "car", Kind: Varies,
		Range:   &RangeDocument{Min: Level{Current: 6_000}, Max: Level{Current: 32_000}, Step: Level{Current: 1_000}},
		Need:    &NeedDocument{Energy: 8 * units.KilowattHour, Between: []Window{window(t, "18:00-10:00")}},
		ReadyBy: timeOfDay(t, "07:00"),
		Switch:  SwitchDocument{Driver: "plug", Settings: plug{Traits{Powers: true}}},
	}
}

func TestWhatALoadCanBeToldToDraw(t *testing.T) {
	amp := func(a int) Level { return Level{Current: units.Current(a * 1000)} }
	watt := func(w int) Level { return Level{Power: units.Power(w) * units.Watt} }
	for _, row := range []struct {
		name string
		r    RangeDocument
		want string
	}{
		{"amperes of one phase", RangeDocument{Min: amp(6), Max: amp(32), Step: amp(1)}, "off, on, 1380 W to 7360 W in steps of 230 W"},
		{"of three phases", RangeDocument{Min: amp(6), Max: amp(16), Step: amp(1), Phases: 3}, "off, on, 4140 W to 11040 W in steps of 690 W"},
		{"at another voltage", RangeDocument{Min: amp(6), Max: amp(16), Volts: 120_000}, "off, on, 720 W to 1920 W"},
		{"watts, any", RangeDocument{Min: watt(300), Max: watt(2000)}, "off, on, 300 W to 2000 W"},
		{"powers one by one", RangeDocument{Steps: []Level{watt(1000), watt(2000), watt(3000)}}, "off, on, 1000 W, 2000 W, 3000 W"},
	} {
		if l := row.r.check(); len(l) > 0 {
			t.Errorf("%s: %v", row.name, l)
		}
		if got := (Capability{Powers: row.r.Powers()}).String(); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

func TestALoadOfKindPowerIsChecked(t *testing.T) {
	if l := car(t).Check(); len(l) > 0 {
		t.Fatal(l)
	}
	for _, row := range []struct {
		name, path string
		change     func(d *Document)
	}{
		{"no range", "power", func(d *Document) { d.Range = nil }},
		{"one power in its place", "power", func(d *Document) { d.Range, d.Power = nil, units.Kilowatt }},
		{"a range of another kind", "power", func(d *Document) { d.Kind = OnOff }},
		{"less than 6 A", "power.min", func(d *Document) { d.Range.Min.Current = 5_000 }},
		{"no least", "power.min", func(d *Document) { d.Range.Min = Level{} }},
		{"no greatest", "power.max", func(d *Document) { d.Range.Max = Level{} }},
		{"the wrong way round", "power.max", func(d *Document) { d.Range.Max.Current = 6_000; d.Range.Min.Current = 16_000 }},
		{"more than a house", "power.max", func(d *Document) { d.Range.Max = Level{Power: 2000 * units.Kilowatt} }},
		{"a step that is none", "power.step", func(d *Document) { d.Range.Step = Level{Power: -1} }},
		{"four phases", "power.phases", func(d *Document) { d.Range.Phases = 4 }},
		{"the voltage of a battery", "power.volts", func(d *Document) { d.Range.Volts = 12_000 }},
		{"powers beside a range", "power.steps", func(d *Document) { d.Range.Steps = []Level{{Power: units.Kilowatt}} }},
		{"powers that fall", "power.steps[1]", func(d *Document) {
			d.Range = &RangeDocument{Steps: []Level{{Power: 2 * units.Kilowatt}, {Power: units.Kilowatt}}}
		}},
		{"a switch that knows only on and off", "switch.driver", func(d *Document) { d.Switch.Settings = plug{} }},
		{"running time", "need.for", func(d *Document) { d.Need.Energy, d.Need.For = 0, time.Hour }},
		{"programmes", "need.runs", func(d *Document) { d.Need.Energy, d.Need.Runs = 0, 1 }},
		{"more than its hours hold", "need", func(d *Document) { d.Need.Energy = 500 * units.KilowattHour }},
		{"late without a time", "late", func(d *Document) { d.ReadyBy, d.Late = nil, &LateDocument{UpTo: time.Hour, PerHour: 1} }},
		{"late for a day", "late.up_to", func(d *Document) { d.Late = &LateDocument{UpTo: 24 * time.Hour, PerHour: 1} }},
		{"late for nothing", "late.per_hour", func(d *Document) { d.Late = &LateDocument{UpTo: time.Hour} }},
		{"respected for ever", "respect", func(d *Document) { d.Respect = ptr(48 * time.Hour) }},
	} {
		d := car(t)
		row.change(&d)
		if l := d.Check(); len(l) != 1 || l[0].Path != row.path || l[0].Remedy == "" {
			t.Errorf("%s: %v, want one fault at %q", row.name, l, row.path)
		}
	}
	d := pump(t)
	d.Switch = SwitchDocument{Driver: "plug", Settings: plug{Traits{Powers: true, Told: true}}}
	if l := d.Check(); len(l) != 1 || l[0].Path != "kind" {
		t.Errorf("a set-point of what is only on or off: %v", l)
	}
}

func TestALoadOfKindPowerIsOwedEnergy(t *testing.T) {
	d := car(t)
	l, err := Compile(d, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	now := day(1).Add(20 * time.Hour)
	r := l.Requests(Progress{}, UnitState{}, now, time.Hour)[0]
	if kwh := r.Energy().KWh(); kwh < 7.999 || kwh > 8.001 || r.Least != 1380*units.Watt || r.Power != 7360*units.Watt || !r.By.Equal(day(2).Add(7*time.Hour)) || !r.Ready.IsZero() {
		t.Errorf("%+v", r)
	}
	// Two hours at 10 A, measured: 4.6 kWh of 8.
	p := l.Account(Progress{}, Taken{From: now, To: now.Add(2 * time.Hour), On: true, Set: set(t, "on 2300 W"), Energy: 4600 * units.WattHour, HasEnergy: true})
	u := UnitState{Set: set(t, "on 2300 W")}
	if r = l.Requests(p, u, now.Add(2*time.Hour), time.Hour)[0]; r.Energy().KWh() < 3.399 || r.Energy().KWh() > 3.401 || r.Draws != 2300*units.Watt {
		t.Errorf("after 4.6 kWh: %v, draws %v", r.Energy().KWh(), r.Draws)
	}
	// Nobody measures: the set-point counts.
	if p = l.Account(Progress{}, Taken{From: now, To: now.Add(2 * time.Hour), On: true, Set: set(t, "on 2300 W")}); p.Energy != 4600*units.WattHour {
		t.Errorf("by the set-point %v", p.Energy)
	}
	// A person runs it at 10 A for two hours more: so much is not planned.
	p.Override = &Override{Run: true, Until: now.Add(4 * time.Hour), Set: set(t, "on 2300 W"), By: AtDevice}
	p.Energy = 0
	if r = l.Requests(p, UnitState{}, now.Add(2*time.Hour), time.Hour)[0]; r.Energy().KWh() < 3.399 || r.Energy().KWh() > 3.401 {
		t.Errorf("beside what a person has set: %v", r.Energy().KWh())
	}
	// A car that is full, or not there, draws nothing at its set-point: it is asked later.
	p = l.Account(Progress{}, Taken{From: now, To: now.Add(15 * time.Minute), On: true, Set: set(t, "on 1380 W"), Energy: units.WattHour, HasEnergy: true})
	if p.Rest.IsZero() {
		t.Error("it took nothing and is not said to rest")
	}
	// A small draw is one where its set-point is small.
	p = l.Account(Progress{}, Taken{From: now, To: now.Add(15 * time.Minute), On: true, Set: set(t, "on 1380 W"), Energy: (200 * units.Watt).Over(15 * time.Minute), HasEnergy: true})
	if !p.Rest.IsZero() {
		t.Error("it took a seventh of its set-point and is said to rest")
	}
}

func TestReadyByMayBeMissedByALittle(t *testing.T) {
	for _, row := range []struct {
		name      string
		change    func(d *Document)
		ready, by string // of the next morning
	}{
		{"never", func(*Document) {}, "07:00", "07:00"},
		{"by two hours", func(d *Document) { d.Late = &LateDocument{UpTo: 2 * time.Hour, PerHour: units.One} }, "07:00", "09:00"},
		{"not beyond its hours", func(d *Document) { d.Late = &LateDocument{UpTo: 6 * time.Hour, PerHour: units.One} }, "07:00", "10:00"},
		{"at any hour of the day", func(d *Document) {
			d.Need.Between, d.Late = nil, &LateDocument{UpTo: 2 * time.Hour, PerHour: units.One}
		}, "07:00", "09:00"},
	} {
		d := car(t)
		row.change(&d)
		l, err := Compile(d, time.UTC)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		r := l.Requests(Progress{}, UnitState{}, day(1).Add(20*time.Hour), time.Hour)[0]
		ready := r.By
		if !r.Ready.IsZero() {
			ready = r.Ready
		}
		if got := ready.Format("15:04"); got != row.ready || ready.Day() != 2 {
			t.Errorf("%s: ready by %v", row.name, ready)
		}
		if got := r.By.Format("15:04"); got != row.by || !r.Spans[len(r.Spans)-1].End().Equal(r.By) {
			t.Errorf("%s: at the latest by %v, in %v", row.name, r.By, r.Spans)
		}
	}
}

// shedding is a site with a car at so many watts, a geyser of 3 kW that is less important
// or more, and something else that is never shed.
func shedding(t *testing.T, carPriority int) ([]Load, func(text string, told time.Duration, measured units.Power, was string) GuardState) {
	t.Helper()
	l, err := Compile(car(t), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	l.Priority = carPriority
	ls := []Load{l, guardLoad("geyser", func(l *Load) { l.Priority, l.Power = 5, 3*units.Kilowatt })}
	return ls, func(text string, told time.Duration, measured units.Power, was string) GuardState {
		u := UnitState{ID: "car", Set: set(t, text), Commanded: true, Confirmed: true, FirstSent: t0.Add(-told), SentAt: t0.Add(-told), Former: set(t, was)}
		if measured > 0 {
			u.Seen = Observation{On: true, Known: true, Power: measured, HasPower: true, At: t0.Add(100 * time.Millisecond)}
		}
		return GuardState{Units: []UnitState{u, {ID: "geyser", Set: set(t, "on")}}}
	}
}

func TestSheddingLowersAPowerBeforeItSwitchesOff(t *testing.T) {
	for _, row := range []struct {
		name     string
		priority int
		state    []any // set-point, told so long ago, measured, set-point before
		over     units.Power
		want     string
	}{
		{"a little too much", 9, []any{"on 7360 W", time.Hour, units.Power(0), "off"}, units.Kilowatt, "car on 6210 W"},
		{"just as much as it can be lowered", 9, []any{"on 7360 W", time.Hour, units.Power(0), "off"}, 5980 * units.Watt, "car on 1380 W"},
		{"more than that: off", 9, []any{"on 7360 W", time.Hour, units.Power(0), "off"}, 6 * units.Kilowatt, "car off"},
		{"more than all of it: the next one too", 9, []any{"on 7360 W", time.Hour, units.Power(0), "off"}, 8 * units.Kilowatt, "car off, geyser off"},
		{"a less important load goes first", 1, []any{"on 7360 W", time.Hour, units.Power(0), "off"}, 4 * units.Kilowatt, "geyser off, car on 6210 W"},
		{"by what it draws, which is less than it may", 9, []any{"on 7360 W", time.Hour, 3 * units.Kilowatt, "off"}, units.Kilowatt, "car on 1840 W"},
		{"it was told half a second ago, which nobody has measured", 9, []any{"on 6210 W", time.Second / 2, 7360 * units.Watt, "on 7360 W"}, units.Kilowatt, ""},
		{"the same, of what nobody measures", 9, []any{"on 6210 W", time.Second / 2, units.Power(0), "on 7360 W"}, units.Kilowatt, ""},
		{"and the limit fell further", 9, []any{"on 6210 W", time.Second / 2, 7360 * units.Watt, "on 7360 W"}, 2150 * units.Watt, "car on 5060 W"},
		{"its device has measured that it follows, and the meter not yet", 9, []any{"on 6210 W", time.Second / 2, 6200 * units.Watt, "on 7360 W"}, units.Kilowatt, ""},
		{"it was told and does not follow", 9, []any{"on 6210 W", 5 * time.Second, 7360 * units.Watt, "on 7360 W"}, units.Kilowatt, "car off"},
		{"it follows, badly measured", 9, []any{"on 6210 W", 5 * time.Second, 6500 * units.Watt, "on 7360 W"}, units.Kilowatt, "car on 5290 W"},
	} {
		ls, at := shedding(t, row.priority)
		s := at(row.state[0].(string), row.state[1].(time.Duration), row.state[2].(units.Power), row.state[3].(string))
		out, freed := Shed(ls, s, func(string) Capability { return ls[0].Takes() }, beyond(row.over, t0), t0)
		var got []string
		for _, r := range out {
			got = append(got, r.ID+" "+r.Set.String())
		}
		if text := strings.Join(got, ", "); text != row.want || freed < beyond(row.over, t0).Over(ls, s) && !strings.Contains(text, "geyser") {
			t.Errorf("%s: %q frees %v of %v, want %q", row.name, text, freed.W(), row.over.W(), row.want)
		}
	}
	ls, at := shedding(t, 9)
	s := at("on 6210 W", 5*time.Second, 0, "on 7360 W")
	s.Units[0].Confirmed = false
	if out, _ := Shed(ls, s, func(string) Capability { return ls[0].Takes() }, beyond(units.Kilowatt, t0), t0); len(out) != 1 || out[0].Set.On {
		t.Errorf("it says nothing of what it was told: %v", out)
	}
}

func TestWhatAPersonSetsAtTheDeviceIsToldAndNotUndone(t *testing.T) {
	respect := func(l *Load) {
		l.Kind, l.Powers, l.Respect, l.DeadMan = Varies, wallbox().Powers[:1], time.Hour, 2*time.Minute
	}
	// proven is a charger that was told 2300 W and says so.
	proven := func(t *testing.T, change ...func(*Capability)) *charger {
		c := newCharger(t, wallbox(append(change, readBack)...), respect)
		c.says = Observation{Known: true}
		c.wish(0, "off")
		c.wish(1, "on 2300 W")
		c.says = Observation{On: true, Known: true, Set: set(t, "on 2300 W"), HasSet: true}
		if v := c.wish(2, "on 2300 W"); len(v.Hands) > 0 {
			t.Fatalf("its own word is taken for a person's: %v", v.Hands)
		}
		if !c.s.Unit("car").Confirmed {
			t.Fatalf("%+v", c.s.Unit("car"))
		}
		return c
	}
	for _, row := range []struct {
		name string
		does func(c *charger) Verdict
		want string
	}{
		{"another power", func(c *charger) Verdict {
			c.says.Set = set(t, "on 4600 W")
			return c.wish(10, "on 2300 W")
		}, "on 4600 W"},
		{"off", func(c *charger) Verdict {
			c.says = Observation{Known: true}
			return c.wish(10, "on 2300 W")
		}, "off"},
		{"off, when its own timer may have ended", func(c *charger) Verdict {
			c.says = Observation{Known: true}
			return c.wish(130, "on 2300 W")
		}, ""},
		{"another power, while the home draws too much", func(c *charger) Verdict {
			c.says.Set = set(t, "on 4600 W")
			return c.wish(10, "on 1380 W", func(w *Wish) { w.Protect = true })
		}, ""},
		{"another power, after it was gone", func(c *charger) Verdict {
			c.says.Known = false
			c.wish(5, "on 2300 W")
			c.says.Known, c.says.Set = true, set(t, "on 4600 W")
			return c.wish(10, "on 2300 W")
		}, ""},
		{"nothing", func(c *charger) Verdict { return c.wish(10, "on 2300 W") }, ""},
		{"it has not followed yet", func(c *charger) Verdict { return c.wish(40, "on 4600 W") }, ""},
	} {
		c := proven(t)
		v := row.does(c)
		var got string
		for _, h := range v.Hands {
			got += h.Set.String()
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		told := slices.ContainsFunc(v.Commands, func(x Command) bool { return !x.Renew })
		if row.want != "" && told {
			t.Errorf("%s: it is told %v against it", row.name, v.Commands)
		}
	}
}
