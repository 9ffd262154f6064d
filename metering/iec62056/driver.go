package iec62056

import (
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

// Driver is the driver iec62056.
func Driver() metering.Driver {
	return metering.Driver{
		Name: "iec62056", New: func() metering.Settings { return new(Document) },
		Recordings: []metering.Recording{{Format: "iec62056", Decode: Decode}},
	}
}

// Document is an optical head or a current loop on a serial line.
//
// In a configuration: A meter that answers after IEC 62056-21, by a reading head or a current loop
// on a serial line.
// Example: {port: /dev/ttyUSB0}
type Document struct {
	// The serial device of the reading head; or host:port of a serial server in the network that passes
	// bytes through.
	// Example: /dev/ttyUSB0
	Port string `yaml:"port"`
	// The meter's address. Left out: the only one on the line.
	// Example: "04123456"
	Address string `yaml:"address,omitempty"`
	// The fastest speed to change to. Left out: what the meter offers. A serial server keeps 300 baud
	// where it is left out; one that has another speed, or follows the meter by itself, has it here.
	// Example: 9600
	MaxBaud int `yaml:"max_baud,omitempty" zero:"no"`

	obis.DialectDocument `yaml:",inline"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("port", d.Port, line.NamePort)
	line.CheckAddress(&l, "port", d.Port)
	line.CheckBaud(&l, "max_baud", d.MaxBaud)
	return append(l, d.DialectDocument.Check()...)
}

// Line implements metering.Wired.
func (d *Document) Line() string { return line.Device(d.Port) }

// Label implements metering.Settings.
func (d *Document) Label() string { return "IEC 62056-21 on " + d.Port }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings.
func (*Document) Pace() time.Duration { return usualEvery }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	open := line.Serial(d.Port, DefaultMode())
	if line.OnNetwork(d.Port) {
		open = line.TCP(d.Port)
	}
	return New(Config{Name: d.Port, Open: open, Address: d.Address, MaxBaud: d.MaxBaud, Dialect: d.Dialect(), Every: e.Every, Now: e.Now, Seen: e.Seen})
}
