package victron

import (
	"context"
	"errors"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/victron"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// lapse is how long an inverter follows what it was told (Victron's own documents of ESS mode 3).
const lapse = time.Minute

// Store is the battery of a GX device.  It is a loads.Switch, Capable and Troubled; whoever has the pool runs the
// device.
type Store struct {
	dialect *victron.Battery
	parts   []*device.Relay
	store   loads.Store
}

func (d *Document) battery(e loads.Env) (loads.Switch, error) {
	if d.VEBus == 0 {
		return nil, errors.New("victron: which inverter steers the battery is not said; write vebus")
	}
	dialect := victron.NewBattery(d.Portal, d.VEBus)
	dev, err := e.MQTT.Device(dialect)
	if err != nil {
		return nil, err
	}
	stale := d.Stale
	if stale == 0 {
		stale = usualStale
	}
	s := &Store{dialect: dialect, store: e.Store}
	for part := range victron.BatteryParts() {
		s.parts = append(s.parts, dev.Relay(part, 0, stale))
	}
	return s, nil
}

// Takes implements loads.Capable: whole watts.
func (s *Store) Takes() loads.Capability {
	powers := s.store.Powers()
	for i := range powers {
		powers[i].Step = units.Watt
	}
	return loads.Load{Kind: loads.Battery, Powers: powers}.Takes().Proven()
}

// ready tells whether it is known what hangs on the inverter's output.
func (s *Store) ready() bool {
	return s.dialect.Ready() && s.parts[victron.Output].State().Power.Is()
}

// Set implements loads.Switch.
func (s *Store) Set(ctx context.Context, set loads.Setpoint) error {
	takes := s.Takes()
	if err := takes.Check(set); err != nil {
		return err
	}
	switch {
	case !set.On && !s.dialect.Own():
		return errors.New("victron: in which mode the inverter is has not been heard yet")
	case !set.On:
		return s.parts[victron.Control].Set(ctx, false)
	case set.Power == 0 && set.Mode != loads.Rests:
		return &loads.RefusedError{Set: set, Takes: takes}
	case !s.ready():
		return errors.New("victron: what hangs on the inverter's output has not been heard yet")
	}
	return s.parts[victron.Control].SetLevel(ctx, true, device.Tell(set.Power))
}

// Observed implements loads.Switch.
func (s *Store) Observed(context.Context) (o loads.Observation, _ error) {
	control := s.parts[victron.Control].State()
	if o.On, o.Known = control.On.Get(); !o.Known || !s.ready() {
		return loads.Observation{}, nil
	}
	o.At = control.At
	flow, full, told := s.parts[victron.Flow].State(), s.parts[victron.Full].State(), s.parts[victron.Told].State()
	o.Power, o.HasPower = flow.Power.Get()
	o.Charge, o.HasCharge = full.Charge.Get()
	if o.HasPower && flow.At.Before(o.At) {
		o.At = flow.At
	}
	level, says := told.Level.Get()
	switch {
	case !o.On:
		o.HasSet = true
	case says && level == 0:
		o.Set, o.HasSet = loads.Setpoint{On: true, Mode: loads.Rests}, true
	case says:
		o.Set, o.HasSet = loads.Setpoint{On: true, Power: level}, true
	}
	return o, nil
}

// Trouble implements loads.Troubled.
func (s *Store) Trouble() string {
	if s.parts[victron.Control].State().On.Is() && !s.ready() {
		return "victron: the GX device does not say what hangs on the inverter's output (Ac/ConsumptionOnOutput/L1); only one inverter on one phase can be steered"
	}
	return ""
}
