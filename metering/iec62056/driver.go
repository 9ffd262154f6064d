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
type Document struct {
	// Port is the device; host:port is a serial server in the network, which passes bytes through.
	Port string `yaml:"port"`
	// Address is the meter's, empty for the only one on the line.
	Address string `yaml:"address,omitempty"`
	// MaxBaud is the fastest speed to change to; zero takes what the meter
	// offers.  A serial server keeps its speed, 300 baud, where this is zero; one
	// that has another, or follows the meter by itself, has it here.
	MaxBaud int `yaml:"max_baud,omitempty"`

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
	return New(Config{Name: d.Port, Open: open, Address: d.Address, MaxBaud: d.MaxBaud, Dialect: d.Dialect(), Every: e.Every, Now: e.Now})
}
