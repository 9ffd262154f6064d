package loads

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// maxPower is more than any load a home or shop switches draws.
const maxPower = 1000 * units.Kilowatt

// Check says everything that is wrong with d.
func (d Document) Check() fault.List {
	var l fault.List
	if !validID(d.ID) {
		l.Add("id", "write 1 to 32 lower-case letters, digits and hyphens, e.g. pool-pump", "%q is not an id", d.ID)
	}
	if d.Kind != "" && d.Kind != Cycle && d.Kind != OnOff && d.Kind != Varies && d.Kind != Heat && d.Kind != Measured && d.Kind != Sun && d.Kind != Battery {
		l.Add("kind", "write cycle (runs a programme), onoff (may be switched at will), power (is told how much it may draw), heat (a water heater with a thermostat), measured (is never switched), sun (panels: they give) or battery (takes and gives)", "%q is not a kind of load", d.Kind)
	}
	d.checkPower(&l)
	if d.Kind == Cycle {
		if d.Cycle <= 0 || d.Cycle > 24*time.Hour {
			l.Add("cycle", "write how long its programme takes, e.g. 1h45m", "%v is not the length of a programme", d.Cycle)
		}
	} else if d.Cycle != 0 {
		l.Add("cycle", "leave it out, or write kind: cycle", "only a load of kind cycle has a programme")
	}
	checkPause(&l, "min_on", d.MinOn)
	checkPause(&l, "min_off", d.MinOff)
	if d.Respect != nil && (*d.Respect < 0 || *d.Respect > 24*time.Hour) {
		l.Add("respect", "write how long the plan leaves what a person has set at the device, e.g. 1h, or 0s for not at all", "%v is not such a time", *d.Respect)
	}
	if d.MaxStart < 0 {
		l.Add("max_starts", "write 0 for no limit", "%d is not a number of starts", d.MaxStart)
	}
	switch {
	case d.Prefer == "", d.Kind == Battery:
	case d.Prefer != preferUnbroken:
		l.Add("prefer", "write unbroken, or leave it out", "%q cannot be preferred", d.Prefer)
	case d.Kind == Cycle || d.Kind == Heat || d.Kind == Measured:
		l.Add("prefer", "leave it out", "a load of kind %s has no choice of it", d.Kind)
	}
	d.checkClass(&l)
	d.checkNotWith(&l)
	d.checkBattery(&l)
	if d.checkTank(&l); d.Kind == Heat {
		d.Need, d.ReadyBy, d.Late = nil, nil, nil // it has none, and that is said
	}
	switch {
	case d.Kind.Heard():
		d.checkMeasured(&l)
	case d.Kind != Battery:
		d.checkNeed(&l)
	}
	l.Under("switch", d.Switch.Check())
	return l
}

// checkMeasured finds what says something of when a load is to be on that is never
// switched.
func (d Document) checkMeasured(l *fault.List) {
	for _, x := range []struct {
		key   string
		given bool
	}{
		{"need", d.Need != nil},
		{"ready_by", d.ReadyBy != nil},
		{"late", d.Late != nil},
		{"optional", d.Optional != nil},
		{"min_on", d.MinOn != nil},
		{"min_off", d.MinOff != nil},
		{"max_starts", d.MaxStart != 0},
		{"priority", d.Priority != 0},
		{"essential", d.Essential},
		{"respect", d.Respect != nil},
		{"defer", d.Defer != nil},
		{"not_with", len(d.NotWith) > 0},
		{"class", d.Class != ""},
		{"order", d.Order != 0},
		{"utility_class", d.UtilityClass != ""},
	} {
		if x.given {
			l.Add(x.key, "leave it out, or write kind: onoff", "a load of kind %s is never switched", d.Kind)
		}
	}
	switch t := d.Switch.Traits(); {
	case !d.Switch.Switches():
		l.Add("switch.driver", "name the driver of the device that measures it, e.g. tasmota", "nobody measures it")
	case d.Switch.Settings != nil && !t.Measures:
		l.Add("switch", "say where it says what it draws (power of esphome, measured of mqtt, http and homeassistant), or name a driver that knows", "%s does not measure what it draws", d.Switch.Driver)
	}
}

// checkPower checks what is drawn, and that the switch can be told it.
func (d Document) checkPower(l *fault.List) {
	switch {
	case d.Kind == Varies && d.Range == nil:
		l.Add("power", "write power: {min: 6 A, max: 16 A}, or {min: 1400 W, max: 3700 W}, or kind: onoff", "a load of kind power is told how much it may draw, and from where to where is not given")
	case d.Kind == Varies:
		l.Under("power", d.Range.check())
		if d.Switch.Switches() && d.Switch.Settings != nil && !d.Switch.Traits().Powers {
			l.Add("switch.driver", "name a driver that can be told a power, with what it needs for that (mqtt with setpoint), or write kind: onoff", "%s can only be told on and off", d.Switch.Driver)
		}
	case d.Kind == Measured && (d.Power != 0 || d.Range != nil):
		l.Add("power", "leave it out", "what a load of kind measured draws is measured")
	case d.Kind == Measured, d.Kind == Battery: // see checkBattery
	case d.Kind == Sun && (d.Range != nil || d.Power <= 0 || d.Power > maxPower):
		l.Add("power", "write the most that it gives, as it stands on the inverter, e.g. 5 kW", "how much it can give is not known, and what is read beyond belief could not be told")
	case d.Range != nil:
		l.Add("power", "write one power, or kind: power", "only a load of kind power draws from one power to another")
	case d.Power <= 0 || d.Power > maxPower:
		l.Add("power", "write what it draws while on, e.g. 3000 W", "%v is not the power of a load", d.Power)
	}
	if r := d.Range; d.Kind == Varies && r != nil && d.Switch.Traits().Amperes && r.Phases == 0 && !r.inAmperes() && len(r.check()) == 0 {
		l.Add("power", "write phases: 1, 2 or 3 beside them (and volts, if a phase has not 230 V)", "it is told amperes, and on how many phases these watts are is not given")
	}
	if !d.Kind.Heard() && d.Kind != Battery && d.Switch.Traits().Deaf {
		l.Add("switch", "write what switches it too, or kind: measured", "nothing switches it")
	}
	if d.Kind != Varies && d.Switch.Traits().Told {
		l.Add("kind", "write kind: power, or name a switch that is only on and off", "only a load of kind power is told a set-point")
	}
}

func (d Document) checkNeed(l *fault.List) {
	if d.Need == nil {
		if d.ReadyBy != nil {
			l.Add("ready_by", "say under need what must be done by then", "there is no need to be ready with")
		}
		if d.Optional != nil && d.Kind != Heat {
			l.Add("optional", "say under need what it would have", "there is no need that could be had only where it is cheap")
		}
		if d.Late != nil {
			l.Add("late", "say under need what must be done", "there is no need to be late with")
		}
		return
	}
	late := time.Duration(0)
	if d.Late != nil {
		l.Under("late", d.Late.check())
		late = d.Late.UpTo
		if d.ReadyBy == nil {
			l.Add("late", "write ready_by too", "late counts from ready_by, which is not given")
		}
	}
	n := *d.Need
	switch o := d.Optional; {
	case o == nil:
	case o.Below == nil:
		l.Add("optional.below", "write the price of a kWh, e.g. below: 1.20", "below which price it runs is not given")
	case n.CarryOver:
		l.Add("need.carry_over", "leave it out, or leave out optional", "what is had only where it is cheap is never owed")
	}
	if d.Defer != nil && !*d.Defer {
		l.Add("need", "leave it out, or leave out defer", "a load that is not deferred is never scheduled")
	}
	if !d.Switch.Switches() {
		l.Add("switch.driver", "name the driver of its switch, or leave out need", "a load without a switch cannot be scheduled")
	}
	given := 0
	for _, has := range []bool{n.For != 0, n.Energy != 0, n.Runs != 0} {
		if has {
			given++
		}
	}
	ways := map[Kind]string{Varies: "write energy: 8 kWh", Cycle: "write runs: 1"}[d.Kind]
	if ways == "" {
		ways = "write one of: for (running time), energy"
	}
	switch {
	case given > 1:
		l.Add("need", ways, "the need is given %d times", given)
	case given == 0 && d.Kind != Cycle:
		l.Add("need", ways+", or leave need out", "how much is needed is not given, or nothing")
	}
	if d.Kind == Cycle && (n.For != 0 || n.Energy != 0) {
		l.Add("need", "write runs: 1", "the need of a cycle is counted in runs")
	}
	if d.Kind != Cycle && n.Runs != 0 {
		l.Add("need.runs", "write for or energy, or kind: cycle", "only a load of kind cycle is counted in runs")
	}
	if d.Kind == Varies && n.For != 0 {
		l.Add("need.for", "write energy: 8 kWh", "how long a load of kind power runs is not what it gets")
	}
	if n.For < 0 || n.Energy < 0 || n.Runs < 0 {
		l.Add("need", "write a positive amount", "a need is never negative")
	}
	c := newCalendar(n.Between, d.ReadyBy, late, time.UTC)
	if c.overlap() {
		l.Add("need.between", "make them stand apart and fit into one day", "the windows overlap")
		return
	}
	if d.Range != nil && len(d.Range.check()) > 0 {
		return // what it draws is not known
	}
	if need := d.needTime(); d.Greatest() > 0 && need > c.usable() {
		what := short(need) + " of running time"
		if n.Energy != 0 {
			what = fmt.Sprintf("%v at %v", n.Energy, d.Greatest())
		}
		l.Add("need", "widen between, or ask for less", "%s does not fit into %s", what, short(c.usable()))
	}
}

// short is d in hours and minutes, as it is written.
func short(d time.Duration) string {
	text := d.Round(time.Minute).String()
	text = strings.TrimSuffix(text, "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// needTime is the running time owed each day.
func (d Document) needTime() time.Duration {
	switch n := d.Need; {
	case n == nil:
		return 0
	case d.Kind == Cycle:
		return time.Duration(max(n.Runs, 1)) * d.Cycle
	case n.Energy != 0:
		return timeFor(n.Energy, d.Greatest())
	default:
		return n.For
	}
}

// timeFor is how long p takes to give e, rounded half to even; 0 where p is not
// positive.
func timeFor(e units.Energy, p units.Power) time.Duration {
	if p <= 0 {
		return 0
	}
	return time.Duration(units.MulDiv(int64(e), int64(time.Millisecond), int64(p)))
}

func checkPause(l *fault.List, path string, v *time.Duration) {
	if v != nil && (*v < 0 || *v > 24*time.Hour) {
		l.Add(path, "write a time such as 3m, or 0s for none", "%v is not a minimum time", *v)
	}
}

func validID(s string) bool {
	ok, err := regexp.MatchString(`^[a-z0-9][a-z0-9-]{0,31}$`, s)
	return ok && err == nil
}
