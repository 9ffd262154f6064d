package loads

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

func window(t testing.TB, s string) Window {
	t.Helper()
	var w Window
	if err := w.SetText(s); err != nil {
		t.Fatal(err)
	}
	return w
}

func timeOfDay(t testing.TB, s string) *TimeOfDay {
	t.Helper()
	v := new(TimeOfDay)
	if err := v.SetText(s); err != nil {
		t.Fatal(err)
	}
	return v
}

func ptr[T any](v T) *T { return &v }

// plug is settings of a switch with these traits.
type plug struct{ traits Traits }

func (p plug) Check() (l fault.List) {
	if d := p.traits.DeadMan; d != nil && *d < 0 {
		l.Add("dead_man", "write 0s or more", "%v is no time", *d)
	}
	return l
}
func (p plug) Traits() Traits         { return p.traits }
func (plug) Open(Env) (Switch, error) { return nil, errors.New("it is none") }

// A device that cannot drop its load by itself has no dead man, whatever its
// driver is.
func TestADeadManIsWhereTheDeviceHasOne(t *testing.T) {
	d := pump(t)
	for _, row := range []struct {
		name   string
		traits Traits
		want   time.Duration
	}{
		{"it has one and nothing is said", Traits{Renewable: true}, DefaultDeadMan},
		{"it has one of an hour", Traits{Renewable: true, DeadMan: ptr(time.Hour)}, time.Hour},
		{"it is switched off", Traits{Renewable: true, DeadMan: ptr(time.Duration(0))}, 0},
		{"it has none", Traits{Remote: true}, 0},
	} {
		d.Switch.Settings = plug{row.traits}
		if got := d.DeadMan(); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	if d.Switch = (SwitchDocument{Driver: DriverNone}); d.DeadMan() != 0 || d.Switch.HasFeedback() {
		t.Error("what has no switch has a dead man or feedback")
	}
}

// pump is a good document.
func pump(t testing.TB) Document {
	return Document{
		ID: "pool-pump", Kind: OnOff, Power: 750 * units.Watt,
		Need:   &NeedDocument{For: 4 * time.Hour, Between: []Window{window(t, "08:00-17:00")}},
		Switch: SwitchDocument{Driver: "plug", Settings: plug{Traits{Remote: true, Renewable: true}}},
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(d *Document)
		want   []string // path: part of the problem; none: it is good
	}{
		{"a good load", func(*Document) {}, nil},
		{"a good cycle", func(d *Document) {
			d.Kind, d.Cycle = Cycle, time.Hour
			d.Need = &NeedDocument{Runs: 1, Between: []Window{window(t, "09:00-18:00")}}
			d.ReadyBy = timeOfDay(t, "17:00")
		}, nil},
		{"a night across midnight", func(d *Document) { d.Need.Between = []Window{window(t, "22:00-06:00"), window(t, "12:00-14:00")} }, nil},
		{"only metered", func(d *Document) { d.Need, d.Defer, d.Switch = nil, ptr(false), SwitchDocument{} }, nil},

		{"no id", func(d *Document) { d.ID = "Pool Pump" }, []string{`id: "Pool Pump"`}},
		{"unknown kind", func(d *Document) { d.Kind = "thermal" }, []string{`kind: "thermal"`}},
		{"no power", func(d *Document) { d.Power = 0 }, []string{"power"}},
		{"a cycle without length", func(d *Document) { d.Kind, d.Need = Cycle, nil }, []string{"cycle"}},
		{"a length without a cycle", func(d *Document) { d.Cycle = time.Hour }, []string{"cycle"}},
		{"a negative pause", func(d *Document) { d.MinOff = ptr(-time.Second) }, []string{"min_off"}},
		{"two needs", func(d *Document) { d.Need.Energy = units.KilowattHour }, []string{"need: the need is given 2 times"}},
		{"no need in need", func(d *Document) { d.Need.For = 0 }, []string{"need: how much is needed is not given, or nothing"}},
		{"runs of a pump", func(d *Document) { d.Need = &NeedDocument{Runs: 2} }, []string{"need.runs"}},
		{"hours of a cycle", func(d *Document) { d.Kind, d.Cycle = Cycle, time.Hour }, []string{"need: the need of a cycle"}},
		{"more than fits", func(d *Document) { d.Need.For = 10 * time.Hour }, []string{"need: 10h of running time does not fit into 9h"}},
		{"ready before enough time", func(d *Document) { d.ReadyBy = timeOfDay(t, "10:00") }, []string{"need: 4h of running time does not fit into 2h"}},
		{"windows overlap", func(d *Document) { d.Need.Between = []Window{window(t, "08:00-12:00"), window(t, "11:00-17:00")} }, []string{"need.between: the windows overlap"}},
		{"windows overlap over midnight", func(d *Document) { d.Need.Between = []Window{window(t, "22:00-06:00"), window(t, "05:00-07:00")} }, []string{"need.between: the windows overlap"}},
		{"ready without need", func(d *Document) { d.Need, d.ReadyBy = nil, timeOfDay(t, "10:00") }, []string{"ready_by"}},
		{"a need that is not deferred", func(d *Document) { d.Defer = ptr(false) }, []string{"need: a load that is not deferred"}},
		{"a need without a switch", func(d *Document) { d.Switch = SwitchDocument{} }, []string{"switch.driver"}},
		{"a fault of the switch's own", func(d *Document) { d.Switch.Settings = plug{Traits{DeadMan: ptr(-time.Second)}} }, []string{"switch.dead_man"}},
		{"everything at once", func(d *Document) { d.ID, d.Power, d.Priority, d.MaxStart = "", 0, -1, -1 }, []string{"id", "power", "max_starts", "priority"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := pump(t)
			tc.change(&d)
			got := d.Check()
			if len(got) != len(tc.want) {
				t.Fatalf("faults:\n%v\nwant %q", got, tc.want)
			}
			for i, f := range got {
				path, problem, _ := strings.Cut(tc.want[i], ": ")
				if f.Path != path || !strings.Contains(f.Problem, problem) {
					t.Errorf("fault %v, want %q", f, tc.want[i])
				}
				if f.Remedy == "" {
					t.Errorf("%v does not say what to do", f)
				}
			}
			_, err := Compile(d, time.UTC)
			if (err != nil) != (len(tc.want) > 0) {
				t.Errorf("compile: %v", err)
			}
		})
	}
}

func TestCompileDefaults(t *testing.T) {
	l, err := Compile(pump(t), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if l.Name != "pool-pump" || l.MinOn != DefaultMinOn || l.MinOff != DefaultMinOff || l.DeadMan != DefaultDeadMan || !l.Defer || !l.Feedback || l.Need != 4*time.Hour {
		t.Errorf("%+v", l)
	}
	d := pump(t)
	d.MinOn, d.MinOff = ptr(time.Duration(0)), ptr(time.Duration(0))
	d.Switch.Settings = plug{Traits{Renewable: true, DeadMan: ptr(time.Duration(0))}}
	if l, err = Compile(d, time.UTC); err != nil || l.MinOn != 0 || l.MinOff != 0 || l.DeadMan != 0 {
		t.Errorf("zero given is zero meant: %+v %v", l, err)
	}
	d = pump(t)
	d.Need, d.Defer = nil, ptr(false)
	if l, err = Compile(d, time.UTC); err != nil || l.DeadMan != 0 {
		t.Errorf("a fridge must not drop when the agent stops: %+v %v", l, err)
	}
	d = pump(t)
	d.Kind, d.Cycle, d.Need = Cycle, 2*time.Hour, &NeedDocument{}
	if l, err = Compile(d, time.UTC); err != nil || l.Runs != 1 || l.MinOn != 2*time.Hour {
		t.Errorf("a cycle: %+v %v", l, err)
	}
}

func TestTexts(t *testing.T) {
	for _, s := range []string{"00:00", "07:30", "24:00"} {
		if got := timeOfDay(t, s).String(); got != s {
			t.Errorf("%s reads as %s", s, got)
		}
	}
	for _, s := range []string{"", "7:30", "24:01", "12:60", "1a:00", "12.30"} {
		if err := new(TimeOfDay).SetText(s); err == nil {
			t.Errorf("%q is a time of day", s)
		}
	}
	for _, s := range []string{"22:00-06:00", "00:00-24:00"} {
		if got := window(t, s).String(); got != s {
			t.Errorf("%s reads as %s", s, got)
		}
	}
	if got := window(t, "22:00 - 06:00").String(); got != "22:00-06:00" {
		t.Errorf("with spaces: %s", got)
	}
	for _, s := range []string{"", "22:00", "22:00-22:00", "24:00-06:00", "22:00-6:00"} {
		if err := new(Window).SetText(s); err == nil {
			t.Errorf("%q is a window", s)
		}
	}
}
