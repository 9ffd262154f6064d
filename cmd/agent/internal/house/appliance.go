package house

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// ApplianceKind tells how an appliance behaves.
type ApplianceKind string

// The kinds of appliance.
const (
	Plain   ApplianceKind = "plain"   // draws its power whenever it is on: a pool pump
	Geyser  ApplianceKind = "geyser"  // a hot water tank; draws its power when on and its thermostat calls
	Tank    ApplianceKind = "tank"    // a hot water tank that loses the less heat the cooler it is
	Washer  ApplianceKind = "washer"  // runs its programme once each time it is switched on
	Charger ApplianceKind = "charger" // an electric car; draws its power when on, at home and not full
	Panels  ApplianceKind = "panels"  // give by day
	Battery ApplianceKind = "battery" // takes and gives
)

// Appliance is one switchable load of the plant.
type Appliance struct {
	ID    string
	Kind  ApplianceKind // Plain where empty
	Power units.Power   // while it draws, at most; of a washer, the mean of the programme
	// Powers are what its switch can be told, of one that draws as it is told; none: it is
	// switched on and off.
	Powers []loads.PowerRange
	Cycle  time.Duration // length of a washer's programme; 1 h 45 min where 0
	Water  Water         // of a tank
	Store  loads.Store   // of a battery
	// Latitude of panels, degrees, south is negative.
	Latitude float64
	Daily    units.Energy // taken from a geyser or a tank, or driven on a workday, on average; 6 kWh and 8 kWh where 0
}

// DeviceState is the physical state of one appliance and its switch.
type DeviceState struct {
	ID        string        `json:"id"`
	On        bool          `json:"on"`             // its switch is closed
	Told      units.Power   `json:"told,omitempty"` // what it was told to draw; 0: its power
	Fault     Fault         `json:"fault"`
	Used      units.Energy  `json:"used"`           // since the start
	Deficit   units.Energy  `json:"deficit"`        // what a geyser, a tank or a car lacks to be full
	Calls     bool          `json:"calls"`          // a geyser's or a tank's thermostat is closed
	Away      bool          `json:"away"`           // the car is not here
	Unmet     units.Energy  `json:"unmet"`          // taken from an empty tank, driven on an empty battery
	Flow      units.Power   `json:"flow,omitempty"` // what panels and a battery took in the last stretch, below zero what they gave
	Programme time.Duration `json:"programme"`      // how far a washer is; it stays at the end until switched off
}

// device is an appliance with its state.  Between two events (a thermostat, a
// shower, a car that leaves, a step of a programme) it draws constant power.
type device struct {
	Appliance
	seed  uint64
	zone  *time.Location
	state DeviceState

	plan     []event // what people do on the local day [planFrom, planTo), sorted
	planFrom time.Time
	planTo   time.Time
}

// event is a moment at which people do something to an appliance.
type event struct {
	at    time.Time
	takes units.Energy // out of the tank or the battery
	away  bool         // the car is away from now on
}

func newDevice(a Appliance, seed uint64, zone *time.Location, at time.Time) (*device, error) {
	if a.Kind == "" {
		a.Kind = Plain
	}
	if a.ID == "" || a.Power <= 0 {
		return nil, fmt.Errorf("house: appliance %q draws %v: it needs an id and a power", a.ID, a.Power)
	}
	switch a.Kind {
	case Plain, Panels:
	case Battery:
		if a.Store.Capacity <= 0 || a.Store.Efficiency <= 0 {
			return nil, fmt.Errorf("house: battery %q holds nothing", a.ID)
		}
	case Geyser:
		if a.Daily == 0 {
			a.Daily = 6 * units.KilowattHour
		}
		if a.Power <= standingLoss {
			return nil, fmt.Errorf("house: geyser %q: %v cannot keep its water hot", a.ID, a.Power)
		}
	case Tank:
		if a.Daily == 0 {
			a.Daily = 6 * units.KilowattHour
		}
		a.Water = a.Water.Filled()
		if err := a.Water.check(a); err != nil {
			return nil, err
		}
	case Washer:
		if a.Cycle == 0 {
			a.Cycle = 105 * time.Minute
		}
		if a.Cycle < 10*time.Minute {
			return nil, fmt.Errorf("house: washer %q: a programme of %v is too short", a.ID, a.Cycle)
		}
	case Charger:
		if a.Daily == 0 {
			a.Daily = 8 * units.KilowattHour
		}
	default:
		return nil, fmt.Errorf("house: appliance %q is of unknown kind %q", a.ID, a.Kind)
	}
	d := &device{Appliance: a, seed: mix(seed, a.ID), zone: zone}
	d.state.ID = a.ID
	if a.Kind == Geyser {
		d.state.Deficit = thermostatBand / 2
	}
	if a.Kind == Tank {
		d.state.Deficit = a.Water.heat(a.Water.Band) / 2
	}
	if a.Kind == Battery {
		d.state.Deficit = a.Store.Capacity / 2
	}
	if a.Kind == Charger {
		d.state.Away = d.awayAt(at)
	}
	return d, nil
}

// turn sets the device's switch, and what it may draw.
func (d *device) turn(s loads.Setpoint) {
	if !s.On {
		d.state.Programme, s.Power = 0, 0
	}
	d.state.On, d.state.Told = s.On, s.Power
}

// power is what the device draws while it draws.
func (d *device) power() units.Power {
	if d.state.Told > 0 {
		return min(d.state.Told, d.Power)
	}
	return d.Power
}

// draw is the power at an instant and until when it holds at the latest if
// nobody interferes; zero: for ever.
func (d *device) draw(at time.Time, supply bool) (units.Power, time.Time) {
	on := supply && d.state.On
	switch d.Kind {
	case Geyser:
		return d.geyserDraw(at, on)
	case Tank:
		return d.tankDraw(at, on)
	case Washer:
		return d.washerDraw(at, on)
	case Charger:
		return d.chargerDraw(at, on)
	case Panels, Battery:
		return 0, time.Time{} // see Plant.Advance
	case Plain:
	}
	if on {
		return d.power(), time.Time{}
	}
	return 0, time.Time{}
}

// advance lets time pass and gives the energy used.
func (d *device) advance(from, to time.Time, supply bool) units.Energy {
	var used units.Energy
	for from.Before(to) {
		power, until := d.draw(from, supply)
		end := to
		if next := d.nextEvent(from); next.Before(end) {
			end = next
		}
		if !until.IsZero() && until.Before(end) {
			end = until
		}
		e := power.Over(end.Sub(from))
		d.pass(end.Sub(from), e, power)
		used += e
		from = end
		d.happen(from)
	}
	d.state.Used += used
	return used
}

// pass changes the state by a stretch of constant power.
func (d *device) pass(t time.Duration, e units.Energy, power units.Power) {
	switch d.Kind {
	case Geyser:
		d.geyserPass(t, e)
	case Tank:
		d.tankPass(t, power)
	case Charger:
		d.state.Deficit -= e
	case Washer:
		if power > 0 {
			d.state.Programme += t
		}
	case Plain, Panels, Battery:
	}
}

// happen does the events of the instant at.
func (d *device) happen(at time.Time) {
	for _, e := range d.events(at) {
		if !e.at.Equal(at) {
			continue
		}
		capacity := geyserCapacity
		switch d.Kind {
		case Charger:
			capacity = batteryCapacity
			d.state.Away = e.away
		case Tank:
			capacity = d.Water.heat(d.Water.Degrees - roomDegrees)
		case Plain, Geyser, Washer, Panels, Battery:
		}
		d.state.Deficit += e.takes
		if over := d.state.Deficit - capacity; over > 0 {
			d.state.Deficit = capacity
			d.state.Unmet += over
		}
	}
	switch d.Kind {
	case Geyser:
		d.thermostat()
	case Tank:
		d.closes()
	case Plain, Washer, Charger, Panels, Battery:
	}
}

// nextEvent is the first event after at; some later instant where there is none
// in that day.
func (d *device) nextEvent(at time.Time) time.Time {
	for _, e := range d.events(at) {
		if e.at.After(at) {
			return e.at
		}
	}
	return d.planTo
}

// events are those of the local day that holds at.
func (d *device) events(at time.Time) []event {
	if !d.planFrom.IsZero() && !at.Before(d.planFrom) && at.Before(d.planTo) {
		return d.plan
	}
	d.planFrom, d.planTo = units.LocalMidnight(at, d.zone), units.NextLocalMidnight(at, d.zone)
	switch d.Kind {
	case Geyser:
		d.plan = d.waterUse(at)
	case Tank:
		d.plan = d.bathing(at)
	case Charger:
		d.plan = d.trips(at)
	case Plain, Washer, Panels, Battery: // nothing happens to them
	}
	return d.plan
}
