package metering

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Document is a meter as the configuration describes it: what drives it and
// where it is connected.
type Document struct {
	// What kind of meter it is. The part of the same name holds its settings.
	// Example: modbus
	Driver string `yaml:"driver"`
	// Settings are the driver's own, of that part.
	Settings Settings `drivers:"part"`
	// Time between two readings. Left out: the driver's own. Meters that send by themselves do not heed
	// it.
	// Example: 5s
	Every time.Duration `yaml:"every,omitempty" zero:"no"`
	// The most that the supply can carry: its main fuse. A register that moves faster has jumped, and is a
	// fault and no consumption.
	// Default: 25 kW, or site.limit where that is more
	// Example: 20 kW
	MaxPower units.Power `yaml:"max_power,omitempty" zero:"no"`
	// The longest silence over which energy is reckoned from power, of meters that have no register.
	// Default: 2m, or the time of two readings
	// Example: 5m
	MaxGap time.Duration `yaml:"max_gap,omitempty" zero:"no"`

	// Where the meter's registers begin again at zero: 100000 kWh of a display that ends at 99999.99. Left
	// out: what the driver knows.
	// Example: 100000 kWh
	Rollover units.Energy `yaml:"rollover,omitempty" zero:"no"`

	// The declared voltage of the supply in V, line to neutral, which the voltage is held against: 100, 110,
	// 120, 127, 220, 230 or 240. Left out: 120 where the first voltage told is below 160 V, else 230. A
	// converter has its own, adc.voltage.
	// Example: 240
	Voltage int `yaml:"voltage,omitempty" zero:"no"`

	// A contact of the meter's cover or terminals, beside any driver.
	// Example: {line: GPIO22, pull: up}
	Cover *ContactDocument `yaml:"cover,omitempty"`
	// A reed switch that a magnet moves, beside any driver.
	// Example: {line: GPIO23, pull: up}
	Magnet *ContactDocument `yaml:"magnet,omitempty"`
	// The utility's own meter, which people read beside this one.
	// Example: {differ_percent: 6}
	Utility UtilityDocument `yaml:"utility,omitempty"`
}

// UtilityDocument is the utility's meter.
type UtilityDocument struct {
	// By how much of what it counted the meter here may count more or less before that is a warning.
	// Default: 4
	// Example: 6
	DifferPercent int64 `yaml:"differ_percent,omitempty" zero:"no"`
}

// ContactDocument is a contact at a GPIO input, such as one on the meter's box.
type ContactDocument struct {
	// Label or name of the GPIO chip, where more than one has such a line. Left out: any.
	// Example: pinctrl-bcm2711
	Chip string `yaml:"chip,omitempty"`
	// Name or number of the input line.
	// Example: GPIO22
	Line string `yaml:"line"`
	// Whether low is what is looked for: the cover open, a magnet near, the contact closed.
	// Example: true
	Low bool `yaml:"active_low,omitempty"`
	// The line's own resistor: up, down or none.
	// Default: none
	// Example: up
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
	if _, own := d.Settings.(Declaring); own && d.Voltage != 0 {
		l.Add("voltage", "write it as "+d.Driver+".voltage", "driver %s has a key of its own for it", d.Driver)
	} else if known := declaredVoltages(); d.Voltage != 0 && !slices.Contains(known, d.Voltage) {
		l.Add("voltage", "write one of "+strings.Trim(strings.ReplaceAll(fmt.Sprint(known), " ", ", "), "[]")+", or leave it out", "%d V is not what a supply is declared to have, line to neutral", d.Voltage)
	}
	if d.Rollover < 0 {
		l.Add("rollover", "write the energy after which the register shows zero again, e.g. 100000 kWh", "%v is negative", d.Rollover)
	}
	if p := d.Utility.DifferPercent; p < 0 || p > 50 {
		l.Add("utility.differ_percent", "write 1 to 50, or leave it out: 4 is what two sound meters may differ by", "%d is not a share that two meters may differ by", p)
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

// declaredVoltages are those that supplies in the world are declared to have, line to
// neutral, in V (IEC 60038, and what is in use beside it).
func declaredVoltages() []int { return []int{100, 110, 120, 127, 220, 230, 240} }

// Declared is the declared voltage of the supply; zero: nobody has said.
func (d Document) Declared() units.Voltage {
	if s, ok := d.Settings.(Declaring); ok {
		return s.Declared()
	}
	return units.Voltage(d.Voltage) * 1000
}

// Doubts are what of d may be right and not what is meant.
func (d Document) Doubts() (l fault.List) {
	if s, ok := d.Settings.(Doubtful); ok {
		l.Under(d.Driver, s.Doubts())
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
