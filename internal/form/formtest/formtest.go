// Package formtest guards the forms of stored documents: values with every
// field set, and lists of paths that may change only with a form's number.
package formtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/form"
)

var update = flag.Bool("update", false, "write the present form's list of paths and its full document anew; a released form is never written")

// Fill sets every field below what v points to, to values that are not zero and
// all differ where their kind has room for it.  The same type is always filled
// the same way.  A type that holds itself is followed once.
func Fill(v any) {
	f := filler{}
	f.fill(reflect.ValueOf(v).Elem(), nil)
}

type filler struct{ n int64 }

func (f *filler) fill(v reflect.Value, within []reflect.Type) {
	f.n++
	switch t := v.Type(); {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(f.n) * 61_001 * time.Millisecond)))
	case t == reflect.TypeFor[json.RawMessage]():
		v.SetBytes(fmt.Appendf(nil, `{"n":%d}`, f.n))
	case t.Kind() == reflect.Pointer:
		if slices.Contains(within, t.Elem()) {
			return
		}
		v.Set(reflect.New(t.Elem()))
		f.fill(v.Elem(), within)
	case t.Kind() == reflect.Struct:
		inner := append(within[:len(within):len(within)], t)
		for i := range t.NumField() {
			if field := t.Field(i); field.IsExported() && field.Tag.Get("json") != "-" {
				if field.Anonymous && len(within) == 0 {
					f.n-- // what the whole embeds is no value of its own
				}
				f.fill(v.Field(i), inner)
			}
		}
	case t.Kind() == reflect.Slice:
		elem := t.Elem()
		if slices.Contains(within, elem) {
			return
		}
		v.Set(reflect.MakeSlice(t, 2, 2))
		fallthrough
	case t.Kind() == reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), within)
		}
	case t.Kind() == reflect.Map:
		key, elem := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		f.fill(key, within)
		f.fill(elem, within)
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(key, elem)
	case t.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("s%d", f.n))
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(f.n % (1 << (t.Bits() - 2)))
		if !reads(v) { // a time of day has no more than 1,440 minutes
			v.SetInt(f.n % 1000)
		}
	case v.CanUint():
		v.SetUint(uint64(f.n) % (1 << (t.Bits() - 1)))
	case v.CanFloat():
		v.SetFloat(float64(f.n) + 0.5)
	default:
		panic("no value for " + t.String())
	}
}

// reads tells whether a value that writes and reads itself can be read as it is written.
func reads(v reflect.Value) bool {
	text, err := json.Marshal(v.Interface())
	return err == nil && json.Unmarshal(text, reflect.New(v.Type()).Interface()) == nil
}

// Unset is the paths below v, in Go's names, that are zero; empty lists among
// them.
func Unset(v any) []string {
	var out []string
	unset(&out, "", reflect.ValueOf(v), nil)
	return out
}

func unset(out *[]string, path string, v reflect.Value, within []reflect.Type) {
	t := v.Type()
	elem := t
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		elem = t.Elem()
	}
	switch {
	case t != elem && slices.Contains(within, elem):
	case v.IsZero() || (t.Kind() == reflect.Slice || t.Kind() == reflect.Map) && v.Len() == 0:
		*out = append(*out, path)
	case t == reflect.TypeFor[time.Time]():
	case t.Kind() == reflect.Pointer:
		unset(out, path, v.Elem(), within)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if field := t.Field(i); field.IsExported() {
				at := path + "." + field.Name
				if field.Anonymous && len(within) == 0 {
					at = path // as it is stored
				}
				unset(out, at, v.Field(i), append(within[:len(within):len(within)], t))
			}
		}
	case t.Kind() == reflect.Slice && elem.Kind() != reflect.Uint8, t.Kind() == reflect.Array:
		for i := range v.Len() {
			unset(out, fmt.Sprintf("%s[%d]", path, i), v.Index(i), within)
		}
	}
}

// Form is what Guard holds a stored form against.
type Form struct {
	Name    string // testdata/NAME_vN.txt is the list of paths, NAME_vN.json the full document
	Version int    // the present number
	// Released are the numbers that are out in the field, with the SHA-256 of
	// their files, the list's and the document's, in hex.  They never change.
	Released map[int][]string
	// Full is a pointer to a value with every field set.
	Full any
	// Read is the program's own way to read a stored document; it answers the
	// same kind of pointer.
	Read func(data []byte) (any, error)
}

// Guard holds the form of a stored type against testdata.  What it finds is
// mended by a new number and a step to it, or, while the present number is in
// nobody's hands yet, by running the test with -update.
func Guard(t *testing.T, f Form) {
	t.Helper()
	list := filepath.Join("testdata", fmt.Sprintf("%s_v%d.txt", f.Name, f.Version))
	full := filepath.Join("testdata", fmt.Sprintf("%s_v%d.json", f.Name, f.Version))
	kind := reflect.TypeOf(f.Full).Elem()
	paths := strings.Join(form.Paths(kind), "\n") + "\n"
	document, err := json.MarshalIndent(f.Full, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	document = append(document, '\n')
	for _, u := range Unset(f.Full) {
		t.Errorf("%s is not set in the full document", u)
	}
	for _, u := range Untagged(kind) {
		t.Errorf("%s has no JSON tag: its name on the disk is that of the Go field", u)
	}
	if *update {
		if sums, out := f.Released[f.Version]; out {
			t.Fatalf("form %d is released (%v) and is never written anew: add a step to the next one", f.Version, sums)
		}
		write(t, list, []byte(paths))
		write(t, full, document)
	}
	const advice = "the stored form changed: give it the next number and a step to it; while this number is not released, run the test with -update (docs/checkpoint.md)"
	if stored := read(t, list); string(stored) != paths {
		t.Errorf("%s: %s\n%s", list, advice, difference(string(stored), paths))
	}
	stored := read(t, full)
	if !bytes.Equal(stored, document) {
		t.Errorf("%s: %s\n%s", full, advice, difference(string(stored), string(document)))
	}
	back, err := f.Read(stored)
	if err != nil {
		t.Fatalf("%s: %v", full, err)
	}
	if !reflect.DeepEqual(back, f.Full) {
		t.Errorf("%s does not read back as what was written", full)
	}
	again, err := json.MarshalIndent(back, "", " ")
	if err != nil || !bytes.Equal(append(again, '\n'), stored) {
		t.Errorf("%s, read and written again, is not the same bytes (%v)\n%s", full, err, difference(string(stored), string(again)+"\n"))
	}
	for n, sums := range f.Released {
		for i, ext := range []string{"txt", "json"} {
			name := filepath.Join("testdata", fmt.Sprintf("%s_v%d.%s", f.Name, n, ext))
			if sum := sha256.Sum256(read(t, name)); hex.EncodeToString(sum[:]) != sums[i] {
				t.Errorf("%s was changed: form %d is released and stays as it is", name, n)
			}
		}
	}
	for n := 1; n < f.Version; n++ {
		if _, out := f.Released[n]; !out {
			t.Errorf("form %d comes before the present %d and is not among the released ones", n, f.Version)
		}
	}
}

// Untagged is the fields below t whose JSON name is not written down.
func Untagged(t reflect.Type) []string {
	var out []string
	untagged(&out, t, map[reflect.Type]bool{})
	return out
}

func untagged(out *[]string, t reflect.Type, seen map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		untagged(out, t.Elem(), seen)
	case reflect.Struct:
		if seen[t] || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) { // it names nothing, or itself
			return
		}
		seen[t] = true
		for _, f := range form.Fields(t) {
			if !f.Tagged {
				*out = append(*out, t.String()+"."+f.Name)
			}
			untagged(out, f.Type, seen)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// difference is the lines that only one of two texts has, the first few.
func difference(stored, now string) string {
	was, is := strings.Split(stored, "\n"), strings.Split(now, "\n")
	var out []string
	for _, l := range was {
		if !slices.Contains(is, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) {
			out = append(out, "+ "+l)
		}
	}
	if len(out) > 20 {
		out = append(out[:20], "…")
	}
	return strings.Join(out, "\n")
}

// Difference is the lines in which two values differ as they are stored; "" where
// they do not.
func Difference(got, want any) string {
	a, aerr := json.MarshalIndent(got, "", " ")
	b, berr := json.MarshalIndent(want, "", " ")
	if aerr != nil || berr != nil {
		return fmt.Sprint(aerr, berr)
	}
	return difference(string(a), string(b))
}
