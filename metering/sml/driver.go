package sml

import (
	"bytes"
	"encoding/hex"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

// Driver is the driver sml.
func Driver() metering.Driver {
	return metering.Driver{
		Name: "sml", New: func() metering.Settings { return new(Document) },
		Recordings: []metering.Recording{{Format: "sml", Decode: decodeText}},
	}
}

// Document is an optical port on a serial line.
//
// In a configuration: The optical port of a meter that speaks SML, by a reading head on a serial
// line.
// Example: {port: /dev/ttyUSB0}
type Document struct {
	line.Document        `yaml:",inline"`
	obis.DialectDocument `yaml:",inline"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	return append(d.Document.Check(), d.DialectDocument.Check()...)
}

// Label implements metering.Settings.
func (d *Document) Label() string { return "SML on " + d.Port }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings: a file comes every one to four seconds.
func (*Document) Pace() time.Duration { return 4 * time.Second }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	return New(Config{Name: d.Port, Open: d.Opener(DefaultMode()), Dialect: d.Dialect(), Now: e.Now, Seen: e.Seen})
}

// decodeText is Decode; a recording may be written as nothing but hexadecimal.
func decodeText(data []byte) ([]metering.Telegram, []error) {
	text := bytes.Join(bytes.Fields(data), nil)
	out := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(out, text); err == nil && len(text) > 0 {
		data = out
	}
	return Decode(data)
}
