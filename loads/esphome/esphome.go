// Package esphome switches a switch of a node with ESPHome, over its MQTT
// component.
//
// The node says the state of a switch when it changes, retained, and all states
// after each connection; it has no question for it and does not say it again.  But
// one session's messages come in their order: whatever the node says is word that
// the state it last told still holds.  So the state is believed for as long as the
// node speaks at all, and a node needs something that it says every minute (an
// uptime or wifi_signal sensor).  A retained state is of unknown age, and is
// believed once the node has spoken.
//
// There is no dead man: a node leaves its switch as it is when nobody speaks to it.
package esphome

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
)

// Config describes the switch; Topic is the node's topic_prefix.
type Config struct {
	remote.Config
	Component string // the switch's name in its topics
	Power     string // the name of the sensor of what the load draws, in W; none where empty
}

// Switch is one switch of a node.  It is a loads.Switch and a loads.Runner.
type Switch struct {
	config Config
	bus    loads.Bus
	memory remote.Memory
	kick   chan struct{}

	mu   sync.Mutex
	said bool // the node has said its state since it came
	on   bool
}

// New builds a switch.
func New(bus loads.Bus, c Config) (*Switch, error) {
	if err := c.Check(bus); err != nil {
		return nil, fmt.Errorf("esphome: %w", err)
	}
	if c.Component == "" {
		return nil, errors.New("esphome: a switch needs its name")
	}
	return &Switch{config: c, bus: bus, kick: make(chan struct{}, 1)}, nil
}

// Set implements loads.Switch.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := (loads.Capability{}).Check(p); err != nil {
		return fmt.Errorf("esphome: %w", err)
	}
	payload := "OFF"
	if p.On {
		payload = "ON"
	}
	if err := s.bus.Publish(ctx, s.topic("switch", s.config.Component, "command"), 0, false, []byte(payload)); err != nil {
		return fmt.Errorf("esphome: %w", err)
	}
	return nil
}

func (s *Switch) topic(parts ...string) string {
	return s.config.Topic + "/" + strings.Join(parts, "/")
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	return s.memory.Observed(s.config.Now(), s.config.Stale), nil
}

// Run implements loads.Runner.
func (s *Switch) Run(ctx context.Context) error {
	nothing := func(context.Context) error { return nil } // a node cannot be asked
	return remote.Listen(ctx, s.bus, []remote.Subscription{{Filter: s.topic("#"), Handle: s.hear}}, s.kick, s.config.Stale, nothing, s.config.Log)
}

// hear takes in any message of the node.
func (s *Switch) hear(topic string, payload []byte, retained bool) {
	if strings.HasSuffix(topic, "/command") {
		return // somebody speaks to the node
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	word := string(bytes.TrimSpace(payload[:min(len(payload), 64)]))
	switch topic {
	case s.topic("status"):
		s.announce(word, retained)
		return
	case s.topic("switch", s.config.Component, "state"):
		s.said, s.on = word == "ON" || word == "OFF", word == "ON"
		if !s.said && !retained {
			s.forget() // it is in a state, but which?
		}
	case s.topic("sensor", s.config.Power, "state"):
		if watts, err := strconv.ParseFloat(word, 64); err == nil && remote.Plausible(watts) && !retained {
			s.memory.Power(units.FromW(watts), s.config.Now())
		}
	}
	if s.said && !retained {
		s.memory.State(s.on, s.config.Now())
	}
}

// announce: a node that has come says all its states anew, and what it was before
// says nothing.
func (s *Switch) announce(word string, retained bool) {
	switch word {
	case "offline":
		s.said = false
		s.memory.Offline()
	case "online":
		if !retained {
			s.said = false
			s.forget()
		}
		s.memory.Online()
	}
}

// forget leaves nothing known of the state.
func (s *Switch) forget() {
	s.memory.Offline()
	s.memory.Online()
}
