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
	return s.d.takes()
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
	if s.d.Kind == Panels || s.d.Kind == Battery {
		power = s.d.state.Flow
	}
	o := loads.Observation{On: s.d.state.On, Known: true, At: s.p.at, Power: power, HasPower: true}
	if o.HasSet = len(s.d.Powers) > 0; o.HasSet && o.On {
		o.Set = loads.Setpoint{On: true, Power: s.d.state.Told}
		if s.d.Kind == Battery && s.d.state.Told == 0 {
			o.Set.Mode = loads.Rests
		}
	}
	if s.d.Kind == Panels {
		o.On = power < 0
	}
	if o.HasCharge = s.d.Kind == Battery; o.HasCharge {
		o.Charge = s.d.charge()
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
