package house

import (
	"context"

	"github.com/keeplit/keeplit/loads"
)

// plug is the switch of one appliance.  It is fed through the contactor: without
// supply it is off, hears nothing, and stays off when the supply is back.
type plug struct {
	p *Plant
	d *device
}

// Takes implements loads.Capable.
func (s plug) Takes() loads.Capability {
	return loads.Capability{Powers: s.d.Powers, ReadBack: len(s.d.Powers) > 0}
}

// Set implements loads.Switch.
func (s plug) Set(ctx context.Context, p loads.Setpoint) error {
	if err := s.Takes().Check(p); err != nil {
		return err
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.supply.closed && s.d.state.Fault == Sound {
		s.d.turn(p)
	}
	return ctx.Err()
}

// Observed implements loads.Switch.
func (s plug) Observed(ctx context.Context) (loads.Observation, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.d.state.Fault == Offline {
		return loads.Observation{}, ctx.Err()
	}
	power, _ := s.d.draw(s.p.at, s.p.supply.closed)
	o := loads.Observation{On: s.d.state.On, Known: true, At: s.p.at, Power: power, HasPower: true}
	if o.HasSet = len(s.d.Powers) > 0; o.HasSet && o.On {
		o.Set = loads.Setpoint{On: true, Power: s.d.state.Told}
	}
	return o, ctx.Err()
}

// contactor is the supply contactor with its auxiliary contact.
type contactor struct{ p *Plant }

// Set implements loads.Switch.
func (s contactor) Set(ctx context.Context, p loads.Setpoint) error {
	if err := (loads.Capability{}).Check(p); err != nil {
		return err
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.supply.fault != Sound {
		return ctx.Err()
	}
	s.p.supply.closed = p.On
	if !p.On {
		for _, d := range s.p.devices {
			d.turn(loads.Setpoint{})
		}
	}
	return ctx.Err()
}

// Observed implements loads.Switch.
func (s contactor) Observed(ctx context.Context) (loads.Observation, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.supply.fault == Offline {
		return loads.Observation{}, ctx.Err()
	}
	return loads.Observation{On: s.p.supply.closed, Known: true, At: s.p.at}, ctx.Err()
}
