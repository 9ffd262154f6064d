package forecast

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// State is all a Forecaster must save to answer after a restart what it would
// have answered without one.  It round-trips through encoding/json.
type State struct {
	Version     int    `json:"version"`
	StepSeconds int64  `json:"step_seconds"`
	FirstSlot   int64  `json:"first_slot"` // Unix seconds / step of the first kept slot
	Load        []byte `json:"load"`       // kWh a slot, IEEE 754 single, little endian, NaN is missing
	// Least is kept like Load, from FirstLeast: of censored slots, the least that was wanted.
	FirstLeast int64  `json:"first_least,omitempty"`
	Least      []byte `json:"least,omitempty"`
	// Temperature is kept like Load, in degrees Celsius, from FirstTemperature.
	FirstTemperature int64  `json:"first_temperature,omitempty"`
	Temperature      []byte `json:"temperature,omitempty"`
}

const stateVersion = 1

// State is a copy; it does not change with later updates.
func (f *Forecaster) State() State {
	return State{
		Version: stateVersion, StepSeconds: f.hist.step, FirstSlot: f.hist.first,
		Load:       packFloats(f.hist.v),
		FirstLeast: f.least.first, Least: packFloats(f.least.v),
		FirstTemperature: f.temp.first, Temperature: packFloats(f.temp.v),
	}
}

// Restore builds a Forecaster that continues from a saved state.  The error is
// ErrState where the state is of another slot length or version, or damaged;
// the caller then rebuilds from its stored intervals with New and Update.
func Restore(o Options, s State) (*Forecaster, error) {
	f, err := New(o)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Version != stateVersion:
		return nil, fmt.Errorf("version %d, want %d: %w", s.Version, stateVersion, ErrState)
	case s.StepSeconds != f.hist.step:
		return nil, fmt.Errorf("slots of %v, want %v: %w", time.Duration(s.StepSeconds)*time.Second, f.opt.Step, ErrState)
	}
	for _, first := range []int64{s.FirstSlot, s.FirstLeast, s.FirstTemperature} {
		if first < 0 || first > lastYear/f.hist.step {
			return nil, fmt.Errorf("first slot %d is of no year that is metered: %w", first, ErrState)
		}
	}
	f.hist.first, f.temp.first = s.FirstSlot, s.FirstTemperature
	if f.hist.v, err = unpackFloats(s.Load, f.hist.step); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	f.least.first = s.FirstLeast
	if f.least.v, err = unpackFloats(s.Least, f.least.step); err != nil {
		return nil, fmt.Errorf("least: %w", err)
	}
	if f.temp.v, err = unpackFloats(s.Temperature, f.temp.step); err != nil {
		return nil, fmt.Errorf("temperature: %w", err)
	}
	return f, nil
}

func packFloats(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func unpackFloats(b []byte, step int64) ([]float32, error) {
	if len(b)%4 != 0 || int64(len(b)/4) > (keepDays+31)*86400/step {
		return nil, fmt.Errorf("%d bytes: %w", len(b), ErrState)
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		if math.IsInf(float64(v[i]), 0) {
			return nil, fmt.Errorf("slot %d is infinite: %w", i, ErrState)
		}
	}
	return v, nil
}
