// Package zigbee2mqtt switches a Zigbee plug or relay through Zigbee2MQTT.
// How the device speaks is told in internal/device/zigbee2mqtt.
package zigbee2mqtt

import (
	"strings"

	"github.com/keeplit/keeplit/internal/device/zigbee2mqtt"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
)

// Driver is the driver zigbee2mqtt.
func Driver() loads.Driver {
	return loads.Driver{Name: "zigbee2mqtt", New: func() loads.Settings { return new(Document) }}
}

// Document is a relay of a Zigbee device; its topic is its friendly name, and
// its channel 0 the only one, or 1 and on the endpoints l1, l2, ...
//
// In a configuration: A Zigbee plug or relay, by way of Zigbee2MQTT.
// Example: {driver: zigbee2mqtt, topic: geyser}
type Document struct {
	remote.Timed `yaml:",inline"`
	// Zigbee2MQTT's base topic.
	// Default: zigbee2mqtt
	// Example: zigbee2mqtt
	Base string `yaml:"base"`
}

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	l := d.Timed.Check()
	if strings.ContainsAny(d.Base, "+#\x00") || strings.HasPrefix(d.Base, "/") || strings.HasSuffix(d.Base, "/") {
		l.Add("base", "leave it out, or write the base topic of Zigbee2MQTT", "%q is not a base topic", d.Base)
	}
	return l
}

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	t := d.Timed.Traits()
	if t.Of != "" && d.Base != "" && d.Base != zigbee2mqtt.Base {
		t.Of += " below " + d.Base
	}
	return t
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	return d.Switch(e, zigbee2mqtt.New(d.Base, d.Topic))
}
