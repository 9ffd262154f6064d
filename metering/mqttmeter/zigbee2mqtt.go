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

// DecodeZigbee2MQTT reads a device's state message.  ok is false where it tells
// no energy measurement.
func DecodeZigbee2MQTT(payload []byte) (t metering.Telegram, ok bool, err error) {
	o, err := parse(payload)
	if err != nil {
		return t, false, unknown(zigbeeOp, err)
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
		_, second := o[f.name+"_phase_b"]
		take(f.name, f.unit, func(n json.Number) {
			if second {
				r.phase(0, f.field, n)
			} else {
				r.value(f.field, n)
			}
		})
		for i, suffix := range []string{"_phase_b", "_phase_c"} {
			take(f.name+suffix, f.unit, func(n json.Number) { r.phase(i+1, f.field, n) })
		}
	}
	take("ac_frequency", "Hz", func(n json.Number) { r.value(metering.HasFrequency, n) })
	take("power_factor", "", func(json.Number) {})
	take("energy", "kWh", func(n json.Number) { r.register(false, energy(n, units.KilowattHour)) })
	take("produced_energy", "kWh", func(n json.Number) { r.register(true, energy(n, units.KilowattHour)) })
	return r.done(zigbeeOp, zigbeeStep)
}
