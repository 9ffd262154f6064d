package mqttmeter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// maxPayload bounds what is decoded at all.
const maxPayload = 256 << 10

// object is a decoded JSON object; its numbers are json.Number.
type object map[string]any

// parse reads one JSON object and nothing after it.
func parse(payload []byte) (object, error) {
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("%d bytes are no meter's message", len(payload))
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errors.New("null is no message")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return o, nil
}

// child is the object under name.
func (o object) child(name string) (object, bool) {
	switch c := o[name].(type) {
	case map[string]any:
		return c, true
	case object:
		return c, true
	}
	return nil, false
}

func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

// number is the number under name.  null and a missing key are no number;
// anything else is an error, because a meter that says "12 W" has not been
// understood.
func (o object) number(name string) (n json.Number, ok bool, err error) {
	return asNumber(name, o[name])
}

func asNumber(name string, v any) (n json.Number, ok bool, err error) {
	switch v := v.(type) {
	case nil:
		return "", false, nil
	case json.Number:
		if _, err := v.Float64(); err != nil {
			return "", false, fmt.Errorf("%s is %s, beyond any meter", name, clip(string(v)))
		}
		return v, true, nil
	}
	return "", false, fmt.Errorf("%s is not a number", name)
}

func clip(s string) string {
	if len(s) > 24 {
		return s[:24] + "..."
	}
	return s
}

// thousandths is n in thousandths, rounded half to even.
func thousandths(n json.Number) int64 {
	f, _ := n.Float64() // asNumber has tried it
	return int64(units.FromW(f))
}

// energy is n in microjoules, where one of n is per microjoules: exact for up
// to nine decimals.
func energy(n json.Number, per units.Energy) units.Energy {
	if v, err := units.ParseDecimal(string(n), 9); err == nil {
		return units.Energy(units.MulDiv(v, int64(per), 1_000_000_000))
	}
	f, _ := n.Float64()
	return units.FromKWh(f * float64(per) / float64(units.KilowattHour))
}

// reader takes values out of objects into a telegram and keeps the first error.
type reader struct {
	t   metering.Telegram
	err error
}

// get answers a number and remembers it under its raw name.
func (r *reader) get(o object, prefix, name, unit string) (json.Number, bool) {
	n, ok, err := o.number(name)
	if err != nil && r.err == nil {
		r.err = err
	}
	if ok && err == nil {
		r.raw(prefix+name, n, unit)
		return n, true
	}
	return "", false
}

func (r *reader) raw(name string, n json.Number, unit string) {
	r.t.Raw = append(r.t.Raw, metering.RawValue{Name: name, Value: string(n), Unit: unit})
}

// value stores a number in the sample.
func (r *reader) value(f metering.Fields, n json.Number) { r.store(f, thousandths(n)) }

// store stores a value, in thousandths of its unit, in the sample.
func (r *reader) store(f metering.Fields, v int64) {
	s := &r.t.Sample
	switch f {
	case metering.HasPower:
		s.Power = units.Power(v)
	case metering.HasVoltage:
		s.Voltage = units.Voltage(v)
	case metering.HasCurrent:
		s.Current = units.Current(v)
	case metering.HasFrequency:
		s.Frequency = units.Frequency(v)
	case metering.HasReactive:
		s.Reactive = v
	case metering.HasApparent:
		s.Apparent = v
	case metering.HasNeutral:
		s.NeutralCurrent = units.Current(v)
	default:
		return
	}
	s.Has |= f
}

// phases has the sample have at least n phases.  One that is there and tells
// nothing keeps the power of the others from being taken for the meter's.
func (r *reader) phases(n int) {
	s := &r.t.Sample
	for len(s.Phases) < n {
		s.Phases = append(s.Phases, metering.Phase{})
	}
}

// phase stores a number in a phase, from 0.
func (r *reader) phase(i int, f metering.Fields, n json.Number) {
	r.phases(i + 1)
	p := &r.t.Sample.Phases[i]
	v := thousandths(n)
	switch f {
	case metering.HasPower:
		p.Power = units.Power(v)
	case metering.HasVoltage:
		p.Voltage = units.Voltage(v)
	case metering.HasCurrent:
		p.Current = units.Current(v)
	case metering.HasReactive:
		p.Reactive = v
	case metering.HasApparent:
		p.Apparent = v
	default:
		return
	}
	p.Has |= f
}

// register stores an energy that is one of the device's own.
func (r *reader) register(export bool, e units.Energy) { r.sum(export, e, 0) }

// sum stores an energy that was added up from parts, a bit each.
func (r *reader) sum(export bool, e units.Energy, parts uint16) {
	s := &r.t.Sample
	if export {
		s.Export, s.ExportSum, s.Has = e, parts, s.Has|metering.HasExport
		return
	}
	s.Import, s.ImportSum, s.Has = e, parts, s.Has|metering.HasImport
}

// whole takes sums away that lack one of all their parts: two phases of three are
// no register.
func (r *reader) whole(all uint16) {
	s := &r.t.Sample
	if s.ImportSum != all {
		s.Import, s.Has = 0, s.Has&^metering.HasImport
	}
	if s.ExportSum != all {
		s.Export, s.Has = 0, s.Has&^metering.HasExport
	}
	s.ImportSum, s.ExportSum = 0, 0
}

// done completes and checks the telegram.  ok is false where the message held
// no measurement at all.
func (r *reader) done(op string, step units.Energy) (t metering.Telegram, ok bool, err error) {
	if r.err != nil {
		return t, false, &metering.Error{Code: metering.UnknownReply, Op: op, Err: r.err, Remedy: "check the kind of the device in the configuration"}
	}
	r.t.Sample = r.t.Sample.Complete()
	s := &r.t.Sample
	if s.Has == 0 {
		return t, false, nil
	}
	if s.Has&(metering.HasImport|metering.HasExport) != 0 {
		s.Step = step
	}
	return r.t, true, s.Sane(op)
}

// index reads the number after the colon of a Shelly component.
func index(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n < 100
}
