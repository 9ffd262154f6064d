package metering

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Document is a meter as the configuration describes it: what drives it and
// where it is connected.
type Document struct {
	// Driver is the name of one of the program's drivers.  The part of the same
	// name holds its settings.
	Driver string `yaml:"driver"`
	// Settings are the driver's own, of that part.
	Settings Settings `drivers:"part"`
	// Every is the time between readings; zero takes the driver's own.  Meters
	// that send by themselves ignore it.
	Every time.Duration `yaml:"every,omitempty"`
	// MaxPower is the most the supply can carry (its main fuse); faster
	// registers are a fault.  Zero takes 25 kW.
	MaxPower units.Power `yaml:"max_power,omitempty"`
	// MaxGap is the longest silence over which power is integrated.  Zero takes
	// two minutes, or the time of two readings.
	MaxGap time.Duration `yaml:"max_gap,omitempty"`

	// Rollover is where the meter's registers begin again at zero, e.g. 100000 kWh
	// of a display that ends at 99999.99.  Zero takes what the driver knows.
	Rollover units.Energy `yaml:"rollover,omitempty"`

	// Cover and Magnet are contacts beside any driver.
	Cover  *ContactDocument `yaml:"cover,omitempty"`  // of the cover or the terminals
	Magnet *ContactDocument `yaml:"magnet,omitempty"` // a reed switch that a magnet moves
}

// ContactDocument is a contact at a GPIO input, such as one on the meter's box.
type ContactDocument struct {
	// Chip is the GPIO chip by label or name; it may be empty where only one has
	// the line.
	Chip string `yaml:"chip,omitempty"`
	// Line is the input's name or number.
	Line string `yaml:"line"`
	// Low says that low is the alarm: the cover open, a magnet near, the contact closed.
	Low bool `yaml:"active_low,omitempty"`
	// Pull is up, down or none; empty is none.
	Pull string `yaml:"pull,omitempty"`
}

// Check is everything wrong with the contact.
func (c ContactDocument) Check() fault.List {
	var l fault.List
	if c.Line == "" {
		l.Add("line", "write the GPIO line, e.g. GPIO22; agent probe lists them", "it is missing")
	}
	if !slices.Contains([]string{"", "up", "down", "none"}, c.Pull) {
		l.Add("pull", "write up, down or none", "%q is not known", c.Pull)
	}
	return l
}

// Check is everything wrong with d but for its choice of a driver: which there
// are is a program's list to say.
func (d Document) Check() fault.List {
	var l fault.List
	if d.Settings != nil {
		l.Under(d.Driver, d.Settings.Check())
		if b, ok := d.Settings.(Bounded); ok && d.MaxPower >= 0 {
			l.Under(d.Driver, b.CheckPower(d.Limits().MaxPower))
		}
	}
	if d.Rollover < 0 {
		l.Add("rollover", "write the energy after which the register shows zero again, e.g. 100000 kWh", "%v is negative", d.Rollover)
	}
	for name, c := range map[string]*ContactDocument{"cover": d.Cover, "magnet": d.Magnet} {
		if c != nil {
			l.Under(name, c.Check())
		}
	}
	if d.Every < 0 || d.Every > time.Hour || d.Every > 0 && d.Every < 100*time.Millisecond {
		l.Add("every", "write a time from 100ms to 1h, or leave it out", "%v is not a time between readings", d.Every)
	}
	if d.MaxPower < 0 {
		l.Add("max_power", "write the power of the main fuse, e.g. 9.2 kW for 40 A", "%v is negative", d.MaxPower)
	}
	if d.MaxGap < 0 {
		l.Add("max_gap", "write a time such as 2m, or leave it out", "%v is negative", d.MaxGap)
	}
	return l
}

// Label is what the page calls the meter.
func (d Document) Label() string {
	if d.Settings == nil {
		return d.Driver
	}
	return d.Settings.Label()
}

// Limits are what d says of the supply, with the defaults filled in.
func (d Document) Limits() Limits {
	l := DefaultLimits()
	if d.MaxPower > 0 {
		l.MaxPower = d.MaxPower
	}
	l.MaxGap = max(l.MaxGap, 2*d.Pace())
	if d.MaxGap > 0 {
		l.MaxGap = d.MaxGap
	}
	l.Wrap = d.Rollover
	return l
}

// Pace is the time between two readings: Every, or the driver's own.
func (d Document) Pace() time.Duration {
	if d.Every > 0 || d.Settings == nil {
		return d.Every
	}
	return d.Settings.Pace()
}

// Silence is how long nothing may come of the meter before it is called silent.
func (d Document) Silence() time.Duration { return max(time.Minute, 3*d.Pace()) }
