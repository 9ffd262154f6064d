// Package said is what is to be told to a person before it is words: kinds and
// typed values.  The domain says what it saw, as "limit_blind" with a power and a
// length of time; the edge that knows the reader's language, unit and clock makes
// a sentence of it.  It can be stored and read again, and compared.
package said

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Said is one thing told after another; nil says nothing.
type Said []Part

// Part is one of them: a kind, by which its words are found, and the values that
// stand in them.
type Part struct {
	Kind   string  `json:"kind"`
	Values []Value `json:"values"`
}

// Is tells what a value is a value of, and so how N or Text is to be read.
type Is string

// The kinds of value.
const (
	IsText      Is = "text"      // Text, a name or words that nobody here can translate
	IsCount     Is = "count"     // N
	IsTime      Is = "time"      // N, in milliseconds since 1970 UTC
	IsLength    Is = "length"    // N, in ns
	IsMoney     Is = "money"     // N, in millionths of the account's unit
	IsPower     Is = "power"     // N, in mW
	IsEnergy    Is = "energy"    // N, in uJ
	IsVoltage   Is = "voltage"   // N, in mV
	IsCurrent   Is = "current"   // N, in mA
	IsFrequency Is = "frequency" // N, in mHz
	IsBytes     Is = "bytes"     // N
)

// Value is a value by the name that it has in the words.
type Value struct {
	Name string `json:"name"`
	Is   Is     `json:"is"`
	N    int64  `json:"n"`
	Text string `json:"text"`
}

// Of is one thing told.
func Of(kind string, values ...Value) Said { return Said{{kind, values}} }

// Verbatim is the kind of what was words when it came: an error of a driver or of
// the system, or what an older program has stored.
const Verbatim = "text"

// Bare ends a kind that is told of a site without a supply switch, where nothing
// is on or off; where there are no words for it, those without the ending serve.
const Bare = ".bare"

// Words is text that is told as it is; "" says nothing.
func Words(text string) Said {
	if text == "" {
		return nil
	}
	return Of(Verbatim, Text(Verbatim, text))
}

// Then is s and after it what more says.
func (s Said) Then(more ...Said) Said {
	out := slices.Clone(s)
	for _, m := range more {
		out = append(out, m...)
	}
	return out
}

// Equal tells whether both say the same.
func (s Said) Equal(o Said) bool {
	return slices.EqualFunc(s, o, func(a, b Part) bool { return a.Kind == b.Kind && slices.Equal(a.Values, b.Values) })
}

// String is for a developer: the kinds with their values, no sentence.
func (s Said) String() string {
	var b strings.Builder
	for i, p := range s {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(p.Kind)
		for _, v := range p.Values {
			fmt.Fprintf(&b, " %s=%s", v.Name, v)
		}
	}
	return b.String()
}

// Text is a name, or words from elsewhere.
func Text(name, text string) Value { return Value{Name: name, Is: IsText, Text: text} }

// Repeated is the beginning of a text that cannot be read.
func Repeated(name, text string) Value {
	const most = 40
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return Text(name, text)
}

// Count is a whole number.
func Count(name string, n int64) Value { return Value{Name: name, Is: IsCount, N: n} }

// Time is an instant, to the millisecond.
func Time(name string, at time.Time) Value {
	return Value{Name: name, Is: IsTime, N: at.UnixMilli()}
}

// Length is a length of time.
func Length(name string, d time.Duration) Value { return Value{Name: name, Is: IsLength, N: int64(d)} }

// Money is an amount in the account's unit.
func Money(name string, m units.Money) Value { return Value{Name: name, Is: IsMoney, N: int64(m)} }

// Power is a power.
func Power(name string, p units.Power) Value { return Value{Name: name, Is: IsPower, N: int64(p)} }

// Energy is an energy.
func Energy(name string, e units.Energy) Value { return Value{Name: name, Is: IsEnergy, N: int64(e)} }

// Voltage is a voltage in mV.
func Voltage(name string, mv int64) Value { return Value{Name: name, Is: IsVoltage, N: mv} }

// Current is a current in mA.
func Current(name string, ma int64) Value { return Value{Name: name, Is: IsCurrent, N: ma} }

// Frequency is a frequency in mHz.
func Frequency(name string, mhz int64) Value { return Value{Name: name, Is: IsFrequency, N: mhz} }

// Bytes is a size.
func Bytes(name string, n int64) Value { return Value{Name: name, Is: IsBytes, N: n} }

// Time is the instant of an IsTime, in UTC.
func (v Value) Time() time.Time { return time.UnixMilli(v.N).UTC() }

// String is the value for a developer.
func (v Value) String() string {
	switch v.Is {
	case IsText:
		return v.Text
	case IsTime:
		return v.Time().Format(time.RFC3339)
	case IsLength:
		return time.Duration(v.N).String()
	case IsMoney:
		return units.Money(v.N).String()
	case IsPower:
		return units.Power(v.N).String()
	case IsEnergy:
		return units.Energy(v.N).String()
	case IsVoltage:
		return fmt.Sprintf("%d mV", v.N)
	case IsCurrent:
		return fmt.Sprintf("%d mA", v.N)
	case IsFrequency:
		return fmt.Sprintf("%d mHz", v.N)
	case IsBytes:
		return fmt.Sprintf("%d bytes", v.N)
	case IsCount:
	}
	return fmt.Sprint(v.N)
}
