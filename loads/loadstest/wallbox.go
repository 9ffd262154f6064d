package loadstest

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Wallbox emulates a charger that is switched by one topic and told amperes by another, as
// whole numbers, and says all of its state as one JSON document: when anything changes, and
// when it is asked.
type Wallbox struct {
	contact
	amps float64
}

// WallboxState is what it says.
type WallboxState struct {
	Car     int       `json:"car"` // 2 charging, 4 paused
	Amps    float64   `json:"amp"`
	Allowed string    `json:"alw"`
	Power   []float64 `json:"nrg"` // kW by phase
}

// NewWallbox puts a charger on the broker under a prefix; bus, where not nil, is what
// DropsOut breaks.
func NewWallbox(t testing.TB, b *Broker, bus *Bus, prefix string) *Wallbox {
	t.Helper()
	d := &Wallbox{contact: contact{broker: b, bus: bus}, amps: 16}
	d.tell = func(closed bool) {
		says := WallboxState{Car: 4, Amps: d.amps, Allowed: strconv.FormatBool(closed), Power: []float64{0}}
		if closed {
			says.Car, says.Power[0] = 2, d.amps*atVolts/1000
		}
		data, _ := json.Marshal(says) // numbers and texts alone
		b.publish(prefix+"/status", string(data), false)
	}
	d.announce = func(online bool) {
		b.publish(prefix+"/lwt", map[bool]string{true: "1", false: "0"}[online], true)
	}
	d.announce(true)
	b.subscribe(t, prefix+"/set/+", func(at string, payload []byte) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.take(at, payload) {
			return
		}
		if d.fault == Garbled {
			b.publish(prefix+"/status", garble, false)
			return
		}
		word := string(payload)
		switch key := at[strings.LastIndexByte(at, '/')+1:]; {
		case d.fault == Stuck:
		case key == "amp":
			var says struct{ Value float64 }
			if json.Unmarshal(payload, &says) == nil && says.Value >= 6 && says.Value <= 32 {
				d.amps = math.Trunc(says.Value)
			}
		case key == "alw" && (word == "true" || word == "false"):
			d.move(word == "true", 0)
		}
		d.tell(d.closed)
	})
	return d
}

// Follows implements Follower.
func (d *Wallbox) Follows() loads.Setpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		return loads.Setpoint{}
	}
	return loads.Setpoint{On: true, Power: units.FromW(d.amps * atVolts)}
}

// Turn sets the charger by its maker's app.
func (d *Wallbox) Turn(on bool, amps float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if amps > 0 {
		d.amps = amps
	}
	d.move(on, 0)
	d.tell(d.closed)
}

// Dimmer emulates a heater with a dimmer that is told watts and nothing else: 0 is off.  It
// says what it was told, and what it draws, each under a topic of its own.
type Dimmer struct {
	contact
	watts float64
}

// NewDimmer puts a heater on the broker.
func NewDimmer(t testing.TB, b *Broker, bus *Bus, prefix string) *Dimmer {
	t.Helper()
	d := &Dimmer{contact: contact{broker: b, bus: bus}}
	d.tell = func(closed bool) {
		w := d.watts
		if !closed {
			w = 0
		}
		b.publish(prefix+"/level", strconv.FormatFloat(w, 'f', 1, 64), false)
		b.publish(prefix+"/power", strconv.FormatFloat(w*0.98, 'f', 1, 64), false)
	}
	d.announce = func(online bool) {
		b.publish(prefix+"/status", map[bool]string{true: "online", false: "offline"}[online], true)
	}
	d.announce(true)
	b.subscribe(t, prefix+"/level/+", func(at string, payload []byte) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.take(at, payload) {
			return
		}
		if d.fault == Garbled {
			b.publish(prefix+"/level", garble, false)
			return
		}
		if w, err := strconv.ParseFloat(string(payload), 64); err == nil && w >= 0 && d.fault != Stuck && strings.HasSuffix(at, "/set") {
			d.watts = w
			d.move(w > 0, time.Duration(0))
		}
		d.tell(d.closed)
	})
	return d
}

// Press implements Device: by hand it is all or nothing.
func (d *Dimmer) Press(on bool) {
	d.mu.Lock()
	d.watts = 2000
	d.mu.Unlock()
	d.contact.Press(on)
}

// Follows implements Follower.
func (d *Dimmer) Follows() loads.Setpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		return loads.Setpoint{}
	}
	return loads.Setpoint{On: true, Power: units.FromW(d.watts)}
}
