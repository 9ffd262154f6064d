package drivers

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Meter is a driver of meters.
type Meter struct {
	Driver string // as meter.driver names it
	// Name is what the page calls the meter.
	Name func(metering.Document) string
	// Open builds the meter.  What it has opened on the machine it leaves with
	// Env.Machine.
	Open func(Env, metering.Document) (metering.Meter, error)
	// Bare: nothing is opened before Run, so that check may build it too.
	Bare bool
	// Check finds what can be found wrong without the machine; nil: nothing.
	Check func(Env, metering.Document) error
}

// Meters are the drivers of meters that are built in.
func Meters() []Meter {
	return []Meter{modbusMeter(), p1Meter(), smlMeter(), iecMeter(), mqttMeter(), pulseMeter(), chipMeter(), converterMeter()}
}

// Switch is a driver of switches.
type Switch struct {
	Driver string // as a switch's driver names it
	// Open builds the switch of a load, or of the supply (loads.SupplyID), that
	// falls open by itself after deadMan without a word; zero: never.
	Open func(e Env, id string, d loads.SwitchDocument, deadMan time.Duration) (loads.Switch, error)
	// Bare: nothing is opened before Run, so that check may build it too.
	Bare bool
}

// Switches are the drivers of switches that are built in.
func Switches() []Switch {
	return []Switch{houseSwitch(), relaySwitch(), tasmotaSwitch(), shellySwitch(), zigbeeSwitch()}
}

// FindMeter is the driver that a configuration names.
func FindMeter(d metering.Document) (Meter, error) {
	all := Meters()
	i := slices.IndexFunc(all, func(m Meter) bool { return m.Driver == d.Driver })
	if i < 0 {
		return Meter{}, fmt.Errorf("meter.driver: %q is not built in", d.Driver)
	}
	return all[i], nil
}

// FindSwitch is the driver that a configuration names.
func FindSwitch(d loads.SwitchDocument) (Switch, error) {
	all := Switches()
	i := slices.IndexFunc(all, func(s Switch) bool { return s.Driver == d.Driver })
	if i < 0 {
		return Switch{}, fmt.Errorf("%q is not built in", d.Driver)
	}
	return all[i], nil
}
