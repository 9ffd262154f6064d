package mqttmeter

import (
	"encoding/json"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

const tasmotaOp = "read a Tasmota sensor message"

// DecodeTasmota reads the payload of tele/T/SENSOR, or of stat/T/STATUS8 and
// STATUS10.  channel picks one meter of a device with several, from 1; 0 takes
// them as the phases of one.  ok is false where the message tells no energy
// measurement (a device with a thermometer has such).
func DecodeTasmota(payload []byte, channel int) (t metering.Telegram, ok bool, err error) {
	o, err := parse(payload)
	if err != nil {
		return t, false, unknown(tasmotaOp, err)
	}
	if sns, found := o.child("StatusSNS"); found {
		o = sns
	}
	en, found := o.child("ENERGY")
	if !found {
		return t, false, nil
	}
	r := reader{}
	// Tasmota tells local time and not always its zone.
	if at, err := time.Parse(time.RFC3339, o.text("Time")); err == nil {
		r.t.Time = at.UTC()
	}
	for _, f := range []struct {
		name, unit string
		field      metering.Fields
	}{
		{"Power", "W", metering.HasPower},
		{"Voltage", "V", metering.HasVoltage},
		{"Current", "A", metering.HasCurrent},
		{"ApparentPower", "VA", metering.HasApparent},
		{"ReactivePower", "var", metering.HasReactive},
		{"Frequency", "Hz", metering.HasFrequency},
	} {
		r.tasmota(en, f.name, f.unit, channel, f.field)
	}
	total, haveTotal := r.tasmotaEnergy(en, "Total", channel)
	if haveTotal {
		r.register(false, total)
	}
	if export, found := r.tasmotaEnergy(en, "ExportActive", channel); found {
		r.register(true, export)
	}
	for _, name := range []string{"Today", "Yesterday", "Period", "Factor"} {
		if n, isNumber := en[name].(json.Number); isNumber {
			unit := map[string]string{"Period": "Wh", "Factor": ""}
			u, special := unit[name]
			if !special {
				u = "kWh"
			}
			r.raw(name, n, u)
		}
	}
	return r.done(tasmotaOp, units.WattHour)
}

// tasmota takes a value that may be one number or an array of one per channel.
func (r *reader) tasmota(en object, name, unit string, channel int, f metering.Fields) {
	list, isList := en[name].([]any)
	if !isList {
		if n, ok := r.get(en, "", name, unit); ok {
			// A single voltage or frequency holds for every channel; a single
			// power beside a chosen channel is the sum and not that channel's.
			if channel <= 1 || f == metering.HasVoltage || f == metering.HasFrequency {
				r.value(f, n)
			}
		}
		return
	}
	for i, v := range list {
		n, ok, err := asNumber(name, v)
		if err != nil {
			r.err = err
			return
		}
		if !ok || i > 7 {
			continue
		}
		r.raw(name+"["+string(rune('0'+i))+"]", n, unit)
		switch {
		case channel == i+1:
			r.value(f, n)
		case channel == 0 && f == metering.HasFrequency:
			if i == 0 {
				r.value(f, n)
			}
		case channel == 0 && len(list) == 1:
			r.value(f, n)
		case channel == 0 && i < 3:
			r.phase(i, f, n)
		}
	}
}

func (r *reader) tasmotaEnergy(en object, name string, channel int) (units.Energy, bool) {
	list, isList := en[name].([]any)
	if !isList {
		n, ok := r.get(en, "", name, "kWh")
		if _, several := en["Power"].([]any); several && channel > 0 {
			return 0, false // the sum of all channels
		}
		return energy(n, units.KilowattHour), ok && channel <= 1
	}
	var sum units.Energy
	found := false
	for i, v := range list {
		n, ok, err := asNumber(name, v)
		if err != nil {
			r.err = err
			return 0, false
		}
		if !ok || i > 7 {
			continue
		}
		r.raw(name+"["+string(rune('0'+i))+"]", n, "kWh")
		if channel == 0 || channel == i+1 {
			sum += energy(n, units.KilowattHour)
			found = true
		}
	}
	return sum, found
}

func unknown(op string, err error) error {
	return &metering.Error{Code: metering.UnknownReply, Op: op, Err: err, Remedy: "check the topic and the kind of the device in the configuration"}
}
