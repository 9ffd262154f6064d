package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Kind tells how a load may be run.
type Kind string

// The kinds of load.
const (
	Cycle  Kind = "cycle" // runs a programme once started, uninterrupted: a washing machine, a dishwasher
	OnOff  Kind = "onoff" // may be switched on and off within its limits: a geyser, a pump
	Varies Kind = "power" // is told how much it may draw: a car's charger, a heater with a dimmer
)

// Document is one load as written in the configuration.
type Document struct {
	ID        string         `yaml:"id"`                 // short name, lower-case letters, digits and hyphens; unique in the site
	Name      string         `yaml:"name"`               // for people; the id where empty
	Class     string         `yaml:"class"`              // what a utility calls such a load where it limits all of a kind, e.g. car, heat-pump
	Kind      Kind           `yaml:"kind"`               // cycle, onoff or power; onoff where empty
	Power     units.Power    `yaml:"power"`              // drawn while on (the mean of a cycle)
	Range     *RangeDocument `yaml:"power" as:"mapping"` // kind power: what it can be told to draw
	Need      *NeedDocument  `yaml:"need"`               // what it must be given each day; none: it runs only when told to
	Cycle     time.Duration  `yaml:"cycle"`              // length of the programme; kind cycle only
	ReadyBy   *TimeOfDay     `yaml:"ready_by"`           // local time by which the day's need must be done
	Late      *LateDocument  `yaml:"late"`               // it may be done somewhat later; never where not given
	MinOn     *time.Duration `yaml:"min_on"`             // shortest run; 1 min where not given
	MinOff    *time.Duration `yaml:"min_off"`            // shortest pause between two runs; 3 min where not given
	MaxStart  int            `yaml:"max_starts"`         // most starts in a local day; 0: no limit
	Priority  int            `yaml:"priority"`           // 0 is the most important; the greatest is shed first
	Essential bool           `yaml:"essential"`          // it is never shed
	// Respect is how long the plan leaves it as a person has set it at the device itself; for
	// kind power 1 h where not given, else 0: the plan's word is told again.
	Respect *time.Duration `yaml:"respect"`
	Enabled *bool          `yaml:"enabled"` // false: it is left out, as if it were not written; true where not given
	Defer   *bool          `yaml:"defer"`   // false: it is metered and shed, but never scheduled; true where not given
	Switch  SwitchDocument `yaml:"switch"`
}

// InUse tells whether the load is not left out.
func (d Document) InUse() bool { return d.Enabled == nil || *d.Enabled }

// NeedDocument is what a load must be given each day: one of For, Energy and
// Runs.
type NeedDocument struct {
	For       time.Duration `yaml:"for"`        // running time
	Energy    units.Energy  `yaml:"energy"`     // energy
	Runs      int           `yaml:"runs"`       // programmes; kind cycle only
	Between   []Window      `yaml:"between"`    // local hours in which it may run; always where empty
	Weekdays  civil.Days    `yaml:"weekdays"`   // days on which it is needed, e.g. Mon-Fri: those by which it is to be ready, else those on which its hours begin; every day where empty
	CarryOver bool          `yaml:"carry_over"` // what was not delivered (or delivered beyond the need) moves to the next day, up to one day's need
}

// SwitchDocument says how a load or the supply is switched.
type SwitchDocument struct {
	Driver string `yaml:"driver"` // the name of one of the program's drivers, or none; none where empty
	// Settings are the driver's own keys, beside driver; nil where there is none.
	Settings Settings `drivers:"keys"`
}

// DriverNone is the driver of what has no switch.
const DriverNone = "none"

// Traits are what is known of the switch before it is opened.
func (s SwitchDocument) Traits() Traits {
	if s.Settings == nil {
		return Traits{}
	}
	return s.Settings.Traits()
}

// Check says everything that is wrong with s but for its choice of a driver: which
// there are is a program's list to say.
func (s SwitchDocument) Check() fault.List {
	if s.Settings == nil {
		return nil
	}
	return s.Settings.Check()
}

// Switches tells whether there is a switch at all.
func (s SwitchDocument) Switches() bool { return s.Driver != "" && s.Driver != DriverNone }

// HasFeedback tells whether the switch can tell its real state.
func (s SwitchDocument) HasFeedback() bool { return s.Switches() && !s.Traits().Blind }
