package config

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/relay"
)

// Supply is the supply contactor and when it is cut.
type Supply struct {
	// What cuts the supply. With driver none the site has no contactor, and keeplit only advises.
	// Example: {driver: relay, relay: {line: GPIO17, feedback: {line: GPIO27, pull: up, active_low: true}}}
	Switch loads.SwitchDocument `yaml:"switch"`

	// The supply is not closed sooner than this after it was opened, for what stands behind it and may not
	// start again at once. 0: a token restores at once.
	// Example: 10s
	MinOff time.Duration `yaml:"min_off"`
	// The least time between two closings, so that the contactor does not chatter.
	// Example: 1m
	MinCycle time.Duration `yaml:"min_cycle"`
	// The most closings in an hour.
	// Example: 6
	Hourly int `yaml:"hourly"`
	// Within this the feedback must agree with a command, or a warning is given.
	// Default: 200ms, or 5s on a network
	// Example: 500ms
	Settle time.Duration `yaml:"settle"`
	// The most power that the contactor may break. Above it loads are shed first. 0 is any.
	// Example: 10 kW
	Breaks units.Power `yaml:"breaks"`
	// Whether the meter is fed through the contactor, and so is silent while it is open.
	// Example: true
	Behind bool `yaml:"behind"`
	// What follows where a bypass, an open cover or a magnet is found: warn, or cut until a token clears
	// it.
	// Example: warn
	Tamper string `yaml:"tamper"`

	// The limit of the power, with what follows when it is exceeded.
	// Example: {limit: 3 kW, allowance: 30s, retries: [1m, 5m], calm: 10m}
	Limit credit.LimitDocument `yaml:"limit"`
	// Loads that go off as the credit falls, so that what matters lasts longer.
	// Example: [{below: 10, class: can_wait}, {below: 5, class: nice_to_have}]
	Shed []Shed `yaml:"shed"`
	// A buzzer on a GPIO line that sounds before the credit ends.
	// Example: {line: GPIO22}
	Buzzer *relay.Document `yaml:"buzzer"`
}

// Shed holds loads off while little credit is left.
type Shed struct {
	// Credit left, in the account's unit: currency or kWh.
	// Example: 10
	Below units.Money `yaml:"below"`
	// Loads of this class, and of those that matter less, stay off below it: can_wait; nice_to_have, with it
	// those that can wait; must_have, all but those that are always on.
	// Example: can_wait
	Class loads.Class `yaml:"class"`
	// What class is to be written for: loads of this priority number and greater stay off.
	// Example: 3
	Priority int `yaml:"priority"`
}

// Rank is from which rank on loads stay off.
func (s Shed) Rank() int {
	if s.Class != "" {
		return s.Class.Rank(0)
	}
	return loads.ClassOf(s.Priority).Rank(s.Priority)
}

// The answers to a bypass.
const (
	TamperWarn = "warn"
	TamperCut  = "cut"
)

func supplyDefaults() Supply {
	d := credit.ContactorDefaults()
	return Supply{
		Switch: loads.SwitchDocument{Driver: loads.DriverNone}, MinOff: d.MinOff, MinCycle: d.MinCycle, Hourly: d.Hourly, Tamper: TamperWarn, Limit: credit.LimitDefaults(),
	}
}

// Local tells whether the contactor hangs on this machine, not on a network.
func (s Supply) Local() bool { return s.Switch.Settings != nil && !s.Switch.Traits().Remote }

// Contactor is the rules of the contactor.
func (s Supply) Contactor() credit.ContactorDocument {
	d := credit.ContactorDocument{Drive: credit.Holding, Settle: s.Settle, MinOff: s.MinOff, MinCycle: s.MinCycle, Hourly: s.Hourly}
	// A plug keeps its state without the agent, as a latching contactor does.
	if !s.Local() || s.Switch.Traits().Latches {
		d.Drive = credit.Latching
	}
	switch {
	case d.Settle != 0:
	case s.Local():
		d.Settle = credit.ContactorDefaults().Settle
	default:
		d.Settle = 5 * time.Second
	}
	return d
}

// Check names everything wrong with the document; the switch is checked with
// the other switches.
func (s Supply) Check() fault.List {
	var l fault.List
	l = append(l, s.Contactor().Check()...)
	l.Under("limit", s.Limit.Check())
	if s.Breaks < 0 {
		l.Add("breaks", "write what the contactor's data sheet says, e.g. 14 kW", "%s is negative", s.Breaks)
	}
	if s.Tamper != TamperWarn && s.Tamper != TamperCut {
		l.Add("tamper", "write warn or cut", "%q is not an answer to a bypass", s.Tamper)
	}
	for i, r := range s.Shed {
		at := fmt.Sprintf("shed[%d]", i)
		if r.Below <= 0 {
			l.Add(at+".below", "write the credit left at which loads go off, e.g. 10", "%s is never left while the supply is on", r.Below)
		}
		if r.Priority < 0 {
			l.Add(at+".priority", "write class: can_wait, or 0 or more", "%d is negative", r.Priority)
		}
		switch {
		case r.Class == "":
		case r.Class == loads.AlwaysOn:
			l.Add(at+".class", "write must_have, nice_to_have or can_wait", "what is always on is never shed")
		case r.Class != loads.MustHave && r.Class != loads.NiceToHave && r.Class != loads.CanWait:
			l.Add(at+".class", "write must_have, nice_to_have or can_wait", "%q is not a class of loads", r.Class)
		case r.Priority != 0:
			l.Add(at+".priority", "leave it out", "which loads go off is said by their class")
		}
	}
	if b := s.Buzzer; b != nil {
		if b.Contact == relay.ContactLatching {
			l.Add("buzzer.contact", "leave it out", "a buzzer does not latch")
		}
		if b.Line == "" {
			l.Add("buzzer.line", "write the GPIO line it hangs on, e.g. GPIO17", "the buzzer has no line")
		}
	}
	return l
}
