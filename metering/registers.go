package metering

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Limits is what the supply can do, so that a fault of the meter can be told
// from consumption.
type Limits struct {
	// MaxGap is the longest time between two samples over which power is
	// integrated, and over which register energy counts as measured in time.
	MaxGap time.Duration
	// MaxPower is the most the supply can carry (the main fuse); a register that moves
	// more than a quarter faster has jumped, and a power that is more than a quarter above
	// it is no reading of power.  Zero is no limit.
	MaxPower units.Power
	// Wrap is where the registers begin again at zero; zero takes each sample's.
	Wrap units.Energy
	// Slack is how old a meter's registers may be when it shows them.
	Slack time.Duration
}

// carries is the most the supply can carry, that of DefaultLimits where it is not known.
func (l Limits) carries() units.Power {
	if l.MaxPower <= 0 {
		return DefaultLimits().MaxPower
	}
	return l.MaxPower
}

// DefaultLimits are right for a house on one 100 A phase whose meter is read
// every few seconds.
func DefaultLimits() Limits {
	return Limits{MaxGap: 2 * time.Minute, MaxPower: 25 * units.Kilowatt, Slack: 15 * time.Second}
}

// unknownStep is taken for the resolution of a register whose driver does not
// know it.
const unknownStep = 10 * units.WattHour

// clockTrust is how much time may have passed between two samples when the
// clock went back between them and nobody knows.
const clockTrust = 24 * time.Hour

// Registers is the integrator's state: what has been counted so far and where
// the meter's own registers stood then.  The zero value has counted nothing.
// It survives a round trip through encoding/json exactly.
type Registers struct {
	// Import and Export are all that has been counted since the beginning,
	// whatever meters counted it.  They never go down.
	Import units.Energy `json:"import"`
	Export units.Energy `json:"export"`
	// Periods are the parts of Import and Export by tariff period, as Book was
	// told, sorted by name.
	Periods []PeriodRegister `json:"periods"`

	At     time.Time `json:"at"`     // of the last sample; zero before the first
	Device string    `json:"device"` // last identity told

	// Power is what the meter told last, at PowerAt; a message without power
	// does not take it back before it is too old.
	Power    units.Power `json:"power"`
	HasPower bool        `json:"has_power"`
	PowerAt  time.Time   `json:"power_at"`
	// Absurd: the last power told cannot be true, and an Event has said so.
	Absurd bool `json:"absurd"`

	Reactive    units.Power `json:"reactive"` // of the last sample, mvar
	HasReactive bool        `json:"has_reactive"`

	ImportCounter Counter `json:"import_counter"`
	ExportCounter Counter `json:"export_counter"`

	// Flow is what the registers say of the power.
	Flow Flow `json:"flow"`
}

// PeriodRegister is what was counted while one tariff period was in force.
type PeriodRegister struct {
	Period string       `json:"period"`
	Import units.Energy `json:"import"`
	Export units.Energy `json:"export"`
}

// Consumption is energy that passed the meter in [From, To).  From and To are
// equal where the time is not known (first sample, clock put back).
type Consumption struct {
	From     time.Time    `json:"from"`
	To       time.Time    `json:"to"`
	Import   units.Energy `json:"import"`
	Export   units.Energy `json:"export"`
	Reactive units.Energy `json:"reactive"` // kvarh of either sign, where the meter tells reactive power
	Quality  Quality      `json:"quality"`
}

// Take counts one sample: the state after it, what was used since the sample
// before, and what happened on the way.  Samples come in the order in which
// they were read, also where the clock went back meanwhile.
//
// With a register the difference is the truth, however long the silence was.
// Where a register is missing, or stands where consumption cannot have taken
// it, power is integrated by the trapezoid rule between samples at most
// lim.MaxGap apart; what the register tells later is charged less that.
// No Consumption is ever negative.
func (r Registers) Take(s Sample, lim Limits) (Registers, Consumption, []Event) {
	at := s.At.UTC()
	c := Consumption{From: at, To: at, Quality: s.Quality}
	var events []Event

	step := step{at: at, s: s, lim: lim}
	switch {
	case r.At.IsZero():
		step.first = true
	case at.Before(r.At):
		c.Quality |= ClockChanged
		step.clockBack = true
		events = append(events, Event{Kind: ClockBack, Start: at, Duration: r.At.Sub(at)})
	default:
		c.From = r.At
		step.dt = at.Sub(r.At)
	}
	gap := step.dt > lim.MaxGap
	if gap {
		events = append(events, Event{Kind: MeterGap, Start: r.At, Duration: step.dt})
	}
	if s.Device != "" {
		if r.Device != "" && s.Device != r.Device {
			c.Quality |= DeviceChanged
			events = append(events, Event{
				Kind: MeterReplaced, Start: at, Device: s.Device,
				Before: r.ImportCounter.Value, After: s.Import,
			})
			r.ImportCounter = r.ImportCounter.left(r.Device, at)
			r.ExportCounter = r.ExportCounter.left(r.Device, at)
			r.Flow = Flow{}
		}
		r.Device = s.Device
	}
	told := lim.believes(s.Gives(HasPower), s.Power)
	switch {
	case told:
		r.Absurd = false
	case s.Gives(HasPower):
		if !r.Absurd {
			events = append(events, Event{Kind: PowerAbsurd, Start: at, Power: s.Power})
		}
		r.Absurd = true
	}

	power, known := r.powerAt(s, told, lim)
	before, knew := r.Power, lim.believes(r.HasPower, r.Power)
	byPower := known && knew && step.dt > 0 && !gap
	var powerIn, powerOut units.Energy
	if byPower {
		powerIn, powerOut = trapezoid(before, power, step.dt)
	}
	step.powered = known
	var in, out outcome
	r.ImportCounter, in = r.ImportCounter.take(step, s.Gives(HasImport), s.Import, powerIn, false)
	r.ExportCounter, out = r.ExportCounter.take(step, s.Gives(HasExport), s.Export, powerOut, true)
	c.Import, c.Export = in.energy, out.energy
	events = append(append(events, in.events...), out.events...)
	c.Quality |= in.quality | out.quality
	if s.Gives(HasPower) && !told && !in.fromRegister {
		c.Quality |= Suspect
	}
	if in.stood || out.stood {
		c.From = at
	}
	switch {
	case step.first || step.clockBack:
	case in.fromRegister && gap:
		c.Quality |= Estimated
	case !in.fromRegister && !byPower && step.dt > 0:
		c.Quality |= Gap
	}

	r.Import += c.Import
	r.Export += c.Export
	if reactive := units.Power(s.Reactive); step.dt > 0 && !gap &&
		lim.believes(s.Gives(HasReactive), reactive) && lim.believes(r.HasReactive, r.Reactive) {
		inductive, capacitive := trapezoid(r.Reactive, reactive, step.dt)
		c.Reactive = inductive + capacitive
	}
	r.Flow = r.Flow.take(flowStep{
		step: step, gap: gap || step.first || step.clockBack, in: in, out: out,
		known: known && knew, least: min(before, power), most: max(before, power), dark: at.Sub(r.PowerAt),
	})
	r.At, r.Power, r.HasPower = at, power, known
	if told {
		r.PowerAt = at
	}
	if !known {
		r.PowerAt = time.Time{}
	}
	r.Reactive, r.HasReactive = units.Power(s.Reactive), s.Gives(HasReactive)
	return r, c, events
}

// powerAt is the power that holds at a sample: its own, or where it tells none
// the one told before, while that is not too old.  A power that cannot be true
// ends it.
func (r Registers) powerAt(s Sample, told bool, lim Limits) (units.Power, bool) {
	age := s.At.Sub(r.PowerAt)
	switch {
	case told:
		return s.Power, true
	case s.Gives(HasPower), !r.HasPower, r.PowerAt.IsZero(), age < 0, age > lim.MaxGap:
		return 0, false
	}
	return r.Power, true
}

// Book adds c to the register of the tariff period that was in force.
func (r Registers) Book(period string, c Consumption) Registers {
	i, found := slices.BinarySearchFunc(r.Periods, period, func(p PeriodRegister, name string) int {
		switch {
		case p.Period < name:
			return -1
		case p.Period > name:
			return 1
		}
		return 0
	})
	r.Periods = slices.Clone(r.Periods) // the caller keeps the state before
	if !found {
		r.Periods = slices.Insert(r.Periods, i, PeriodRegister{Period: period})
	}
	r.Periods[i].Import += c.Import
	r.Periods[i].Export += c.Export
	return r
}

// trapezoid is the energy imported and exported while power went from a to b
// in a straight line over d.
func trapezoid(a, b units.Power, d time.Duration) (in, out units.Energy) {
	if (a < 0) != (b < 0) && a != 0 && b != 0 {
		// It passes zero after the share |a|/(|a|+|b|) of the time.
		pa, pb := max(a, -a), max(b, -b)
		ta := time.Duration(units.MulDiv(int64(d), int64(pa), int64(pa+pb)))
		first, second := half(pa.Over(ta)), half(pb.Over(d-ta))
		if a > 0 {
			return first, second
		}
		return second, first
	}
	// Twice the mean over half the time keeps the odd milliwatt.
	e := units.Energy(units.MulDiv(int64(a+b), int64(d), 2*int64(time.Millisecond)))
	if e < 0 {
		return 0, -e
	}
	return e, 0
}

func half(e units.Energy) units.Energy { return e.Part(1, 2) }
