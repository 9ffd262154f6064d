package house

import (
	"errors"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// MeterDriver is the meter driver house.
func MeterDriver() metering.Driver {
	return metering.Driver{Name: "house", New: func() metering.Settings { return new(metered) }}
}

// metered is the settings of the simulated meter: they stand with the simulation.
//
// In a configuration: A simulated house. It has no settings of its own; the part simulation has them.
// Example: {}
type metered struct{}

// Check implements metering.Settings.
func (*metered) Check() fault.List { return nil }

// Label implements metering.Settings.
func (*metered) Label() string { return "simulated house" }

// Needs implements metering.Settings.
func (*metered) Needs() metering.Needs { return metering.NeedsSimulation }

// Pace implements metering.Settings: the simulation has a step.
func (*metered) Pace() time.Duration { return 0 }

// Open implements metering.Settings: the simulation builds the meter.
func (*metered) Open(metering.Env) (metering.Meter, error) {
	return nil, errors.New("house: the meter of a simulated house is its simulation's")
}

// SwitchDriver is the switch driver house.
func SwitchDriver() loads.Driver {
	return loads.Driver{Name: "house", New: func() loads.Settings { return new(switched) }}
}

// switched is the settings of a simulated switch.
//
// In a configuration: A switch of the simulated house.
// Example: {driver: house}
type switched struct{}

// Check implements loads.Settings.
func (*switched) Check() fault.List { return nil }

// Traits implements loads.Settings.
func (*switched) Traits() loads.Traits {
	return loads.Traits{Needs: loads.NeedsSimulation, Powers: true, Measures: true, Stores: true}
}

// Open implements loads.Settings.
func (*switched) Open(e loads.Env) (loads.Switch, error) {
	if e.ID == loads.SupplyID {
		return e.Plant.Supply(), nil
	}
	sw, ok := e.Plant.Switch(e.ID)
	if !ok {
		return nil, errors.New("the simulated plant has no such appliance")
	}
	return sw, nil
}
