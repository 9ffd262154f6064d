// Package tasmota switches a relay of a device with Tasmota firmware, over MQTT.
//
// The device answers each command on stat/, repeats its state with its periodic
// telemetry, and announces itself by tele/<topic>/LWT.  Its PulseTime is the
// dead man: it switches the relay off by itself when On was not said again in
// time.
package tasmota

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
)

// Config describes the device; Topic is its Topic setting (%topic%).
type Config = remote.Config

// Switch is one relay of a Tasmota device.  It is a loads.Switch and a
// loads.Runner.
type Switch struct {
	config Config
	bus    loads.Bus
	memory remote.Memory
	kick   chan struct{}
	fresh  atomic.Bool // the device (re)started: it must be told its PulseTime
}

// New builds a switch.
func New(bus loads.Bus, c Config) (*Switch, error) {
	if err := c.Check(bus); err != nil {
		return nil, fmt.Errorf("tasmota: %w", err)
	}
	s := &Switch{config: c, bus: bus, kick: make(chan struct{}, 1)}
	s.fresh.Store(true)
	return s, nil
}

// Set implements loads.Switch.  Said again, On starts PulseTime anew.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := (loads.Capability{}).Check(p); err != nil {
		return fmt.Errorf("tasmota: %w", err)
	}
	payload := "OFF"
	if p.On {
		payload = "ON"
	}
	return s.command(ctx, "POWER", payload)
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	return s.memory.Observed(s.config.Now(), s.config.Stale), nil
}

// Run implements loads.Runner.
func (s *Switch) Run(ctx context.Context) error {
	t := s.config.Topic
	return remote.Listen(ctx, s.bus, []remote.Subscription{
		{Filter: "stat/" + t + "/+", Handle: s.hear},
		{Filter: "tele/" + t + "/+", Handle: s.hear},
	}, s.kick, s.config.Stale/3, s.ask, s.config.Log)
}

// ask asks for the state (an empty command is a question), and sets the dead man
// after a start of the device.
func (s *Switch) ask(ctx context.Context) error {
	if s.fresh.Load() {
		if err := s.command(ctx, "PulseTime", strconv.Itoa(pulseTime(s.config.DeadMan))); err != nil {
			return err
		}
		s.fresh.Store(false)
	}
	return s.command(ctx, "POWER", "")
}

func (s *Switch) command(ctx context.Context, name, payload string) error {
	topic := "cmnd/" + s.config.Topic + "/" + name + strconv.Itoa(s.config.Channel+1)
	if err := s.bus.Publish(ctx, topic, 0, false, []byte(payload)); err != nil {
		return fmt.Errorf("tasmota: %w", err)
	}
	return nil
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

// hear takes in a message of the device.  A retained one is as old as it may be,
// so it is believed only where it says that the device is gone.
func (s *Switch) hear(topic string, payload []byte, retained bool) {
	if len(payload) > remote.MaxPayload {
		return
	}
	switch topic[strings.LastIndexByte(topic, '/')+1:] {
	case "LWT":
		s.announce(string(bytes.TrimSpace(payload)), retained)
	case "RESULT", "STATE", "STATUS11":
		if !retained {
			s.state(payload)
		}
	case "SENSOR", "STATUS10", "STATUS8":
		if !retained {
			s.energy(payload)
		}
	}
}

func (s *Switch) announce(word string, retained bool) {
	switch {
	case strings.EqualFold(word, "Offline"):
		s.memory.Offline()
	case strings.EqualFold(word, "Online"):
		s.memory.Online()
		if !retained {
			s.fresh.Store(true)
		}
		remote.Kick(s.kick)
	}
}

// state reads {"POWER":"ON"} or {"POWER2":"OFF"} and the like, also inside
// StatusSTS.
func (s *Switch) state(payload []byte) {
	var m map[string]json.RawMessage
	if json.Unmarshal(payload, &m) != nil {
		return
	}
	if inner, ok := m["StatusSTS"]; ok {
		m = nil
		if json.Unmarshal(inner, &m) != nil {
			return
		}
	}
	raw, ok := m["POWER"+strconv.Itoa(s.config.Channel+1)]
	if !ok && s.config.Channel == 0 {
		raw, ok = m["POWER"] // a device with one relay does not number it
	}
	var word string
	if !ok || json.Unmarshal(raw, &word) != nil {
		return
	}
	switch word {
	case "ON":
		s.memory.State(true, s.config.Now())
	case "OFF":
		s.memory.State(false, s.config.Now())
	}
}

// energy reads ENERGY.Power, a number or one number a channel.
func (s *Switch) energy(payload []byte) {
	var m struct {
		Energy    struct{ Power json.RawMessage } `json:"ENERGY"`
		StatusSNS struct {
			Energy struct{ Power json.RawMessage } `json:"ENERGY"`
		}
	}
	if json.Unmarshal(payload, &m) != nil {
		return
	}
	raw := m.Energy.Power
	if raw == nil {
		raw = m.StatusSNS.Energy.Power
	}
	var watts float64
	if json.Unmarshal(raw, &watts) != nil {
		var each []float64
		if json.Unmarshal(raw, &each) != nil || s.config.Channel >= len(each) {
			return
		}
		watts = each[s.config.Channel]
	}
	if remote.Plausible(watts) {
		s.memory.Power(units.FromW(watts), s.config.Now())
	}
}
