package modbus

import (
	"cmp"
	"math"
	"strings"

	"github.com/keeplit/keeplit/metering"
)

// least is nearer to zero than anything that a meter measures.  A float whose words are in
// another order is often much nearer: the words of 1500 W give 2.5e-41.  Where no other order
// gives anything believable it is zero.
const least = 1e-20

// nought tells whether a number is none that anybody measured, and not zero either.
func (n number) nought() bool { return n.isFloat && n.float != 0 && math.Abs(n.float) < least }

// believable tells whether a number may be the value at the meter of a house or a business:
// to tell orders of words apart, and not to refuse anything.
func (r register) believable(n number) bool {
	v := float64(r.milli(n)) / 1000
	if r.rank() == 0 {
		e, _ := r.energy(n)
		return e > 0 && e.KWh() >= 0.01 && e.KWh() <= 2_500_000
	}
	name, _ := split(r.value)
	low, high := 0.1, 1e6 // of a power
	switch name {
	case "voltage":
		low, high = 40, 700
	case "frequency":
		low, high = 40, 70
	case "current", "neutral":
		low, high = 0.01, 5000
	}
	return math.Abs(v) >= low && math.Abs(v) <= high && (v > 0 || high == 1e6)
}

// otherwise says what the words of a register would be in another order of words, or else of
// bytes: what is to be written, and the value; empty where none of them is believable.
func (r register) otherwise(raw []uint16) string {
	for _, try := range []struct{ words, bytes bool }{{true, false}, {false, true}, {true, true}} {
		o := r
		o.lowFirst, o.swapped = r.lowFirst != try.words, r.swapped != try.bytes
		if try.words && len(raw) == 1 {
			continue
		}
		n, ok := o.plain(raw)
		if !ok || !o.believable(n) {
			continue
		}
		var keys []string
		if try.words {
			keys = append(keys, "words: "+order(o.lowFirst))
		}
		if try.bytes {
			keys = append(keys, "bytes: "+order(o.swapped))
		}
		return "with " + strings.Join(keys, " and ") + " it would be " + o.took(n)
	}
	return ""
}

// huge tells whether the words are no number that can be counted with, and none of those
// that say that there is no value.
func (r register) huge(raw []uint16) bool {
	v := r.raw(raw)
	return r.kind == unsigned64 && v > 1<<63 && v != math.MaxUint64
}

// instead is otherwise of words that give no value, where they do not say so themselves.
func (r register) instead(raw []uint16) string {
	w := r
	w.absent = nil
	if n, _ := w.decode(raw); !n.nought() && !r.huge(raw) {
		return ""
	}
	return r.otherwise(raw)
}

func order(lowFirst bool) string {
	if lowFirst {
		return "low_first"
	}
	return "high_first"
}

// noRemedy is what to do where no other order helps.
const noRemedy = "check type, words and scale of it, or the meter's model"

// ordering is what the readings of a register have told of the order of its words and bytes.
// Of one whose words are the other way round the low word is what hardly ever changes, and
// the number moves by whole 65536; of an integer whose bytes are, by whole 256.
type ordering struct {
	seen    bool
	last    uint64
	doubted bool
	fine    int // moves of another size, less those by whole ones
}

// enoughMoves end a doubt.
const enoughMoves = 3

// take takes the words of a register in, as one, and tells whether their order is in doubt.
// A right one is doubted at the first reading, or one of the first two moves, once in 65,536
// times, and no longer than until it has moved three times; one of energy whose moves are of
// hundreds, as of a gateway that asks its meter once an hour, at those moves once in 256.
func (o *ordering) take(v uint64, r register) bool {
	was := *o
	o.seen, o.last = true, v
	unit := uint64(1 << 16)
	if r.rank() == 0 && !r.kind.floats() {
		unit = 1 << 8
	}
	signed := r.kind == signed32
	switch whole := (v-was.last)%unit == 0; {
	case !was.seen:
		o.doubted = r.kind.words() == 2 && !r.kind.floats() && flat(v, signed) && v != 0
	case v == was.last:
	case r.kind.floats() && (v&0xFFFF == 0 || (v^was.last)<<(64-r.kind.mantissa()) == 0):
		// A number of few digits, or twice as much as before, which tells nothing.
	case whole, signed && flat(v, signed) && flat(was.last, signed):
		o.fine = max(o.fine-1, 0)
		if was.doubted || o.fine == 0 {
			o.doubted, o.fine = true, 0
		}
	default:
		o.fine = min(o.fine+1, enoughMoves)
		o.doubted = o.doubted && o.fine < enoughMoves
	}
	return o.doubted
}

// flat tells whether the low word is as the high word of a small number is.
func flat(v uint64, signed bool) bool {
	return v&0xFFFF == 0 || signed && v > 1<<31 && v < 0xFFFF<<16 && v&0xFFFF == 0xFFFF
}

// disordered are the registers of energy and power whose words seem to be the other way
// round; only a map that somebody has written can be so.
func (m *Meter) disordered(got words) (out []int) {
	if m.cfg.Model.name != "generic" {
		return nil
	}
	for i, r := range m.cfg.Model.registers {
		raw, ok := got.at(r.holding, r.address, r.kind.words())
		if !ok || r.rank() > 1 || r.rank() == 1 && r.kind != unsigned32 && r.kind != signed32 {
			continue
		}
		if _, _, why := got.number(r); why != given {
			continue
		}
		if m.orders == nil {
			m.orders = map[int]*ordering{}
		}
		if m.orders[i] == nil {
			m.orders[i] = &ordering{}
		}
		if m.orders[i].take(r.raw(raw), r) {
			out = append(out, i)
		}
	}
	return out
}

// turned is the error where words seem to be the other way round.
func (m *Meter) turned(op string, r register, got words) error {
	raw, _ := got.at(r.holding, r.address, r.kind.words())
	remedy := "write type: uint16 or int16 where it is one register"
	if how := r.otherwise(raw); how != "" {
		remedy = how + "; " + remedy
	}
	return metering.Fail(metering.Range, op, remedy, "%s has nothing but zeros in its low word, or moves by whole 65536 or 256 (registers %04X): its words or bytes seem to be the other way round", r.name, raw)
}

// insane is an error of a reading that no meter can give, with the order in which it could.
func (m Model) insane(err error, got words) error {
	e, ok := err.(*metering.Error) //nolint:errorlint // it is Sample.Sane's own
	if !ok || m.name != "generic" {
		return err
	}
	for _, r := range m.registers {
		raw, _ := got.at(r.holding, r.address, r.kind.words())
		scaled, n, why := got.number(r)
		if why != given || r.rank() > 1 || scaled.believable(n) || n == (number{isFloat: n.isFloat}) {
			continue
		}
		if how := scaled.otherwise(raw); how != "" {
			return &metering.Error{Code: e.Code, Op: e.Op, Err: e.Err, Remedy: r.name + ": " + how + "; else " + cmp.Or(e.Remedy, noRemedy)}
		}
	}
	return err
}
