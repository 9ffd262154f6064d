// Package remote is the switch that is a relay of a device on MQTT, whatever the
// device's dialect.
package remote

import (
	"context"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/loads"
)

// Switch is one relay.  It is a loads.Switch; whoever has the pool runs the device.
type Switch struct{ relay *device.Relay }

// Open takes a relay of a device into use; number is its number there, by the
// dialect that the device has already where others use it too.
func Open(e loads.Env, dialect device.Dialect, stale time.Duration, number func(device.Dialect) int) (loads.Switch, error) {
	d, err := e.MQTT.Device(dialect)
	if err != nil {
		return nil, err
	}
	return &Switch{d.Relay(number(d.Dialect()), e.DeadMan, stale)}, nil
}

// Set implements loads.Switch.  Said again, On renews the dead man.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := (loads.Capability{}).Check(p); err != nil { // a relay is on or off
		return err
	}
	return s.relay.Set(ctx, p.On)
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (o loads.Observation, _ error) {
	state := s.relay.State()
	if o.On, o.Known = state.On.Get(); o.Known {
		o.At = state.At
		o.Power, o.HasPower = state.Power.Get()
	}
	return o, nil
}
