package read

import (
	"encoding/json"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/units"
)

// Quantity is what a number measures.
type Quantity int

// The quantities that a device may tell, in thousandths of their units.
const (
	Power Quantity = iota
	Voltage
	Current
	Reactive
	Apparent
	Frequency
	Neutral // the current of the neutral conductor
)

// Reader takes values out of objects into what a meter told, and keeps the first
// error.
type Reader struct {
	Told device.Meter
	err  error
}

// Fail keeps an error.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Get answers a number and remembers it under its raw name.
func (r *Reader) Get(o Object, prefix, name, unit string) (json.Number, bool) {
	n, ok, err := o.Number(name)
	if err != nil {
		r.Fail(err)
		return "", false
	}
	if ok {
		r.Raw(prefix+name, n, unit)
	}
	return n, ok
}

// Take gives a number to store, where it is told.
func (r *Reader) Take(o Object, prefix, name, unit string, store func(json.Number)) {
	if n, ok := r.Get(o, prefix, name, unit); ok {
		store(n)
	}
}

// Raw remembers a number under the device's own name.
func (r *Reader) Raw(name string, n json.Number, unit string) {
	r.Told.Raw = append(r.Told.Raw, device.Raw{Name: name, Value: string(n), Unit: unit})
}

// Value stores a number of the whole meter.
func (r *Reader) Value(q Quantity, n json.Number) { r.Store(q, Thousandths(n)) }

// Store stores a value of the whole meter, in thousandths of its unit.
func (r *Reader) Store(q Quantity, v int64) {
	switch q {
	case Frequency:
		r.Told.Frequency = device.Tell(units.Frequency(v))
	case Neutral:
		r.Told.Neutral = device.Tell(units.Current(v))
	default:
		store(&r.Told.Values, q, v)
	}
}

// Phases has the meter have at least n phases.  One that is there and tells
// nothing keeps the power of the others from being taken for the meter's.
func (r *Reader) Phases(n int) {
	for len(r.Told.Phases) < n {
		r.Told.Phases = append(r.Told.Phases, device.Values{})
	}
}

// Phase stores a number of a phase, from 0.
func (r *Reader) Phase(i int, q Quantity, n json.Number) {
	r.Phases(i + 1)
	store(&r.Told.Phases[i], q, Thousandths(n))
}

func store(to *device.Values, q Quantity, v int64) {
	switch q {
	case Power:
		to.Power = device.Tell(units.Power(v))
	case Voltage:
		to.Voltage = device.Tell(units.Voltage(v))
	case Current:
		to.Current = device.Tell(units.Current(v))
	case Reactive:
		to.Reactive = device.Tell(v)
	case Apparent:
		to.Apparent = device.Tell(v)
	case Frequency, Neutral: // no phase has one of its own
	}
}

// EveryPhase gives a single voltage to each of several phases: it is the one that
// they have in common.
func (r *Reader) EveryPhase() {
	if !r.Told.Voltage.Is() {
		return
	}
	for i := range r.Told.Phases {
		if p := &r.Told.Phases[i]; !p.Voltage.Is() {
			p.Voltage = r.Told.Voltage
		}
	}
}

// Register stores an energy that is one of the device's own.
func (r *Reader) Register(export bool, e units.Energy) { r.Sum(export, e, 0) }

// Sum stores an energy that was added up from parts, a bit each.
func (r *Reader) Sum(export bool, e units.Energy, parts uint16) {
	*r.register(export) = device.Tell(device.Register{Energy: e, Parts: parts})
}

// Add adds an energy to a sum, as the part of that number.
func (r *Reader) Add(export bool, e units.Energy, part int) {
	sum, _ := r.register(export).Get()
	r.Sum(export, sum.Energy+e, sum.Parts|1<<part)
}

func (r *Reader) register(export bool) *device.Told[device.Register] {
	if export {
		return &r.Told.Export
	}
	return &r.Told.Import
}

// Whole takes sums away that lack one of all their parts: two phases of three are
// no register.
func (r *Reader) Whole(all uint16) {
	r.WholeOf(false, all)
	r.WholeOf(true, all)
}

// WholeOf is Whole for one of the two registers.
func (r *Reader) WholeOf(export bool, all uint16) {
	to := r.register(export)
	sum, ok := to.Get()
	switch {
	case ok && sum.Parts == all:
		r.Register(export, sum.Energy)
	case ok:
		*to = device.Told[device.Register]{}
	}
}

// Done is what was told; ok is false where that is no measurement at all.  step is
// the resolution of the device's registers.  The error is a *device.Unread.
func (r *Reader) Done(step units.Energy) (m device.Meter, ok bool, err error) {
	if r.err != nil {
		return m, false, &device.Unread{Err: r.err, Remedy: "check the kind of the device in the configuration"}
	}
	if r.Told.Empty() {
		return m, false, nil
	}
	if r.Told.Import.Is() || r.Told.Export.Is() {
		r.Told.Step = step
	}
	return r.Told, true, nil
}
