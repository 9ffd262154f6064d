// Package shelly switches a relay of a second-generation Shelly device, over its RPC by MQTT.
// How the device speaks is told in internal/device/shelly.
package shelly

import (
	"github.com/keeplit/keeplit/internal/device/shelly"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
)

// Driver is the driver shelly.
func Driver() loads.Driver {
	return loads.Driver{Name: "shelly", New: func() loads.Settings { return new(Document) }}
}

// Document is a relay of a second-generation Shelly; its topic is its MQTT prefix.
//
// In a configuration: A Shelly of the second generation or later, over MQTT.
// Example: {driver: shelly, topic: shellyplus1-geyser, channel: 0}
type Document struct {
	remote.Timed `yaml:",inline"`
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	return d.Switch(e, shelly.New(d.Topic))
}
