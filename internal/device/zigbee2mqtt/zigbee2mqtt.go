// Package zigbee2mqtt switches a Zigbee plug or relay through Zigbee2MQTT.
//
// Where the device can, on_time is the dead man: it switches off by itself when
// On was not said again in time.  Not every device can, and one that cannot
// ignores such a command; it is then told plainly, and the log says so.
package zigbee2mqtt

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
)

// Config describes the device; Topic is its friendly name.
type Config struct {
	remote.Config
	Base string // the base topic; zigbee2mqtt where empty
}

// Switch is one relay of a Zigbee device.  It is a loads.Switch and a
// loads.Runner.
type Switch struct {
	config Config
	bus    loads.Bus
	topic  string
	key    string // of the state in the device's messages
	memory remote.Memory
	kick   chan struct{}

	mu     sync.Mutex
	plain  bool      // the device does not understand on_time
	timed  time.Time // when On was last said with on_time and not obeyed so far; zero: never
	warned bool
}

// New builds a switch.
func New(bus loads.Bus, c Config) (*Switch, error) {
	if err := c.Check(bus); err != nil {
		return nil, fmt.Errorf("zigbee2mqtt: %w", err)
	}
	if c.Base == "" {
		c.Base = "zigbee2mqtt"
	}
	s := &Switch{config: c, bus: bus, topic: c.Base + "/" + c.Topic, key: "state", kick: make(chan struct{}, 1)}
	if c.Channel > 0 {
		s.key += "_l" + strconv.Itoa(c.Channel)
	}
	return s, nil
}

// Set implements loads.Switch.  Said again, On starts on_time anew.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := (loads.Capability{}).Check(p); err != nil {
		return fmt.Errorf("zigbee2mqtt: %w", err)
	}
	m := map[string]any{s.key: "OFF"}
	if p.On {
		m[s.key] = "ON"
		if s.config.DeadMan > 0 && s.understandsOnTime() {
			m["on_time"] = max(1, int(s.config.DeadMan/time.Second))
		}
	}
	return s.publish(ctx, "/set", m)
}

// understandsOnTime is false once On was said with on_time and the device did not
// come on.
func (s *Switch) understandsOnTime() bool {
	o := s.memory.Observed(s.config.Now(), s.config.Stale)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.timed.IsZero() && o.Known && !o.On && o.At.After(s.timed) {
		s.plain = true
		if !s.warned {
			s.warned = true
			s.config.Log.Warn("loads: a Zigbee device does not obey on_time; it has no dead man and will stay on if the agent stops", "topic", s.topic)
		}
	}
	if s.plain {
		return false
	}
	if s.timed.IsZero() {
		s.timed = s.config.Now()
	}
	return true
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	return s.memory.Observed(s.config.Now(), s.config.Stale), nil
}

// Run implements loads.Runner.
func (s *Switch) Run(ctx context.Context) error {
	return remote.Listen(ctx, s.bus, []remote.Subscription{
		{Filter: s.topic, Handle: s.state},
		{Filter: s.topic + "/availability", Handle: s.announce},
	}, s.kick, s.config.Stale/3, func(ctx context.Context) error {
		return s.publish(ctx, "/get", map[string]any{s.key: ""})
	}, s.config.Log)
}

func (s *Switch) publish(ctx context.Context, to string, m map[string]any) error {
	payload, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("zigbee2mqtt: %w", err)
	}
	if err := s.bus.Publish(ctx, s.topic+to, 0, false, payload); err != nil {
		return fmt.Errorf("zigbee2mqtt: %w", err)
	}
	return nil
}

// state takes in a state.  A retained one is as old as it may be.
func (s *Switch) state(_ string, payload []byte, retained bool) {
	var m map[string]json.RawMessage
	if retained || len(payload) > remote.MaxPayload || json.Unmarshal(payload, &m) != nil {
		return
	}
	now := s.config.Now()
	var word string
	if json.Unmarshal(m[s.key], &word) == nil && (word == "ON" || word == "OFF") {
		s.memory.State(word == "ON", now)
		if word == "ON" {
			s.mu.Lock()
			s.timed = time.Time{}
			s.mu.Unlock()
		}
	}
	power := "power" + strings.TrimPrefix(s.key, "state")
	var watts float64
	if raw, ok := m[power]; ok && string(raw) != "null" && json.Unmarshal(raw, &watts) == nil && remote.Plausible(watts) {
		s.memory.Power(units.FromW(watts), now)
	}
}

// announce reads {"state":"online"}, or the bare word of older versions.
func (s *Switch) announce(_ string, payload []byte, _ bool) {
	if len(payload) > remote.MaxPayload {
		return
	}
	word := string(bytes.TrimSpace(payload))
	var m struct {
		State string `json:"state"`
	}
	if json.Unmarshal(payload, &m) == nil {
		word = m.State
	}
	switch word {
	case "offline":
		s.memory.Offline()
	case "online":
		s.memory.Online()
		remote.Kick(s.kick)
	}
}
