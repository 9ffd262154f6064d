package dlms

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

// Driver is the driver dlms.
func Driver() metering.Driver {
	return metering.Driver{
		Name: "dlms", New: func() metering.Settings { return new(Document) },
		Recordings: []metering.Recording{{Format: "dlms", About: "HDLC or M-Bus frames", Decode: Decode, Keyed: glo.Keyed(DecodeWith)}},
	}
}

// Document is a customer interface (HAN) on a serial line.
//
// In a configuration: A meter that pushes its values (DLMS, HAN), on a serial line.
// Example: {port: /dev/ttyUSB0, key: {file: meter.key}}
type Document struct {
	line.Document        `yaml:",inline"`
	obis.DialectDocument `yaml:",inline"`
	glo.Secrets          `yaml:",inline"`
	// The line's parity: none, even or odd.
	// Default: none
	// Example: even
	Parity string `yaml:"parity,omitempty"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	l := slices.Concat(d.Document.Check(), d.DialectDocument.Check(), d.Secrets.Check())
	if d.Parity != "" {
		l.OneOf("parity", d.Parity, "none", "even", "odd")
	}
	return l
}

// Label implements metering.Settings.
func (d *Document) Label() string { return "DLMS meter on " + d.Port }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings: a telegram comes every 1 to 10 s.
func (*Document) Pace() time.Duration { return 10 * time.Second }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	keys, err := d.Keys()
	if err != nil {
		return nil, err
	}
	mode := DefaultMode()
	mode.Parity = d.Parity
	return New(Config{
		Name: d.Port, Open: d.Opener(mode), Keys: keys, Dialect: d.Dialect(),
		Patience: max(usualPatience, 3*e.Every), Now: e.Now, Seen: e.Seen,
	})
}
