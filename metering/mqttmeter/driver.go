package mqttmeter

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/values"
)

// Driver is the driver mqtt.
func Driver() metering.Driver {
	d := metering.Driver{
		Name: "mqtt", New: func() metering.Settings { return new(Document) },
		Probe: &metering.Probe{Filters: []string{"tele/+/SENSOR", "+/events/rpc", "+/status/+", "zigbee2mqtt/+"}, Hear: hear},
	}
	for _, kind := range names() {
		if kinds()[kind].recorded == nil {
			continue
		}
		d.Recordings = append(d.Recordings, metering.Recording{
			Format: kind, Decode: func(data []byte) ([]metering.Telegram, []error) { return DecodeRecording(kind, data) },
		})
	}
	return d
}

// Document is a meter that publishes over MQTT.
//
// In a configuration: A meter that tells its values over MQTT. Needs the part mqtt.
// Example: {kind: tasmota, topic: grid}
type Document struct {
	// tasmota, shelly, zigbee2mqtt or victron; or values: what it tells is described here.
	// Example: values
	Kind string `yaml:"kind"`
	// The device's own name in its topics: the Topic of Tasmota, the prefix of a Shelly, the friendly name
	// of Zigbee2MQTT, the portal ID of a Victron GX. Of values, the topic of those that name none.
	// Example: grid
	Topic string `yaml:"topic"`
	// The meter in the device: from 0 of a Shelly, from 1 of Tasmota, the device instance of a Victron GX.
	// Example: 1
	Channel int `yaml:"channel,omitempty"`
	// Zigbee2MQTT's base topic.
	// Default: zigbee2mqtt
	// Example: zigbee2mqtt
	Base string `yaml:"base,omitempty"`

	// What is told, of kind values.
	values.Description `yaml:",inline"`
	// Where the device, or its broker for it, says that it is there.
	// Example: {topic: meter/status}
	Online *OnlineDocument `yaml:"online,omitempty"`
	// What is said again and again to a device that speaks only so long.
	// Example: {topic: meter/keepalive, every: 30s}
	Keepalive *KeepaliveDocument `yaml:"keepalive,omitempty"`
}

// OnlineDocument is a topic with a word for there and one for gone.
type OnlineDocument struct {
	// The topic.
	// Example: meter/status
	Topic string `yaml:"topic"`
	// The word for there.
	// Default: online
	// Example: "true"
	On string `yaml:"on,omitempty"`
	// The word for gone.
	// Default: offline
	// Example: "false"
	Off string `yaml:"off,omitempty"`
}

// KeepaliveDocument is a message that is said again and again.
type KeepaliveDocument struct {
	// The topic.
	// Example: meter/keepalive
	Topic string `yaml:"topic"`
	// The message. Left out: an empty one.
	// Example: "on"
	Payload string `yaml:"payload,omitempty"`
	// How often.
	// Default: 30s
	// Example: 1m
	Every time.Duration `yaml:"every,omitempty" zero:"no"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.OneOf("kind", d.Kind, names()...)
	k := kinds()[d.Kind]
	if !k.described {
		l.Need("topic", d.Topic, "write the device's name as it stands in its topics")
		if !reflect.DeepEqual(d.Description, values.Description{}) || d.Online != nil || d.Keepalive != nil {
			l.Add("kind", "write kind: values, or take out what is described", "kind %s tells its values itself", d.Kind)
		}
	}
	if d.Kind == "victron" {
		l.Need("topic", d.Topic, "write the portal ID of the GX: its settings show it as VRM Portal ID")
	}
	if strings.ContainsAny(d.Topic+d.Base, "#+") {
		l.Add("topic", "name one device", "a wildcard cannot name a meter")
	}
	for _, s := range []struct{ at, name string }{{"topic", d.Topic}, {"base", d.Base}} {
		if strings.HasPrefix(s.name, "/") || strings.HasSuffix(s.name, "/") {
			l.Add(s.at, "write it without slashes at the ends", "nothing is told under %q", s.name)
		}
	}
	most := 8
	if d.Kind == "victron" {
		most = 65_535 // a device instance
	}
	if d.Channel < 0 || d.Channel > most {
		l.Add("channel", fmt.Sprintf("write 0 to %d", most), "%d is not a channel", d.Channel)
	}
	if k.described {
		w := d.whole()
		l = append(l, w.Description.Check(values.Topics, w.Topic)...)
		w.checkTopics(&l)
	}
	return l
}

// Doubts implements metering.Doubtful.
func (d *Document) Doubts() (l fault.List) {
	if w := d.whole(); kinds()[d.Kind].described && w.Import == nil {
		metering.NoRegister(&l, "", "add import")
	}
	return l
}

func (d *Document) checkTopics(l *fault.List) {
	plain := func(at, topic string) {
		l.Need(at, topic, "write the topic")
		if strings.ContainsAny(topic, "#+") {
			l.Add(at, "write a topic without # and +", "%q is not one topic", topic)
		}
	}
	if o := d.Online; o != nil {
		plain("online.topic", o.Topic)
		if o.words().On == o.words().Off {
			l.Add("online.off", "write another word than for on", "%q is both there and gone", o.words().Off)
		}
	}
	if k := d.Keepalive; k != nil {
		plain("keepalive.topic", k.Topic)
		if k.Every < 0 || k.Every != 0 && k.Every < time.Second || k.Every > time.Hour {
			l.Add("keepalive.every", "write a time such as 30s", "%v is not a time between two messages", k.Every)
		}
	}
}

// words are the topic with its words, the usual ones where none are written.
func (o OnlineDocument) words() OnlineDocument {
	return OnlineDocument{o.Topic, cmp.Or(o.On, "online"), cmp.Or(o.Off, "offline")}
}

// whole is d with what is known of a described kind.
func (d Document) whole() Document {
	if d.Kind == "victron" {
		return victron(d)
	}
	return d
}

// Label implements metering.Settings.
func (d *Document) Label() string {
	if d.Kind == "values" {
		return "MQTT meter " + cmp.Or(d.Topic, d.firstTopic())
	}
	return d.Kind + " " + d.Topic
}

// firstTopic is that of the first value that has one.
func (d *Document) firstTopic() string {
	for _, v := range []*values.Value{d.Import, d.Power} {
		if v != nil && v.Topic != "" {
			return v.Topic
		}
	}
	return ""
}

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return metering.NeedsBroker }

// Pace implements metering.Settings: how often the kind of device publishes as it comes.
func (d *Document) Pace() time.Duration { return kinds()[d.Kind].every }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	return New(e.MQTT, Config{Document: *d, Every: e.Every, Now: e.Now, Seen: e.Seen})
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
