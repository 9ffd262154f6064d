package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Schema is the JSON Schema (draft 2020-12) of a configuration with these drivers,
// made from the very types that Decode fills: an editor that knows it completes keys and marks
// unknown ones.  Values are checked by Check, which knows more than a schema can.
func Schema(drivers Drivers) ([]byte, error) {
	g := schemaMaker{drivers}
	root := g.of(reflect.TypeFor[Config](), false)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "keeplit configuration"
	return json.MarshalIndent(root, "", "  ")
}

type schemaMaker struct{ drivers Drivers }

func (g schemaMaker) of(t reflect.Type, secret bool) map[string]any {
	if secret {
		one := func(key string) map[string]any {
			return map[string]any{
				"type": "object", "additionalProperties": false, "required": []string{key},
				"properties": map[string]any{key: map[string]any{"type": "string"}},
			}
		}
		return map[string]any{"oneOf": []any{one("file"), one("env")}}
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	text := func(pattern string) map[string]any { return map[string]any{"type": "string", "pattern": pattern} }
	switch t {
	case reflect.TypeFor[units.Money](), reflect.TypeFor[units.Price]():
		return map[string]any{"type": []string{"number", "string"}}
	case reflect.TypeFor[units.Power]():
		return text(`^-?[0-9.]+ ?(W|kW|MW)$`)
	case reflect.TypeFor[units.Energy]():
		return text(`^-?[0-9.]+ ?(Wh|kWh|MWh)$`)
	case reflect.TypeFor[units.Voltage]():
		return text(`^-?[0-9.]+ ?(V|kV)$`)
	case reflect.TypeFor[units.Current]():
		return text(`^-?[0-9.]+ ?(mA|A)$`)
	case reflect.TypeFor[time.Duration]():
		return text(`^-?(0|([0-9.]+(ns|us|µs|ms|s|m|h))+)$`)
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[texter]()) {
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	}
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.of(t.Elem(), false)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.of(t.Elem(), false)}
	case reflect.Struct:
		properties := map[string]any{}
		for name, f := range fieldsOf(t) {
			one := g.nullable(g.of(t.FieldByIndex(f.index).Type, f.secret))
			if f.mapping != nil {
				one = map[string]any{"oneOf": []any{one, g.of(t.FieldByIndex(f.mapping).Type, false)}}
			}
			properties[name] = one
		}
		if c, ok := g.drivers.choiceOf(t); ok {
			g.choice(properties, c)
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	}
	panic("config: no schema for " + strings.TrimPrefix(t.String(), "*"))
}

// choice adds what the drivers of a list make of a mapping.  Which keys belong to
// which driver is for Check to say.
func (g schemaMaker) choice(properties map[string]any, c choice) {
	names := []any{nil}
	if c.form == asKeys {
		names = append(names, "", loads.DriverNone)
	}
	for _, name := range c.names {
		names = append(names, name)
		settings := g.of(c.settings(name).Type(), false)
		keys, _ := settings["properties"].(map[string]any)
		switch {
		case c.form == asKeys:
			maps.Copy(properties, keys)
		case len(keys) > 0:
			properties[name] = g.nullable(settings)
		}
	}
	properties["driver"] = map[string]any{"enum": names}
}

// nullable: "key:" with nothing after it keeps the default.
func (schemaMaker) nullable(s map[string]any) map[string]any {
	switch t := s["type"].(type) {
	case string:
		s["type"] = []string{t, "null"}
	case []string:
		s["type"] = append(t, "null")
	}
	return s
}
