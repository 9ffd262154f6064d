package loads

import (
	"regexp"
	"slices"
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
	if d.Kind != "" && d.Kind != Cycle && d.Kind != OnOff {
		l.Add("kind", "write cycle (runs a programme) or onoff (may be switched at will)", "%q is not a kind of load", d.Kind)
	}
	if d.Power <= 0 || d.Power > maxPower {
		l.Add("power", "write what it draws while on, e.g. 3000 W", "%v is not the power of a load", d.Power)
	}
	if d.Kind == Cycle {
		if d.Cycle <= 0 || d.Cycle > 24*time.Hour {
			l.Add("cycle", "write how long its programme takes, e.g. 1h45m", "%v is not the length of a programme", d.Cycle)
		}
	} else if d.Cycle != 0 {
		l.Add("cycle", "leave it out, or write kind: cycle", "only a load of kind cycle has a programme")
	}
	checkPause(&l, "min_on", d.MinOn)
	checkPause(&l, "min_off", d.MinOff)
	if d.MaxStart < 0 {
		l.Add("max_starts", "write 0 for no limit", "%d is not a number of starts", d.MaxStart)
	}
	if d.Priority < 0 || d.Priority > 1000 {
		l.Add("priority", "write 0 (most important) to 1000 (shed first)", "%d is not a priority", d.Priority)
	}
	d.checkNeed(&l)
	l.Under("switch", d.Switch.Check())
	return l
}

func (d Document) checkNeed(l *fault.List) {
	if d.Need == nil {
		if d.ReadyBy != nil {
			l.Add("ready_by", "say under need what must be done by then", "there is no need to be ready with")
		}
		return
	}
	n := *d.Need
	if d.Defer != nil && !*d.Defer {
		l.Add("need", "leave it out, or leave out defer", "a load that is not deferred is never scheduled")
	}
	if !d.Switch.switches() {
		l.Add("switch.driver", "name the driver of its switch, or leave out need", "a load without a switch cannot be scheduled")
	}
	given := 0
	for _, has := range []bool{n.For != 0, n.Energy != 0, n.Runs != 0} {
		if has {
			given++
		}
	}
	if given > 1 || given == 0 && d.Kind != Cycle {
		l.Add("need", "write one of: for (running time), energy, runs (programmes)", "the need is given %d times", given)
	}
	if d.Kind == Cycle && (n.For != 0 || n.Energy != 0) {
		l.Add("need", "write runs: 1", "the need of a cycle is counted in runs")
	}
	if d.Kind != Cycle && n.Runs != 0 {
		l.Add("need.runs", "write for or energy, or kind: cycle", "only a load of kind cycle is counted in runs")
	}
	if n.For < 0 || n.Energy < 0 || n.Runs < 0 {
		l.Add("need", "write a positive amount", "a need is never negative")
	}
	c := newCalendar(n.Between, d.ReadyBy, time.UTC)
	if c.overlap() {
		l.Add("need.between", "make them stand apart and fit into one day", "the windows overlap")
		return
	}
	if need := d.needTime(); d.Power > 0 && need > c.usable() {
		l.Add("need", "widen between, or ask for less", "%v of running time does not fit into %v", need, c.usable())
	}
}

// needTime is the running time owed each day.
func (d Document) needTime() time.Duration {
	switch n := d.Need; {
	case n == nil:
		return 0
	case d.Kind == Cycle:
		return time.Duration(max(n.Runs, 1)) * d.Cycle
	case n.Energy != 0:
		return timeFor(n.Energy, d.Power)
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

// The drivers a switch may name.
const (
	DriverNone    = "none"
	DriverHouse   = "house" // the simulated plant
	DriverRelay   = "relay"
	DriverTasmota = "tasmota"
	DriverShelly  = "shelly"
	DriverZigbee  = "zigbee2mqtt"
)

// Check says everything that is wrong with s.
func (s SwitchDocument) Check() fault.List {
	var l fault.List
	drivers := []string{DriverRelay, DriverTasmota, DriverShelly, DriverZigbee, DriverHouse, DriverNone}
	if s.Driver != "" && !slices.Contains(drivers, s.Driver) {
		l.Add("driver", "write one of "+strings.Join(drivers, ", "), "%q is not a driver of a switch", s.Driver)
		return l
	}
	if s.mqtt() {
		if s.Topic == "" || len(s.Topic) > 200 || strings.ContainsAny(s.Topic, "+#\x00") || strings.HasPrefix(s.Topic, "/") || strings.HasSuffix(s.Topic, "/") {
			l.Add("topic", "write the device's own topic, without wildcards and slashes at the ends", "%q is not a device's topic", s.Topic)
		}
		if s.Base != "" && s.Driver != DriverZigbee || strings.ContainsAny(s.Base, "+#\x00") {
			l.Add("base", "leave it out, or write the base topic of Zigbee2MQTT", "%q is not a base topic of a %s switch", s.Base, s.Driver)
		}
		if s.Channel < 0 || s.Channel > 31 {
			l.Add("channel", "relays are counted from 0", "%d is not a channel", s.Channel)
		}
		if d := s.DeadMan; d != nil && *d != 0 && (*d < 30*time.Second || *d > 12*time.Hour) {
			l.Add("dead_man", "write 30s to 12h, or 0s to switch it off", "%v is not a dead-man time", *d)
		}
		if s.Stale < 0 {
			l.Add("stale", "write a time such as 15m", "%v is not an age", s.Stale)
		}
	} else {
		for _, f := range []struct {
			path string
			set  bool
		}{{"topic", s.Topic != ""}, {"base", s.Base != ""}, {"channel", s.Channel != 0}, {"dead_man", s.DeadMan != nil}, {"stale", s.Stale != 0}} {
			if f.set {
				l.Add(f.path, "leave it out, or name an MQTT driver", "only a switch on MQTT has this")
			}
		}
	}
	switch {
	case s.Driver == DriverRelay && s.Relay == nil:
		l.Add("relay", "name the output line, e.g. {chip: pinctrl-bcm2711, line: GPIO17}", "a relay needs its lines")
	case s.Driver != DriverRelay && s.Relay != nil:
		l.Add("relay", "leave it out, or write driver: relay", "only the driver relay has lines")
	case s.Relay != nil:
		l.Under("relay", s.Relay.check())
	}
	return l
}

func (r RelayDocument) check() fault.List {
	var l fault.List
	if r.Line == "" {
		l.Add("line", "write the line's name or number, e.g. GPIO17", "the output line is missing")
	}
	switch r.Contact {
	case "", ContactNO:
		if r.Reset != "" || r.Pulse != 0 {
			l.Add("contact", "write contact: latching, or leave out reset_line and pulse", "a normally-open relay has one coil that is held")
		}
	case ContactLatching:
		if r.Reset == "" || r.Reset == r.Line {
			l.Add("reset_line", "write the line of the coil that opens the contact", "a latching relay has two coils on two lines")
		}
		if r.Pulse != 0 && (r.Pulse < 20*time.Millisecond || r.Pulse > 500*time.Millisecond) {
			l.Add("pulse", "write 20ms to 500ms", "%v is not the length of a coil pulse", r.Pulse)
		}
		if r.Feedback == nil {
			l.Add("feedback", "wire an auxiliary contact or a voltage detector and name its line", "a latching relay's state is known by feedback only")
		}
	default:
		l.Add("contact", "write no (normally open) or latching", "%q is not a kind of contact", r.Contact)
	}
	if f := r.Feedback; f != nil {
		if f.Line == "" {
			l.Add("feedback.line", "write the line's name or number", "the feedback line is missing")
		} else if f.Chip == "" || f.Chip == r.Chip {
			if f.Line == r.Line || f.Line == r.Reset {
				l.Add("feedback.line", "name the line the contact is wired to", "%q is an output of this relay", f.Line)
			}
		}
		if f.Pull != "" && f.Pull != "up" && f.Pull != "down" && f.Pull != "none" {
			l.Add("feedback.pull", "write up, down or none", "%q is not a pull", f.Pull)
		}
	}
	return l
}

// The kinds of contact of a relay.
const (
	ContactNO       = "no"
	ContactLatching = "latching"
)

func (s SwitchDocument) mqtt() bool {
	return s.Driver == DriverTasmota || s.Driver == DriverShelly || s.Driver == DriverZigbee
}

func (s SwitchDocument) switches() bool { return s.Driver != "" && s.Driver != DriverNone }

// HasFeedback tells whether the switch can tell its real state.
func (s SwitchDocument) HasFeedback() bool {
	return s.switches() && (s.Driver != DriverRelay || s.Relay != nil && s.Relay.Feedback != nil)
}
