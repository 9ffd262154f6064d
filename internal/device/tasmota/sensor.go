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
	channels := tasmotaChannels(en)
	// Tasmota tells local time and not always its zone.
	if text := o.text("Time"); text != "" {
		r.t.Raw = append(r.t.Raw, metering.RawValue{Name: "Time", Value: clip(text)})
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			r.t.Time = at.UTC()
		}
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
		r.tasmota(en, f.name, f.unit, channel, channels, f.field)
	}
	total, haveTotal := r.tasmotaEnergy(en, "Total", channel)
	if haveTotal {
		r.register(false, total)
	}
	if export, found := r.tasmotaEnergy(en, "ExportActive", channel); found {
		r.register(true, export)
	}
	for _, f := range []struct{ name, unit string }{{"Today", "kWh"}, {"Yesterday", "kWh"}, {"Period", "Wh"}, {"Factor", ""}} {
		r.shown(en, f.name, f.unit)
	}
	r.everyPhase()
	return r.done(tasmotaOp, units.WattHour)
}

// tasmotaChannels is how many channels the device tells of, 1 where it tells no list.
func tasmotaChannels(en object) int {
	n := 1
	for _, v := range en {
		if list, ok := v.([]any); ok {
			n = max(n, min(len(list), 8))
		}
	}
	return n
}

// most bounds a part of a sum, far beyond what a meter may show.
const most = 1 << 50

// tasmota takes a value that may be one number or an array of one per channel.
// Up to three channels are phases; of more only the sum has a place.
func (r *reader) tasmota(en object, name, unit string, channel, channels int, f metering.Fields) {
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
	if channel == 0 && 1 < channels && channels <= 3 && f != metering.HasFrequency {
		r.phases(channels)
	}
	sum, told := int64(0), 0
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
		sum, told = sum+min(max(thousandths(n), -most), most), told+1
		switch {
		case channel == i+1:
			r.value(f, n)
		case channel == 0 && (f == metering.HasFrequency || f == metering.HasVoltage && channels > 3):
			if i == 0 {
				r.value(f, n)
			}
		case channel == 0 && channels == 1:
			r.value(f, n)
		case channel == 0 && channels <= 3:
			r.phase(i, f, n)
		}
	}
	if channel == 0 && channels > 3 && told == channels && f != metering.HasFrequency && f != metering.HasVoltage {
		r.store(f, sum)
	}
}

// shown remembers a value that a Sample has no place for.
func (r *reader) shown(en object, name, unit string) {
	if n, ok := en[name].(json.Number); ok {
		r.raw(name, n, unit)
		return
	}
	list, _ := en[name].([]any)
	for i, v := range list[:min(len(list), 8)] {
		if n, ok := v.(json.Number); ok {
			r.raw(name+"["+string(rune('0'+i))+"]", n, unit)
		}
	}
}

// everyPhase gives a single voltage to each of several channels: it is the one
// that they have in common.
func (r *reader) everyPhase() {
	s := &r.t.Sample
	if !s.Gives(metering.HasVoltage) {
		return
	}
	for i := range s.Phases {
		if p := &s.Phases[i]; p.Has&metering.HasVoltage == 0 {
			p.Voltage, p.Has = s.Voltage, p.Has|metering.HasVoltage
		}
	}
}

// tasmotaEnergy is a register; the sum of all channels only where all are there.
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
	found, whole := false, true
	for i, v := range list {
		n, ok, err := asNumber(name, v)
		if err != nil {
			r.err = err
			return 0, false
		}
		if !ok || i > 7 {
			whole = whole && channel != 0
			continue
		}
		r.raw(name+"["+string(rune('0'+i))+"]", n, "kWh")
		if channel == 0 || channel == i+1 {
			sum += energy(n, units.KilowattHour)
			found = true
		}
	}
	return sum, found && whole
}

func unknown(op string, err error) error {
	return &metering.Error{Code: metering.UnknownReply, Op: op, Err: err, Remedy: "check the topic and the kind of the device in the configuration"}
}
