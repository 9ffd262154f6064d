package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/keeplit/keeplit/internal/units"
)

// scalarText is the source text of a scalar, so that a decimal number is read
// exactly and never by way of a float.
func scalarText(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.GetToken().Value, true
	}
	return "", false
}

// texter is a domain type that reads itself from one value's text.
type texter interface{ SetText(text string) error }

// scalarFor is how a value of v's type is set from text; false where v is not a
// scalar.
func scalarFor(v reflect.Value) (set func(string) error, ok bool) {
	if t, ok := v.Addr().Interface().(texter); ok {
		return t.SetText, true
	}
	switch p := v.Addr().Interface().(type) {
	case *units.Money:
		return parsed(p, units.ParseMoney), true
	case *units.Price:
		return parsed(p, units.ParsePrice), true
	case *units.Power:
		return parsed(p, units.ParsePower), true
	case *units.Energy:
		return parsed(p, units.ParseEnergy), true
	case *units.Voltage:
		return parsed(p, units.ParseVoltage), true
	case *units.Current:
		return parsed(p, units.ParseCurrent), true
	case *time.Duration:
		return parsed(p, time.ParseDuration), true
	case *time.Time:
		return parsed(p, func(s string) (time.Time, error) {
			at, err := time.Parse(time.RFC3339, s)
			return at.UTC(), err
		}), true
	}
	switch v.Kind() {
	case reflect.String:
		return func(s string) error { v.SetString(s); return nil }, true
	case reflect.Bool:
		return func(s string) error {
			if s != "true" && s != "false" {
				return fmt.Errorf("%q is neither true nor false", s)
			}
			v.SetBool(s == "true")
			return nil
		}, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(s string) error {
			i, err := strconv.ParseInt(decimal(s), 0, v.Type().Bits())
			if err != nil {
				return fmt.Errorf("%q is not a whole number in range", s)
			}
			v.SetInt(i)
			return nil
		}, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(s string) error {
			i, err := strconv.ParseUint(decimal(s), 0, v.Type().Bits())
			if err != nil {
				return fmt.Errorf("%q is not a whole number from 0 in range", s)
			}
			v.SetUint(i)
			return nil
		}, true
	case reflect.Float32, reflect.Float64:
		return func(s string) error {
			f, err := strconv.ParseFloat(s, v.Type().Bits())
			if err != nil || f != f {
				return fmt.Errorf("%q is not a number", s)
			}
			v.SetFloat(f)
			return nil
		}, true
	}
	return nil, false
}

// decimal is s without leading zeros before another digit: 012345 is a group code
// of six digits, as in YAML 1.2, and never an octal number.
func decimal(s string) string {
	sign, digits := "", s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, digits = s[:1], s[1:]
	}
	for len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		digits = digits[1:]
	}
	return sign + digits
}

func parsed[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		v, err := parse(s)
		if err != nil {
			return err
		}
		*to = v
		return nil
	}
}

// remedyFor says what to write in place of a value.  A domain type's own error
// knows best: what it says the value is not.
func remedyFor(v reflect.Value, err error) string {
	if _, ok := v.Addr().Interface().(texter); ok {
		if _, form, ok := strings.Cut(err.Error(), " is not "); ok {
			if _, remedy, ok := strings.Cut(form, ": write "); ok {
				return "write " + remedy
			}
			return "write " + form
		}
	}
	return "write " + describe(v.Type())
}

func describe(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[units.Money]():
		return "an amount such as 12.50"
	case reflect.TypeFor[units.Price]():
		return "a price per kWh such as 2.0967"
	case reflect.TypeFor[units.Power]():
		return "a power such as 2 kW or 1500 W"
	case reflect.TypeFor[units.Energy]():
		return "an energy such as 3 kWh or 500 Wh"
	case reflect.TypeFor[units.Voltage]():
		return "a voltage such as 230 V"
	case reflect.TypeFor[units.Current]():
		return "a current such as 60 A"
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 90s, 30m or 1h30m"
	case reflect.TypeFor[time.Time]():
		return "a time such as 2026-07-01T00:00:00Z"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Struct:
		return "a single value"
	}
	return "a whole number"
}
