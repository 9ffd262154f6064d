// Package zigbee2mqtt is how a Zigbee plug, relay or meter speaks through
// Zigbee2MQTT.
//
// Where the device can, on_time is the dead man: it switches off by itself when
// On was not said again in time.  Not every device can, and one that cannot
// ignores such a command; it is then told plainly, and a person is told.  Relay 0
// is the only one; 1 and on are the endpoints l1, l2, ...  The meter is one for
// the device.
package zigbee2mqtt

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/internal/read"
	"github.com/keeplit/keeplit/internal/units"
)

// Dialect is that of one device.
type Dialect struct {
	topic string

	mu     sync.Mutex
	onTime map[int]*onTime
}

// onTime is whether a relay understands on_time.
type onTime struct {
	plain bool      // it does not
	timed time.Time // when On was last said with on_time and not obeyed so far; zero: never
}

// Base is the base topic where none is given.
const Base = "zigbee2mqtt"

// New is the dialect of the device with this friendly name below a base topic,
// Base where that is empty.
func New(base, name string) *Dialect {
	if base == "" {
		base = Base
	}
	return &Dialect{topic: base + "/" + name, onTime: map[int]*onTime{}}
}

// Name implements device.Dialect.
func (d *Dialect) Name() string { return "zigbee2mqtt " + d.topic }

// Filters implements device.Dialect.
func (d *Dialect) Filters([]int) []string { return []string{d.topic, d.topic + "/availability"} }

// Prepare implements device.Dialect: on_time goes with each command.
func (d *Dialect) Prepare(int, time.Duration) (m device.Message, ok bool) { return m, false }

// Ask implements device.Dialect.
func (d *Dialect) Ask(relay int) (m device.Message, ok bool) {
	return d.message("/get", map[string]any{"state" + endpoint(relay): ""}), true
}

// Command implements device.Dialect.  Said again, On starts on_time anew.
func (d *Dialect) Command(c device.Command) (_ device.Message, doubt string) {
	m := map[string]any{"state" + endpoint(c.Relay): "OFF"}
	if c.On {
		m["state"+endpoint(c.Relay)] = "ON"
		if c.DeadMan > 0 {
			var timed bool
			if timed, doubt = d.understandsOnTime(c); timed {
				m["on_time"] = max(1, int(c.DeadMan/time.Second))
			}
		}
	}
	return d.message("/set", m), doubt
}

// understandsOnTime is false once On was said with on_time and the relay did not
// come on; that it is found out is a doubt.
func (d *Dialect) understandsOnTime(c device.Command) (understands bool, doubt string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.onTime[c.Relay]
	if r == nil {
		r = &onTime{}
		d.onTime[c.Relay] = r
	}
	if !r.timed.IsZero() && !c.Known.LastOn.Before(r.timed) {
		r.timed = time.Time{} // it obeyed
	}
	if on, known := c.Known.On.Get(); !r.timed.IsZero() && known && !on && c.Known.At.After(r.timed) && !r.plain {
		r.plain = true
		doubt = "a Zigbee device does not obey on_time; it has no dead man and will stay on if the agent stops"
	}
	if r.plain {
		return false, doubt
	}
	if r.timed.IsZero() {
		r.timed = c.Now
	}
	return true, ""
}

func (d *Dialect) message(to string, m map[string]any) device.Message {
	payload, _ := json.Marshal(m) // such a map can always be written
	return device.Message{Topic: d.topic + to, Payload: payload}
}

// endpoint is the ending of a relay's keys.
func endpoint(relay int) string {
	if relay == 0 {
		return ""
	}
	return "_l" + strconv.Itoa(relay)
}

// Read implements device.Dialect.
func (d *Dialect) Read(topic string, payload []byte, _ bool) (f device.Fact, err error) {
	if topic != d.topic {
		f.Presence = availability(payload)
		return f, nil
	}
	o, err := read.Parse(payload)
	if err != nil {
		return f, err
	}
	f.Contacts = contacts(o)
	f.Meters, err = measured(o)
	return f, err
}

// contacts are the relays of a state.
func contacts(o read.Object) []device.Contact {
	found := map[int]device.Contact{}
	for name, v := range o {
		key, number, numbered := strings.Cut(name, "_l")
		relay := 0
		if numbered {
			var ok bool
			if relay, ok = read.Index(number); !ok || relay == 0 {
				continue
			}
		}
		c, seen := found[relay]
		c.Channel = relay
		switch word, _ := v.(string); {
		case key == "state" && (word == "ON" || word == "OFF"):
			c.On, seen = device.Tell(word == "ON"), true
		case key == "power":
			n, ok, err := read.AsNumber(name, v)
			if err != nil || !ok {
				continue
			}
			c.Power, seen = device.Tell(units.Power(read.Thousandths(n))), true
		}
		if seen {
			found[relay] = c
		}
	}
	out := make([]device.Contact, 0, len(found))
	for _, c := range found {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b device.Contact) int { return a.Channel - b.Channel })
	return out
}

// availability reads {"state":"online"}, or the bare word of older versions.
func availability(payload []byte) device.Presence {
	word := string(bytes.TrimSpace(payload))
	var m struct {
		State string `json:"state"`
	}
	if json.Unmarshal(payload, &m) == nil {
		word = m.State
	}
	switch strings.ToLower(word) {
	case "offline":
		return device.Offline
	case "online":
		return device.Online
	}
	return device.Unsaid
}
