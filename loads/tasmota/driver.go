// Package tasmota switches a relay of a device with Tasmota firmware, over MQTT.
// How the device speaks is told in internal/device/tasmota.
package tasmota

import (
	"github.com/keeplit/keeplit/internal/device/tasmota"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
)

// Driver is the driver tasmota.
func Driver() loads.Driver {
	return loads.Driver{Name: "tasmota", New: func() loads.Settings { return new(Document) }}
}

// Document is a relay of a device with Tasmota firmware; its topic is its Topic setting.
//
// In a configuration: A plug or relay with Tasmota, over MQTT.
// Example: {driver: tasmota, topic: geyser, channel: 0}
type Document struct {
	remote.Timed `yaml:",inline"`
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	return d.Switch(e, tasmota.New(d.Topic))
}
