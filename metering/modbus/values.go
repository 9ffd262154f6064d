package modbus

import (
	"math"
	"math/bits"
	"strings"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// number is a register's value: exact where it is an integer.
type number struct {
	integer int64
	float   float64
	isFloat bool
}

// decode takes the number out of its words; ok is false where they say that there
// is none: no finite number, one beyond any meter, or what a meter writes for a
// value that it has not (0x8000, 0xFFFFFFFF and the like).
func (r register) decode(w []uint16) (n number, ok bool) {
	n, ok = r.plain(w)
	if n.nought() && r.otherwise(w) == "" {
		return number{isFloat: true}, true // as the mean of a power that is gone has it, in a meter
	}
	return n, ok
}

// plain is decode that takes a float nearer to zero than anything measured for none.
func (r register) plain(w []uint16) (n number, ok bool) {
	raw := r.raw(w)
	width := 16 * len(w)
	for _, a := range r.absent {
		if raw == uint64(a)&(math.MaxUint64>>(64-width)) {
			return number{}, false
		}
	}
	switch r.kind {
	case float32be:
		return finite(float64(math.Float32frombits(uint32(raw))))
	case float64be:
		return finite(math.Float64frombits(raw))
	case signed16, signed32, signed64:
		return number{integer: int64(raw<<(64-width)) >> (64 - width)}, raw != 1<<(width-1)
	case unsigned16, unsigned32, unsigned64:
		return number{integer: int64(raw)}, raw < math.MaxInt64 && raw != math.MaxUint64>>(64-width)
	}
	return number{}, false
}

// raw are its words in one, the highest first.
func (r register) raw(w []uint16) (raw uint64) {
	for i := range w {
		v := w[i]
		if r.lowFirst {
			v = w[len(w)-1-i]
		}
		if r.swapped {
			v = bits.ReverseBytes16(v)
		}
		raw = raw<<16 | uint64(v)
	}
	return raw
}

func finite(f float64) (number, bool) {
	n := number{float: f, isFloat: true}
	return n, !math.IsNaN(f) && !math.IsInf(f, 0) && !n.nought()
}

// energy is the number in microjoules, and the step to its neighbour.
func (r register) energy(n number) (e, step units.Energy) {
	const per = int64(units.KilowattHour) / one // uJ in a billionth of a kWh
	if !n.isFloat {
		return units.Energy(units.MulDiv(n.integer, r.scale*per, 1)), units.Energy(max(r.scale, -r.scale) * per)
	}
	scale := float64(r.scale) / one
	ulp := math.Nextafter(n.float, math.MaxFloat64) - n.float
	if r.kind == float32be {
		ulp = float64(math.Nextafter32(float32(n.float), math.MaxFloat32)) - n.float
	}
	return units.FromKWh(n.float * scale), units.FromKWh(ulp * math.Abs(scale))
}

// milli is the number in thousandths of its unit.
func (r register) milli(n number) int64 {
	if !n.isFloat {
		return units.MulDiv(n.integer, r.scale, one/1000)
	}
	return int64(units.FromW(n.float * float64(r.scale) / one))
}

// words are what registers say, by where they are.
type words map[place]uint16

type place struct {
	holding bool
	address int
}

func (w words) put(holding bool, address int, values []uint16) {
	for i, v := range values {
		w[place{holding, address + i}] = v
	}
}

// at are n words from a place on; ok is false where one of them was not told.
func (w words) at(holding bool, address, n int) (out []uint16, ok bool) {
	out = make([]uint16, n)
	for i := range out {
		if out[i], ok = w[place{holding, address + i}]; !ok {
			return nil, false
		}
	}
	return out, true
}

// lack is a value that was not given.
type lack int

const (
	given   lack = iota
	unasked      // its register was not told
	unsaid       // the register says that there is no value
)

// maxExponent is that of SunSpec's scale factors.
const maxExponent = 10

// number is what a register says.
func (w words) number(r register) (register, number, lack) {
	raw, ok := w.at(r.holding, r.address, r.kind.words())
	if !ok {
		return r, number{}, unasked
	}
	if r.exponent != nil {
		e, ok := w.at(r.holding, *r.exponent, 1)
		if !ok {
			return r, number{}, unasked
		}
		ten := int16(e[0])
		if ten < -maxExponent || ten > maxExponent {
			return r, number{}, unsaid
		}
		for ; ten > 0; ten-- {
			if r.scale *= 10; max(r.scale, -r.scale) > mostScale {
				return r, number{}, unsaid
			}
		}
		for ; ten < 0; ten++ {
			if r.scale%10 != 0 {
				return r, number{}, unsaid
			}
			r.scale /= 10
		}
	}
	n, ok := r.decode(raw)
	if !ok {
		return r, n, unsaid
	}
	return r, n, given
}

// mostScale keeps a microjoule of it within 64 bits.
const mostScale = 1_000_000 * one

// amount is one value: its register, or the sum of its registers.
type amount struct {
	v    int64        // microjoules of an energy, thousandths of the rest
	step units.Energy // of an energy
}

// amount adds up the registers of a value; where one is lacking there is none.
func (m Model) amount(w words, value string) (total amount, why lack) {
	for _, r := range m.registers {
		if r.value != value {
			continue
		}
		r, n, l := w.number(r)
		if l != given {
			return amount{}, l
		}
		part := amount{v: r.milli(n)}
		if r.rank() == 0 {
			e, step := r.energy(n)
			part = amount{int64(e), step}
		}
		if s := total.v + part.v; (s < total.v) != (part.v < 0) { // beyond the range
			return amount{}, unsaid
		}
		total.v, total.step = total.v+part.v, max(total.step, part.step)
	}
	return total, given
}

// gather is what the registers say: all of it that is told, and that a meter can
// show.  lacks are the values, and why they are not told.  Energy and power are
// taken as they are told, however absurd: whoever takes the sample refuses it.
func (m Model) gather(w words) (s metering.Sample, lacks map[string]lack) {
	lacks = map[string]lack{}
	var step units.Energy
	for _, r := range m.registers {
		if r.value == "" {
			continue
		}
		if _, done := lacks[r.value]; done {
			continue
		}
		a, why := m.amount(w, r.value)
		if why == given && r.rank() == 2 {
			probe := metering.Sample{}
			if put(&probe, r.value, a.v); probe.Sane("") != nil {
				why = unsaid
			}
		}
		if lacks[r.value] = why; why == given {
			put(&s, r.value, a.v)
			step = max(step, a.step)
		}
	}
	unwired(&s, lacks)
	if s.Has&(metering.HasImport|metering.HasExport) != 0 {
		s.Step, s.Wrap = max(step, m.leastStep), m.wrap
	}
	return s, lacks
}

// unwired has the sample tell of each phase that the meter has, so that the others
// are not taken for all of it; but not of one that the meter itself says is none.
func unwired(s *metering.Sample, lacks map[string]lack) {
	known := [4]bool{} // the phase has a register that is not known to be without a value
	for value, why := range lacks {
		if _, phase := split(value); why != unsaid {
			known[phase] = true
		}
	}
	total := lacks["power"]
	if _, has := lacks["power"]; !has {
		total = unasked
	}
	for value := range lacks {
		if _, phase := split(value); phase > len(s.Phases) && (known[phase] || total != given) {
			s.Phases = append(s.Phases, make([]metering.Phase, phase-len(s.Phases))...)
		}
	}
}

// split takes a value such as power_2 apart.
func split(value string) (name string, phase int) {
	name, digit, ok := strings.Cut(value, "_")
	if ok {
		phase = int(digit[0] - '0')
	}
	return name, phase
}

// put puts a value into its place.
func put(s *metering.Sample, value string, v int64) {
	name, phase := split(value)
	if phase == 0 {
		switch name {
		case "import":
			s.Import, s.Has = units.Energy(v), s.Has|metering.HasImport
		case "export":
			s.Export, s.Has = units.Energy(v), s.Has|metering.HasExport
		case "power":
			s.Power, s.Has = units.Power(v), s.Has|metering.HasPower
		case "reactive":
			s.Reactive, s.Has = v, s.Has|metering.HasReactive
		case "apparent":
			s.Apparent, s.Has = v, s.Has|metering.HasApparent
		case "voltage":
			s.Voltage, s.Has = units.Voltage(v), s.Has|metering.HasVoltage
		case "current":
			s.Current, s.Has = units.Current(v), s.Has|metering.HasCurrent
		case "frequency":
			s.Frequency, s.Has = units.Frequency(v), s.Has|metering.HasFrequency
		case "neutral":
			s.NeutralCurrent, s.Has = units.Current(v), s.Has|metering.HasNeutral
		}
		return
	}
	for len(s.Phases) < phase {
		s.Phases = append(s.Phases, metering.Phase{})
	}
	p := &s.Phases[phase-1]
	switch name {
	case "power":
		p.Power, p.Has = units.Power(v), p.Has|metering.HasPower
	case "reactive":
		p.Reactive, p.Has = v, p.Has|metering.HasReactive
	case "apparent":
		p.Apparent, p.Has = v, p.Has|metering.HasApparent
	case "voltage":
		p.Voltage, p.Has = units.Voltage(v), p.Has|metering.HasVoltage
	case "current":
		p.Current, p.Has = units.Current(v), p.Has|metering.HasCurrent
	}
}
