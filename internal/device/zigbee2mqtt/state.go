package mqttmeter

import (
	"encoding/json"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

const zigbeeOp = "read a Zigbee2MQTT message"

// zigbeeStep is the coarsest resolution of plugs in use; the message does not
// tell it.
const zigbeeStep = 100 * units.WattHour

// zigbeePhases are the endings under which o tells a value of its phases, or of
// the sockets of one device; none where it tells only one.
func zigbeePhases(o object, name string) []string {
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

// DecodeZigbee2MQTT reads a device's state message.  ok is false where it tells
// no energy measurement.
func DecodeZigbee2MQTT(payload []byte) (t metering.Telegram, ok bool, err error) {
	o, err := parse(payload)
	if err != nil {
		return t, false, unknown(zigbeeOp, err)
	}
	if o["battery"] != nil {
		return t, false, nil // its voltage is that of the battery, in mV
	}
	r := reader{}
	if at, err := time.Parse(time.RFC3339, o.text("last_seen")); err == nil {
		r.t.Time = at.UTC()
	}
	if dev, found := o.child("device"); found {
		r.t.Meter = dev.text("ieeeAddr")
	}
	take := func(name, unit string, store func(json.Number)) {
		if n, ok := r.get(o, "", name, unit); ok {
			store(n)
		}
	}
	for _, f := range []struct {
		name, unit string
		field      metering.Fields
	}{
		{"voltage", "V", metering.HasVoltage},
		{"current", "A", metering.HasCurrent},
		{"power", "W", metering.HasPower},
		{"power_apparent", "VA", metering.HasApparent},
		{"power_reactive", "var", metering.HasReactive},
	} {
		names := zigbeePhases(o, f.name)
		for i, suffix := range names {
			if _, there := o[f.name+suffix]; there {
				r.phases(i + 1)
			}
			take(f.name+suffix, f.unit, func(n json.Number) { r.phase(i, f.field, n) })
		}
		if len(names) == 0 || names[0] != "" {
			take(f.name, f.unit, func(n json.Number) { r.value(f.field, n) })
		}
	}
	take("total_power", "W", func(n json.Number) { r.value(metering.HasPower, n) })
	for _, name := range []string{"ac_frequency", "frequency"} {
		take(name, "Hz", func(n json.Number) { r.value(metering.HasFrequency, n) })
	}
	take("power_factor", "", func(json.Number) {})
	for _, way := range []struct {
		export bool
		names  []string
	}{{false, []string{"energy"}}, {true, []string{"produced_energy", "energy_produced"}}} {
		var sum units.Energy
		parts := uint16(0)
		for k, name := range way.names {
			add := func(bit int) func(json.Number) {
				return func(n json.Number) { sum, parts = sum+energy(n, units.KilowattHour), parts|1<<(4*k+bit) }
			}
			take(name, "kWh", add(0))
			for i, suffix := range []string{"_l1", "_l2", "_l3"} { // sockets of one device, without a total
				if o[name] == nil {
					take(name+suffix, "kWh", add(i+1))
				}
			}
		}
		if parts != 0 {
			r.sum(way.export, sum, parts)
		}
	}
	r.everyPhase()
	return r.done(zigbeeOp, zigbeeStep)
}
