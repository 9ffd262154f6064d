// Package ocpp is the driver of charging stations that speak OCPP-J 1.6: they call the
// agent, which is their central system.
//
// A car is told what it may draw by a default profile of its transactions
// (TxDefaultProfile), where 0 A is a pause; a transaction is never stopped to pause.
// Read in the specification (edition 2) and its errata; what stations do otherwise is named
// where it is met.
package ocpp

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
)

// Driver is the driver ocpp.
func Driver() loads.Driver {
	return loads.Driver{Name: "ocpp", New: func() loads.Settings { return new(Document) }}
}

// Document is a connector of a station.
//
// In a configuration: A connector of a charging station that speaks OCPP 1.6. Needs the part ocpp.
// Example: {driver: ocpp, station: CP001}
type Document struct {
	// The station's name: the end of the address that it calls.
	// Example: CP001
	Station string `yaml:"station"`
	// The connector of the station.
	// Default: 1
	// Example: 2
	Connector int `yaml:"connector"`
	// The password that the station calls with (HTTP Basic), in a file or an environment variable. Left
	// out: none is asked for.
	// Example: {file: station.password}
	Password string `yaml:"password" secret:"true"`
	// What transactions are started with when a car is plugged in. Left out: the station or a card starts
	// them.
	// Example: keeplit
	Tag string `yaml:"tag"`
	// The cards that may charge. Left out: any.
	// Example: [04A2B3C4]
	Tags []string `yaml:"tags"`
	// A second central system that is told what this station says, in place of that of ocpp.
	// Example: {url: "wss://backend.example/ocpp", password: {file: backend.password}}
	Forward *loads.Forward `yaml:"forward"`
	// The station pauses by itself where it is not told again for so long. Left out: it does not.
	// Example: 10m
	DeadMan *time.Duration `yaml:"dead_man"`
	// What was heard longer ago than this is not known any more.
	// Default: 15m
	// Example: 20m
	Stale time.Duration `yaml:"stale"`
}

const usualStale = 15 * time.Minute

var stationForm = regexp.MustCompile(`^[A-Za-z0-9._:|*=-]{1,48}$`)

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	if !stationForm.MatchString(d.Station) {
		l.Add("station", "write the name at the end of the address that the station calls, e.g. CP001", "%q is no name of a station", d.Station)
	}
	if d.Connector < 0 || d.Connector > 99 {
		l.Add("connector", "write 1 for the first", "%d is no connector", d.Connector)
	}
	if d.Forward != nil {
		l.Under("forward", d.Forward.Check())
	}
	if len(d.Tag) > 20 {
		l.Add("tag", "write 20 characters at most", "%q is longer than a tag can be", d.Tag)
	}
	for i, t := range d.Tags {
		if t == "" || len(t) > 20 {
			l.Add(fmt.Sprintf("tags[%d]", i), "write the card's number, 1 to 20 characters", "%q is no tag", t)
		}
	}
	if m := d.DeadMan; m != nil && *m != 0 && (*m < 30*time.Second || *m > 12*time.Hour) {
		l.Add("dead_man", "write 30s to 12h, or leave it out", "%v is not a dead-man time", *m)
	}
	if d.Stale != 0 && d.Stale < time.Minute {
		l.Add("stale", "write a minute or more, such as 15m", "%v is too short for a station's heartbeats", d.Stale)
	}
	return l
}

func (d *Document) number() int { return max(1, d.Connector) }

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	t := loads.Traits{
		Needs: loads.NeedsStations, Remote: true, Powers: true, Told: true, Amperes: true, Measures: true,
		DeadMan: d.DeadMan, Renewable: d.DeadMan != nil && *d.DeadMan > 0,
	}
	if d.Station != "" {
		t.Of = fmt.Sprintf("connector %d of %s", d.number(), d.Station)
	}
	return t
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	if e.Stations == nil {
		return nil, errors.New("ocpp: nobody listens to stations")
	}
	stale := d.Stale
	if stale == 0 {
		stale = usualStale
	}
	return e.Stations.Connector(loads.Connector{
		Station: d.Station, Number: d.number(), Password: d.Password, Tag: d.Tag, Tags: d.Tags, Stale: stale, Forward: d.Forward,
	}, e)
}
