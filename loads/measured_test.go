package loads

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Whatever it was before, whatever is wished of it and however much is drawn: what is only
// measured is told nothing.
func TestWhatIsMeasuredIsToldNothing(t *testing.T) {
	fridge := guardLoad("fridge", func(l *Load) { l.Kind, l.Power, l.Defer, l.Essential, l.Priority = Measured, 0, false, true, 9 })
	geyser := guardLoad("geyser")
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	g := NewGuard(GuardConfig{PerHour: 30, RetryFirst: 2 * time.Second, RetryMax: time.Minute, WarnAfter: 3, Supply: true, SupplyFeedback: true}, []Load{fridge, geyser}, time.UTC)
	b := &bench{t: t, g: g}
	// It was a load like any other until the configuration was changed, and was told to go on.
	b.s = GuardState{Units: []UnitState{{ID: "fridge", Set: Setpoint{On: true}, Commanded: true, Spared: Setpoint{On: true}, Attempts: 7, SentAt: now.Add(-time.Hour), FirstSent: now.Add(-2 * time.Hour), Since: now.Add(-2 * time.Hour)}}}
	draws := Fact{ID: "fridge", Observation: Observation{On: true, Known: true, Power: 2 * units.Kilowatt, HasPower: true}}
	for i, in := range []GuardInput{
		{SupplyOn: true, Fresh: true, PowerBack: true},
		{SupplyOn: true, Wishes: []Wish{{ID: "fridge", Reason: "plan"}}},
		{SupplyOn: true, Wishes: []Wish{{ID: "fridge", Protect: true, Reason: "limit"}}, Limit: Limit{Allowed: units.Kilowatt, Drawn: Drawn{Power: 5 * units.Kilowatt, Known: true}}},
		{SupplyOn: true, Wishes: []Wish{{ID: "fridge", Set: Setpoint{On: true}}}, Curbs: []Curb{{Of: []string{"fridge", "geyser"}, Allowed: units.Watt}}},
		{SupplyOn: false},
		{SupplyOn: true},
	} {
		in.Now = now.Add(time.Duration(i) * 10 * time.Minute)
		draws.At = in.Now
		in.Facts = []Fact{draws, seen(SupplyID, in.SupplyOn, in.Now)}
		v := b.step(in)
		for _, c := range v.Commands {
			if c.ID == "fridge" {
				t.Errorf("step %d: it is told %v", i, c)
			}
		}
		for _, w := range v.Warnings {
			if w.ID == "fridge" {
				t.Errorf("step %d: it is warned of: %v", i, w)
			}
		}
		if len(v.Hands) > 0 {
			t.Errorf("step %d: %v", i, v.Hands)
		}
	}
	if u := b.s.Unit("fridge"); u.Commanded || u.Spared.On || !u.Seen.HasPower {
		t.Errorf("%+v", u)
	}
	over := Limit{Allowed: units.Kilowatt, Drawn: Drawn{Power: 5 * units.Kilowatt, Known: true, From: now.Add(time.Hour), At: now.Add(time.Hour)}}
	if out, _ := Shed([]Load{fridge, geyser}, b.s, func(string) Capability { return Capability{} }, over, now.Add(time.Hour)); len(out) > 0 {
		t.Errorf("shed: %v", out)
	}
	if out := ShedTo([]Load{fridge, geyser}, b.s, func(string) Capability { return Capability{} }, []Curb{{Of: []string{"fridge"}, Allowed: units.Watt}}, now.Add(time.Hour)); len(out) > 0 {
		t.Errorf("shed to a curb: %v", out)
	}
}

func TestALoadThatIsMeasured(t *testing.T) {
	minute := time.Minute
	good := func() Document {
		return Document{ID: "fridge", Kind: Measured, Switch: SwitchDocument{Driver: "tasmota", Settings: plug{traits: Traits{Measures: true, Renewable: true}}}}
	}
	l, err := Compile(good(), time.UTC)
	if err != nil || l.Defer || !l.Essential || l.DeadMan != 0 || l.Power != 0 || !l.Feedback {
		t.Errorf("%+v, %v", l, err)
	}
	if got := l.Requests(Progress{}, UnitState{}, time.Now(), 48*time.Hour); len(got) > 0 {
		t.Errorf("it is owed %v", got)
	}
	p := l.Account(Progress{}, Taken{From: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC), On: true, Energy: units.KilowattHour, HasEnergy: true})
	if p.Energy != units.KilowattHour || p.Missed != 0 || !p.Rest.IsZero() {
		t.Errorf("%+v", p)
	}
	for _, row := range []struct {
		name, path string
		change     func(d *Document)
	}{
		{"a power", "power", func(d *Document) { d.Power = units.Kilowatt }},
		{"powers", "power", func(d *Document) { d.Range = &RangeDocument{} }},
		{"a need", "need", func(d *Document) { d.Need = &NeedDocument{For: time.Hour} }},
		{"a time", "ready_by", func(d *Document) { d.ReadyBy = new(TimeOfDay) }},
		{"a programme", "cycle", func(d *Document) { d.Cycle = time.Hour }},
		{"a tank", "tank", func(d *Document) { d.Tank = &TankDocument{} }},
		{"a pause", "min_off", func(d *Document) { d.MinOff = &minute }},
		{"a run", "min_on", func(d *Document) { d.MinOn = &minute }},
		{"starts", "max_starts", func(d *Document) { d.MaxStart = 1 }},
		{"a rank", "priority", func(d *Document) { d.Priority = 1 }},
		{"it is never shed anyway", "essential", func(d *Document) { d.Essential = true }},
		{"a hand", "respect", func(d *Document) { d.Respect = &minute }},
		{"how much it matters", "class", func(d *Document) { d.Class = CanWait }},
		{"a utility's word", "utility_class", func(d *Document) { d.UtilityClass = "fridge" }},
		{"no device", "switch.driver", func(d *Document) { d.Switch = SwitchDocument{} }},
		{"one that does not measure", "switch", func(d *Document) { d.Switch.Settings = plug{} }},
		{"one that is told a power", "kind", func(d *Document) { d.Switch.Settings = plug{traits: Traits{Measures: true, Told: true}} }},
		{"of another kind, and nothing switches it", "switch", func(d *Document) {
			d.Kind, d.Power, d.Switch.Settings = OnOff, units.Kilowatt, plug{traits: Traits{Measures: true, Deaf: true}}
		}},
	} {
		d := good()
		row.change(&d)
		if l := d.Check(); len(l) != 1 || l[0].Path != row.path || l[0].Remedy == "" {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
}
