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
	Cycle    Kind = "cycle"    // runs a programme once started, uninterrupted: a washing machine, a dishwasher
	OnOff    Kind = "onoff"    // may be switched on and off within its limits: a geyser, a pump
	Varies   Kind = "power"    // is told how much it may draw: a car's charger, a heater with a dimmer
	Measured Kind = "measured" // is only measured: nobody switches it
	Sun      Kind = "sun"      // gives: panels and their inverter, whose power is measured
	Battery  Kind = "battery"  // takes and gives: a battery and its inverter, which is told how much
	Heat     Kind = "heat"     // heats water up to its own thermostat, and is switched: what it needs is learned from its power
)

// Document is one load as written in the configuration.
type Document struct {
	// The load's short name in topics and commands: lower-case letters, digits and hyphens, once in the
	// site. Its history hangs on it.
	// Example: geyser
	ID string `yaml:"id"`
	// What people call it. Left out: the id.
	// Example: Geyser
	Name string `yaml:"name"`
	// How much it matters: always_on is never shed (a fridge, a medical device), must_have is shed last,
	// nice_to_have before that, can_wait first. Left out: must_have.
	// Example: can_wait
	Class Class `yaml:"class"`
	// Its place within its class: 0 is the most important, the greatest is shed first.
	// Example: 1
	Order int `yaml:"order"`
	// What a utility calls such a load where it limits all of a kind.
	// Example: car
	UtilityClass string `yaml:"utility_class"`
	// onoff: on or off, such as a geyser; cycle: a programme that runs to its end, such as a washing
	// machine; power: told how much it may draw, such as a car; heat: a water heater with a thermostat
	// of its own, of which it is learned when it is to be hot; measured: only measured, and never switched;
	// sun: panels, whose power is measured and foreseen; battery: told when it takes and gives.
	// Default: onoff
	// Example: onoff
	Kind Kind `yaml:"kind"`
	// What it draws while it is on; of a cycle the mean. Of kind power a mapping: what it can be told to
	// draw. Of kind measured and battery left out. Of kind sun the most that it gives.
	// Example: 3 kW
	Power units.Power    `yaml:"power"`
	Range *RangeDocument `yaml:"power" as:"mapping"` // kind power: what it can be told to draw
	// The tank of a water heater, with kind heat alone.
	// Example: {litres: 150, thermostat: 60}
	Tank *TankDocument `yaml:"tank"`
	// What it holds, takes and gives, with kind battery alone.
	// Example: {capacity: 10 kWh, charge: 3 kW}
	Battery *BatteryDocument `yaml:"battery"`
	// What it must be given each day. Left out, it runs only when somebody says so.
	// Example: {for: 2h30m, between: ["00:00-24:00"]}
	Need *NeedDocument `yaml:"need"`
	// Length of the programme, with kind cycle alone.
	// Example: 1h45m
	Cycle time.Duration `yaml:"cycle"`
	// The local time by which the day's need must be done.
	// Example: "18:30"
	ReadyBy *TimeOfDay `yaml:"ready_by"`
	// It may be done somewhat later where that is worth it. Left out: never.
	// Example: {up_to: 2h, per_hour: 5}
	Late *LateDocument `yaml:"late"`
	// It need not be had: it runs only in hours of a low price. Left out: it is had whatever it costs.
	// Example: {below: 1.2}
	Optional *OptionalDocument `yaml:"optional"`
	// unbroken: it had rather run in one piece than in the cheapest parts of its hours.
	// Example: unbroken
	Prefer string `yaml:"prefer"`
	// The shortest run.
	// Default: 1m
	// Example: 10m
	MinOn *time.Duration `yaml:"min_on"`
	// The shortest pause between two runs. A compressor wants 3m or more.
	// Default: 3m
	// Example: 5m
	MinOff *time.Duration `yaml:"min_off"`
	// The most starts in a local day. 0 is no limit.
	// Example: 4
	MaxStart int `yaml:"max_starts"`
	// The circuit that it hangs on, by the id of one of circuits.
	// Example: garage
	Circuit string `yaml:"circuit"`
	// The phase of the circuit that it hangs on, 1 to 3. Left out: nobody knows, and it counts on each.
	// Example: 2
	Phase int `yaml:"phase"`
	// Loads that are never to run while it does, by id. It holds both ways. What runs goes on, and the
	// other waits, also where somebody asks that it runs now.
	// Example: [washer, dryer]
	NotWith []string `yaml:"not_with"`
	// What class and order are to be written for: 0 stands for must_have, 1 and 2 for nice_to_have, more
	// for can_wait, and the greatest number is shed first.
	// Example: 1
	Priority int `yaml:"priority"`
	// What class: always_on is to be written for.
	// Example: true
	Essential bool `yaml:"essential"`
	// How long the plan leaves it as somebody has set it at the device itself.
	// Default: 1h of kind power, else 0s
	// Example: 1h
	Respect *time.Duration `yaml:"respect"`
	// false: it is left out, as if it were not written.
	// Default: true
	// Example: true
	Enabled *bool `yaml:"enabled"`
	// false: it is metered and shed, but never moved into other hours.
	// Default: true
	// Example: true
	Defer *bool `yaml:"defer"`
	// What switches it, and how it is reached.
	// Example: {driver: tasmota, topic: geyser}
	Switch SwitchDocument `yaml:"switch"`
}

// preferUnbroken is what Prefer may say.
const preferUnbroken = "unbroken"

// InUse tells whether the load is not left out.
func (d Document) InUse() bool { return d.Enabled == nil || *d.Enabled }

// NeedDocument is what a load must be given each day: one of For, Energy and
// Runs.
type NeedDocument struct {
	// Running time a day. Give one of for, energy and runs.
	// Example: 2h30m
	For time.Duration `yaml:"for"`
	// Energy a day.
	// Example: 7 kWh
	Energy units.Energy `yaml:"energy"`
	// Programmes a day, with kind cycle alone.
	// Example: 1
	Runs int `yaml:"runs"`
	// Local hours in which it may run. Left out: always.
	// Example: ["22:00-06:00", "12:00-14:00"]
	Between []Window `yaml:"between"`
	// Days on which it is needed: those by which it is to be ready, else those on which its hours begin.
	// Left out: every day.
	// Example: Mon-Fri
	Weekdays civil.Days `yaml:"weekdays"`
	// Whether it is needed while nobody is there, as somebody has told. A programme needs somebody who fills
	// it, a car is away too; a pump goes on.
	// Default: true of kind onoff, else false
	// Example: false
	Away *bool `yaml:"away"`
	// Whether what was not delivered, or was delivered beyond the need, moves to the next day, up to one
	// day's need.
	// Example: true
	CarryOver bool `yaml:"carry_over"`
}

// SwitchDocument says how a load or the supply is switched.
type SwitchDocument struct {
	// What kind of switch it is. none: nothing is switched.
	// Example: tasmota
	Driver string `yaml:"driver"`
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
