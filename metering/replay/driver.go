package replay

import (
	"errors"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
)

// Driver is the driver replay: a recorded series played as a meter by a
// simulation.
func Driver() metering.Driver {
	return metering.Driver{Name: "replay", New: func() metering.Settings { return new(Document) }}
}

// Document plays a recorded series as a meter.
//
// In a configuration: A recording that is played as a meter. Needs the part simulation.
// Example: {file: recording.csv}
type Document struct {
	// The recording: a CSV with the header time,kwh or timestamp,kwh or timestamp,w.
	// Example: recording.csv
	File string `yaml:"file"`
	// How much faster than real time it is played.
	// Default: 1
	// Example: 60
	Speed int `yaml:"speed,omitempty" zero:"no"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("file", d.File, "write the path of a CSV with the header time,kwh")
	if d.Speed < 0 {
		l.Add("speed", "write 1 for real time", "%d is not a speed", d.Speed)
	}
	return l
}

// Label implements metering.Settings.
func (d *Document) Label() string { return "recording " + d.File }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return metering.NeedsSimulation }

// Pace implements metering.Settings: the simulation has a step.
func (*Document) Pace() time.Duration { return 0 }

// Open implements metering.Settings: the simulation builds the meter.
func (d *Document) Open(metering.Env) (metering.Meter, error) {
	return nil, errors.New("replay: a recording is played by a simulation only")
}
