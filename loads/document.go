package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Kind tells how a load may be run.
type Kind string

// The kinds of load.
const (
	Cycle Kind = "cycle" // runs a programme once started, uninterrupted: a washing machine, a dishwasher
	OnOff Kind = "onoff" // may be switched on and off within its limits: a geyser, a pump, a charger
)

// Document is one load as written in the configuration.
type Document struct {
	ID        string         `yaml:"id"`         // short name, lower-case letters, digits and hyphens; unique in the site
	Name      string         `yaml:"name"`       // for people; the id where empty
	Kind      Kind           `yaml:"kind"`       // cycle or onoff; onoff where empty
	Power     units.Power    `yaml:"power"`      // drawn while on (the mean of a cycle)
	Need      *NeedDocument  `yaml:"need"`       // what it must be given each day; none: it runs only when told to
	Cycle     time.Duration  `yaml:"cycle"`      // length of the programme; kind cycle only
	ReadyBy   *TimeOfDay     `yaml:"ready_by"`   // local time by which the day's need must be done
	MinOn     *time.Duration `yaml:"min_on"`     // shortest run; 1 min where not given
	MinOff    *time.Duration `yaml:"min_off"`    // shortest pause between two runs; 3 min where not given
	MaxStart  int            `yaml:"max_starts"` // most starts in a local day; 0: no limit
	Priority  int            `yaml:"priority"`   // 0 is the most important; the greatest is shed first
	Essential bool           `yaml:"essential"`  // it is never shed
	Defer     *bool          `yaml:"defer"`      // false: it is metered and shed, but never scheduled; true where not given
	Switch    SwitchDocument `yaml:"switch"`
}

// NeedDocument is what a load must be given each day: one of For, Energy and
// Runs.
type NeedDocument struct {
	For       time.Duration `yaml:"for"`        // running time
	Energy    units.Energy  `yaml:"energy"`     // energy
	Runs      int           `yaml:"runs"`       // programmes; kind cycle only
	Between   []Window      `yaml:"between"`    // local hours in which it may run; always where empty
	CarryOver bool          `yaml:"carry_over"` // what was not delivered (or delivered beyond the need) moves to the next day, up to one day's need
}

// SwitchDocument says how a load or the supply is switched.  Which fields
// matter depends on the driver.
type SwitchDocument struct {
	Driver  string         `yaml:"driver"`   // relay, tasmota, shelly, zigbee2mqtt, house or none; none where empty
	Topic   string         `yaml:"topic"`    // MQTT drivers: the device's own name in its topics, or the Zigbee2MQTT friendly name
	Base    string         `yaml:"base"`     // zigbee2mqtt: the base topic; zigbee2mqtt where empty
	Channel int            `yaml:"channel"`  // relay number on the device, from 0; zigbee2mqtt: 0 is the only one, 1 and on are the endpoints l1, l2, ...
	DeadMan *time.Duration `yaml:"dead_man"` // the device drops the load by itself if not renewed for so long; 0: off. MQTT drivers only
	Stale   time.Duration  `yaml:"stale"`    // MQTT drivers: a state heard longer ago than this is not known any more; 15 min where 0

	Relay *RelayDocument `yaml:"relay"` // driver relay
}

// RelayDocument is a relay or contactor on GPIO lines.
type RelayDocument struct {
	Chip     string         `yaml:"chip"`       // label of the GPIO chip, e.g. pinctrl-bcm2711; any where empty
	Line     string         `yaml:"line"`       // name or number of the output line, e.g. GPIO17
	Low      bool           `yaml:"active_low"` // low is on; such a relay closes while the line floats or the machine boots
	Contact  string         `yaml:"contact"`    // no (normally open, falls open without power) or latching; no where empty
	Reset    string         `yaml:"reset_line"` // latching: the line of the coil that opens; Line is the coil that closes
	Pulse    time.Duration  `yaml:"pulse"`      // latching: length of a coil pulse, 20 to 500 ms; 80 ms where 0
	Feedback *FeedbackInput `yaml:"feedback"`   // an auxiliary contact or a voltage detector behind the contact
}

// FeedbackInput is the GPIO input that tells whether the contact is closed.
type FeedbackInput struct {
	Chip string `yaml:"chip"`       // the relay's chip where empty
	Line string `yaml:"line"`       // name or number of the input line
	Low  bool   `yaml:"active_low"` // low means closed
	Pull string `yaml:"pull"`       // up, down or none; none where empty
}
