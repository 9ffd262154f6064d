// Package shelly is how a Shelly of the second generation or later speaks over
// MQTT, by RPC, and what the status of one of the first holds.
//
// The device answers on a topic of the asker's, tells changes on events/rpc
// (only the part that changed) and, where switched on, whole states on
// status/<component>.  Its toggle_after is the dead man: it switches a relay off
// by itself when On was not said again in time.  Relays and meters are counted
// from 0.
package shelly

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/internal/read"
	"github.com/keeplit/keeplit/internal/units"
)

// Dialect is that of one device.
type Dialect struct {
	topic string
	calls atomic.Int64
}

// New is the dialect of the device with this MQTT prefix.
func New(topic string) *Dialect { return &Dialect{topic: topic} }

// Name implements device.Dialect.
func (d *Dialect) Name() string { return "shelly " + d.topic }

// Filters implements device.Dialect.  Answers come only where relays are asked.
func (d *Dialect) Filters(relays []int) []string {
	out := []string{d.topic + "/status/+", d.topic + "/events/rpc", d.topic + "/online"}
	for _, relay := range relays {
		out = append(out, d.source(relay)+"/rpc")
	}
	return out
}

// source is the topic prefix of answers on a relay.
func (d *Dialect) source(relay int) string {
	return "keeplit/shelly/" + d.topic + "/" + strconv.Itoa(relay)
}

// Prepare implements device.Dialect: toggle_after goes with each command.
func (d *Dialect) Prepare(int, time.Duration) (m device.Message, ok bool) { return m, false }

// Ask implements device.Dialect.
func (d *Dialect) Ask(relay int) (m device.Message, ok bool) {
	return d.call(relay, "Switch.GetStatus", map[string]any{"id": relay}), true
}

// Command implements device.Dialect.  Said again, On starts toggle_after anew; Off
// never carries it, for then the device would switch on.
func (d *Dialect) Command(c device.Command) (m device.Message, doubt string) {
	params := map[string]any{"id": c.Relay, "on": c.On}
	if c.On && c.DeadMan > 0 {
		params["toggle_after"] = c.DeadMan.Seconds()
	}
	return d.call(c.Relay, "Switch.Set", params), ""
}

func (d *Dialect) call(relay int, method string, params map[string]any) device.Message {
	frame, _ := json.Marshal(map[string]any{"id": d.calls.Add(1), "src": d.source(relay), "method": method, "params": params}) // such a map can always be written
	return device.Message{Topic: d.topic + "/rpc", Payload: frame}
}

// Read implements device.Dialect.
func (d *Dialect) Read(topic string, payload []byte, _ bool) (f device.Fact, err error) {
	if answer, ours := strings.CutPrefix(topic, "keeplit/shelly/"+d.topic+"/"); ours {
		relay, ok := read.Index(strings.TrimSuffix(answer, "/rpc"))
		if !ok {
			return f, nil
		}
		f = answered(relay, payload)
		if len(f.Contacts) > 0 {
			f.Meters, _ = Status("", payload) // it has been understood as what was asked for
		}
		return f, nil
	}
	part := strings.TrimPrefix(topic, d.topic+"/")
	switch component, isStatus := strings.CutPrefix(part, "status/"); {
	case part == "online":
		switch strings.ToLower(string(bytes.TrimSpace(payload))) {
		case "false":
			f.Presence = device.Offline
		case "true":
			f.Presence = device.Online
		}
	case part == "events/rpc":
		f.Contacts = changed(payload)
		f.Meters, err = Status("", payload)
	case isStatus && isComponent(component): // and not that of the network and so on
		if kind, relay := partsOf(component); kind == "switch" {
			f.Contacts = output(relay, payload)
		}
		f.Meters, err = Status(component, payload)
	}
	return f, err
}

// answered is the answer to a call: a state, or that a command was taken or not.
func answered(relay int, payload []byte) (f device.Fact) {
	var m struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(payload, &m) != nil {
		return f
	}
	if m.Error != nil {
		f.Refused = fmt.Sprintf("code %d: %s", m.Error.Code, read.Clip(m.Error.Message))
		return f
	}
	var taken struct {
		WasOn *bool `json:"was_on"`
	}
	if json.Unmarshal(m.Result, &taken) == nil && taken.WasOn != nil {
		f.Moved = true // what it is now, it has to say itself
		return f
	}
	f.Contacts = output(relay, m.Result)
	return f
}

// changed is a notification: the part of the state that changed.
func changed(payload []byte) (out []device.Contact) {
	var m struct {
		Method string                     `json:"method"`
		Params map[string]json.RawMessage `json:"params"`
	}
	if json.Unmarshal(payload, &m) != nil || m.Method != "NotifyStatus" && m.Method != "NotifyFullStatus" {
		return nil
	}
	for name, raw := range m.Params {
		if kind, relay := partsOf(name); kind == "switch" && isComponent(name) {
			out = append(out, output(relay, raw)...)
		}
	}
	slices.SortFunc(out, func(a, b device.Contact) int { return a.Channel - b.Channel })
	return out
}

// output is what the status of a switch tells of its relay.
func output(relay int, raw json.RawMessage) []device.Contact {
	var m struct {
		ID     *int     `json:"id"`
		Output *bool    `json:"output"`
		Power  *float64 `json:"apower"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil || m.ID != nil && *m.ID != relay {
		return nil
	}
	c := device.Contact{Channel: relay}
	if m.Output != nil {
		c.On = device.Tell(*m.Output)
	}
	if m.Power != nil {
		c.Power = device.Tell(units.FromW(*m.Power))
	}
	if c == (device.Contact{Channel: relay}) {
		return nil
	}
	return []device.Contact{c}
}
