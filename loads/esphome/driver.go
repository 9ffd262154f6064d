// Package esphome switches a switch of a node with ESPHome, over its MQTT component.
// How the node speaks is told in internal/device/esphome.
package esphome

import (
	"regexp"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/esphome"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
)

// Driver is the driver esphome.
func Driver() loads.Driver {
	return loads.Driver{Name: "esphome", New: func() loads.Settings { return new(Document) }}
}

// Document is a switch of a node with ESPHome; its topic is the node's
// topic_prefix.
//
// In a configuration: A node with ESPHome, over MQTT.
// Example: {driver: esphome, topic: geyser, component: relay}
type Document struct {
	remote.Document `yaml:",inline"`
	// The switch's name in its topics: TOPIC/switch/COMPONENT/state.
	// Example: relay
	Component string `yaml:"component"`
	// The name of a sensor of the node that measures what the load draws, in W. Left out: none.
	// Example: geyser_power
	Power string `yaml:"power"`
}

var name = regexp.MustCompile(`^[a-z0-9_-]{1,120}$`) //nolint:gochecknoglobals // compiled once, never changed

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	l := d.Document.Check()
	if !name.MatchString(d.Component) {
		l.Add("component", "write the switch's name as it stands in its topics, e.g. relay", "%q is not the name of a switch", d.Component)
	}
	if d.Power != "" && !name.MatchString(d.Power) {
		l.Add("power", "write the sensor's name as it stands in its topics, or leave it out", "%q is not the name of a sensor", d.Power)
	}
	return l
}

// Traits implements loads.Settings: nothing in ESPHome's switch drops a load that
// is not told On again.
func (d *Document) Traits() loads.Traits {
	return loads.Traits{Of: d.Of("switch " + d.Component), Needs: loads.NeedsBroker, Remote: true, Measures: d.Power != ""}
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	return remote.Open(e, esphome.New(d.Topic), d.Stale, func(dialect device.Dialect) int {
		return dialect.(*esphome.Dialect).Switch(d.Component, d.Power) // its name says that it is one
	})
}
