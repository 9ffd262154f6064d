package zigbee2mqtt

import (
	"encoding/json"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/internal/read"
	"github.com/keeplit/keeplit/internal/units"
)

// step is the coarsest resolution of plugs in use; the message does not
// tell it.
const step = 100 * units.WattHour

// phaseNames are the endings under which o tells a value of its phases, or of
// the sockets of one device; none where it tells only one.
func phaseNames(o read.Object, name string) []string {
	for _, names := range [][]string{{"_phase_a", "_phase_b", "_phase_c"}, {"_a", "_b", "_c"}, {"_l1", "_l2", "_l3"}} {
		if o[name+names[0]] != nil {
			return names
		}
	}
	if o[name+"_phase_b"] != nil {
		return []string{"", "_phase_b", "_phase_c"}
	}
	return nil
}

// State reads a device's state message.  There is no meter where it tells no
// energy measurement.
func State(payload []byte) ([]device.Meter, error) {
	o, err := read.Parse(payload)
	if err != nil {
		return nil, err
	}
	return measured(o)
}

func measured(o read.Object) ([]device.Meter, error) {
	if o["battery"] != nil {
		return nil, nil // its voltage is that of the battery, in mV
	}
	r := read.Reader{}
	if at, err := time.Parse(time.RFC3339, o.Text("last_seen")); err == nil {
		r.Told.Clock = at.UTC()
	}
	if dev, found := o.Child("device"); found {
		r.Told.Serial = dev.Text("ieeeAddr")
	}
	take := func(name, unit string, store func(json.Number)) { r.Take(o, "", name, unit, store) }
	for _, f := range []struct {
		name, unit string
		quantity   read.Quantity
	}{
		{"voltage", "V", read.Voltage},
		{"current", "A", read.Current},
		{"power", "W", read.Power},
		{"power_apparent", "VA", read.Apparent},
		{"power_reactive", "var", read.Reactive},
	} {
		names := phaseNames(o, f.name)
		for i, suffix := range names {
			if _, there := o[f.name+suffix]; there {
				r.Phases(i + 1)
			}
			take(f.name+suffix, f.unit, func(n json.Number) { r.Phase(i, f.quantity, n) })
		}
		if len(names) == 0 || names[0] != "" {
			take(f.name, f.unit, func(n json.Number) { r.Value(f.quantity, n) })
		}
	}
	take("total_power", "W", func(n json.Number) { r.Value(read.Power, n) })
	for _, name := range []string{"ac_frequency", "frequency"} {
		take(name, "Hz", func(n json.Number) { r.Value(read.Frequency, n) })
	}
	take("power_factor", "", func(json.Number) {})
	for _, way := range []struct {
		export bool
		names  []string
	}{{false, []string{"energy"}}, {true, []string{"produced_energy", "energy_produced"}}} {
		for k, name := range way.names {
			add := func(bit int) func(json.Number) {
				return func(n json.Number) { r.Add(way.export, read.Energy(n, units.KilowattHour), 4*k+bit) }
			}
			take(name, "kWh", add(0))
			for i, suffix := range []string{"_l1", "_l2", "_l3"} { // sockets of one device, without a total
				if o[name] == nil {
					take(name+suffix, "kWh", add(i+1))
				}
			}
		}
	}
	r.EveryPhase()
	m, ok, err := r.Done(step)
	if err != nil || !ok {
		return nil, err
	}
	return []device.Meter{m}, nil
}
