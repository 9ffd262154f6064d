package p1

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

// Driver is the driver p1.
func Driver() metering.Driver {
	return metering.Driver{
		Name: "p1", New: func() metering.Settings { return new(Document) },
		Recordings: []metering.Recording{{Format: "p1", Decode: Decode, Keyed: glo.Keyed(DecodeWith)}},
	}
}

// Document is a customer port on a serial line.
//
// In a configuration: The customer port (P1) of a meter after DSMR, on a serial line.
// Example: {port: /dev/ttyUSB0}
type Document struct {
	line.Document        `yaml:",inline"`
	obis.DialectDocument `yaml:",inline"`
	glo.Secrets          `yaml:",inline"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	return slices.Concat(d.Document.Check(), d.DialectDocument.Check(), d.Secrets.Check())
}

// Label implements metering.Settings.
func (d *Document) Label() string { return "P1 port on " + d.Port }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings: a telegram comes every second, of older meters every ten.
func (*Document) Pace() time.Duration { return 10 * time.Second }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	keys, err := d.Keys()
	if err != nil {
		return nil, err
	}
	return New(Config{Name: d.Port, Open: d.Opener(DefaultMode()), Keys: keys, Dialect: d.Dialect(), Now: e.Now, Seen: e.Seen})
}
