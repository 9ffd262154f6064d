// Package house is a simulated site: a household that uses electricity behind
// a meter and a supply contactor, with appliances that can be switched.  The
// demo and the replay of recorded consumption run the whole agent on it, and
// so do its tests: what the agent switches is switched, what is switched uses
// energy, and that energy is on the meter.
//
// Physical state moves only in Plant.Advance, and depends on nothing but the
// configuration, its seed and the switch commands given in between.  Every
// part draws constant power from one event to the next, so that the energy is
// exact and does not depend on how finely time is stepped.
package house

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Base is what the site uses besides its switchable loads.
type Base interface {
	// Energy is what was used in [from, to); ok is false where the meter is
	// silent in that time and nobody knows.  Adjoining stretches add up.
	Energy(from, to time.Time) (e units.Energy, ok bool)
}

// Config describes a plant.
type Config struct {
	Base     Base // nothing else is used where nil
	Loads    []Appliance
	Start    time.Time      // the simulation begins here
	Register units.Energy   // the meter's import register at Start
	Zone     *time.Location // of the people's habits; UTC where nil
	Seed     uint64         // of everything random in the use of the appliances
}

// Plant is a simulated site.  It may be used from several goroutines.
type Plant struct {
	base  Base
	start units.Energy

	mu      sync.Mutex
	at      time.Time
	supply  contact
	used    units.Energy // by the base
	total   units.Energy // the register
	out     units.Energy // that of what flows out
	gives   bool         // there is something that gives
	devices []*device    // sorted by id
}

// contact is a relay as it really is, and what is wrong with it.
type contact struct {
	closed bool
	fault  Fault
}

// Fault is something wrong with a switch of the plant.
type Fault string

// The faults a switch can have.
const (
	Sound   Fault = ""        // obeys and tells
	Offline Fault = "offline" // hears nothing and tells nothing
	Stuck   Fault = "stuck"   // stays as it is, and tells so: a welded contact, a broken coil
)

// State is the plant's physical state.  It is stored as JSON and reads back the
// same.
type State struct {
	Version  int           `json:"version"` // of its form as it is stored
	At       time.Time     `json:"at"`
	Register units.Energy  `json:"register"` // the meter's import register
	Export   units.Energy  `json:"export,omitempty"`
	Base     units.Energy  `json:"base"`   // used by the base since the start
	Supply   bool          `json:"supply"` // the contactor is closed
	Fault    Fault         `json:"fault"`  // of the contactor
	Loads    []DeviceState `json:"loads"`  // sorted by id
}

// stateForm is the numbered form of State as it is stored.
func stateForm() form.Form {
	return form.Form{Name: "the simulated plant's stored state", Steps: []form.Step{state2}, Unnumbered: true}
}

// state2 makes form 2 of form 1, which left out what was zero.
func state2(doc map[string]any) error {
	form.Fill(doc, map[string]any{"base": 0, "fault": "", "loads": nil})
	for _, l := range form.List(doc["loads"]) {
		form.Fill(l, map[string]any{"on": false, "fault": "", "used": 0, "deficit": 0, "calls": false, "away": false, "unmet": 0, "programme": 0})
	}
	return nil
}

// ReadState reads a stored State of any form up to the present one.
func ReadState(data []byte) (s State, err error) {
	err = stateForm().Read(data, &s)
	return s, err
}

// New builds a plant at Config.Start with the supply closed and all loads off.
func New(c Config) (*Plant, error) {
	if c.Start.IsZero() {
		return nil, errors.New("house: the simulation has no start")
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	p := &Plant{
		base: c.Base, start: c.Register, total: c.Register,
		at: c.Start.UTC().Truncate(time.Millisecond), supply: contact{closed: true},
	}
	for _, a := range c.Loads {
		d, err := newDevice(a, c.Seed, c.Zone, p.at)
		if err != nil {
			return nil, err
		}
		p.devices = append(p.devices, d)
		p.gives = p.gives || d.Kind == Panels || d.Kind == Battery
	}
	slices.SortFunc(p.devices, func(a, b *device) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	for i := 1; i < len(p.devices); i++ {
		if p.devices[i].ID == p.devices[i-1].ID {
			return nil, fmt.Errorf("house: two appliances are called %q", p.devices[i].ID)
		}
	}
	return p, nil
}

// Advance lets time pass until to (to the millisecond) and reads the meter then.
// A time not after the present one passes nothing.  The reading is a silence
// where the base says that nobody knows; the loads' energy is on the register
// nevertheless.
func (p *Plant) Advance(to time.Time) metering.Reading {
	p.mu.Lock()
	defer p.mu.Unlock()
	to = to.UTC().Truncate(time.Millisecond)
	if to.Before(p.at) {
		to = p.at
	}
	used, known := units.Energy(0), true
	if p.base != nil && to.After(p.at) {
		var e units.Energy
		if e, known = p.base.Energy(p.at, to); known && p.supply.closed {
			p.used += e
			used += e
		}
	}
	elapsed := to.Sub(p.at)
	for _, d := range p.devices {
		used += d.advance(p.at, to, p.supply.closed)
		if d.Kind != Panels {
			continue
		}
		made := units.Energy(0)
		if p.supply.closed && elapsed > 0 {
			made = d.makes(p.at, to)
		}
		d.state.Used -= made
		d.state.Flow = -made.Mean(max(elapsed, time.Millisecond))
		used -= made
	}
	for _, d := range p.devices {
		if d.Kind == Battery {
			used += d.flows(used, elapsed, p.supply.closed)
		}
	}
	p.total += max(0, used)
	p.out += max(0, -used)
	p.at = to
	if !known {
		return metering.Reading{Err: metering.Fail(metering.Silent, "read the simulated meter", "", "no consumption is recorded up to %s", to.Format(time.RFC3339))}
	}
	return metering.Reading{Sample: p.sample(used, elapsed)}
}

// sample is what the meter tells: its register, the mean power of the step, and
// a supply of 230 V with half an ohm of wire before it.
func (p *Plant) sample(used units.Energy, elapsed time.Duration) metering.Sample {
	const (
		nominal = 230_000 // mV
		ohms    = 500     // mOhm
	)
	s := metering.Sample{
		At: p.at, Has: metering.HasImport, Import: p.total, Device: "house",
	}
	if p.gives {
		s.Has |= metering.HasExport
		s.Export = p.out
	}
	if elapsed <= 0 {
		return s
	}
	s.Has |= metering.HasPower | metering.HasVoltage | metering.HasCurrent | metering.HasFrequency
	s.Power = used.Mean(elapsed)
	s.Current = units.Current(units.MulDiv(int64(s.Power), 1000, nominal))
	s.Voltage = units.Voltage(nominal - units.MulDiv(int64(s.Current), ohms, 1000))
	s.Frequency = 50_000
	return s
}

// Now is the simulated time: that of the last Advance.
func (p *Plant) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// State is the plant's present state.
func (p *Plant) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{Version: stateForm().Version(), At: p.at, Register: p.total, Export: p.out, Base: p.used, Supply: p.supply.closed, Fault: p.supply.fault}
	for _, d := range p.devices {
		s.Loads = append(s.Loads, d.state)
	}
	return s
}

// Restore puts the plant into a state it was once in.  Appliances the state does
// not know stay as they are; it is an error where the state names one the plant
// does not have.
func (p *Plant) Restore(s State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range s.Loads {
		if p.device(l.ID) == nil {
			return fmt.Errorf("house: the stored state has an appliance %q that is not configured", l.ID)
		}
	}
	p.at, p.total, p.out, p.used = s.At, s.Register, s.Export, s.Base
	p.supply = contact{closed: s.Supply, fault: s.Fault}
	for _, l := range s.Loads {
		p.device(l.ID).state = l
	}
	return nil
}

func (p *Plant) device(id string) *device {
	for _, d := range p.devices {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// Switch is the switch of a load; ok is false where there is no such load.
func (p *Plant) Switch(id string) (s loads.Switch, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.device(id)
	if d == nil {
		return nil, false
	}
	return plug{p, d}, true
}

// Supply is the supply contactor.
func (p *Plant) Supply() loads.Switch { return contactor{p} }

// Break gives the switch of a load, or of loads.SupplyID, a fault, or repairs it
// with Sound.
func (p *Plant) Break(id string, f Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id == loads.SupplyID {
		p.supply.fault = f
		return nil
	}
	d := p.device(id)
	if d == nil {
		return fmt.Errorf("house: there is no appliance %q", id)
	}
	d.state.Fault = f
	return nil
}
