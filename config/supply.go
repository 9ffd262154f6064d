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
	Switch loads.SwitchDocument `yaml:"switch"` // driver none: the site has no contactor

	MinOff   time.Duration `yaml:"min_off"`   // no closing sooner than this after an opening; 0: at once
	MinCycle time.Duration `yaml:"min_cycle"` // least time between two closings
	Hourly   int           `yaml:"hourly"`    // most closings in an hour
	Settle   time.Duration `yaml:"settle"`    // within this feedback must agree with a command; 200ms, or 5s on a network, where 0
	Breaks   units.Power   `yaml:"breaks"`    // greatest power the contactor may break; 0 is any
	Behind   bool          `yaml:"behind"`    // the meter is fed through the contactor
	Tamper   string        `yaml:"tamper"`    // a bypass found: warn, or cut until a token clears it

	Limit  credit.LimitDocument `yaml:"limit"`  // power limit with its retries
	Shed   []Shed               `yaml:"shed"`   // loads that go off as credit falls
	Buzzer *relay.Document      `yaml:"buzzer"` // sounds before the credit ends
}

// Shed holds loads off while little credit is left.
type Shed struct {
	Below    units.Money `yaml:"below"`    // credit left, in the account's unit
	Priority int         `yaml:"priority"` // loads of this priority and greater, but no essential one
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
			l.Add(at+".priority", "write 0 or more", "%d is negative", r.Priority)
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
