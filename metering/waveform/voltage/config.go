package voltage

import (
	"fmt"
	"math"
	"time"

	"github.com/keeplit/keeplit/metering/waveform/flicker"
)

// MaxPhases is how many voltages there may be.
const MaxPhases = 3

// Config says what the voltage is held against.  Limits are parts of Nominal.
type Config struct {
	Rate      float64 // samples a second
	Nominal   float64 // V, the declared voltage; zero takes 230
	Frequency float64 // Hz, 50 or 60; zero takes 50
	Phases    int     // 1 to 3; zero takes 1

	// Dip, Swell and Interruption are where one begins; zero takes 0.90, 1.10 and 0.05
	// (EN 50160).  Hysteresis is how far the voltage must come back; zero takes 0.02.
	Dip, Swell, Interruption, Hysteresis float64
	// RapidChange is how far from its mean of a second the voltage must go for a rapid
	// voltage change; zero takes 0.05.  Half of it ends the change.
	RapidChange float64

	// Harmonics asks for the groups of IEC 61000-4-7, and Flicker for that of 61000-4-15
	// by the lamp of the nominal voltage nearest: 230 V, or 120 V below 160 V.
	Harmonics, Flicker bool
	// Signal is the frequency of mains signalling to be looked for, in Hz; zero: none.  It
	// needs Harmonics.
	Signal float64
	// Captures are the samples to be kept around disturbances.
	Captures Captures
}

func (c *Config) fill() error {
	or := func(v *float64, usual float64) {
		if *v == 0 {
			*v = usual
		}
	}
	or(&c.Nominal, 230)
	or(&c.Frequency, 50)
	or(&c.Dip, 0.90)
	or(&c.Swell, 1.10)
	or(&c.Interruption, 0.05)
	or(&c.Hysteresis, 0.02)
	or(&c.RapidChange, 0.05)
	if c.Phases == 0 {
		c.Phases = 1
	}
	switch {
	case c.Phases < 1 || c.Phases > MaxPhases:
		return fmt.Errorf("voltage: %d phases, not 1 to %d", c.Phases, MaxPhases)
	case !(c.Rate >= 500 && c.Rate <= 200_000):
		return fmt.Errorf("voltage: %v samples per second, not 500 to 200000", c.Rate)
	case c.Frequency != 50 && c.Frequency != 60:
		return fmt.Errorf("voltage: a mains frequency of %v Hz, not 50 or 60", c.Frequency)
	case !(c.Nominal > 0) || math.IsInf(c.Nominal, 0):
		return fmt.Errorf("voltage: a nominal voltage of %v V; write 230, or 120", c.Nominal)
	case !(0 < c.Interruption && c.Interruption+c.Hysteresis < c.Dip && c.Dip+c.Hysteresis < c.Swell-c.Hysteresis && c.Hysteresis > 0):
		return fmt.Errorf("voltage: limits of %v, %v and %v with a hysteresis of %v do not leave room for a good voltage", c.Interruption, c.Dip, c.Swell, c.Hysteresis)
	case c.Signal != 0 && !(c.Signal > 1.1*c.Frequency && c.Signal < 0.45*c.Rate):
		return fmt.Errorf("voltage: a signal of %v Hz, not above the mains and below %v Hz", c.Signal, 0.45*c.Rate)
	case c.Captures.Most < 0 || c.Captures.Most > 500 || c.Captures.Before < 0 || c.Captures.Before > 10 || c.Captures.After < 0 || c.Captures.After > 500:
		return fmt.Errorf("voltage: captures of %+v cycles: at most 10 before, and 500 in all", c.Captures)
	case c.Flicker && c.Rate < flicker.Least:
		return fmt.Errorf("voltage: flicker needs %d samples a second, not %v", flicker.Least, c.Rate)
	case !(c.RapidChange > 0 && c.RapidChange < 1):
		return fmt.Errorf("voltage: a rapid change of %v, not a part of the nominal voltage such as 0.05", c.RapidChange)
	}
	return nil
}

// cycles is how many a value has: 10 at 50 Hz, 12 at 60 Hz, 200 ms.
func (c *Config) cycles() int { return int(c.Frequency / 5) }

// The grids of the clock.
const (
	tenMinutes = 10 * time.Minute
	tenSeconds = 10 * time.Second
)

// lamp is the one that flickers.
func (c *Config) lamp() flicker.Lamp {
	if c.Nominal < 160 {
		return flicker.Lamp120(c.Frequency)
	}
	return flicker.Lamp230(c.Frequency)
}
