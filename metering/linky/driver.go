package linky

import (
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// Driver is the driver linky.
func Driver() metering.Driver {
	return metering.Driver{
		Name: "linky", New: func() metering.Settings { return new(Document) },
		Recordings: []metering.Recording{{Format: "linky", About: "TIC of either mode", Decode: Decode}},
	}
}

// Document is a TIC output on a serial line.
//
// In a configuration: The customer's output (TIC) of a Linky, on a serial line.
// Example: {port: /dev/ttyUSB0}
type Document struct {
	// The serial device of the customer's output; or host:port of a serial server in the network that
	// passes bytes through.
	// Example: /dev/ttyUSB0
	Port string `yaml:"port"`
	// historic (1200 baud) or standard (9600 baud). Left out: it is found.
	// Example: standard
	Mode string `yaml:"mode,omitempty"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("port", d.Port, line.NamePort)
	line.CheckAddress(&l, "port", d.Port)
	if d.Mode != "" {
		l.OneOf("mode", d.Mode, "historic", "standard")
		if line.OnNetwork(d.Port) {
			l.Add("mode", "leave it out; the serial server has the speed, 1200 or 9600 baud 7E1", "a serial server cannot be told a speed")
		}
	}
	return l
}

// Line implements metering.Wired.
func (d *Document) Line() string { return line.Device(d.Port) }

// Label implements metering.Settings.
func (d *Document) Label() string { return "Linky on " + d.Port }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings: a frame comes each one or two seconds.
func (*Document) Pace() time.Duration { return 4 * time.Second }

// modes are the speeds to try.
func (d *Document) modes() []line.Mode {
	switch d.Mode {
	case "historic":
		return []line.Mode{Historic()}
	case "standard":
		return []line.Mode{Standard()}
	}
	return []line.Mode{Historic(), Standard()}
}

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	modes := d.modes()
	open := line.Serial(d.Port, modes[0])
	if line.OnNetwork(d.Port) {
		open = line.TCP(d.Port)
	}
	return New(Config{Name: d.Port, Open: open, Modes: modes, Now: e.Now, Seen: e.Seen})
}
