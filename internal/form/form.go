// Package form reads the JSON documents that the agent stores and must find
// again exactly as it left them.  A stored form has a number; a document of an
// older number is brought to the present one by steps; what is left must then
// fit the present form to the letter.  A field that nobody knows, one that is
// missing and one of another kind are faults: absent is not zero, and nothing
// is dropped in silence.
package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/keeplit/keeplit/internal/fault"
)

// Step brings a document from one number to the next.  Numbers in it are
// json.Number: integers stay exact.
type Step func(doc map[string]any) error

// Form is one kind of stored document.
type Form struct {
	Name  string // in sentences, e.g. "the stored state"
	Steps []Step // Steps[i] makes number i+2 of number i+1; a step, once released, is never edited
	// Unnumbered: the first form had no field "version".
	Unnumbered bool
}

// Version is the present number.
func (f Form) Version() int { return len(f.Steps) + 1 }

// NewerError says that a document was written by a newer program.
type NewerError struct {
	Name         string
	Found, Known int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has form %d and this program knows forms up to %d; run the newer program again, or restore a backup made before the upgrade", e.Name, e.Found, e.Known)
}

// DamagedError says that a document is not of its form.
type DamagedError struct {
	Name   string
	Number int   // as it was found; 0 where that cannot be read
	Err    error // a fault.List where the document can be read at all
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s cannot be read as it was written: %v", e.Name, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Read reads data, of any number up to the present one, into what into points
// to.  The error is a *NewerError or a *DamagedError, and into is as it was.
func (f Form) Read(data []byte, into any) error {
	doc, err := f.Migrate(data)
	if err != nil {
		return err
	}
	if err := Fit(doc, into); err != nil {
		return &DamagedError{f.Name, f.Version(), err}
	}
	return nil
}

// Migrate is the document in data at the present number, not yet held against
// its type.
func (f Form) Migrate(data []byte) (map[string]any, error) {
	tree, err := Parse(data)
	if err != nil {
		return nil, &DamagedError{f.Name, 0, err}
	}
	doc, ok := tree.(map[string]any)
	if !ok {
		return nil, &DamagedError{f.Name, 0, fmt.Errorf("it is %s, not an object", kindOf(tree))}
	}
	found, err := f.number(doc)
	switch {
	case err != nil:
		return nil, &DamagedError{f.Name, 0, err}
	case found > f.Version():
		return nil, &NewerError{f.Name, found, f.Version()}
	}
	for n := found; n < f.Version(); n++ {
		if err := f.Steps[n-1](doc); err != nil {
			return nil, &DamagedError{f.Name, found, fmt.Errorf("from form %d to %d: %w", n, n+1, err)}
		}
		doc["version"] = json.Number(fmt.Sprint(n + 1))
	}
	return doc, nil
}

func (f Form) number(doc map[string]any) (int, error) {
	v, there := doc["version"]
	if !there && f.Unnumbered {
		return 1, nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return 0, errors.New("version: it does not say which form it has")
	}
	i, err := n.Int64()
	if err != nil || i < 1 || i > 1_000_000 || f.Unnumbered && i == 1 {
		return 0, fmt.Errorf("version: %s is not the number of a form", n)
	}
	return int(i), nil
}

// Fit reads a tree, as Parse or Migrate answers it, into what into points to: to the
// letter, or not at all.
func Fit(tree, into any) error { return decode(tree, reflect.ValueOf(into).Elem()) }

// Salvage reads what fits of a tree into what into points to, part by part down
// to single fields, and answers the paths of what does not.
func Salvage(tree, into any) (lost []string) {
	salvage(&lost, "", tree, reflect.ValueOf(into).Elem())
	return lost
}

func salvage(lost *[]string, path string, tree any, target reflect.Value) {
	if decode(tree, target) == nil {
		return
	}
	m, ok := tree.(map[string]any)
	if !ok || target.Kind() != reflect.Struct || custom(target.Type()) {
		*lost = append(*lost, path)
		return
	}
	for _, f := range Fields(target.Type()) {
		e, there := m[f.Name]
		switch {
		case there:
			salvage(lost, join(path, f.Name), e, target.FieldByIndex(f.index))
		case !f.Optional:
			*lost = append(*lost, join(path, f.Name))
		}
	}
}

func decode(tree any, target reflect.Value) error {
	var faults fault.List
	check(&faults, "", tree, target.Type())
	if err := faults.Err(); err != nil {
		return err
	}
	data, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	fresh := reflect.New(target.Type())
	if err := json.Unmarshal(data, fresh.Interface()); err != nil {
		return err
	}
	target.Set(fresh.Elem())
	return nil
}

const remedy = "restore a backup, or run the program that wrote it"

// check holds a tree against the type that it is to be read into.
func check(l *fault.List, path string, tree any, t reflect.Type) {
	if t == rawType {
		return
	}
	if t.Kind() == reflect.Pointer {
		if tree != nil {
			check(l, path, tree, t.Elem())
		}
		return
	}
	if custom(t) {
		if tree == nil {
			l.Add(path, remedy, "it has no value")
		}
		return
	}
	wrong := func(want string) {
		l.Add(path, remedy, "it is %s where %s belongs", kindOf(tree), want)
	}
	switch t.Kind() {
	case reflect.Struct:
		object(l, path, tree, t)
	case reflect.Slice, reflect.Array:
		list, ok := tree.([]any)
		switch {
		case tree == nil && t.Kind() == reflect.Slice:
			return
		case !ok:
			wrong("a list")
			return
		case t.Kind() == reflect.Array && len(list) != t.Len():
			l.Add(path, remedy, "it has %d elements where %d belong", len(list), t.Len())
		}
		for i, e := range list {
			check(l, fmt.Sprintf("%s[%d]", path, i), e, t.Elem())
		}
	case reflect.Map:
		m, ok := tree.(map[string]any)
		if !ok && tree != nil {
			wrong("an object")
		}
		for k, e := range m {
			check(l, join(path, k), e, t.Elem())
		}
	case reflect.String:
		if _, ok := tree.(string); !ok {
			wrong("a text")
		}
	case reflect.Bool:
		if _, ok := tree.(bool); !ok {
			wrong("true or false")
		}
	default:
		if _, ok := tree.(json.Number); !ok {
			wrong("a number")
		}
	}
}

func object(l *fault.List, path string, tree any, t reflect.Type) {
	m, ok := tree.(map[string]any)
	if !ok {
		l.Add(path, remedy, "it is %s where an object belongs", kindOf(tree))
		return
	}
	known := map[string]bool{}
	for _, f := range Fields(t) {
		known[f.Name] = true
		e, there := m[f.Name]
		switch {
		case there:
			check(l, join(path, f.Name), e, f.Type)
		case !f.Optional:
			l.Add(join(path, f.Name), remedy, "it is missing, and missing is not zero")
		}
	}
	for _, k := range sorted(m) {
		if !known[k] {
			l.Add(join(path, k), remedy, "this program knows no such field")
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Field is one field of a stored object.
type Field struct {
	Name     string // in JSON
	Type     reflect.Type
	Optional bool // left out where it is zero
	Tagged   bool // Name is written down and not Go's

	index []int
}

// Fields are the fields of a struct as encoding/json writes them, those of
// embedded structs among them.
func Fields(t reflect.Type) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		name, opts, _ := strings.Cut(tag, ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			for _, inner := range Fields(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
			continue
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		if name == "" {
			name, tagged = f.Name, false
		}
		out = append(out, Field{
			Name: name, Type: f.Type, Tagged: tagged, index: []int{i},
			Optional: strings.Contains(opts, "omitempty") || strings.Contains(opts, "omitzero"),
		})
	}
	return out
}
