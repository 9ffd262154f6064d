package sma

import (
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
)

// Driver is the driver sma.
func Driver() metering.Driver {
	return metering.Driver{
		Name: "sma", New: func() metering.Settings { return new(Document) },
		Recordings: []metering.Recording{{Format: "sma", About: "Speedwire datagrams of a meter", Decode: Decode}},
	}
}

// Document is a meter that speaks to the network.
//
// In a configuration: An SMA Energy Meter or Home Manager in the same network.
// Example: {interface: eth0}
type Document struct {
	// The network interface to listen on, or any for that of the default route.
	// Example: eth0
	Interface string `yaml:"interface"`
	// The meter's number. 0: the only one that is heard.
	// Example: 1900123456
	Serial uint32 `yaml:"serial,omitempty" zero:"no"`
	// The meter's kind: 349 of an Energy Meter 2.0, 372 of a Home Manager 2.0. 0: any.
	// Example: 372
	SUSy uint16 `yaml:"susy,omitempty" zero:"no"`
	// Whether the meter sends to this machine alone, so that no group is joined.
	// Example: true
	Unicast bool `yaml:"unicast,omitempty"`
}

// anyInterface is that of the default route.
const anyInterface = "any"

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	if !d.Unicast {
		l.Need("interface", d.Interface, "write the network interface that the meter is reached by, e.g. eth0 (ip link lists them), or any for that of the default route")
	} else if d.Interface != "" {
		l.Add("interface", "leave one of the two out", "with unicast no group is joined, on no interface")
	}
	if len(d.Interface) > 15 {
		l.Add("interface", "write its name as ip link has it", "%q is longer than an interface's name can be", d.Interface)
	}
	return l
}

// Label implements metering.Settings.
func (d *Document) Label() string {
	if d.Unicast {
		return "SMA meter by unicast"
	}
	return "SMA meter on " + d.Interface
}

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings: a datagram comes each second.
func (*Document) Pace() time.Duration { return time.Second }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	iface := d.Interface
	if iface == anyInterface {
		iface = ""
	}
	return New(Config{Listen: Listen(iface, port, !d.Unicast), Serial: d.Serial, SUSy: d.SUSy, Now: e.Now, Seen: e.Seen})
}
