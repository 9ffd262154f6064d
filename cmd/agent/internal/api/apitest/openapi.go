// Package apitest writes the HTTP API down as an OpenAPI 3.1 document: its requests from one table,
// its forms from the very types of package api, with what is said of them there.
package apitest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/api/openapi"
	"github.com/keeplit/keeplit/internal/comments"
)

// Document is the API's; source is the folder of package api.
func Document(source string) ([]byte, error) {
	says, err := said(source)
	if err != nil {
		return nil, err
	}
	m := maker{says: says, schemas: map[string]any{}}
	paths := map[string]map[string]any{}
	for _, o := range Operations() {
		if paths[o.Path] == nil {
			paths[o.Path] = map[string]any{}
		}
		paths[o.Path][strings.ToLower(o.Method)] = m.operation(o)
	}
	text, err := json.MarshalIndent(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "keeplit", "version": "1", "license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "What the page of a keeplit box says and does. Money is a decimal string in the account's unit with six decimals, power is in W, energy in kWh, prices are strings per kWh, times are RFC 3339 in UTC; a time that does not exist is null. Fields may come; those that are there keep name, unit and meaning.",
		},
		"servers": []any{map[string]any{"url": "/", "description": "the box"}},
		"paths":   paths,
		"components": map[string]any{
			"schemas": m.schemas,
			"securitySchemes": map[string]any{
				"bearer": map[string]any{"type": "http", "scheme": "bearer", "description": "the PIN, or the token of a program that has the scope"},
				"basic":  map[string]any{"type": "http", "scheme": "basic", "description": "any name, and the same as the password"},
			},
		},
	}, "", "  ")
	return append(text, '\n'), err
}

// said is what the text of package api says of its forms: of a type by its name, of a field by
// "Type.Field".
func said(source string) (map[string]string, error) {
	out := map[string]string{}
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return nil, err
	}
	line := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		types, err := comments.Of(file)
		if err != nil {
			return nil, err
		}
		for _, t := range types {
			out[t.Name] = line(t.Says)
			for _, f := range t.Fields {
				out[t.Name+"."+f.Name] = line(cmp.Or(f.Says, f.Line))
			}
		}
	}
	return out, nil
}

// maker makes schemas, those of named types once each.
type maker struct {
	says    map[string]string
	schemas map[string]any
}

func (m maker) operation(o Operation) map[string]any {
	answers := map[string]any{}
	for _, status := range o.statuses() {
		a := map[string]any{"description": http.StatusText(status)}
		switch form := o.Answers[status]; {
		case o.Stream && status == http.StatusOK:
			a["content"] = map[string]any{"text/event-stream": map[string]any{"schema": map[string]any{"type": "string"}}}
		case form != nil:
			a["content"] = map[string]any{"application/json": map[string]any{"schema": m.of(reflect.TypeOf(form))}}
		case status >= http.StatusBadRequest:
			schema := m.of(reflect.TypeFor[api.Problem]())
			a["content"] = map[string]any{"application/json": map[string]any{"schema": schema}, openapi.ProblemType: map[string]any{"schema": schema}}
		}
		answers[strconv.Itoa(status)] = a
	}
	out := map[string]any{"operationId": o.ID, "summary": o.Says, "responses": answers}
	scope := []string{} // a role that who asks must have, and that the PIN has
	if x := o.Scope(); x != "" {
		scope = append(scope, x)
	}
	pin := []any{map[string]any{"bearer": scope}, map[string]any{"basic": scope}}
	if o.Method == http.MethodGet { // without one where anybody may look
		pin = append([]any{map[string]any{}}, pin...)
	}
	out["security"] = pin
	if o.Takes != nil {
		out["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": m.of(reflect.TypeOf(o.Takes))}}}
	}
	var params []any
	for _, p := range o.Params {
		in := "query"
		if strings.Contains(o.Path, "{"+p.Name+"}") {
			in = "path"
		}
		schema := map[string]any{"type": p.Type}
		if p.Type == "" {
			schema["type"] = "string"
		}
		if p.Format != "" {
			schema["format"] = p.Format
		}
		if len(p.Words) > 0 {
			schema["enum"] = p.Words
		}
		params = append(params, map[string]any{"name": p.Name, "in": in, "required": in == "path", "description": p.Says, "schema": schema})
	}
	if len(params) > 0 {
		out["parameters"] = params
	}
	return out
}

// of is the schema of a type.
func (m maker) of(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[Anything]():
		return map[string]any{"type": "object"}
	case reflect.TypeFor[Either]():
		return map[string]any{"anyOf": []any{m.of(reflect.TypeFor[api.TopUp]()), m.of(reflect.TypeFor[api.Problem]())}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.of(t.Elem())
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": m.of(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Struct:
		name := t.Name()
		if m.schemas[name] == nil {
			s := map[string]any{"type": "object", "description": m.says[name]}
			m.schemas[name] = s // before its fields: a form may be a part of itself
			properties := map[string]any{}
			required := m.fields(t, properties)
			s["properties"] = properties
			if len(required) > 0 {
				s["required"] = required
			}
		}
		return map[string]any{"$ref": "#/components/schemas/" + name}
	}
	panic("apitest: no schema for " + t.String())
}

// fields puts a struct's fields into properties and answers those that are always there.
func (m maker) fields(t reflect.Type, properties map[string]any) (required []string) {
	for f := range t.Fields() {
		key, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && key == "" {
			required = append(required, m.fields(f.Type, properties)...)
			continue
		}
		s := m.of(f.Type)
		may := strings.Contains(rest, "omit")
		if !may {
			required = append(required, key)
		}
		if k := f.Type.Kind(); !may && (k == reflect.Pointer || k == reflect.Slice) {
			s = nullable(s)
		}
		if says := m.says[t.Name()+"."+f.Name]; says != "" {
			s["description"] = says
		}
		properties[key] = s
	}
	slices.Sort(required)
	return required
}

// nullable is a schema that takes null, too.
func nullable(s map[string]any) map[string]any {
	if text, ok := s["type"].(string); ok {
		s["type"] = []any{text, "null"}
		return s
	}
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
}
