package tasmota

import (
	"encoding/json"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/internal/read"
	"github.com/keeplit/keeplit/internal/units"
)

// Sensor reads the payload of tele/T/SENSOR, or of stat/T/STATUS8 and STATUS10.
// The meter of channel 0 is that of the whole device, with its channels as its
// phases; those from 1 are its channels one by one.  There is none where the
// message tells no energy measurement (a device with a thermometer has such).
func Sensor(payload []byte) ([]device.Meter, error) {
	o, err := read.Parse(payload)
	if err != nil {
		return nil, err
	}
	if sns, found := o.Child("StatusSNS"); found {
		o = sns
	}
	en, found := o.Child("ENERGY")
	if !found {
		return nil, nil
	}
	var meters []device.Meter
	channels := channelsOf(en)
	for channel := range channels + 1 {
		r := reader{}
		m, ok, err := r.sensor(o.Text("Time"), en, channel, channels)
		if err != nil {
			return nil, err
		}
		if ok {
			m.Channel = channel
			meters = append(meters, m)
		}
	}
	return meters, nil
}

// reader reads one channel, or all of them as channel 0.
type reader struct{ read.Reader }

func (r *reader) sensor(at string, en read.Object, channel, channels int) (device.Meter, bool, error) {
	// Tasmota tells local time and not always its zone.
	if at != "" {
		r.Told.Raw = append(r.Told.Raw, device.Raw{Name: "Time", Value: read.Clip(at)})
		if at, err := time.Parse(time.RFC3339, at); err == nil {
			r.Told.Clock = at.UTC()
		}
	}
	for _, f := range []struct {
		name, unit string
		quantity   read.Quantity
	}{
		{"Power", "W", read.Power},
		{"Voltage", "V", read.Voltage},
		{"Current", "A", read.Current},
		{"ApparentPower", "VA", read.Apparent},
		{"ReactivePower", "var", read.Reactive},
		{"Frequency", "Hz", read.Frequency},
	} {
		r.number(en, f.name, f.unit, channel, channels, f.quantity)
	}
	if total, found := r.energy(en, "Total", channel); found {
		r.Register(false, total)
	}
	if export, found := r.energy(en, "ExportActive", channel); found {
		r.Register(true, export)
	}
	for _, f := range []struct{ name, unit string }{{"Today", "kWh"}, {"Yesterday", "kWh"}, {"Period", "Wh"}, {"Factor", ""}} {
		r.shown(en, f.name, f.unit)
	}
	r.EveryPhase()
	return r.Done(units.WattHour)
}

// channelsOf is how many channels the device tells of, 1 where it tells no list.
func channelsOf(en read.Object) int {
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

// number takes a value that may be one number or an array of one per channel.
// Up to three channels are phases; of more only the sum has a place.
func (r *reader) number(en read.Object, name, unit string, channel, channels int, f read.Quantity) {
	list, isList := en[name].([]any)
	if !isList {
		if n, ok := r.Get(en, "", name, unit); ok {
			// A single voltage or frequency holds for every channel; a single
			// power beside a chosen channel is the sum and not that channel's.
			if channel <= 1 || f == read.Voltage || f == read.Frequency {
				r.Value(f, n)
			}
		}
		return
	}
	if channel == 0 && 1 < channels && channels <= 3 && f != read.Frequency {
		r.Phases(channels)
	}
	sum, told := int64(0), 0
	for i, v := range list {
		n, ok, err := read.AsNumber(name, v)
		if err != nil {
			r.Fail(err)
			return
		}
		if !ok || i > 7 {
			continue
		}
		r.Raw(name+"["+string(rune('0'+i))+"]", n, unit)
		sum, told = sum+min(max(read.Thousandths(n), -most), most), told+1
		switch {
		case channel == i+1:
			r.Value(f, n)
		case channel == 0 && (f == read.Frequency || f == read.Voltage && channels > 3):
			if i == 0 {
				r.Value(f, n)
			}
		case channel == 0 && channels == 1:
			r.Value(f, n)
		case channel == 0 && channels <= 3:
			r.Phase(i, f, n)
		}
	}
	if channel == 0 && channels > 3 && told == channels && f != read.Frequency && f != read.Voltage {
		r.Store(f, sum)
	}
}

// shown remembers a value that a Meter has no place for.
func (r *reader) shown(en read.Object, name, unit string) {
	if n, ok := en[name].(json.Number); ok {
		r.Raw(name, n, unit)
		return
	}
	list, _ := en[name].([]any)
	for i, v := range list[:min(len(list), 8)] {
		if n, ok := v.(json.Number); ok {
			r.Raw(name+"["+string(rune('0'+i))+"]", n, unit)
		}
	}
}

// energy is a register; the sum of all channels only where all are there.
func (r *reader) energy(en read.Object, name string, channel int) (units.Energy, bool) {
	list, isList := en[name].([]any)
	if !isList {
		n, ok := r.Get(en, "", name, "kWh")
		if _, several := en["Power"].([]any); several && channel > 0 {
			return 0, false // the sum of all channels
		}
		return read.Energy(n, units.KilowattHour), ok && channel <= 1
	}
	var sum units.Energy
	found, whole := false, true
	for i, v := range list {
		n, ok, err := read.AsNumber(name, v)
		if err != nil {
			r.Fail(err)
			return 0, false
		}
		if !ok || i > 7 {
			whole = whole && channel != 0
			continue
		}
		r.Raw(name+"["+string(rune('0'+i))+"]", n, "kWh")
		if channel == 0 || channel == i+1 {
			sum += read.Energy(n, units.KilowattHour)
			found = true
		}
	}
	return sum, found && whole
}
