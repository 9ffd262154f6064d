// Package mqtt switches a device over MQTT whose topics and words the configuration
// names, and tells it how much it may draw.  How it is spoken to is told in
// internal/device/topics.
package mqtt

import (
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/topics"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/level"
)

// Driver is the driver mqtt.
func Driver() loads.Driver {
	return loads.Driver{Name: "mqtt", New: func() loads.Settings { return new(Document) }}
}

// Document is a switch with topics of its own.
//
// In a configuration: Any device that is switched or told a power by a message, over MQTT.
// Example: {driver: mqtt, command: {topic: pump/set}, state: {topic: pump/state}}
type Document struct {
	// What switches it. Left out: a set-point of 0 does; without one it is of kind measured.
	// Example: {topic: pump/set, on: "1", off: "0"}
	Command *CommandDocument `yaml:"command"`
	// Where it says whether it is on. Left out: it is on where its set-point is above 0.
	// Example: {topic: pump/state, path: relay.on}
	State *StateDocument `yaml:"state"`
	// How it is told what it may draw, for loads of kind power.
	// Example: {topic: charger/amps/set, unit: A, state: {topic: charger/amps}}
	Setpoint *SetpointDocument `yaml:"setpoint"`
	// Where it says what it draws.
	// Example: {topic: pump/power, unit: W}
	Measured *ValueDocument `yaml:"measured"`
	// Where it, or its broker for it, says that it is there.
	// Example: {topic: pump/status, on: online, off: offline}
	Online *CommandDocument `yaml:"online"`
	// What has it say its state. Left out: it says it by itself.
	// Example: {topic: pump/get, payload: state}
	Ask *AskDocument `yaml:"ask"`
	// The least time between two changes of the set-point.
	// Example: 30s
	Pause time.Duration `yaml:"pause"`
	// The device drops the load by itself where it is not told again for so long. Write what the device
	// itself is set to. Left out: it does not.
	// Example: 10m
	DeadMan *time.Duration `yaml:"dead_man"`
	// A state that was heard longer ago than this is not known any more.
	// Default: 15m
	// Example: 20m
	Stale time.Duration `yaml:"stale"`
}

// CommandDocument is a topic with a word for on and one for off.
type CommandDocument struct {
	// The topic.
	// Example: pump/set
	Topic string `yaml:"topic"`
	// The word for on.
	// Default: ON; online of online
	// Example: "1"
	On string `yaml:"on"`
	// The word for off.
	// Default: OFF; offline of online
	// Example: "0"
	Off string `yaml:"off"`
}

// StateDocument is where a device says whether it is on.
type StateDocument struct {
	// The topic.
	// Example: pump/state
	Topic string `yaml:"topic"`
	// Where it stands in JSON, as nrg[11] or status.amps. Left out: it is all of the message.
	// Example: relay.on
	Path string `yaml:"path"`
	// The words for on, with | between them.
	// Default: on, true and 1
	// Example: "run|heat"
	On string `yaml:"on"`
	// The words for off, with | between them.
	// Default: off, false and 0
	// Example: "idle|wait"
	Off string `yaml:"off"`
}

// ValueDocument is where a device says a power or a current.
type ValueDocument struct {
	// The topic.
	// Example: charger/amps
	Topic string `yaml:"topic"`
	// Where it stands in JSON, as nrg[11] or status.amps. Left out: it is all of the message.
	// Example: status.amps
	Path string `yaml:"path"`
	// The unit: W, kW, A or mA.
	// Default: W
	// Example: A
	Unit string `yaml:"unit"`
}

// SetpointDocument is how a device is told what it may draw.
type SetpointDocument struct {
	// The topic.
	// Example: charger/amps/set
	Topic string `yaml:"topic"`
	// The message, with {value} for the number. Left out: the number alone.
	// Example: '{"amps": {value}}'
	Payload string `yaml:"payload"`
	// The unit of what it is told and of what it says: W, kW, A or mA.
	// Default: W
	// Example: A
	Unit string `yaml:"unit"`
	// Where it says what it was told. Left out: it does not.
	// Example: {topic: charger/amps}
	State *ValueDocument `yaml:"state"`
}

// AskDocument is a message.
type AskDocument struct {
	// The topic.
	// Example: pump/get
	Topic string `yaml:"topic"`
	// The message.
	// Example: state
	Payload string `yaml:"payload"`
}

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	if d.Command == nil && d.Setpoint == nil && d.Measured == nil {
		l.Add("command", "write command: {topic: ...}, or setpoint: {topic: ...}, or both; of kind measured, measured: {topic: ...}", "nothing says how it is switched")
	}
	if c := d.Command; c != nil {
		checkTopic(&l, "command.topic", c.Topic)
		checkWords(&l, "command", c.words("ON", "OFF"))
	}
	if s := d.State; s != nil {
		checkTopic(&l, "state.topic", s.Topic)
		level.CheckPath(&l, "state.path", s.Path)
		level.CheckWords(&l, "state", s.On, s.Off)
	}
	if s := d.Setpoint; s != nil {
		checkTopic(&l, "setpoint.topic", s.Topic)
		level.CheckUnit(&l, "setpoint.unit", s.Unit)
		if s.Payload != "" && strings.Count(s.Payload, "{value}") != 1 {
			l.Add("setpoint.payload", `write {value} where the number stands, e.g. '{"amps": {value}}'`, "%q does not say where the number stands", s.Payload)
		}
		if v := s.State; v != nil {
			checkTopic(&l, "setpoint.state.topic", v.Topic)
			level.CheckPath(&l, "setpoint.state.path", v.Path)
			if v.Unit != "" && v.Unit != s.Unit {
				l.Add("setpoint.state.unit", "leave it out, and write setpoint.unit", "it is told in another unit than it says")
			}
		}
	}
	if v := d.Measured; v != nil {
		checkTopic(&l, "measured.topic", v.Topic)
		level.CheckPath(&l, "measured.path", v.Path)
		level.CheckUnit(&l, "measured.unit", v.Unit)
	}
	if c := d.Online; c != nil {
		checkTopic(&l, "online.topic", c.Topic)
		checkWords(&l, "online", c.words("online", "offline"))
	}
	if a := d.Ask; a != nil {
		checkTopic(&l, "ask.topic", a.Topic)
	}
	d.checkEchoes(&l)
	if d.Pause < 0 || d.Pause > time.Hour {
		l.Add("pause", "write e.g. 10s", "%v is not a pause between two set-points", d.Pause)
	}
	if d.Stale < 0 {
		l.Add("stale", "write a time such as 15m", "%v is not an age", d.Stale)
	}
	if m := d.DeadMan; m != nil && *m != 0 && (*m < 30*time.Second || *m > 12*time.Hour) {
		l.Add("dead_man", "write 30s to 12h, or leave it out", "%v is not a dead-man time", *m)
	}
	return l
}

// words are the topic with its words, those that are usual where none are written.
func (c CommandDocument) words(on, off string) topics.Words {
	w := topics.Words{Topic: c.Topic, On: c.On, Off: c.Off}
	if w.On == "" {
		w.On = on
	}
	if w.Off == "" {
		w.Off = off
	}
	return w
}

func checkWords(l *fault.List, path string, w topics.Words) {
	if w.On == w.Off {
		l.Add(path+".off", "write another word than for on", "on and off are both %q", w.On)
	}
}

// checkEchoes finds what would be heard of the agent itself and taken for the device's word:
// that it has done what it was told, although it is gone.
func (d *Document) checkEchoes(l *fault.List) {
	told := map[string]string{} // by topic
	tell := func(path, topic string) {
		if topic != "" {
			told[topic] = path
		}
	}
	if c := d.Command; c != nil {
		tell("command.topic", c.Topic)
	}
	if s := d.Setpoint; s != nil {
		if by, twice := told[s.Topic]; twice && s.Topic != "" {
			l.Add("setpoint.topic", "write the topic of the power alone, or leave command out where a set-point of 0 is off", "it is %s too", by)
		}
		tell("setpoint.topic", s.Topic)
	}
	if a := d.Ask; a != nil {
		tell("ask.topic", a.Topic)
	}
	hear := func(path, topic string) {
		if by, echoes := told[topic]; echoes && topic != "" {
			l.Add(path, "write the topic under which the device itself speaks", "what the agent says under %s would be heard as the device's word", by)
		}
	}
	if s := d.State; s != nil {
		hear("state.topic", s.Topic)
	}
	if s := d.Setpoint; s != nil && s.State != nil {
		hear("setpoint.state.topic", s.State.Topic)
	}
	if v := d.Measured; v != nil {
		hear("measured.topic", v.Topic)
	}
	if c := d.Online; c != nil {
		hear("online.topic", c.Topic)
	}
}

func checkTopic(l *fault.List, path, topic string) {
	if topic == "" || len(topic) > 200 || strings.ContainsAny(topic, "+#\x00") {
		l.Add(path, "write one topic, without wildcards", "%q is not a topic", topic)
	}
}

// amperes tells whether a current is told or said, which is a power only of a load of
// which the voltage is known.
func (d *Document) amperes() bool {
	return d.Setpoint != nil && level.Current(d.Setpoint.Unit) || d.Measured != nil && level.Current(d.Measured.Unit)
}

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	t := loads.Traits{
		Needs: loads.NeedsBroker, Remote: true, Powers: d.Setpoint != nil, Told: d.Setpoint != nil, DeadMan: d.DeadMan,
		Renewable: d.DeadMan != nil && *d.DeadMan > 0,
		Amperes:   d.amperes(),
		Measures:  d.Measured != nil, Deaf: d.Command == nil && d.Setpoint == nil,
	}
	t.Blind = d.State == nil && (d.Setpoint == nil || d.Setpoint.State == nil) && !t.Deaf
	if t.Deaf && d.Measured != nil && d.Measured.Topic != "" {
		t.Of = strings.TrimSpace("what says " + d.Measured.Topic + " " + d.Measured.Path)
	}
	if s := d.Setpoint; s != nil && s.Topic != "" {
		t.Of = "what listens to " + s.Topic
	}
	if c := d.Command; c != nil && c.Topic != "" {
		t.Of, t.Also = "what listens to "+c.Topic, t.Of
	}
	return t
}

// config is what the device is to its dialect; perAmpere is what an ampere of it is.
func (d *Document) config(perAmpere units.Power) topics.Config {
	unit := func(name string) units.Power { return level.Unit(name, perAmpere) }
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	var c topics.Config
	if x := d.Command; x != nil {
		c.Command = x.words("ON", "OFF")
	}
	if x := d.State; x != nil {
		c.State = topics.Value{Topic: x.Topic, Path: level.Path(x.Path), On: level.Words(x.On), Off: level.Words(x.Off)}
	}
	if x := d.Online; x != nil {
		c.Online = x.words("online", "offline")
	}
	if x := d.Setpoint; x != nil {
		c.SetLevel = topics.Level{Topic: x.Topic, Payload: or(x.Payload, "{value}"), Unit: unit(x.Unit)}
		if v := x.State; v != nil {
			c.Level = topics.Value{Topic: v.Topic, Path: level.Path(v.Path), Unit: unit(x.Unit)}
		}
	}
	if x := d.Measured; x != nil {
		c.Power = topics.Value{Topic: x.Topic, Path: level.Path(x.Path), Unit: unit(x.Unit)}
	}
	if x := d.Ask; x != nil {
		c.Ask = device.Message{Topic: x.Topic, Payload: []byte(x.Payload)}
	}
	return c
}
