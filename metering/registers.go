package metering

import (
	"math"
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
	// MaxPower is the most the supply can carry (the main fuse); a register
	// that moves faster has jumped.  Zero is no limit.
	MaxPower units.Power
	// Slack is how old a meter's registers may be when it shows them.
	Slack time.Duration
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

	Power    units.Power `json:"power"` // of the last sample
	HasPower bool        `json:"has_power"`

	Reactive    units.Power `json:"reactive"` // of the last sample, mvar
	HasReactive bool        `json:"has_reactive"`

	ImportCounter Counter `json:"import_counter"`
	ExportCounter Counter `json:"export_counter"`
}

// PeriodRegister is what was counted while one tariff period was in force.
type PeriodRegister struct {
	Period string       `json:"period"`
	Import units.Energy `json:"import"`
	Export units.Energy `json:"export"`
}

// Counter is where one of the meter's registers was last believed.
type Counter struct {
	Known bool         `json:"known"` // a value has been believed
	At    time.Time    `json:"at"`    // when
	Value units.Energy `json:"value"`
	// Ahead is energy counted from power since Value was read; the next
	// difference of the register is charged less this.
	Ahead units.Energy `json:"ahead"`
	// Odd is set while the last value cannot have come from consumption.  The
	// next sample decides: back where it was, or a new base.
	Odd      bool         `json:"odd"`
	OddAt    time.Time    `json:"odd_at"`
	OddValue units.Energy `json:"odd_value"`
}

// Consumption is energy that passed the meter in [From, To).  From and To are
// equal where the time is not known (first sample, clock put back).
type Consumption struct {
	From     time.Time    `json:"from"`
	To       time.Time    `json:"to"`
	Import   units.Energy `json:"import"`
	Export   units.Energy `json:"export"`
	Reactive units.Energy `json:"reactive,omitempty"` // kvarh of either sign, where the meter tells reactive power
	Quality  Quality      `json:"quality,omitempty"`
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
			r.ImportCounter, r.ExportCounter = Counter{}, Counter{}
		}
		r.Device = s.Device
	}

	byPower := lim.believes(s.Gives(HasPower), s.Power) && lim.believes(r.HasPower, r.Power) && step.dt > 0 && !gap
	var powerIn, powerOut units.Energy
	if byPower {
		powerIn, powerOut = trapezoid(r.Power, s.Power, step.dt)
	}
	var in, out outcome
	r.ImportCounter, in = r.ImportCounter.take(step, s.Gives(HasImport), s.Import, powerIn, false)
	r.ExportCounter, out = r.ExportCounter.take(step, s.Gives(HasExport), s.Export, powerOut, true)
	c.Import, c.Export = in.energy, out.energy
	events = append(append(events, in.events...), out.events...)
	c.Quality |= in.quality | out.quality
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
	r.At, r.Power, r.HasPower = at, s.Power, s.Gives(HasPower)
	r.Reactive, r.HasReactive = units.Power(s.Reactive), s.Gives(HasReactive)
	return r, c, events
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

// step is what both counters need to know of the sample.
type step struct {
	at        time.Time
	dt        time.Duration // since the last sample; zero where not known
	first     bool
	clockBack bool
	s         Sample
	lim       Limits
}

type outcome struct {
	energy       units.Energy
	fromRegister bool // the register was believed, so the energy is complete up to this sample
	quality      Quality
	events       []Event
}

// take counts one register.  power is the energy that the trapezoid rule gives
// for the same time.
func (c Counter) take(st step, has bool, v, power units.Energy, export bool) (Counter, outcome) {
	if !has || !c.Known {
		// By power alone.  Where a register was there before, remember what was
		// charged, so that its next difference is not charged twice.
		o := outcome{energy: power}
		if c.Known {
			c.Ahead += power
		}
		if has && v >= 0 {
			c = Counter{Known: true, At: st.at, Value: v}
		}
		return c, o
	}
	if delta, wrapped, ok := c.moved(st, c.At, c.Value, v); ok {
		o := outcome{fromRegister: true}
		switch {
		case c.Odd:
			o.events = append(o.events, Event{Kind: RegisterRecovered, Start: st.at, Before: c.OddValue, After: v, Export: export})
		case wrapped:
			o.events = append(o.events, Event{Kind: RegisterWrapped, Start: st.at, Before: c.Value, After: v, Export: export})
		}
		ahead := max(0, c.Ahead-delta)
		o.energy = delta - (c.Ahead - ahead)
		if delta == 0 && v < c.Value {
			v = c.Value // trembling within one step: do not count it up again
		}
		return Counter{Known: true, At: st.at, Value: v, Ahead: ahead}, o
	}
	if c.Odd {
		if delta, _, ok := c.moved(st, c.OddAt, c.OddValue, v); ok {
			return Counter{Known: true, At: st.at, Value: v}, outcome{
				energy: delta, fromRegister: true, quality: Suspect,
				events: []Event{{Kind: RegisterRebased, Start: st.at, Before: c.Value, After: c.OddValue, Export: export}},
			}
		}
	}
	kind := RegisterJump
	if v < c.Value {
		kind = RegisterBackwards
	}
	ev := Event{Kind: kind, Start: st.at, Before: c.Value, After: v, Export: export}
	c.Odd, c.OddAt, c.OddValue = true, st.at, v
	c.Ahead += power
	return c, outcome{energy: power, quality: Suspect, events: []Event{ev}}
}

// moved tells how far a register went from (at0, v0) to v now, and whether
// consumption can have taken it there.
func (c Counter) moved(st step, at0 time.Time, v0, v units.Energy) (delta units.Energy, wrapped, ok bool) {
	resolution := st.s.Step
	if resolution <= 0 {
		resolution = unknownStep
	}
	elapsed := st.at.Sub(at0)
	if st.clockBack || elapsed < 0 {
		elapsed = clockTrust
	}
	most := units.Energy(math.MaxInt64)
	if st.lim.MaxPower > 0 {
		most = st.lim.MaxPower.Over(elapsed+st.lim.Slack) + 2*resolution
		if most < 0 { // beyond the range
			most = math.MaxInt64
		}
	}
	if v < 0 {
		return 0, false, false
	}
	switch d := v - v0; {
	case d >= 0:
		return d, false, d <= most
	case -d <= st.s.Step:
		return 0, false, true
	}
	if w := st.s.Wrap; w > 0 && v0 < w && v < w {
		d := w - v0 + v
		return d, true, d <= min(most, w/4)
	}
	return 0, false, false
}

// believes tells whether a power can be true on this supply.
func (l Limits) believes(has bool, p units.Power) bool {
	return has && (l.MaxPower <= 0 || (p <= l.MaxPower && p >= -l.MaxPower))
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
