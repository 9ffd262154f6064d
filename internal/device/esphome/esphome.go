// Package esphome is how a node with ESPHome speaks through its MQTT component.
//
// The node says the state of a switch when it changes, retained, and all states
// after each connection; it has no question for it and does not say it again.  But
// one session's messages come in their order: whatever the node says is word that
// the state it last told still holds.  So the state is believed for as long as the
// node speaks at all, and a node needs something that it says every minute (an
// uptime or wifi_signal sensor).  A retained state is of unknown age, and is
// believed once the node has spoken.
//
// There is no dead man: a node leaves its switch as it is when nobody speaks to it.
// Its switches have names; they are numbered as they are used.
//
// The topic of one node may be the beginning of another's (plug and plug/kitchen):
// what is heard has as many levels as a node's own messages have.
package esphome

import (
	"bytes"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/units"
)

// Dialect is that of one node.
type Dialect struct {
	topic string

	mu       sync.Mutex
	switches []*component // by their number
}

// component is a switch of the node, and what it last said of it.
type component struct {
	name  string
	power string // the name of the sensor of what is drawn behind it; empty: none
	said  bool   // the node has said its state since it came
	on    bool
}

// New is the dialect of the node with this topic_prefix.
func New(topic string) *Dialect { return &Dialect{topic: topic} }

// Name implements device.Dialect.
func (d *Dialect) Name() string { return "esphome " + d.topic }

// Switch numbers a switch, with the sensor that measures behind it.
func (d *Dialect) Switch(name, power string) (relay int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, c := range d.switches {
		if c.name == name && c.power == power {
			return i
		}
	}
	d.switches = append(d.switches, &component{name: name, power: power})
	return len(d.switches) - 1
}

// Filters implements device.Dialect: that the node is there, what it logs, and the
// state of anything that it has.
func (d *Dialect) Filters([]int) []string {
	return []string{d.topic + "/status", d.topic + "/debug", d.topic + "/+/+/state"}
}

// Prepare implements device.Dialect: there is no dead man.
func (d *Dialect) Prepare(int, time.Duration) (m device.Message, ok bool) { return m, false }

// Ask implements device.Dialect: a node cannot be asked.
func (d *Dialect) Ask(int) (m device.Message, ok bool) { return m, false }

// Command implements device.Dialect.
func (d *Dialect) Command(c device.Command) (m device.Message, doubt string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	payload := "OFF"
	if c.On {
		payload = "ON"
	}
	return device.Message{Topic: d.topic + "/switch/" + d.switches[c.Relay].name + "/command", Payload: []byte(payload)}, ""
}

// Read implements device.Dialect: any message of the node.
func (d *Dialect) Read(topic string, payload []byte, retained bool) (f device.Fact, err error) {
	word := string(bytes.TrimSpace(payload[:min(len(payload), 64)]))
	d.mu.Lock()
	defer d.mu.Unlock()
	if topic == d.topic+"/status" {
		return d.announced(word, retained), nil
	}
	for i, s := range d.switches {
		c := device.Contact{Channel: i}
		switch topic {
		case d.topic + "/switch/" + s.name + "/state":
			s.said, s.on = word == "ON" || word == "OFF", word == "ON"
			c.Unknown = !s.said // it is in a state, but which?
		case d.topic + "/sensor/" + s.power + "/state":
			if watts, err := strconv.ParseFloat(word, 64); err == nil && !math.IsNaN(watts) {
				c.Power = device.Tell(units.FromW(watts))
			}
		}
		if s.said {
			c.On = device.Tell(s.on)
		}
		if c != (device.Contact{Channel: i}) {
			f.Contacts = append(f.Contacts, c)
		}
	}
	return f, nil
}

// announced: a node that has come says all its states anew, and what it was before
// says nothing.
func (d *Dialect) announced(word string, retained bool) (f device.Fact) {
	switch word {
	case "offline":
		f.Presence = device.Offline
	case "online":
		f.Presence = device.Online
	}
	if f.Presence == device.Offline || f.Presence == device.Online && !retained {
		for i, s := range d.switches {
			s.said = false
			f.Contacts = append(f.Contacts, device.Contact{Channel: i, Unknown: true})
		}
	}
	return f
}
