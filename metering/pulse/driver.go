package pulse

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
)

// Driver is the driver pulse.
func Driver() metering.Driver {
	return metering.Driver{Name: "pulse", New: func() metering.Settings { return new(Document) }}
}

// Document is a pulse output (S0) or a pulse LED.
type Document struct {
	// Pin is the GPIO line, e.g. GPIO17.
	Pin string `yaml:"pin"`
	// PerKWh is the meter constant, pulses per kWh, as printed on the meter.
	PerKWh int `yaml:"pulses_per_kwh"`
	// Debounce is the shortest time between two pulses; zero takes 20 ms.
	Debounce time.Duration `yaml:"debounce,omitempty"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("pin", d.Pin, "write the GPIO line, e.g. GPIO17")
	if d.PerKWh < 1 || d.PerKWh > 1_000_000 {
		l.Add("pulses_per_kwh", "it is printed on the meter as imp/kWh, e.g. 1000", "%d pulses per kWh", d.PerKWh)
	}
	if d.Debounce < 0 || d.Debounce > time.Second {
		l.Add("debounce", "write a time such as 20ms, or leave it out", "%v is not the length of a bounce", d.Debounce)
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
		if line, err = OpenLine(chip, number, d.Debounce); err == nil {
			e.Machine.Closes(line.Close)
			return line, nil
		}
	}
	pin, noPin := e.Machine.Edges(d.Pin)
	if noPin != nil {
		return nil, fmt.Errorf("pulse input %q: %w (%w)", d.Pin, err, noPin)
	}
	return NewPin(pin, d.Debounce, e.Now)
}
