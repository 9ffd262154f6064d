package metering

import (
	"slices"

	"github.com/keeplit/keeplit/internal/units"
)

// Complete fills in what follows from the rest: totals from the phases, and
// the one phase from the totals.  It adds nothing where anything is missing.
func (s Sample) Complete() Sample {
	if len(s.Phases) == 0 {
		p := Phase{
			Has:     s.Has & (HasVoltage | HasCurrent | HasPower | HasReactive | HasApparent),
			Voltage: s.Voltage, Current: s.Current, Power: s.Power, Reactive: s.Reactive, Apparent: s.Apparent,
		}
		if s.Gives(HasVoltage) || s.Gives(HasCurrent) {
			s.Phases = []Phase{p}
			s.Has |= HasPhases
		}
		return s
	}
	s.Has |= HasPhases
	all := ^Fields(0)
	var voltage units.Voltage
	var current units.Current
	var power units.Power
	var reactive, apparent int64
	live := 0
	for _, p := range s.Phases {
		all &= p.Has
		if p.Has&HasVoltage != 0 {
			voltage += p.Voltage
			live++
		}
		current += p.Current
		power += p.Power
		reactive += p.Reactive
		apparent += p.Apparent
	}
	fill := func(f Fields, set func()) {
		if !s.Gives(f) && all&f != 0 {
			set()
			s.Has |= f
		}
	}
	fill(HasVoltage, func() { s.Voltage = voltage / units.Voltage(live) })
	fill(HasCurrent, func() { s.Current = current })
	fill(HasPower, func() { s.Power = power })
	fill(HasReactive, func() { s.Reactive = reactive })
	fill(HasApparent, func() { s.Apparent = apparent })
	return s
}

// What no meter of a house or a small business can show.  They are wide, and
// there to refuse garbage, not to judge the supply.
const (
	maxVoltage   units.Voltage   = 1_000_000      // 1 kV
	maxCurrent   units.Current   = 20_000_000     // 20 kA
	maxPower     units.Power     = 10_000_000_000 // 10 MW
	maxFrequency units.Frequency = 1_000_000      // 1 kHz
	// maxRegister is less than what can be counted: beyond that a register would stand
	// still for ever.
	maxRegister = 2_500_000 * units.KilowattHour
)

// Believed is s without what this supply cannot carry: a power far above the
// main fuse, and a current that only such a power has.  Where something was
// taken out the sample is Suspect.
func (s Sample) Believed(lim Limits) Sample {
	if lim.MaxPower <= 0 {
		return s
	}
	most := units.Current(units.MulDiv(int64(lim.most()), 1000, leastVoltage))
	drop := func(has *Fields, f Fields, absurd bool) bool {
		if *has&f == 0 || !absurd {
			return false
		}
		*has &^= f
		s.Quality |= Suspect
		return true
	}
	if drop(&s.Has, HasPower, !lim.believes(true, s.Power)) {
		s.Power = 0
	}
	if drop(&s.Has, HasReactive, !lim.believes(true, units.Power(s.Reactive))) {
		s.Reactive = 0
	}
	if drop(&s.Has, HasApparent, !lim.believes(true, units.Power(s.Apparent))) {
		s.Apparent = 0
	}
	if drop(&s.Has, HasCurrent, abs(s.Current) > most) {
		s.Current = 0
	}
	s.Phases = slices.Clone(s.Phases)
	for i := range s.Phases {
		p := &s.Phases[i]
		if drop(&p.Has, HasPower, !lim.believes(true, p.Power)) {
			p.Power = 0
		}
		if drop(&p.Has, HasCurrent, abs(p.Current) > most) {
			p.Current = 0
		}
	}
	return s
}

// leastVoltage is that of the lowest supplies, in mV, in a sag.
const leastVoltage = 90_000

// maxDevice is longer than any meter's identity: it is stored with the state, and
// again with each change of it.
const maxDevice = 200

// Sane is nil where every value of s can be shown by some meter, else an Error
// of code Range that names the value.
func (s Sample) Sane(op string) error {
	bad := func(what string, v int64, unit string) error {
		return Fail(Range, op, "check the wiring and the meter's model in the configuration", "%s is %d %s", what, v, unit)
	}
	beyond := func(what string) error {
		return Fail(Range, op, "check its scale (is it told in Wh?) and the meter's model in the configuration", "%s register is beyond 2500000 kWh", what)
	}
	switch {
	case s.Gives(HasImport) && s.Import > maxRegister:
		return beyond("import")
	case s.Gives(HasExport) && s.Export > maxRegister:
		return beyond("export")
	case s.Import < 0:
		return bad("import register", int64(s.Import), "uJ")
	case s.Export < 0:
		return bad("export register", int64(s.Export), "uJ")
	case abs(s.Power) > maxPower:
		return bad("power", int64(s.Power), "mW")
	case s.Voltage < 0 || s.Voltage > maxVoltage:
		return bad("voltage", int64(s.Voltage), "mV")
	case abs(s.Current) > maxCurrent:
		return bad("current", int64(s.Current), "mA")
	case s.Frequency < 0 || s.Frequency > maxFrequency:
		return bad("frequency", int64(s.Frequency), "mHz")
	case len(s.Device) > maxDevice:
		return bad("length of the meter's identity", int64(len(s.Device)), "bytes")
	}
	for _, p := range s.Phases {
		switch {
		case p.Voltage < 0 || p.Voltage > maxVoltage:
			return bad("phase voltage", int64(p.Voltage), "mV")
		case abs(p.Current) > maxCurrent:
			return bad("phase current", int64(p.Current), "mA")
		case abs(p.Power) > maxPower:
			return bad("phase power", int64(p.Power), "mW")
		}
	}
	return nil
}

func abs[T ~int64](v T) T { return max(v, -v) }
