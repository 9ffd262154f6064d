// Package sunspec reads an inverter that tells its models as SunSpec has them, over Modbus TCP, and steers its battery.
//
// Models read are 1 (who it is), 101 to 103 and 111 to 113 (inverters), 701 (IEEE 1547), and 160
// (its strings) of one that has a battery (124, 713 or 802 tell so).  The numbers of points are
// those of the public model definitions (github.com/sunspec/models).
package sunspec

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
)

// Driver is the driver sunspec.
func Driver() loads.Driver {
	return loads.Driver{Name: "sunspec", New: func() loads.Settings { return new(Document) }}
}

// Document is an inverter.
//
// In a configuration: A SunSpec inverter (Fronius, SMA, SolarEdge and others) in the network, for kind sun, and for kind battery where its battery can be steered.
// Example: {driver: sunspec, port: "192.168.1.60:502"}
type Document struct {
	// host:port of the inverter; mostly port 502, of SolarEdge 1502.
	// Example: 192.168.1.60:502
	Port string `yaml:"port"`
	// The inverter's unit: mostly 1, of SMA 126.
	// Default: 1
	// Example: 126
	Unit *int `yaml:"unit"`
	// How often it is read.
	// Default: 5s
	// Example: 10s
	Every time.Duration `yaml:"every"`
	// How long an answer may take.
	// Default: 2s
	// Example: 3s
	Timeout time.Duration `yaml:"timeout"`
	// What was read longer ago than this is not known any more.
	// Default: 1m
	// Example: 2m
	Stale time.Duration `yaml:"stale"`
	// Of kind battery: how long the inverter goes on as it was told where it is told nothing more. It is told again each third of it.
	// Default: 90s
	// Example: 2m
	DeadMan time.Duration `yaml:"dead_man"`
}

const (
	usualEvery   = 5 * time.Second
	usualTimeout = 2 * time.Second
	usualStale   = time.Minute
	usualDeadMan = 90 * time.Second
)

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("port", d.Port, "write the inverter's host:port, e.g. 192.168.1.60:502")
	if d.Port != "" {
		host, number, err := net.SplitHostPort(d.Port)
		if n, bad := strconv.Atoi(number); err != nil || host == "" || bad != nil || n < 1 || n > 65_535 {
			l.Add("port", "write it like 192.168.1.60:502, with brackets about an IPv6 address", "%q is not host:port", d.Port)
		}
	}
	if u := d.unit(); u < 0 || u > 255 {
		l.Add("unit", "write the inverter's own, mostly 1, of SMA 126", "%d is not a unit address", u)
	}
	if d.Every != 0 && (d.Every < 100*time.Millisecond || d.Every > time.Minute) {
		l.Add("every", "write 100ms to 1m, e.g. 5s", "%v is not how often an inverter is read", d.Every)
	}
	if d.Timeout < 0 || d.Timeout > 5*time.Second {
		l.Add("timeout", "write a time such as 2s, up to 5s", "%v is not a time to wait for an inverter", d.Timeout)
	}
	if d.stale() < d.every()+d.timeout() || d.stale() > time.Hour {
		l.Add("stale", fmt.Sprintf("write more than every and timeout together and at most 1h, e.g. %v", min(time.Hour, 6*d.every())), "%v is not how long what was read is believed", d.stale())
	}
	if m := d.deadMan(); m < 30*time.Second || m > time.Hour || m%time.Second != 0 {
		l.Add("dead_man", "write whole seconds from 30s to 1h, e.g. 90s", "%v is not how long the inverter goes on without the agent", m)
	}
	return l
}

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	deadMan := d.deadMan()
	return loads.Traits{Remote: true, Latches: true, Measures: true, Deaf: true, Stores: true, Renewable: true, DeadMan: &deadMan}
}

func (d *Document) unit() int {
	if d.Unit == nil {
		return 1
	}
	return *d.Unit
}

func (d *Document) every() time.Duration   { return or(d.Every, usualEvery) }
func (d *Document) timeout() time.Duration { return or(d.Timeout, usualTimeout) }
func (d *Document) deadMan() time.Duration { return or(d.DeadMan, usualDeadMan) }
func (d *Document) stale() time.Duration   { return or(d.Stale, usualStale) }

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
