package config

import (
	"maps"
	"reflect"
	"slices"
)

// Section is what is said of the keys of one mapping of a configuration.
type Section struct {
	Path   string   // where it stands, with [] for an entry of a list; "" is the file itself
	Also   []string // where else its keys stand
	Driver string   // the switch driver whose keys stand beside "driver" there, or above these; "" of any other mapping
	Text   string
	// Example is a value of the whole mapping, or of the list that it is an entry of, as
	// it stands in the file.
	Example string
	Keys    []Key
}

// Key is what is said of one key.
type Key struct {
	Name    string
	Text    string
	Default string // as it stands in the file, or in words; "" where there is none
	Stated  bool   // the default is of the comment: the code has no value for it
	Example string // as it stands in the file
	Below   string // the path of the section with its own keys; "" where it has none
}

// Reference is every key that a configuration with these drivers can have, in the order of
// the types that Decode fills.
func Reference(drivers Drivers) ([]Section, error) {
	said, err := readAbouts()
	if err != nil {
		return nil, err
	}
	r := reference{said: said, drivers: drivers, seen: map[reflect.Type]int{}}
	whole := Default()
	r.section(reflect.ValueOf(&whole).Elem(), Section{})
	return r.out, nil
}

type reference struct {
	said    abouts
	drivers Drivers
	out     []Section
	seen    map[reflect.Type]int
}

// section adds that of a mapping, and those of all below it; of a type that has one
// already only the place.
func (r *reference) section(v reflect.Value, s Section) {
	t := v.Type()
	if i, seen := r.seen[t]; seen {
		if s.Path == r.out[i].Path {
			return
		}
		r.out[i].Also = append(r.out[i].Also, s.Path)
		for j := range r.out { // what its drivers add stands there as well
			if r.out[j].Path == r.out[i].Path && r.out[j].Driver != "" {
				r.out[j].Also = append(r.out[j].Also, s.Path)
			}
		}
		return
	}
	here := len(r.out)
	r.seen[t] = here
	r.out = append(r.out, s)
	fields := fieldsOf(t)
	names := slices.SortedFunc(maps.Keys(fields), func(a, b string) int { return slices.Compare(fields[a].index, fields[b].index) })
	for _, name := range names {
		f := fields[name]
		a := r.said.of(t, f)
		k := Key{Name: name, Text: a.Text, Default: a.Default, Stated: a.Default != "", Example: a.Example}
		if !k.Stated && !f.secret {
			k.Default = inFile(plainOf(v.FieldByIndex(f.index)))
		}
		for _, index := range [][]int{f.index, f.mapping} {
			if index == nil || f.secret {
				continue
			}
			if below, path, ok := mappingIn(v.FieldByIndex(index), join(s.Path, name)); ok {
				k.Below = path
				r.section(below, Section{Path: path, Driver: s.Driver, Text: a.Text, Example: name + ": " + a.Example})
			}
		}
		r.out[here].Keys = append(r.out[here].Keys, k)
	}
	if c, ok := r.drivers.choiceOf(t); ok {
		r.choice(here, s.Path, c)
	}
}

// choice adds the sections of the drivers of a list.
func (r *reference) choice(here int, path string, c choice) {
	for _, name := range c.names {
		v := pointed(c.settings(name))
		a := r.said[nameOf(v.Type())]
		if c.form == asKeys {
			r.section(v, Section{Path: path, Driver: name, Text: a.Text, Example: lastOf(path) + ": " + a.Example})
			continue
		}
		at := join(path, name)
		k := Key{Name: name, Text: a.Text, Example: a.Example}
		if len(c.keys(name)) > 0 {
			k.Below = at
			r.section(v, Section{Path: at, Text: a.Text, Example: name + ": " + a.Example})
			r.out[here].Keys = append(r.out[here].Keys, k)
		}
	}
}

// mappingIn is the mapping that a value is, or that the entries of a list are.
func mappingIn(v reflect.Value, path string) (reflect.Value, string, bool) {
	v = pointed(v)
	for v.Kind() == reflect.Slice {
		v, path = pointed(element(v.Type())), path+"[]"
	}
	if v.Kind() != reflect.Struct {
		return v, path, false
	}
	if _, scalar := scalarFor(v); scalar || len(fieldsOf(v.Type())) == 0 {
		return v, path, false
	}
	return v, path, true
}
