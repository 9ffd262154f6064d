package waveform

import (
	"fmt"
	"math"
	"time"
)

// maxPhases is how many voltages and currents there may be.
const maxPhases = 3

// Harmonics is how many orders are measured, where the rate allows.
const Harmonics = 40

// Channel is one pair of inputs.
type Channel struct {
	// VoltsPerCode and AmpsPerCode turn a code into volts and amperes.
	// A current transformer put on the wrong way round has a negative one.
	VoltsPerCode float64 `json:"volts_per_code"`
	AmpsPerCode  float64 `json:"amps_per_code"`
	// PhaseError is by how much the current comes out late, in radians of the
	// mains frequency; negative where it comes early, as from a transformer.
	PhaseError float64 `json:"phase_error_rad"`
	// VoltageNoise and CurrentNoise are the rms noise of the inputs beyond the
	// rounding of the converter itself, in codes.
	VoltageNoise float64 `json:"voltage_noise_codes"`
	CurrentNoise float64 `json:"current_noise_codes"`
	// PowerOffset is the active power shown without a load, in watts.
	PowerOffset float64 `json:"power_offset_w"`
}

// Config describes the converter and the supply.
type Config struct {
	// Rate is samples per second of each input.
	Rate float64
	// Channels are the phases, one to three.
	Channels []Channel
	// Skew is how much later the current is sampled than the voltage.
	Skew time.Duration
	// Nominal is the declared voltage, in volts; zero takes 230.
	Nominal float64
	// Frequency is the declared one, 50 or 60; zero takes 50.
	Frequency float64
	// Near is the frequency where it is known beforehand, as of a recording that was
	// looked at, in Hz; zero: the first window finds it.
	Near float64
	// NoLoad is the active power below which nothing is registered, in watts a
	// phase; zero takes half of what the starting current of a class 1 meter
	// of 5 A makes, 2.3 W.  Negative switches it off.
	NoLoad float64
	// Centred says that the codes have hardly any DC, so that the first half
	// cycles can be judged as they come.  Else they wait for the DC that the
	// first window finds.
	Centred bool
	// KeepDC keeps the DC of the currents in Irms and S, as of a load that takes half
	// waves: the converter's zero must be right then.  The DC of a voltage is never its own.
	KeepDC bool
	// Brief says that there are hardly more than two cycles: the low-pass is not
	// waited for, and the frequency may be a thousandth off.
	Brief bool
	// Hear is told of each half cycle; nil: nobody is.
	Hear Listener
	// FindNoise has the noise of the inputs looked for between the harmonics,
	// for Engine.Noise.
	FindNoise bool
}

func (c *Config) fill() error {
	if c.Nominal == 0 {
		c.Nominal = 230
	}
	if c.Frequency == 0 {
		c.Frequency = 50
	}
	if c.NoLoad == 0 {
		c.NoLoad = 0.5 * 0.004 * 5 * c.Nominal
	}
	switch {
	case len(c.Channels) < 1 || len(c.Channels) > maxPhases:
		return fmt.Errorf("waveform: %d phases, not 1 to 3", len(c.Channels))
	case !(c.Rate >= 500 && c.Rate <= 200_000):
		return fmt.Errorf("waveform: %v samples per second, not 500 to 200000", c.Rate)
	case c.Frequency != 50 && c.Frequency != 60:
		return fmt.Errorf("waveform: a mains frequency of %v Hz, not 50 or 60", c.Frequency)
	case c.Near != 0 && !(c.Near >= 0.6*c.Frequency && c.Near <= 1.6*c.Frequency):
		return fmt.Errorf("waveform: a frequency near %v Hz where %v Hz is declared", c.Near, c.Frequency)
	case !(c.Nominal >= 1e-6 && c.Nominal <= 1e9):
		return fmt.Errorf("waveform: a nominal voltage of %v V; write 230, or 120", c.Nominal)
	case math.Abs(c.Skew.Seconds()*c.Rate) > 1:
		return fmt.Errorf("waveform: a skew of %v is more than one sample; inputs of one sample are at most one apart", c.Skew)
	}
	for i, ch := range c.Channels {
		for _, v := range []float64{ch.VoltsPerCode, ch.AmpsPerCode} {
			if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("waveform: phase %d has a scale of %v a code", i+1, v)
			}
		}
		if math.Abs(ch.PhaseError) > 0.2 {
			return fmt.Errorf("waveform: phase %d has a phase error of %v rad, more than 0.2", i+1, ch.PhaseError)
		}
	}
	return nil
}

// Phase is what a window measured of one phase.
type Phase struct {
	Urms, Irms float64            // V, A, DC removed (but see Config.KeepDC) and the noise floor taken off
	Udc, Idc   float64            // V, A
	P, Q, S    float64            // W, var of the fundamental, VA
	P1         float64            // W of the fundamental
	PF, DPF    float64            // power factor P/S; displacement factor, cos of the fundamental's angle
	THDu, THDi float64            // of the fundamental, to the 40th or as far as the rate allows
	HarmonicsU [Harmonics]float64 // V rms, order 1 first
	HarmonicsI [Harmonics]float64 // A rms
	NoLoad     bool               // below the threshold: its energy was not registered
	u1re, u1im float64            // the fundamental's phasor, for unbalance
}

// Window is a run of whole cycles.
type Window struct {
	Start     float64 // in samples since the beginning
	Samples   float64 // its length; not a whole number
	Cycles    float64
	Frequency float64 // Hz; zero where there was no voltage
	Lost      int     // samples lost just before or after it
	Disturbed bool    // a sag, swell or interruption was in it
	Unbalance float64 // negative over positive sequence voltage; zero unless there are three phases
	Orders    int     // how many harmonics could be measured
	Phases    []Phase
}

// EventKind names a disturbance of the voltage.
type EventKind string

// Disturbances.
const (
	Sag          EventKind = "sag"
	Swell        EventKind = "swell"
	Interruption EventKind = "interruption"
)

// Event is a disturbance that has ended, or that the samples ended in.
type Event struct {
	Kind     EventKind
	Phase    int     // from 1
	Start    float64 // in samples since the beginning
	Samples  float64 // its length
	Urms     float64 // the extreme of U_rms(1/2)
	Unending bool    // the samples ended in it
}

// Energy is what has been registered of one phase, in microjoules and
// microvar-seconds.
type Energy struct {
	Import, Export int64
	// FundamentalImport and FundamentalExport are of the fundamental alone, of whole windows.
	FundamentalImport, FundamentalExport int64

	Reactive [4]int64 // by quadrant, 1 first: import lagging, export lagging, export leading, import leading
}
