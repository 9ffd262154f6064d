package mqtt

import (
	"context"
	"errors"
	"sync"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/topics"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Switch is one device.  It is a loads.Switch and Capable; whoever has the pool runs
// the device.
type Switch struct {
	relay *device.Relay
	takes loads.Capability
	full  units.Power // told where plain on is, and only a power can be said; 0: on can be said

	mu   sync.Mutex
	told units.Power // last
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	if d.amperes() && e.PerAmpere <= 0 {
		return nil, errors.New("mqtt: what amperes are in watts is not known of a load that is not of kind power")
	}
	dev, err := e.MQTT.Device(topics.New(d.Traits().Of, d.config(e.PerAmpere)))
	if err != nil {
		return nil, err
	}
	s := &Switch{relay: dev.Relay(0, e.DeadMan, d.Stale)}
	if d.Setpoint != nil {
		s.takes = loads.Capability{Powers: e.Powers, ReadBack: d.Setpoint.State != nil, Pause: d.Pause}
		if d.Command == nil && len(e.Powers) > 0 {
			s.full = e.Powers[len(e.Powers)-1].To
		}
	}
	return s, nil
}

// Takes implements loads.Capable.
func (s *Switch) Takes() loads.Capability { return s.takes }

// Set implements loads.Switch.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := s.takes.Check(p); err != nil {
		return err
	}
	level := device.Told[units.Power]{}
	if power := p.Power; p.On {
		if power == 0 {
			power = s.full
		}
		if power != 0 {
			level = device.Tell(power)
		}
	}
	power, _ := level.Get()
	s.mu.Lock()
	if p.On {
		s.told = power
	}
	s.mu.Unlock()
	return s.relay.SetLevel(ctx, p.On, level)
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (o loads.Observation, _ error) {
	state := s.relay.State()
	if o.On, o.Known = state.On.Get(); !o.Known {
		return o, nil
	}
	o.At = state.At
	o.Power, o.HasPower = state.Power.Get()
	if level, ok := state.Level.Get(); ok && s.takes.ReadBack {
		o.HasSet = true
		if o.On {
			o.Set = loads.Setpoint{On: true, Power: s.nearly(level)}
		}
	}
	return o, nil
}

// nearly is the power that was told last where a device says about that: some round.
func (s *Switch) nearly(level units.Power) units.Power {
	s.mu.Lock()
	defer s.mu.Unlock()
	off := max(level-s.told, s.told-level)
	if s.told > 0 && off <= max(s.told/100, 10*units.Watt) {
		return s.told
	}
	return level
}
