package atm90e32

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
)

// Driver is the driver atm90e32.
func Driver() metering.Driver {
	return metering.Driver{Name: "atm90e32", New: func() metering.Settings { return new(Document) }}
}

// Document is an energy chip on an SPI bus.
//
// In a configuration: An energy chip ATM90E32 on the machine's SPI bus.
// Example: {bus: SPI0.0, voltage_gain: 7305, current_gain: 25498}
type Document struct {
	// The SPI port.
	// Example: SPI0.0
	Bus string `yaml:"bus"`
	// The mains' frequency in Hz, 50 or 60.
	// Default: 50
	// Example: 60
	LineFrequency int `yaml:"line_frequency,omitempty" zero:"no"`
	// The chip's calibration of the voltage, from the board's data sheet or a reference meter.
	// Example: 7305
	VoltageGain int `yaml:"voltage_gain"`
	// The chip's calibration of the current.
	// Example: 25498
	CurrentGain int `yaml:"current_gain"`
	// The gain before the current's converter: 1, 2 or 4.
	// Default: 1
	// Example: 2
	CurrentPGA int `yaml:"current_pga,omitempty" zero:"no"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("bus", d.Bus, "write the SPI port, e.g. SPI0.0")
	if f := d.LineFrequency; f != 0 && f != 50 && f != 60 {
		l.Add("line_frequency", "write 50 or 60", "%d Hz is not a mains frequency", f)
	}
	if p := d.CurrentPGA; p != 0 && p != 1 && p != 2 && p != 4 {
		l.Add("current_pga", "write 1, 2 or 4", "%d is not a gain of the chip", p)
	}
	gain := func(path string, g int) {
		if g < 1 || g > 0xFFFF {
			l.Add(path, "calibrate the board, or take the figure from its maker", "%d is not a gain, 1 to 65535", g)
		}
	}
	gain("voltage_gain", d.VoltageGain)
	gain("current_gain", d.CurrentGain)
	return l
}

// Label implements metering.Settings.
func (d *Document) Label() string { return "ATM90E32 on " + d.Bus }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return metering.NeedsMachine }

// Pace implements metering.Settings.
func (*Document) Pace() time.Duration { return usualEvery }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	port, err := e.Machine.SPI(d.Bus)
	if err != nil {
		return nil, metering.NoBus("meter.atm90e32.bus", err)
	}
	cfg := d.Config(e)
	cfg.Port = port
	m, err := New(cfg)
	if err != nil {
		return nil, fmt.Errorf("meter.atm90e32: %w", err)
	}
	return m, nil
}

// Config is all but the port of a chip: where counting goes on from, and who
// tells that what was taken out of the chip is stored.
func (d *Document) Config(e metering.Env) Config {
	return Config{Document: *d, Every: e.Every, Now: e.Now, Import: e.Import, Export: e.Export, Since: e.Since, Stored: e.Stored}
}
