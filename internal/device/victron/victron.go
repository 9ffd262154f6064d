// Package victron is how a Victron GX device speaks over MQTT: what changes is published under
// N/<portal>/ while somebody says under R/<portal>/keepalive that it is listened to, and what is
// asked for under R/ is answered there.  (github.com/victronenergy/dbus-flashmq tells the topics.)
package victron

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/units"
)

// Parts of the sun, each a channel of its own: who wants all of it takes all.
const (
	Chargers = iota // panels on its battery's chargers
	OnGrid          // inverters of panels, beside the grid
	OnOutput        // and behind its own output
	parts
)

// Parts is how many there are.
func Parts() int { return parts }

// Dialect is one GX device.  It is of one goroutine, that which hears.
type Dialect struct {
	portal string
	said   [parts][3]value // by phase; the chargers have one
}

// value is what was said of one phase.
type value struct {
	heard  bool
	number bool // else nothing is there
	w      float64
	lost   bool // nothing is there since it gave
}

// New is the device of a portal.
func New(portal string) *Dialect { return &Dialect{portal: portal} }

// Name implements device.Dialect.
func (d *Dialect) Name() string { return "the sun of victron " + d.portal } // its meter is another

func places(part int) string {
	return [...]string{"system/0/Dc/Pv", "system/0/Ac/PvOnGrid", "system/0/Ac/PvOnOutput"}[part]
}

// Filters implements device.Dialect.
func (d *Dialect) Filters(channels []int) (out []string) {
	for _, c := range channels {
		at := "N/" + d.portal + "/" + places(c)
		if c != Chargers {
			at += "/+"
		}
		out = append(out, at+"/Power")
	}
	return out
}

// Ask implements device.Dialect.  A place above others is answered by all of them.
func (d *Dialect) Ask(part int) (device.Message, bool) {
	return device.Message{Topic: "R/" + d.portal + "/" + places(part)}, true
}

// keptAlive is how often it is told that it is listened to; it goes quiet after 60 s.
const keptAlive = 20 * time.Second

// Wake implements device.Woken.  All is not to be said again each time: what is needed is asked for.
func (d *Dialect) Wake() (device.Message, time.Duration) { return keepAlive(d.portal), keptAlive }

func keepAlive(portal string) device.Message {
	return device.Message{Topic: "R/" + portal + "/keepalive", Payload: []byte(`{"keepalive-options":["suppress-republish"]}`)}
}

// Prepare implements device.Dialect.
func (*Dialect) Prepare(int, time.Duration) (device.Message, bool) { return device.Message{}, false }

// Command implements device.Dialect: it is only heard.
func (d *Dialect) Command(c device.Command) (device.Message, string) {
	m, _ := d.Ask(c.Relay)
	return m, "it is only heard"
}

// asleep is below what panels give when they go to sleep.
const asleep = 20

// Read implements device.Dialect.  An inverter of panels that is gone is said to be nothing: at night,
// and where its wire is cut at noon.  Where it gave, that is not known.
func (d *Dialect) Read(topic string, payload []byte, retained bool) (device.Fact, error) {
	part, phase, ok := d.placeOf(topic)
	if !ok || retained { // old versions left theirs behind
		return device.Fact{}, nil
	}
	v := &d.said[part][phase]
	if len(payload) == 0 { // the system itself is gone
		*v = value{}
		return device.Fact{Contacts: []device.Contact{{Channel: part, Unknown: true}}}, nil
	}
	said, err := valueOf(payload)
	if err != nil {
		return device.Fact{}, &device.Unread{Err: fmt.Errorf("%s: %w", topic, err), Remedy: "check that the portal is that of a GX device"}
	}
	switch {
	case said != nil:
		*v = value{heard: true, number: true, w: *said}
	default:
		*v = value{heard: true, lost: v.lost || v.number && v.w > asleep}
	}
	return device.Fact{Contacts: []device.Contact{d.contact(part)}}, nil
}

// contact is what is known of a part by now: what it gives, or that nothing is there.
func (d *Dialect) contact(part int) device.Contact {
	c, sum, there := device.Contact{Channel: part}, 0.0, false
	for phase, v := range d.said[part] {
		if part == Chargers && phase > 0 {
			break
		}
		if !v.heard || v.lost {
			c.Unknown = true
			return c
		}
		sum, there = sum+v.w, there || v.number
	}
	sum = max(0, sum) // what an inverter draws for itself is no sun
	c.On = device.Tell(there && sum > 0)
	if there {
		c.Power = device.Tell(-units.FromW(math.Round(sum*1000) / 1000))
	}
	return c
}

// placeOf is the part and the phase that a topic is about.
func (d *Dialect) placeOf(topic string) (part, phase int, ok bool) {
	rest, ok := strings.CutPrefix(topic, "N/"+d.portal+"/")
	if !ok {
		return 0, 0, false
	}
	for part := range parts {
		tail, found := strings.CutPrefix(rest, places(part)+"/")
		switch {
		case !found:
		case part == Chargers && tail == "Power":
			return part, 0, true
		case part != Chargers && len(tail) == len("L1/Power") && tail[0] == 'L' && tail[1] >= '1' && tail[1] <= '3' && tail[2:] == "/Power":
			return part, int(tail[1] - '1'), true
		}
	}
	return 0, 0, false
}
