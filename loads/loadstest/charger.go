package loadstest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Charger emulates a charger that is told amperes, below zero to give back, and a
// mode.  It draws what it is told while a car that takes so much is plugged in.
type Charger struct {
	contact
	say chargerSays
}

// chargerSays is what goes over the broker, both ways.
type chargerSays struct {
	On   bool    `json:"on"`
	Amps float64 `json:"amps,omitempty"` // 0: as the charger likes
	Mode string  `json:"mode,omitempty"`
	For  float64 `json:"for,omitempty"` // seconds after which it goes off by itself; to it only
}

// atVolts is what the charger's amperes are reckoned at.
const atVolts = 230

// NewCharger puts a charger on the broker; bus, where not nil, is what DropsOut
// breaks.
func NewCharger(t testing.TB, b *Broker, bus *Bus, topic string) *Charger {
	t.Helper()
	d := &Charger{contact: contact{broker: b, bus: bus}}
	d.tell = func(closed bool) {
		says := d.say
		if says.On = closed; !closed {
			says = chargerSays{}
		}
		data, _ := json.Marshal(says) // numbers and texts alone
		b.publish(topic+"/state", string(data), false)
	}
	d.announce = func(online bool) {
		b.publish(topic+"/online", map[bool]string{true: "yes", false: "no"}[online], true)
	}
	d.announce(true)
	b.subscribe(t, topic+"/set", func(at string, payload []byte) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.take(at, payload) {
			return
		}
		var says chargerSays
		switch err := json.Unmarshal(payload, &says); {
		case d.fault == Garbled:
			b.publish(topic+"/state", garble, false)
			return
		case len(payload) > 0 && err == nil && d.fault != Stuck:
			d.say = says
			d.move(says.On, time.Duration(says.For*float64(time.Second)))
		}
		d.tell(d.closed)
	})
	return d
}

// Follows implements Follower.
func (d *Charger) Follows() loads.Setpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		return loads.Setpoint{}
	}
	return d.say.setpoint()
}

// Turn sets the charger by its maker's app.
func (d *Charger) Turn(s loads.Setpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say = chargerSays{On: s.On, Amps: s.Power.W() / atVolts, Mode: s.Mode}
	d.move(s.On, 0)
	d.tell(d.closed)
}

func (c chargerSays) setpoint() loads.Setpoint {
	if !c.On {
		return loads.Setpoint{}
	}
	return loads.Setpoint{On: true, Power: units.FromW(math.Round(c.Amps * atVolts)), Mode: c.Mode}
}

// ChargerTakes is what the emulated charger takes: 6 to 32 A, 6 to 16 A back.
func ChargerTakes() loads.Capability {
	return loads.Capability{
		Powers: []loads.PowerRange{
			{From: 6 * atVolts * units.Watt, To: 32 * atVolts * units.Watt, Step: atVolts * units.Watt},
			{From: -6 * atVolts * units.Watt, To: -16 * atVolts * units.Watt, Step: atVolts * units.Watt},
		},
		Modes: []string{"eco"}, ReadBack: true,
	}
}

// ChargerSwitch is a driver of Charger, and no more than the suite asks of one: it
// is here so that set-points are exercised by the suite and by the guard.
type ChargerSwitch struct {
	bus     device.Bus
	topic   string
	deadMan time.Duration
	stale   time.Duration

	mu    sync.Mutex
	takes loads.Capability
	heard loads.Observation
}

// NewChargerSwitch builds the driver.
func NewChargerSwitch(bus device.Bus, topic string, deadMan, stale time.Duration) *ChargerSwitch {
	return &ChargerSwitch{bus: bus, topic: topic, deadMan: deadMan, stale: stale, takes: ChargerTakes()}
}

// Takes implements loads.Capable.
func (s *ChargerSwitch) Takes() loads.Capability {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.takes
	c.Powers = slices.Clone(c.Powers)
	return c
}

// PlugIn is another car, which takes and gives no more than most.
func (s *ChargerSwitch) PlugIn(most units.Power) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := ChargerTakes()
	for i := range c.Powers {
		c.Powers[i].To = max(min(c.Powers[i].To, most), -most)
	}
	s.takes = c
}

// Set implements loads.Switch.
func (s *ChargerSwitch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := s.Takes().Check(p); err != nil {
		return fmt.Errorf("charger: %w", err)
	}
	says := chargerSays{}
	if p.On {
		says = chargerSays{On: true, Amps: p.Power.W() / atVolts, Mode: p.Mode, For: s.deadMan.Seconds()}
	}
	data, err := json.Marshal(says)
	if err != nil {
		return err
	}
	return s.bus.Publish(ctx, s.topic+"/set", 0, false, data)
}

// Observed implements loads.Switch.
func (s *ChargerSwitch) Observed(context.Context) (loads.Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.heard.At) > s.stale {
		return loads.Observation{}, nil
	}
	return s.heard, nil
}

// Run implements loads.Runner.
func (s *ChargerSwitch) Run(ctx context.Context) error {
	off, err := s.bus.Subscribe(s.topic+"/+", s.hear)
	if err != nil {
		return err
	}
	defer off()
	for {
		ask, cancel := context.WithTimeout(ctx, s.stale)
		_ = s.bus.Publish(ask, s.topic+"/set", 0, false, nil) // asked again soon
		cancel()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.stale / 3):
		}
	}
}

func (s *ChargerSwitch) hear(topic string, payload []byte, retained bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if topic == s.topic+"/online" && bytes.Equal(payload, []byte("no")) {
		s.heard = loads.Observation{}
	}
	var says chargerSays
	if topic != s.topic+"/state" || retained || json.Unmarshal(payload, &says) != nil {
		return
	}
	s.heard = loads.Observation{On: says.On, Known: true, At: time.Now(), Set: says.setpoint(), HasSet: true}
}
