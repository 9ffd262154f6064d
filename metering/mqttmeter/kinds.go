package mqttmeter

import (
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/shelly"
	"github.com/keeplit/keeplit/internal/device/tasmota"
	"github.com/keeplit/keeplit/internal/device/zigbee2mqtt"
)

// kind is a kind of device.
type kind struct {
	every time.Duration // how often it publishes as it comes, at the least
	op    string        // what is tried with its messages
	whole bool          // it has one meter, whatever channel is named
	// described: what it tells is for a Description to say; it has no dialect of its own
	// and no recordings.
	described bool
	dialect   func(Document) device.Dialect
	// recorded reads a message out of a recording; topic is empty where the
	// recording has none.
	recorded func(topic string, payload []byte) ([]device.Meter, error)
}

// names of the kinds, in the order in which they are told.
func names() []string { return []string{"tasmota", "shelly", "zigbee2mqtt", "victron", "values"} }

// kinds are the kinds of device by their names.
func kinds() map[string]kind {
	return map[string]kind{
		"tasmota": {
			every: 5 * time.Minute, op: "read a Tasmota sensor message",
			dialect: func(d Document) device.Dialect { return tasmota.New(d.Topic) },
			recorded: func(_ string, payload []byte) ([]device.Meter, error) {
				meters, err := tasmota.Sensor(payload)
				return slices.DeleteFunc(meters, func(m device.Meter) bool { return m.Channel != 0 }), err // the device as a whole
			},
		},
		"shelly": {
			every: time.Minute, op: "read a Shelly message",
			dialect: func(d Document) device.Dialect { return shelly.New(d.Topic) },
			recorded: func(topic string, payload []byte) ([]device.Meter, error) {
				return shelly.Status(topic[strings.LastIndexByte(topic, '/')+1:], payload)
			},
		},
		"zigbee2mqtt": {
			every: 5 * time.Minute, op: "read a Zigbee2MQTT message", whole: true,
			dialect: func(d Document) device.Dialect { return zigbee2mqtt.New(d.Base, d.Topic) },
			recorded: func(_ string, payload []byte) ([]device.Meter, error) {
				return zigbee2mqtt.State(payload)
			},
		},
		"victron": {every: wakeEvery, op: "read a Victron GX message", described: true},
		"values":  {every: time.Minute, op: "read a message", described: true},
	}
}
