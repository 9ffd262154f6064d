package loads

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// RangeDocument is what a load of kind power can be told to draw: from Min to Max, or
// one of Steps.  Amperes are those of each phase.
type RangeDocument struct {
	// The least while it is on, as a current of each phase or a power.
	// Example: 6 A
	Min Level `yaml:"min"`
	// The most that it can be told, as a current of each phase or a power.
	// Example: 16 A
	Max Level `yaml:"max"`
	// What lies between two values that it can be told. Left out: any value.
	// Example: 1 A
	Step Level `yaml:"step"`
	// In place of min, max and step: the values that there are.
	// Example: [6 A, 10 A, 16 A]
	Steps []Level `yaml:"steps"`
	// Phases that a current is drawn of, 1 to 3.
	// Default: 1
	// Example: 3
	Phases int `yaml:"phases"`
	// Voltage of a phase to neutral, by which currents become powers.
	// Default: 230 V
	// Example: 230 V
	Volts units.Voltage `yaml:"volts"`
}

// Level is a power, or the current of each phase.
type Level struct {
	Power   units.Power
	Current units.Current // where it was written in amperes
}

// SetText reads "1400 W" or "6 A".
func (l *Level) SetText(s string) (err error) {
	*l = Level{}
	if strings.HasSuffix(strings.TrimSpace(s), "A") {
		l.Current, err = units.ParseCurrent(s)
	} else {
		l.Power, err = units.ParsePower(s)
	}
	if err != nil {
		return fmt.Errorf("%q is not a power such as 1400 W or a current such as 6 A", s)
	}
	return nil
}

func (l Level) String() string {
	if l.Current != 0 {
		return strconv.FormatFloat(float64(l.Current)/1000, 'f', -1, 64) + " A"
	}
	return l.Power.String()
}

func (l Level) isZero() bool { return l == Level{} }

const (
	// leastCurrent is the least that a car can be told to take; below it is a pause
	// (IEC 61851-1, the duty cycle of the control pilot).
	leastCurrent = 6_000 // mA
	usualVolts   = 230_000
)

// PerAmpere is the power of an ampere on all phases.
func (r RangeDocument) PerAmpere() units.Power {
	volts := r.Volts
	if volts == 0 {
		volts = usualVolts
	}
	return units.Power(int64(volts) * int64(max(r.Phases, 1))) // mV x A is mW
}

func (r RangeDocument) power(l Level) units.Power {
	if l.Current != 0 {
		return units.Power(units.MulDiv(int64(l.Current), int64(r.PerAmpere()), 1000))
	}
	return l.Power
}

// Powers are what the load can be told, by rising power.
func (r RangeDocument) Powers() []PowerRange {
	if len(r.Steps) == 0 {
		return []PowerRange{{From: r.power(r.Min), To: r.power(r.Max), Step: r.power(r.Step)}}
	}
	out := make([]PowerRange, 0, len(r.Steps))
	for _, s := range r.Steps {
		out = append(out, PowerRange{From: r.power(s), To: r.power(s)})
	}
	return out
}

// inAmperes tells whether any of it is written in amperes: then who wrote it knows of phases.
func (r RangeDocument) inAmperes() bool {
	return slices.ContainsFunc(append([]Level{r.Min, r.Max, r.Step}, r.Steps...), func(l Level) bool { return l.Current != 0 })
}

// least is the least that it can be told.
func (r RangeDocument) least() units.Power {
	least := r.Powers()[0].From
	for _, p := range r.Powers() {
		least = min(least, p.From)
	}
	return least
}

func (r RangeDocument) check() fault.List {
	var l fault.List
	level := func(path string, v Level) {
		switch p := r.power(v); {
		case p <= 0 || p > maxPower:
			l.Add(path, "write e.g. 6 A or 1400 W", "%v is not the power of a load", p)
		case v.Current != 0 && v.Current < leastCurrent:
			l.Add(path, "write 6 A or more; what is slower is had by pausing", "no car can be told less than 6 A")
		}
	}
	if r.Phases < 0 || r.Phases > 3 {
		l.Add("phases", "write 1, 2 or 3", "%d is not a number of phases", r.Phases)
	}
	if r.Volts != 0 && (r.Volts < 50_000 || r.Volts > 500_000) {
		l.Add("volts", "write the voltage from a phase to neutral, e.g. 230 V", "%v V is not the voltage of a house", float64(r.Volts)/1000)
	}
	if len(l) > 0 {
		return l // what amperes are is not known
	}
	if len(r.Steps) > 0 {
		if !r.Min.isZero() || !r.Max.isZero() || !r.Step.isZero() {
			l.Add("steps", "keep steps, or min, max and step", "the powers are given twice")
		}
		for i, s := range r.Steps {
			at := fmt.Sprintf("steps[%d]", i)
			if level(at, s); i > 0 && r.power(s) <= r.power(r.Steps[i-1]) {
				l.Add(at, "write them from the least to the greatest", "%v does not come after %v", r.power(s), r.power(r.Steps[i-1]))
			}
		}
		return l
	}
	if r.Min.isZero() {
		l.Add("min", "write the least that it can be told while it is on, e.g. min: 6 A or min: 1400 W", "from which power on it can be told is not given")
	} else {
		level("min", r.Min)
	}
	if r.Max.isZero() {
		l.Add("max", "write the greatest, e.g. max: 16 A or max: 3700 W", "up to which power it can be told is not given")
	} else {
		level("max", r.Max)
	}
	if len(l) == 0 && r.power(r.Max) < r.power(r.Min) {
		l.Add("max", "write the greatest power there", "%v is less than min, which is %v", r.power(r.Max), r.power(r.Min))
	}
	step := r.power(r.Step)
	if !r.Step.isZero() && (step <= 0 || step > maxPower) {
		l.Add("step", "write e.g. 1 A or 100 W, or leave it out", "%v is not a step", step)
	}
	if len(l) == 0 && step > 0 {
		// A mW is lost where an ampere is no whole number of them.
		if rest := (r.power(r.Max) - r.power(r.Min)) % step; rest > 1 && rest < step-1 {
			l.Add("step", "write a step that leads from min to max, or leave it out", "in steps of %v from %v it is never told %v", r.Step, r.Min, r.Max)
		}
	}
	return l
}

// OptionalDocument makes a need one that is had only where it is cheap.
type OptionalDocument struct {
	// It runs only where a kWh costs less, all in, in the account's unit.
	// Example: 1.2
	Below *units.Price `yaml:"below"`
}

// LateDocument lets a load be done later than ReadyBy where that is worth it.
type LateDocument struct {
	// At most so long after ready_by.
	// Example: 2h
	UpTo time.Duration `yaml:"up_to"`
	// What an hour of running after ready_by counts as, in the account's unit: it is done later where that
	// saves more.
	// Example: 5
	PerHour units.Money `yaml:"per_hour"`
}

func (d LateDocument) check() fault.List {
	var l fault.List
	if d.UpTo < time.Minute || d.UpTo > 12*time.Hour || d.UpTo%time.Minute != 0 {
		l.Add("up_to", "write whole minutes up to 12h, e.g. 2h", "%v is not how late a load can be", d.UpTo)
	}
	if d.PerHour <= 0 {
		l.Add("per_hour", "write what an hour of it is worth to you, e.g. 5.00", "being late costs %v an hour", d.PerHour)
	}
	return l
}
