// Package victron reads what the sun gives from a Victron GX device, on MQTT, and steers its battery.
package victron

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/victron"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Driver is the driver victron.
func Driver() loads.Driver {
	return loads.Driver{Name: "victron", New: func() loads.Settings { return new(Document) }}
}

// Document is a GX device.
//
// In a configuration: A Victron GX device (Cerbo, Venus OS) with MQTT switched on, for kind sun: all its panels together, and for kind battery.
// Example: {driver: victron, portal: c0619ab12345}
type Document struct {
	// Its VRM portal ID, as its menus show it.
	// Example: c0619ab12345
	Portal string `yaml:"portal"`
	// Of kind battery: the instance of its inverter on VE.Bus, as the device list of VRM and its MQTT topics show it.
	// Example: 276
	VEBus int `yaml:"vebus"`
	// What was heard longer ago than this is not known any more. It is asked for each third of it.
	// Default: 1m
	// Example: 2m
	Stale time.Duration `yaml:"stale"`
}

const usualStale = time.Minute

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("portal", d.Portal, "write the VRM portal ID, which the menus of the GX device show under VRM online portal")
	if ok, err := regexp.MatchString(`^[0-9a-zA-Z]{1,32}$`, d.Portal); d.Portal != "" && (err != nil || !ok) {
		l.Add("portal", "write it as the menus show it, e.g. c0619ab12345", "%q is not a portal ID", d.Portal)
	}
	if d.Stale != 0 && (d.Stale < 10*time.Second || d.Stale > time.Hour) {
		l.Add("stale", "write 10s to 1h, e.g. 1m", "%v is not how long what was heard is believed", d.Stale)
	}
	if d.VEBus < 0 || d.VEBus > 1000 {
		l.Add("vebus", "write it as the topics N/<portal>/vebus/<instance>/ show it, e.g. 276", "%d is not an instance of an inverter", d.VEBus)
	}
	return l
}

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	lapses := lapse
	return loads.Traits{Needs: loads.NeedsBroker, Remote: true, Latches: true, Measures: true, Deaf: true, Stores: d.VEBus > 0, Renewable: true, DeadMan: &lapses}
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	if e.Store.Capacity > 0 {
		return d.battery(e)
	}
	dev, err := e.MQTT.Device(victron.New(d.Portal))
	if err != nil {
		return nil, err
	}
	s := &Switch{}
	stale := d.Stale
	if stale == 0 {
		stale = usualStale
	}
	for part := range victron.Parts() {
		s.parts = append(s.parts, dev.Relay(part, 0, stale))
	}
	return s, nil
}

// Switch is the sun of a GX device, which is only heard.  It is a loads.Switch; whoever has the
// pool runs the device.
type Switch struct{ parts []*device.Relay }

// Set implements loads.Switch.
func (*Switch) Set(context.Context, loads.Setpoint) error {
	return errors.New("victron: it is only measured")
}

// Observed implements loads.Switch: all parts together, where each is known or is not there.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	o, sum := loads.Observation{}, units.Power(0)
	for _, part := range s.parts {
		state := part.State()
		if !state.On.Is() {
			return loads.Observation{}, nil
		}
		if p, ok := state.Power.Get(); ok {
			sum, o.HasPower = sum+p, true
		}
		if o.At.IsZero() || state.At.Before(o.At) {
			o.At = state.At
		}
	}
	if !o.HasPower { // nothing is there: asleep, or never was
		return loads.Observation{}, nil
	}
	o.Known, o.Power, o.On = true, sum, sum < 0
	return o, nil
}
