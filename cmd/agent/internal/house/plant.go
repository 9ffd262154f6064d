// Package house is a simulated site: a household that uses electricity behind
// a meter and a supply contactor, with appliances that can be switched.  The
// demo and the replay of recorded consumption run the whole agent on it, and
// so do its tests: what the agent switches is switched, what is switched uses
// energy, and that energy is on the meter.
//
// Physical state moves only in Plant.Advance, and depends on nothing but the
// configuration, its seed and the switch commands given in between.
package house

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Base is what the site uses besides its switchable loads.
type Base interface {
	// Energy is what was used in [from, to); ok is false where the meter is
	// silent in that time and nobody knows.
	Energy(from, to time.Time) (e units.Energy, ok bool)
}

// Config describes a plant.
type Config struct {
	Base     Base
	Loads    []Appliance
	Start    time.Time    // the simulation begins here
	Register units.Energy // the meter's import register at Start
	Zone     *time.Location
	Seed     uint64 // of everything random in the appliances' use
}

// ApplianceKind tells how an appliance behaves.
type ApplianceKind string

// The kinds of appliance.
const (
	Plain   ApplianceKind = "plain"   // draws its power whenever it is on
	Geyser  ApplianceKind = "geyser"  // a hot water tank with a thermostat
	Pump    ApplianceKind = "pump"    // a pool or borehole pump
	Washer  ApplianceKind = "washer"  // runs a programme when switched on, if someone loaded it
	Charger ApplianceKind = "charger" // an electric car, away on workdays
)

// Appliance is one switchable load of the plant.
type Appliance struct {
	ID    string
	Kind  ApplianceKind // Plain where empty
	Power units.Power   // while it draws
}

// Plant is a simulated site.  It may be used from several goroutines.
type Plant struct{}

// State is the plant's physical state.  It is stored as JSON and reads back the
// same.
type State struct {
	At       time.Time    `json:"at"`
	Register units.Energy `json:"register"`
}

// New builds a plant at Config.Start with the supply closed and all loads off.
func New(c Config) (*Plant, error) { panic("pending") }

// Advance lets time pass until to and reads the meter then.
func (p *Plant) Advance(to time.Time) metering.Reading { panic("pending") }

// Switch is the switch of a load; ok is false where there is no such load.
func (p *Plant) Switch(id string) (s loads.Switch, ok bool) { panic("pending") }

// Supply is the supply contactor.
func (p *Plant) Supply() loads.Switch { panic("pending") }

// State is the plant's present state.
func (p *Plant) State() State { panic("pending") }

// Restore puts the plant back into a state it was once in.
func (p *Plant) Restore(s State) error { panic("pending") }

// Now is the simulated time: that of the last Advance.
func (p *Plant) Now() time.Time { panic("pending") }
