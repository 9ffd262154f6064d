package pulse

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Driver is the driver pulse.
func Driver() metering.Driver {
	return metering.Driver{Name: "pulse", New: func() metering.Settings { return new(Document) }}
}

// Document is a pulse output (S0) or a pulse LED.
//
// In a configuration: The pulse output (S0) or the blinking light of a meter, on a GPIO line.
// Example: {pin: GPIO17, pulses_per_kwh: 1000}
type Document struct {
	// The GPIO line that the pulse output hangs on.
	// Example: GPIO17
	Pin string `yaml:"pin"`
	// The meter constant, pulses per kWh, as it is printed on the meter.
	// Example: 1000
	PerKWh int `yaml:"pulses_per_kwh"`
	// s0: a contact, whose pulses last 30ms or more; led: a light whose flashes may last 2ms.
	// Default: s0
	// Example: led
	Output string `yaml:"output,omitempty"`
	// The shortest pulse, and the shortest time between two.
	// Default: 20ms, and 1ms of a led
	// Example: 10ms
	Debounce time.Duration `yaml:"debounce,omitempty" zero:"no"`
}

// debounce is Debounce, or that of the output.
func (d *Document) debounce() time.Duration {
	switch {
	case d.Debounce > 0:
		return d.Debounce
	case d.Output == "led":
		return time.Millisecond
	}
	return usualDebounce
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("pin", d.Pin, "write the GPIO line, e.g. GPIO17")
	if d.PerKWh < 1 || d.PerKWh > 1_000_000 {
		l.Add("pulses_per_kwh", "it is printed on the meter as imp/kWh, e.g. 1000", "%d pulses per kWh", d.PerKWh)
	}
	l.OneOf("output", d.Output, "", "s0", "led")
	if d.Debounce < 0 || d.Debounce > time.Second {
		l.Add("debounce", "write a time such as 20ms, or leave it out", "%v is not the length of a bounce", d.Debounce)
	}
	return l
}

// CheckPower implements metering.Bounded: at the most that the supply carries each
// pulse and each pause must be longer than what is taken for a bounce.
func (d *Document) CheckPower(most units.Power) fault.List {
	var l fault.List
	if most <= 0 || d.PerKWh < 1 {
		return l
	}
	hours := float64(time.Hour) / (float64(d.PerKWh) * most.KW())
	if each := time.Duration(hours); each < 2*d.debounce() {
		l.Add("pulses_per_kwh", "write output: led for a light, a debounce that is shorter, or the max_power of the main fuse", "at %s a pulse comes every %v, and those within %v of each other are taken for one", most, each.Round(100*time.Microsecond), d.debounce())
	}
	return l
}

// Label implements metering.Settings.
func (d *Document) Label() string { return "pulses on " + d.Pin }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return metering.NeedsMachine }

// Pace implements metering.Settings.
func (*Document) Pace() time.Duration { return usualEvery }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	src, err := d.source(e)
	if err != nil {
		return nil, err
	}
	return New(src, Config{PerKWh: d.PerKWh, Start: e.Import, Every: e.Every, Now: e.Now})
}

// source opens the input.  The kernel's own line request is taken where it is to
// be had, because its buffer tells when pulses were lost; a pin where not.
func (d *Document) source(e metering.Env) (Source, error) {
	chip, number, err := e.Machine.Line(d.Pin)
	if err == nil {
		var line *Line
		if line, err = OpenLine(chip, number, d.debounce()); err == nil {
			e.Machine.Closes(line.Close)
			return line, nil
		}
	}
	pin, noPin := e.Machine.Edges(d.Pin)
	if noPin != nil {
		return nil, fmt.Errorf("pulse input %q: %w (%w)", d.Pin, err, noPin)
	}
	return NewPin(pin, d.debounce(), e.Now)
}
