package mqttmeter

import (
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
)

// Driver is the driver mqtt.
func Driver() metering.Driver {
	d := metering.Driver{
		Name: "mqtt", New: func() metering.Settings { return new(Document) },
		Probe: &metering.Probe{Filters: []string{"tele/+/SENSOR", "+/events/rpc", "+/status/+", "zigbee2mqtt/+"}, Hear: hear},
	}
	for _, kind := range names() {
		d.Recordings = append(d.Recordings, metering.Recording{
			Format: kind, Decode: func(data []byte) ([]metering.Telegram, []error) { return DecodeRecording(kind, data) },
		})
	}
	return d
}

// Document is a meter that publishes over MQTT.
type Document struct {
	// Kind is tasmota, shelly or zigbee2mqtt.
	Kind string `yaml:"kind"`
	// Topic is the device's own name in its topics: the Tasmota topic, the
	// Shelly prefix, the Zigbee2MQTT friendly name.
	Topic string `yaml:"topic"`
	// Channel is the meter in the device, from 0 (Shelly) or 1 (Tasmota).
	Channel int `yaml:"channel,omitempty"`
	// Base is Zigbee2MQTT's base topic; empty is zigbee2mqtt.
	Base string `yaml:"base,omitempty"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.OneOf("kind", d.Kind, names()...)
	l.Need("topic", d.Topic, "write the device's name as it stands in its topics")
	if strings.ContainsAny(d.Topic+d.Base, "#+") {
		l.Add("topic", "name one device", "a wildcard cannot name a meter")
	}
	for _, s := range []struct{ at, name string }{{"topic", d.Topic}, {"base", d.Base}} {
		if strings.HasPrefix(s.name, "/") || strings.HasSuffix(s.name, "/") {
			l.Add(s.at, "write it without slashes at the ends", "nothing is told under %q", s.name)
		}
	}
	if d.Channel < 0 || d.Channel > 8 {
		l.Add("channel", "write 0 to 8", "%d is not a channel", d.Channel)
	}
	return l
}

// Label implements metering.Settings.
func (d *Document) Label() string { return d.Kind + " " + d.Topic }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return metering.NeedsBroker }

// Pace implements metering.Settings: how often the kind of device publishes as it comes.
func (d *Document) Pace() time.Duration { return kinds()[d.Kind].every }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	return New(e.MQTT, Config{Document: *d, Every: e.Every})
}

// hear finds a meter in a message of any kind of device.
func hear(topic string, payload []byte) (found metering.Found, ok bool) {
	parts := strings.Split(topic, "/")
	switch {
	case len(parts) == 3 && parts[0] == "tele":
		found.Kind, found.Name = "tasmota", parts[1]
	case parts[0] == "zigbee2mqtt" && len(parts) == 2:
		found.Kind, found.Name = "zigbee2mqtt", parts[1]
	case len(parts) == 3:
		found.Kind, found.Name = "shelly", parts[0]
	default:
		return found, false
	}
	telegrams, _ := DecodeRecording(found.Kind, append([]byte(topic+" "), payload...))
	if len(telegrams) == 0 {
		return found, false
	}
	found.Sample = telegrams[0].Sample
	return found, true
}
