package form

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
)

// deepest is how deep a document may be nested.
const deepest = 100

// Parse is the tree of one JSON document: map[string]any, []any, string, bool,
// nil, and json.Number for every number.  A name that stands twice in one
// object is an error: which of them counts would be chance.
func Parse(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	tree, err := value(d, "", 0)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return tree, nil
}

func value(d *json.Decoder, path string, depth int) (any, error) {
	if depth > deepest {
		return nil, fmt.Errorf("%s: it is nested too deep", path)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		m := map[string]any{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ := key.(string)
			if _, twice := m[name]; twice {
				return nil, fmt.Errorf("%s: it stands there twice", join(path, name))
			}
			if m[name], err = value(d, join(path, name), depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return m, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			e, err := value(d, fmt.Sprintf("%s[%d]", path, len(list)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		_, err := d.Token()
		return list, err
	}
	return token, nil
}

func kindOf(tree any) string {
	switch tree.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a text"
	case bool:
		return "true or false"
	}
	return "a number"
}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

var rawType = reflect.TypeFor[json.RawMessage]() //nolint:gochecknoglobals // a constant

// custom tells whether a type writes and reads itself.
func custom(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// Paths is every path of a stored type with what stands there, one a line in
// the order of the struct: what a committed list is held against.  A type that
// holds itself is followed once.
func Paths(t reflect.Type) []string {
	var out []string
	paths(&out, "", t, false, nil)
	return out
}

func paths(out *[]string, path string, t reflect.Type, optional bool, within []reflect.Type) {
	line := func(what string) {
		need := ""
		if optional {
			need = " optional"
		}
		*out = append(*out, path+" "+what+need)
	}
	switch {
	case t.Kind() == reflect.Pointer:
		paths(out, path, t.Elem(), true, within)
	case t == rawType:
		line("any")
	case custom(t):
		line(t.String())
	case t.Kind() == reflect.Struct:
		if path != "" {
			line(t.String())
		}
		if slices.Contains(within, t) {
			*out = append(*out, path+".… as above")
			return
		}
		for _, f := range Fields(t) {
			paths(out, join(path, f.Name), f.Type, f.Optional, append(within[:len(within):len(within)], t))
		}
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Array:
		line("list")
		paths(out, path+"[]", t.Elem(), false, within)
	case t.Kind() == reflect.Map:
		line("map")
		paths(out, path+"{}", t.Elem(), false, within)
	case t.String() == t.Kind().String():
		line(t.String())
	default:
		line(t.String() + " " + t.Kind().String())
	}
}
