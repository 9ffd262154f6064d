package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/keeplit/keeplit/internal/units"
)

// pointed is what v points to; where that is nothing, what it would be with its defaults.
func pointed(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v = reflect.New(v.Type().Elem())
			if d, ok := v.Interface().(defaulter); ok {
				d.SetDefaults()
			}
		}
		v = v.Elem()
	}
	return v
}

// element is an entry of a list or a map of type t, with its defaults.
func element(t reflect.Type) reflect.Value {
	v := reflect.New(t.Elem())
	if d, ok := v.Interface().(defaulter); ok {
		d.SetDefaults()
	}
	return v.Elem()
}

// exampleOf is an example as JSON has it.
func exampleOf(text string) (any, error) {
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the example %q: %w", text, err)
	}
	var out any
	return out, json.Unmarshal(data, &out)
}

// plainOf is a default as a file would have it; nil where it is nothing or a mapping.
// false is a default, and so is a zero that the file may have as well: what is left out
// then says so itself.
func plainOf(v reflect.Value) any {
	if v.Kind() == reflect.Bool {
		return v.Bool()
	}
	if v.IsZero() {
		return nil
	}
	switch x := v.Interface().(type) {
	case units.Money:
		return json.Number(short(x.String()))
	case units.Price:
		return json.Number(short(x.String()))
	case units.Power:
		if x%units.Kilowatt == 0 {
			return fmt.Sprintf("%d kW", x/units.Kilowatt)
		}
		return fmt.Sprintf("%d W", x/units.Watt)
	case time.Duration:
		return shortTime(x)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return nil
		}
		return string(text)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return plainOf(v.Elem())
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.Slice:
		var out []any
		for i := range v.Len() {
			out = append(out, plainOf(v.Index(i)))
		}
		return out
	}
	return nil
}

// short is a decimal without zeros that say nothing.
func short(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// shortTime is 30m for 30m0s, and 24h for 24h0m0s.
func shortTime(d time.Duration) string {
	s := d.String()
	for _, none := range []struct{ end, with string }{{"m0s", "0s"}, {"h0m", "0m"}} {
		if strings.HasSuffix(s, none.end) {
			s = strings.TrimSuffix(s, none.with)
		}
	}
	return s
}

// inFile is a plain value as a file has it, on one line.
func inFile(plain any) string {
	switch x := plain.(type) {
	case nil:
		return ""
	case json.Number:
		return x.String()
	case []any:
		parts := make([]string, 0, len(x))
		for _, p := range x {
			parts = append(parts, inFile(p))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		if text, err := yaml.Marshal(x); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	return fmt.Sprint(plain)
}

// lastOf is the key at the end of a path.
func lastOf(path string) string {
	path = strings.TrimSuffix(path, "[]")
	return path[strings.LastIndexByte(path, '.')+1:]
}
