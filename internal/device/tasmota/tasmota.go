// Package tasmota is how a device with Tasmota firmware speaks over MQTT.
//
// The device answers each command on stat/, repeats its state with its periodic
// telemetry, and announces itself by tele/<topic>/LWT.  Its PulseTime is the
// dead man: it switches a relay off by itself when On was not said again in
// time.  Relays are counted from 0, meters from 1 (0 is all of them together).
package tasmota

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/internal/read"
)

// Dialect is that of one device.
type Dialect struct{ topic string }

// New is the dialect of the device with this Topic setting (%topic%).
func New(topic string) *Dialect { return &Dialect{topic} }

// Name implements device.Dialect.
func (d *Dialect) Name() string { return "tasmota " + d.topic }

// Filters implements device.Dialect.
func (d *Dialect) Filters([]int) []string {
	return []string{"stat/" + d.topic + "/+", "tele/" + d.topic + "/+"}
}

// Prepare implements device.Dialect: PulseTime outlives a start of the device, so
// it is told also where there is no dead man.
func (d *Dialect) Prepare(relay int, deadMan time.Duration) (device.Message, bool) {
	return d.command("PulseTime", relay, strconv.Itoa(pulseTime(deadMan))), true
}

// Ask implements device.Dialect: an empty command is a question.
func (d *Dialect) Ask(relay int) (m device.Message, ok bool) {
	return d.command("POWER", relay, ""), true
}

// Command implements device.Dialect.  Said again, On starts PulseTime anew.
func (d *Dialect) Command(c device.Command) (m device.Message, doubt string) {
	if c.On {
		return d.command("POWER", c.Relay, "ON"), ""
	}
	return d.command("POWER", c.Relay, "OFF"), ""
}

func (d *Dialect) command(name string, relay int, payload string) device.Message {
	return device.Message{Topic: "cmnd/" + d.topic + "/" + name + strconv.Itoa(relay+1), Payload: []byte(payload)}
}

// pulseTime is d as Tasmota counts: 1 to 111 are tenths of a second, 112 and
// more are whole seconds plus 100, 0 is off (Tasmota's documentation of PulseTime).
func pulseTime(d time.Duration) int {
	switch {
	case d <= 0:
		return 0
	case d < 12*time.Second:
		return max(1, int(d/(100*time.Millisecond)))
	default:
		return min(int(d/time.Second)+100, 64900)
	}
}

// Read implements device.Dialect.
func (d *Dialect) Read(topic string, payload []byte, _ bool) (f device.Fact, err error) {
	switch topic[strings.LastIndexByte(topic, '/')+1:] {
	case "LWT":
		switch word := string(bytes.TrimSpace(payload)); {
		case strings.EqualFold(word, "Offline"):
			f.Presence = device.Offline
		case strings.EqualFold(word, "Online"):
			f.Presence = device.Online
		}
	case "RESULT", "STATE", "STATUS11":
		f.Contacts = states(payload)
	case "SENSOR", "STATUS10", "STATUS8":
		f.Meters, err = Sensor(payload)
		for _, m := range f.Meters {
			if m.Channel > 0 && m.Power.Is() {
				f.Contacts = append(f.Contacts, device.Contact{Channel: m.Channel - 1, Power: m.Power})
			}
		}
	}
	return f, err
}

// states reads {"POWER":"ON"} or {"POWER2":"OFF"} and the like, also inside
// StatusSTS.
func states(payload []byte) []device.Contact {
	o, err := read.Parse(payload)
	if err != nil {
		return nil // what is not understood is no measurement that is missing
	}
	if sts, found := o.Child("StatusSTS"); found {
		o = sts
	}
	var out []device.Contact
	for key := range o {
		number, isPower := strings.CutPrefix(key, "POWER")
		if number == "" && o["POWER1"] == nil {
			number = "1" // a device with one relay does not number it
		}
		n, isIndex := read.Index(number)
		word := o.Text(key)
		if !isPower || !isIndex || n < 1 || word != "ON" && word != "OFF" {
			continue
		}
		out = append(out, device.Contact{Channel: n - 1, On: device.Tell(word == "ON")})
	}
	slices.SortFunc(out, func(a, b device.Contact) int { return a.Channel - b.Channel })
	return out
}
