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
		relay, isIndex := read.Index(strings.TrimSuffix(answer, "/rpc"))
		if o, err := read.Parse(payload); err == nil && isIndex {
			f = answered(relay, o)
		}
		return f, nil // an answer that is not understood is no measurement that is missing
	}
	part := strings.TrimPrefix(topic, d.topic+"/")
	component, isStatus := strings.CutPrefix(part, "status/")
	switch {
	case part == "online":
		switch strings.ToLower(string(bytes.TrimSpace(payload))) {
		case "false":
			f.Presence = device.Offline
		case "true":
			f.Presence = device.Online
		}
		return f, nil
	case part == "events/rpc":
		component = ""
	case !isStatus || !isComponent(component): // that of the network and so on
		return f, nil
	}
	o, err := read.Parse(payload)
	if err != nil {
		return f, err
	}
	if component == "" {
		f.Contacts = changed(o)
	} else if kind, relay := partsOf(component); kind == "switch" {
		f.Contacts = output(relay, o)
	}
	f.Meters, err = status(component, o)
	return f, err
}

// answered is the answer to a call: a state, or that a command was taken or not.
func answered(relay int, o read.Object) (f device.Fact) {
	if refusal, refused := o.Child("error"); refused {
		code, _, _ := refusal.Number("code")
		f.Refused = fmt.Sprintf("code %s: %s", code, read.Clip(refusal.Text("message")))
		return f
	}
	result, _ := o.Child("result")
	if _, taken := result["was_on"].(bool); taken {
		f.Moved = true // what it is now, it has to say itself
		return f
	}
	if f.Contacts = output(relay, result); len(f.Contacts) > 0 {
		f.Meters, _ = status("", o) // it has been understood as what was asked for
	}
	return f
}

// changed is a notification: the part of the state that changed.
func changed(o read.Object) (out []device.Contact) {
	if method := o.Text("method"); method != "NotifyStatus" && method != "NotifyFullStatus" {
		return nil
	}
	params, _ := o.Child("params")
	for name := range params {
		if kind, relay := partsOf(name); kind == "switch" && isComponent(name) {
			part, _ := params.Child(name)
			out = append(out, output(relay, part)...)
		}
	}
	slices.SortFunc(out, func(a, b device.Contact) int { return a.Channel - b.Channel })
	return out
}

// output is what the status of a switch tells of its relay.
func output(relay int, o read.Object) []device.Contact {
	if id, told, err := o.Number("id"); err != nil || told && string(id) != strconv.Itoa(relay) {
		return nil
	}
	c := device.Contact{Channel: relay}
	if on, told := o["output"].(bool); told {
		c.On = device.Tell(on)
	}
	if n, told, err := o.Number("apower"); err == nil && told {
		c.Power = device.Tell(units.Power(read.Thousandths(n)))
	}
	if c == (device.Contact{Channel: relay}) {
		return nil
	}
	return []device.Contact{c}
}
