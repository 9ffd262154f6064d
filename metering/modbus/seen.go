package modbus

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// show tells what each register said, and what was made of it.
func (m *Meter) show(got words, turned []int) {
	if m.cfg.Seen == nil {
		return
	}
	_, lacks := m.cfg.Model.gather(got)
	var out []metering.Seen
	for i, r := range m.cfg.Model.registers {
		if r.value == "" {
			continue
		}
		s := metering.Seen{Name: r.value, Where: r.where(), Makes: r.makes()}
		raw, ok := got.at(r.holding, r.address, r.kind.words())
		if ok {
			s.Raw = strings.Trim(fmt.Sprintf("%04X", raw), "[]")
		}
		scaled, n, why := got.number(r)
		switch {
		case !ok:
			s.Why, s.Next = m.unanswered(r.holding, r.address)
		case why == unasked:
			s.Why, s.Next = m.unanswered(r.holding, *r.exponent)
			s.Why = "its exponent: " + s.Why
		case why == unsaid:
			s.Why = r.none(raw)
			if how := scaled.instead(raw); how != "" {
				s.Why += "; " + how
			}
		case slices.Contains(turned, i):
			s.Raw += " = " + r.number(n)
			s.Why = "its words or bytes seem to be the other way round; " + cmp.Or(scaled.otherwise(raw), noRemedy)
		case lacks[r.value] != given && r.sum:
			s.Raw += " = " + r.number(n)
			s.Why = "another part of the sum is not told, or the sum is none that a meter shows"
		case lacks[r.value] != given || !scaled.shown(n):
			s.Raw += " = " + r.number(n)
			s.Why = "no meter shows " + scaled.took(n) + ": " + cmp.Or(scaled.otherwise(raw), noRemedy)
		default:
			s.Raw += " = " + r.number(n)
			s.Took = scaled.took(n)
		}
		out = append(out, s)
	}
	m.cfg.Seen(out)
}

// shown tells whether some meter can show a number as this value.
func (r register) shown(n number) bool {
	v := r.milli(n)
	if r.rank() == 0 {
		e, _ := r.energy(n)
		v = int64(e)
	}
	var probe metering.Sample
	put(&probe, r.value, v)
	return r.sum || probe.Sane("") == nil
}

// unanswered is why a register was not told, and what to do where it was refused.
func (m *Meter) unanswered(holding bool, address int) (why, next string) {
	for _, q := range m.ask {
		if q.holding != holding || address < q.address || address >= q.address+q.count {
			continue
		}
		if q.err == nil {
			continue
		}
		var e *metering.Error
		if errors.As(q.err, &e) && e.Code == metering.Exception {
			next = e.Remedy
		}
		if q.rest > 0 {
			return fmt.Sprintf("%s; it is asked again after %d readings", brief(q.err), q.rest), next
		}
		return brief(q.err), next
	}
	return "not asked: something before it had no answer", ""
}

// brief is an error without what was asked, which stands beside it.
func brief(err error) string {
	var e *metering.Error
	switch {
	case !errors.As(err, &e) || e.Err == nil:
		return err.Error()
	case e.Code == metering.Silent:
		return "no answer"
	}
	return e.Err.Error()
}

// where is where a register is looked for.
func (r register) where() string {
	table := "input"
	if r.holding {
		table = "holding"
	}
	return fmt.Sprintf("%s 0x%04X %s", table, r.address, r.kind)
}

// String is the type as the configuration calls it.
func (k kind) String() string {
	for _, name := range []string{"uint16", "int16", "uint32", "int32", "uint64", "int64", "float64"} {
		if kindOf(name) == k {
			return name
		}
	}
	return "float32"
}

// makes is by what the number becomes the value.
func (r register) makes() string {
	out := r.unit
	if r.scale != one {
		out = "x " + strconv.FormatFloat(float64(r.scale)/one, 'f', -1, 64) + " " + r.unit
	}
	if r.exponent != nil {
		out += fmt.Sprintf(", x 10^(0x%04X)", *r.exponent)
	}
	if r.lowFirst {
		out += ", low word first"
	}
	if r.swapped {
		out += ", low byte first"
	}
	if r.sum {
		out += ", part of a sum"
	}
	return out
}

// none is why the words of a register are no value.
func (r register) none(raw []uint16) string {
	w := r
	w.absent = nil
	n, ok := w.decode(raw)
	switch {
	case ok && r.exponent != nil && len(r.absent) == 0:
		return "its exponent is none, or too great"
	case ok && len(r.absent) > 0:
		return r.number(n) + " is among the numbers of absent"
	case n.isFloat && math.IsNaN(n.float):
		return "NaN: it says that it has no value"
	case n.nought():
		return r.number(n) + " is nothing that anybody measures"
	case r.huge(raw):
		return "it is more than any meter counts"
	case n.isFloat:
		return "not a finite number"
	}
	return "it says that it has no value"
}

// number is the number before any factor.
func (register) number(n number) string {
	if n.isFloat {
		return strconv.FormatFloat(n.float, 'g', 8, 64)
	}
	return strconv.FormatInt(n.integer, 10)
}

// took is the value that a number is taken for.
func (r register) took(n number) string {
	if r.rank() == 0 {
		e, _ := r.energy(n)
		return strconv.FormatFloat(float64(e)/float64(units.KilowattHour), 'f', -1, 64) + " " + r.unit
	}
	return strconv.FormatFloat(float64(r.milli(n))/1000, 'f', -1, 64) + " " + r.unit
}
