// Package shelly switches a relay of a second-generation Shelly device, over its
// RPC by MQTT.
//
// The device answers on a topic of the asker's, tells changes on events/rpc
// (only the part that changed) and, where switched on, whole states on
// status/switch:<n>.  Its toggle_after is the dead man: it switches the relay
// off by itself when On was not said again in time.
package shelly

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
)

// Config describes the device; Topic is its MQTT prefix.
type Config = remote.Config

// Switch is one relay of a Shelly device.  It is a loads.Switch and a
// loads.Runner.
type Switch struct {
	config Config
	bus    loads.Bus
	source string // the topic prefix of answers to us
	memory remote.Memory
	kick   chan struct{}
	calls  atomic.Int64
}

// New builds a switch.
func New(bus loads.Bus, c Config) (*Switch, error) {
	if err := c.Check(bus); err != nil {
		return nil, fmt.Errorf("shelly: %w", err)
	}
	return &Switch{
		config: c, bus: bus, kick: make(chan struct{}, 1),
		source: fmt.Sprintf("keeplit/shelly/%s/%d", c.Topic, c.Channel),
	}, nil
}

// Set implements loads.Switch.  Said again, On starts toggle_after anew; Off never
// carries it, for then the device would switch on.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := (loads.Capability{}).Check(p); err != nil {
		return fmt.Errorf("shelly: %w", err)
	}
	params := map[string]any{"id": s.config.Channel, "on": p.On}
	if p.On && s.config.DeadMan > 0 {
		params["toggle_after"] = s.config.DeadMan.Seconds()
	}
	return s.call(ctx, "Switch.Set", params)
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	return s.memory.Observed(s.config.Now(), s.config.Stale), nil
}

// Run implements loads.Runner.
func (s *Switch) Run(ctx context.Context) error {
	t := s.config.Topic
	return remote.Listen(ctx, s.bus, []remote.Subscription{
		{Filter: s.source + "/rpc", Handle: s.answer},
		{Filter: t + "/events/rpc", Handle: s.event},
		{Filter: t + "/status/" + s.key(), Handle: s.whole},
		{Filter: t + "/online", Handle: s.announce},
	}, s.kick, s.config.Stale/3, s.ask, s.config.Log)
}

func (s *Switch) ask(ctx context.Context) error {
	return s.call(ctx, "Switch.GetStatus", map[string]any{"id": s.config.Channel})
}

func (s *Switch) call(ctx context.Context, method string, params map[string]any) error {
	frame, err := json.Marshal(map[string]any{"id": s.calls.Add(1), "src": s.source, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("shelly: %w", err)
	}
	if err := s.bus.Publish(ctx, s.config.Topic+"/rpc", 0, false, frame); err != nil {
		return fmt.Errorf("shelly: %w", err)
	}
	return nil
}

func (s *Switch) key() string { return "switch:" + strconv.Itoa(s.config.Channel) }

// answer takes in the answer to a call: a state, or that a command was taken.
func (s *Switch) answer(_ string, payload []byte, retained bool) {
	var m struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if retained || len(payload) > remote.MaxPayload || json.Unmarshal(payload, &m) != nil {
		return
	}
	if m.Error != nil {
		s.config.Log.Warn("loads: a Shelly refused a command", "topic", s.config.Topic, "code", m.Error.Code, "message", m.Error.Message)
		return
	}
	var taken struct {
		WasOn *bool `json:"was_on"`
	}
	if json.Unmarshal(m.Result, &taken) == nil && taken.WasOn != nil {
		remote.Kick(s.kick) // what it is now, it has to say itself
		return
	}
	s.status(m.Result)
}

// event takes in a notification: the part of the state that changed.
func (s *Switch) event(_ string, payload []byte, retained bool) {
	var m struct {
		Method string                     `json:"method"`
		Params map[string]json.RawMessage `json:"params"`
	}
	if retained || len(payload) > remote.MaxPayload || json.Unmarshal(payload, &m) != nil {
		return
	}
	if m.Method == "NotifyStatus" || m.Method == "NotifyFullStatus" {
		s.status(m.Params[s.key()])
	}
}

func (s *Switch) whole(_ string, payload []byte, retained bool) {
	if !retained && len(payload) <= remote.MaxPayload {
		s.status(payload)
	}
}

// status lays what a message says over what is known.
func (s *Switch) status(raw json.RawMessage) {
	var m struct {
		ID     *int     `json:"id"`
		Output *bool    `json:"output"`
		Power  *float64 `json:"apower"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil || m.ID != nil && *m.ID != s.config.Channel {
		return
	}
	now := s.config.Now()
	if m.Output != nil {
		s.memory.State(*m.Output, now)
	}
	if m.Power != nil && remote.Plausible(*m.Power) {
		s.memory.Power(units.FromW(*m.Power), now)
	}
}

func (s *Switch) announce(_ string, payload []byte, _ bool) {
	switch strings.ToLower(string(bytes.TrimSpace(payload[:min(len(payload), 16)]))) {
	case "false":
		s.memory.Offline()
	case "true":
		s.memory.Online()
		remote.Kick(s.kick)
	}
}
