package mqtt

import (
	"context"
	"errors"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/topics"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/level"
)

// Switch is one device.  It is a loads.Switch and Capable; whoever has the pool runs
// the device.
type Switch struct {
	relay *device.Relay
	takes loads.Capability
	deaf  bool
	full  units.Power // told where plain on is, and only a power can be said; 0: on can be said
	told  level.Told
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
	s := &Switch{relay: dev.Relay(0, e.DeadMan, d.Stale), deaf: d.Traits().Deaf}
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
	if s.deaf {
		return errors.New("mqtt: it is only measured")
	}
	asked := device.Told[units.Power]{}
	if power := p.Power; p.On {
		if power == 0 {
			power = s.full
		}
		if power != 0 {
			asked = device.Tell(power)
		}
	}
	if power, _ := asked.Get(); p.On {
		s.told.Tell(power)
	}
	return s.relay.SetLevel(ctx, p.On, asked)
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (o loads.Observation, _ error) {
	state := s.relay.State()
	if o.On, o.Known = state.On.Get(); !o.Known {
		return o, nil
	}
	o.At = state.At
	o.Power, o.HasPower = state.Power.Get()
	if says, ok := state.Level.Get(); ok && s.takes.ReadBack {
		o.HasSet = true
		if o.On {
			o.Set = loads.Setpoint{On: true, Power: s.told.Nearly(says)}
		}
	}
	return o, nil
}
