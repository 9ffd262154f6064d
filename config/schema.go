package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Schema is the JSON Schema (draft 2020-12) of a configuration with these drivers,
// made from the very types that Decode fills: an editor that knows it completes keys and marks
// unknown ones.  Values are checked by Check, which knows more than a schema can.
func Schema(drivers Drivers) ([]byte, error) {
	said, err := readAbouts()
	if err != nil {
		return nil, err
	}
	g := schemaMaker{drivers, said}
	root := g.of(reflect.ValueOf(Default()), false)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "keeplit configuration"
	return json.MarshalIndent(root, "", "  ")
}

type schemaMaker struct {
	drivers Drivers
	said    abouts
}

// of is the schema of v's type; v holds the defaults.
func (g schemaMaker) of(v reflect.Value, secret bool) map[string]any {
	if secret {
		one := func(key, text string) map[string]any {
			return map[string]any{
				"type": "object", "additionalProperties": false, "required": []string{key},
				"properties": map[string]any{key: map[string]any{"type": "string", "description": text}},
			}
		}
		return map[string]any{"oneOf": []any{
			one("file", "The file that holds it, for the agent alone to read."),
			one("env", "The environment variable that holds it."),
		}}
	}
	v = pointed(v)
	t := v.Type()
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
		return map[string]any{"type": "array", "items": g.of(element(t), false)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.of(element(t), false)}
	case reflect.Struct:
		properties := map[string]any{}
		for name, f := range fieldsOf(t) {
			one := g.nullable(g.of(v.FieldByIndex(f.index), f.secret))
			if f.mapping != nil {
				one = map[string]any{"oneOf": []any{one, g.of(v.FieldByIndex(f.mapping), false)}}
			}
			g.describe(one, g.said.of(t, f), v.FieldByIndex(f.index))
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
		value := pointed(c.settings(name))
		settings := g.of(value, false)
		keys, _ := settings["properties"].(map[string]any)
		switch {
		case c.form == asKeys:
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				merge(properties, key, keys[key].(map[string]any), name) //nolint:forcetypeassert // made above
			}
		case len(keys) > 0:
			properties[name] = g.nullable(settings)
			g.describe(settings, g.said[nameOf(value.Type())], reflect.Value{})
		}
	}
	one, _ := properties["driver"].(map[string]any)
	delete(one, "type")
	one["enum"] = names
}

// merge puts the key of a driver beside those of others; where two say different things
// of one, each is named with its own.
func merge(properties map[string]any, key string, one map[string]any, driver string) {
	text, _ := one["description"].(string)
	of := driver + ": " + text
	if other, ok := properties[key].(map[string]any); ok {
		before, _ := other["description"].(string)
		switch {
		case strings.HasSuffix(before, ": "+text):
			of = strings.TrimSuffix(before, ": "+text) + ", " + of
		default:
			of = before + " " + of
		}
	}
	one["description"] = of
	if other, ok := properties[key].(map[string]any); ok {
		below(one, other)
	}
	properties[key] = one
}

// below adds to the schema of a key what another driver's of the same name may be.
func below(one, other map[string]any) {
	types := func(s map[string]any) []string {
		switch t := s["type"].(type) {
		case string:
			return []string{t}
		case []string:
			return t
		}
		return nil
	}
	if a, b := types(one), types(other); a != nil && b != nil {
		both := slices.Clone(a)
		for _, t := range b {
			if !slices.Contains(both, t) {
				both = append(both, t)
			}
		}
		if one["type"] = both; one["pattern"] != other["pattern"] {
			delete(one, "pattern") // what one of them looks like
		}
		if others, has := other["properties"]; has && one["properties"] == nil {
			one["properties"], one["additionalProperties"] = others, other["additionalProperties"]
		}
	}
	own, mapping := one["properties"].(map[string]any)
	others, too := other["properties"].(map[string]any)
	if !mapping || !too {
		return
	}
	for key, v := range others {
		mine, have := own[key].(map[string]any)
		if has, ok := v.(map[string]any); have && ok {
			below(mine, has)
		} else if !have {
			own[key] = v
		}
	}
}

// describe adds what is said of a key, its default and its example.
func (g schemaMaker) describe(one map[string]any, a about, v reflect.Value) {
	text := a.Text
	if a.Default != "" {
		text += " Default: " + a.Default + "."
	}
	if text != "" {
		one["description"] = text
	}
	if example, err := exampleOf(a.Example); err == nil && a.Example != "" {
		one["examples"] = []any{example}
	}
	if v.IsValid() && a.Default == "" {
		if plain := plainOf(v); plain != nil {
			one["default"] = plain
		}
	}
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
