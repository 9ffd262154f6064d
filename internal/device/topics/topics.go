// Package topics is how a device speaks over MQTT whose topics and words are written in
// the configuration: one switch, with or without a power that it can be told.
//
// What the broker kept is as old as it may be.  It counts once the device has said
// anything itself: one session's messages come in their order, so the state it told last
// still holds.
package topics

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/jsonpath"
	"github.com/keeplit/keeplit/internal/units"
)

// Config is one switch.  A topic that is empty is not there.
type Config struct {
	Command Words // what switches it; none: a level of 0 does; without SetLevel it is only measured
	State   Value // whether it is on; none: a level above 0 is
	Online  Words // that it is there, or gone

	SetLevel Level // what it is told to draw
	Level    Value // what it says it was told to draw, in SetLevel.Unit
	Power    Value // what it draws

	Ask device.Message // has it say its state
}

// Words are those that are said under a topic.
type Words struct{ Topic, On, Off string }

// Value is where something is said: under a topic, at a path in JSON, or as all of the
// message where that has no step.
type Value struct {
	Topic   string
	Path    jsonpath.Path
	On, Off []string    // of a state: the words for it; none: the usual ones
	Unit    units.Power // of a number: what 1 is
}

// Level is how a power is told.
type Level struct {
	Topic   string
	Payload string      // {value} in it stands for the number
	Unit    units.Power // what 1 is
}

// Dialect is that of one device.
type Dialect struct {
	name string
	c    Config

	mu sync.Mutex
	// What it said last; what the broker kept is among it.
	on    device.Told[bool]
	level device.Told[units.Power]
}

// New is the dialect of a device under a name of its own.
func New(name string, c Config) *Dialect { return &Dialect{name: name, c: c} }

// Name implements device.Dialect.
func (d *Dialect) Name() string { return "mqtt " + d.name }

// Filters implements device.Dialect.
func (d *Dialect) Filters([]int) []string {
	var out []string
	for _, topic := range []string{d.c.State.Topic, d.c.Level.Topic, d.c.Power.Topic, d.c.Online.Topic} {
		if topic != "" && !slices.Contains(out, topic) {
			out = append(out, topic)
		}
	}
	return out
}

// Prepare implements device.Dialect: nobody knows of a dead man.
func (*Dialect) Prepare(int, time.Duration) (m device.Message, ok bool) { return m, false }

// Ask implements device.Dialect.
func (d *Dialect) Ask(int) (m device.Message, ok bool) { return d.c.Ask, d.c.Ask.Topic != "" }

// Command implements device.Dialect.
func (d *Dialect) Command(c device.Command) (m device.Message, doubt string) {
	if d.c.Command.Topic == "" {
		return d.tell(0), "" // only off is said so: see Level
	}
	word := d.c.Command.Off
	if c.On {
		word = d.c.Command.On
	}
	return device.Message{Topic: d.c.Command.Topic, Payload: []byte(word)}, ""
}

// Level implements device.Leveller.
func (d *Dialect) Level(c device.Command) (m device.Message, only, ok bool) {
	level, told := c.Level.Get()
	if !c.On || !told || d.c.SetLevel.Topic == "" {
		return m, false, false
	}
	return d.tell(level), d.c.Command.Topic == "", true
}

// tell is the message that sets a power.
func (d *Dialect) tell(p units.Power) device.Message {
	text := strings.ReplaceAll(d.c.SetLevel.Payload, "{value}", Number(p, d.c.SetLevel.Unit))
	return device.Message{Topic: d.c.SetLevel.Topic, Payload: []byte(text)}
}

// Number is p in a unit, to a thousandth of it and no more.
func Number(p, unit units.Power) string {
	text := strconv.FormatFloat(math.Floor(float64(p)/float64(unit)*1000+1e-6)/1000, 'f', 3, 64)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// Read implements device.Dialect.
func (d *Dialect) Read(topic string, payload []byte, retained bool) (f device.Fact, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if topic == d.c.Online.Topic {
		if f = d.announced(strings.TrimSpace(string(payload[:min(len(payload), 64)])), retained); f.Presence != device.Unsaid || topic != d.c.State.Topic {
			return f, nil
		}
	}
	c := device.Contact{}
	if topic == d.c.State.Topic {
		d.on = d.c.State.Says(payload)
		c.Unknown = !d.on.Is() // it is in a state, but which?
	}
	if topic == d.c.Level.Topic {
		d.level = d.c.Level.Number(payload)
		c.Unknown = c.Unknown || !d.level.Is()
	}
	if topic == d.c.Power.Topic {
		c.Power = d.c.Power.Number(payload)
	}
	measured := d.c.Command.Topic == "" && d.c.SetLevel.Topic == "" && d.c.State.Topic == ""
	if draws, ok := c.Power.Get(); ok && measured {
		d.on = device.Tell(draws > 0)
	}
	c.On, c.Level = d.on, d.level
	if level, ok := d.level.Get(); ok {
		switch on, known := d.on.Get(); {
		case d.c.State.Topic == "":
			c.On = device.Tell(level > 0)
		case known && on && level <= 0:
			c.On = device.Tell(false) // it is told to draw nothing
		}
	}
	if c.Unknown {
		c.On, c.Level = device.Told[bool]{}, device.Told[units.Power]{}
	}
	if c != (device.Contact{}) {
		f.Contacts = []device.Contact{c}
	}
	return f, nil
}

// announced: a device that has come says its state anew, and what it was before says
// nothing.
func (d *Dialect) announced(word string, retained bool) (f device.Fact) {
	switch word {
	case d.c.Online.Off:
		f.Presence = device.Offline
	case d.c.Online.On:
		f.Presence = device.Online
	}
	if f.Presence == device.Offline || f.Presence == device.Online && !retained {
		d.on, d.level = device.Told[bool]{}, device.Told[units.Power]{}
		f.Contacts = []device.Contact{{Unknown: true}}
	}
	return f
}

// text is what is said, where it is said.
func (v Value) text(payload []byte) (string, bool) {
	if len(v.Path) == 0 {
		text := strings.TrimSpace(string(payload))
		return text, text != ""
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var at any
	if err := dec.Decode(&at); err != nil {
		return "", false
	}
	at, err := v.Path.In(at)
	if err != nil {
		return "", false
	}
	switch x := at.(type) {
	case string:
		return strings.TrimSpace(x), true
	case json.Number:
		return x.String(), true
	case bool:
		return strconv.FormatBool(x), true
	}
	return "", false
}

// Says is whether it is on; none where it said neither.
func (v Value) Says(payload []byte) device.Told[bool] {
	text, ok := v.text(payload)
	if !ok {
		return device.Told[bool]{}
	}
	is := func(words, usual []string) bool {
		if len(words) == 0 {
			words = usual
		}
		return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, text) })
	}
	switch {
	case is(v.On, []string{"on", "true", "1"}):
		return device.Tell(true)
	case is(v.Off, []string{"off", "false", "0"}):
		return device.Tell(false)
	}
	return device.Told[bool]{}
}

// Number is a number in the value's unit; none where there is none.
func (v Value) Number(payload []byte) device.Told[units.Power] {
	text, ok := v.text(payload)
	if !ok {
		return device.Told[units.Power]{}
	}
	x, err := strconv.ParseFloat(text, 64)
	w := x * v.Unit.W()
	if err != nil || math.IsNaN(w) || math.Abs(w) > 1e6 {
		return device.Told[units.Power]{}
	}
	return device.Tell(units.FromW(math.Round(w*1000) / 1000))
}
