// Package obis knows the names under which European meters tell their values
// (IEC 62056-61: "1-0:1.8.0" is energy imported in all), and gathers a Sample
// from them.  It serves the three formats that use these names: P1, SML and
// IEC 62056-21.
package obis

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Code is a name, A-B:C.D.E*F.
type Code struct {
	A, B, C, D, E, F byte
	Short            bool // written without A and B, as older meters do
}

// String writes the code without "*255", which says nothing.
func (c Code) String() string {
	var b []byte
	if !c.Short {
		b = append(strconv.AppendUint(b, uint64(c.A), 10), '-')
		b = append(strconv.AppendUint(b, uint64(c.B), 10), ':')
	}
	b = append(strconv.AppendUint(b, uint64(c.C), 10), '.')
	b = append(strconv.AppendUint(b, uint64(c.D), 10), '.')
	b = strconv.AppendUint(b, uint64(c.E), 10)
	if c.F != 255 {
		b = strconv.AppendUint(append(b, '*'), uint64(c.F), 10)
	}
	return string(b)
}

// Parse reads "1-0:1.8.0", "1-0:1.8.0*255", "1.8.0" or "1.8.0*01".  A missing
// E is 0 and a missing F 255.  ok is false for anything else, such as the
// letters of service values ("C.1.0", "F.F").
func Parse(s []byte) (c Code, ok bool) {
	c = Code{A: 1, F: 255, Short: true}
	number := func(part []byte, to *byte) bool {
		if len(part) == 0 || len(part) > 3 {
			return false
		}
		v := 0
		for _, d := range part {
			if d < '0' || d > '9' {
				return false
			}
			v = v*10 + int(d-'0')
		}
		*to = byte(v)
		return v <= 255
	}
	if i := bytes.IndexByte(s, '*'); i >= 0 {
		if !number(s[i+1:], &c.F) {
			return c, false
		}
		s = s[:i]
	}
	if i := bytes.IndexByte(s, ':'); i >= 0 {
		j := bytes.IndexByte(s[:i], '-')
		if j < 0 || !number(s[:j], &c.A) || !number(s[j+1:i], &c.B) {
			return c, false
		}
		c.Short = false
		s = s[i+1:]
	}
	i := bytes.IndexByte(s, '.')
	if i < 0 || !number(s[:i], &c.C) {
		return c, false
	}
	s = s[i+1:]
	if i = bytes.IndexByte(s, '.'); i < 0 {
		return c, number(s, &c.D)
	}
	return c, number(s[:i], &c.D) && number(s[i+1:], &c.E)
}

// unit is what one of a printed unit is in keeplit's own.
type unit struct {
	kind  byte // e energy, p power, q reactive, s apparent, v, i, f
	scale int64
}

// unitOf knows the units of the values that a Sample has.
func unitOf(s string) (unit, bool) {
	switch s {
	case "kWs":
		return unit{'e', 1000 * int64(units.Joule)}, true
	case "Wh":
		return unit{'e', int64(units.WattHour)}, true
	case "kWh":
		return unit{'e', int64(units.KilowattHour)}, true
	case "MWh":
		return unit{'e', 1000 * int64(units.KilowattHour)}, true
	case "W":
		return unit{'p', 1e3}, true
	case "kW":
		return unit{'p', 1e6}, true
	case "MW":
		return unit{'p', 1e9}, true
	case "var", "VAr", "VAR":
		return unit{'q', 1e3}, true
	case "kvar", "kVAr", "kVAR":
		return unit{'q', 1e6}, true
	case "VA":
		return unit{'s', 1e3}, true
	case "kVA":
		return unit{'s', 1e6}, true
	case "mV":
		return unit{'v', 1}, true
	case "V":
		return unit{'v', 1e3}, true
	case "kV":
		return unit{'v', 1e6}, true
	case "mA":
		return unit{'i', 1}, true
	case "A":
		return unit{'i', 1e3}, true
	case "Hz":
		return unit{'f', 1e3}, true
	}
	return unit{}, false
}

// maxTariffs is how many tariff registers are summed where there is no total.
const maxTariffs = 8

// energies is one direction's registers.
type energies struct {
	total   units.Energy
	has     bool
	wrap    units.Energy // what the digits that they are printed with cannot show
	tariffs [maxTariffs + 1]units.Energy
	seen    [maxTariffs + 1]bool
}

// sum is the register, and what it was added up from: the total is bit 0, a
// tariff the bit of its number; none where nothing is there.
func (e *energies) sum() (sum units.Energy, parts uint16) {
	if e.has {
		return e.total, 1
	}
	for i, seen := range e.seen {
		if seen {
			sum += e.tariffs[i]
			parts |= 1 << i
		}
	}
	return sum, parts
}

// Collector gathers values of one telegram.  The zero value is empty.
type Collector struct {
	t           metering.Telegram
	in, out     energies
	in0, out0   energies // under F = 0, where some meters have the present value
	step        units.Energy
	plus, minus [4]units.Power // power imported and exported: in all, and by phase
	has, hasOut [4]bool
	signed      [4]bool     // a signed power was given, which is better
	sum         units.Power // of the power in both directions, without a sign
	hasSum      bool
	printed     bool // the numbers are as the meter shows them, with all its digits
	shrunk      bool // a negative power came in so few bytes that it may be a great one
	outward     int  // which way the power goes by the meter's word: 1 out, -1 in, 0 not told
	phases      [3]metering.Phase
	dialect     Dialect
	err         error
}

// Speak says how the meter tells its values, before the first of them.
func (c *Collector) Speak(d Dialect) { c.dialect = d }

// Text remembers a value that is not a number.
func (c *Collector) Text(name, value string) {
	c.t.Raw = append(c.t.Raw, metering.RawValue{Name: name, Value: value})
}

// Meter sets the meter's identity; the first one told counts.
func (c *Collector) Meter(id string) {
	if c.t.Meter == "" {
		c.t.Meter = id
	}
}

// Outward takes the meter's word for which way the power goes.
func (c *Collector) Outward(out bool) {
	if c.outward = -1; out {
		c.outward = 1
	}
}

// Printed says that numbers come with all the digits that the meter shows, so that
// their count tells where a register begins again.
func (c *Collector) Printed() { c.printed = true }

// Shrunk says that a power that is negative may be one without a sign that its
// bytes do not hold.  Where the meter has no register for what flows out, it is not
// believed.
func (c *Collector) Shrunk() { c.shrunk = true }

// Telegram is the one being gathered, for what a format knows beside values.
func (c *Collector) Telegram() *metering.Telegram { return &c.t }

// Number takes one value: a plain decimal as printed, and its unit.
func (c *Collector) Number(name string, code Code, value, unitName string) {
	c.t.Raw = append(c.t.Raw, metering.RawValue{Name: name, Value: value, Unit: unitName})
	code, kind, used := c.dialect.standard(code)
	if !used {
		return
	}
	if code.A != 1 || code.B > 1 && !code.Short || (code.F != 255 && code.F != 0) {
		return // not electricity, another channel, or a stored value of the past
	}
	u, ok := unitOf(unitName)
	if kind != 0 && (!ok || u.kind != kind) && c.err == nil {
		c.err = fmt.Errorf("%s is in %q, which is not what the configuration takes it for", name, unitName)
	}
	if !ok {
		return
	}
	whole, frac, _ := strings.Cut(value, ".")
	places := len(frac)
	nano, err := units.ParseDecimal(value, 9)
	if err != nil {
		if c.wanted(code, u.kind) && c.err == nil {
			c.err = fmt.Errorf("%s: %w", name, err)
		}
		return
	}
	v := units.MulDiv(nano, u.scale, one)
	if f := c.dialect.factors[u.kind]; f > 0 {
		v, u.scale = units.MulDiv(v, f, one), units.MulDiv(u.scale, f, one) // the scale makes the step
	}
	if (v == math.MaxInt64 || v == math.MinInt64) && c.wanted(code, u.kind) && c.err == nil {
		c.err = fmt.Errorf("%s: %s %s is beyond what can be counted", name, value, unitName)
	}
	if u.kind == 'e' && code.D == 8 {
		c.energy(code, units.Energy(v), places, u.scale)
		if e := c.energies(code); e != nil && (code.E == 0 || !e.has) {
			e.wrap = wrap(len(whole), u.scale)
		}
	}
	present := code.D == 7 || code.D == 25 && code.Short // 25 is what older meters write
	if present && code.F == 255 && (code.E == 0 || code.E == 255) {
		c.instant(code.C, u.kind, v)
	}
}

// wanted tells whether a Sample has this value, so that one which cannot be
// read is a fault.
func (c *Collector) wanted(code Code, kind byte) bool {
	return (kind == 'e' && code.D == 8 && (code.C == 1 || code.C == 2)) || (kind == 'p' && code.D == 7)
}

func (c *Collector) energy(code Code, v units.Energy, places int, scale int64) {
	e := c.energies(code)
	if e == nil {
		return
	}
	switch {
	case code.E == 0:
		e.total, e.has = v, true
	case int(code.E) <= maxTariffs:
		e.tariffs[code.E], e.seen[code.E] = v, true
	default:
		return
	}
	step := units.Energy(scale)
	for range places {
		step /= 10
	}
	c.step = max(c.step, step)
}

// energies are the registers that a code is of; nil where it is of none.
func (c *Collector) energies(code Code) *energies {
	switch {
	case code.C == 1 && code.F == 0:
		return &c.in0
	case code.C == 2 && code.F == 0:
		return &c.out0
	case code.C == 1:
		return &c.in
	case code.C == 2:
		return &c.out
	}
	return nil
}

// wrap is where a register of so many digits begins again.  A meter that prints
// no zeros before a number has more of them: its register never goes down to a
// longer number, so that nothing is taken for a rollover.
func wrap(digits int, scale int64) units.Energy {
	w := scale
	for range digits {
		if w > math.MaxInt64/10 {
			return 0
		}
		w *= 10
	}
	return units.Energy(w)
}

// instant stores an instantaneous value by its C group: 1 and 2 are power in
// and out, 16 the signed sum; each phase has the same ones 20, 40, 60 later.
func (c *Collector) instant(group, kind byte, v int64) {
	phase := 0
	base := group
	if group > 20 && group < 80 {
		phase = int(group) / 20
		base = group % 20
	}
	switch {
	case kind == 'p' && base == 1:
		c.plus[phase], c.has[phase] = units.Power(v), true
	case kind == 'p' && base == 2:
		c.minus[phase], c.hasOut[phase] = units.Power(v), true
	case kind == 'p' && group == 15:
		c.sum, c.hasSum = units.Power(v), true
	case kind == 'p' && base == 16:
		c.plus[phase], c.has[phase], c.signed[phase] = units.Power(v), true, true
	case kind == 'i' && group == 91:
		c.t.Sample.NeutralCurrent = units.Current(v)
		c.t.Sample.Has |= metering.HasNeutral
	case kind == 'f' && base == 14:
		c.t.Sample.Frequency = units.Frequency(v)
		c.t.Sample.Has |= metering.HasFrequency
	case phase == 0:
		c.total(base, kind, v)
	case kind == 'v' && base == 12:
		c.phases[phase-1].Voltage, c.phases[phase-1].Has = units.Voltage(v), c.phases[phase-1].Has|metering.HasVoltage
	case kind == 'i' && base == 11:
		c.phases[phase-1].Current, c.phases[phase-1].Has = units.Current(v), c.phases[phase-1].Has|metering.HasCurrent
	}
}

func (c *Collector) total(base, kind byte, v int64) {
	s := &c.t.Sample
	switch {
	case kind == 'v' && base == 12:
		s.Voltage, s.Has = units.Voltage(v), s.Has|metering.HasVoltage
	case kind == 'i' && base == 11:
		s.Current, s.Has = units.Current(v), s.Has|metering.HasCurrent
	case kind == 's' && base == 9:
		s.Apparent, s.Has = v, s.Has|metering.HasApparent
	case kind == 'q' && base == 3:
		s.Reactive, s.Has = s.Reactive+v, s.Has|metering.HasReactive
	case kind == 'q' && base == 4:
		s.Reactive, s.Has = s.Reactive-v, s.Has|metering.HasReactive
	}
}

// Done is the telegram, complete and checked.
func (c *Collector) Done(op string) (metering.Telegram, error) {
	if c.err != nil {
		return c.t, &metering.Error{Code: metering.UnknownReply, Op: op, Err: c.err, Remedy: "send the telegram to the project, its dialect is new"}
	}
	s := &c.t.Sample
	if c.in == (energies{}) && c.out == (energies{}) {
		c.in, c.out = c.in0, c.out0
	}
	if v, parts := c.in.sum(); parts != 0 {
		s.Import, s.ImportSum, s.Has = v, parts, s.Has|metering.HasImport
	}
	if v, parts := c.out.sum(); parts != 0 {
		s.Export, s.ExportSum, s.Has = v, parts, s.Has|metering.HasExport
	}
	s.Step = c.step
	if c.printed {
		s.Wrap = max(c.in.wrap, c.out.wrap)
	}
	power := func(i int) (units.Power, bool) {
		if c.signed[i] {
			return c.plus[i], c.plus[i] >= 0 || !c.shrunk || s.Gives(metering.HasExport)
		}
		// Nothing exported says nothing of what is imported, where the meter
		// counts that and its line is missing.
		onlyOut := c.hasOut[i] && (c.minus[i] > 0 || !s.Gives(metering.HasImport))
		return c.plus[i] - c.minus[i], c.has[i] || onlyOut
	}
	if p, ok := power(0); ok {
		s.Power, s.Has = p, s.Has|metering.HasPower
	}
	n := 0
	for i := range c.phases {
		if p, ok := power(i + 1); ok {
			c.phases[i].Power, c.phases[i].Has = p, c.phases[i].Has|metering.HasPower
		}
		if c.phases[i].Has != 0 {
			n = i + 1
		}
	}
	if n > 0 {
		s.Phases = append([]metering.Phase(nil), c.phases[:n]...)
	}
	c.t.Sample = s.Complete()
	s = &c.t.Sample
	if p, ok := c.direction(s.Has); ok && !s.Gives(metering.HasPower) {
		s.Power, s.Has = p, s.Has|metering.HasPower
	}
	return c.t, c.t.Sample.Sane(op)
}

// direction gives the sum of power in both directions its sign: by the meter's
// word, or by the only register that there is.
func (c *Collector) direction(has metering.Fields) (units.Power, bool) {
	in, out := has&metering.HasImport != 0, has&metering.HasExport != 0
	switch {
	case !c.hasSum:
		return 0, false
	case c.outward > 0, c.outward == 0 && out && !in:
		return -c.sum, true
	case c.outward < 0, in && !out, c.sum == 0:
		return c.sum, true
	}
	return 0, false
}
