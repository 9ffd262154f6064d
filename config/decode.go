package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/keeplit/keeplit/internal/fault"
)

// Checker is a document that can say what is wrong with it once it is decoded.
type Checker interface{ Check() fault.List }

// Decode reads one YAML document into a T whose zero value stands for every
// default; see DecodeInto.
func Decode[T any](data []byte) (T, fault.List) {
	var doc T
	faults := DecodeInto(&doc, data, FromSystem())
	return doc, faults
}

// DecodeInto reads one YAML document over the defaults that doc (a pointer to a
// struct) already holds.  It is strict: an unknown key, a value of the wrong
// kind and every fault that the document's own Check finds are all returned
// at once, each with its line and path, in the order of the lines.
func DecodeInto(doc any, data []byte, secrets Secrets) fault.List {
	d := decoder{lines: map[string]int{}, anchors: map[string]ast.Node{}, secrets: secrets}
	return d.into(doc, data)
}

func (d *decoder) into(doc any, data []byte) fault.List {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors begin a file with a mark that is no text
	if f, bad := notText(data); bad {
		return fault.List{f}
	}
	if f, bad := tooDeep(data); bad {
		return fault.List{f}
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return fault.List{syntaxFault(err)}
	}
	var body ast.Node
	for _, part := range file.Docs {
		if part.Body == nil {
			continue
		}
		if body != nil {
			d.fault(part.Body, "", "keep one document a file", "a second document begins here")
			break
		}
		body = part.Body
	}
	if body != nil {
		d.value(body, reflect.ValueOf(doc).Elem(), "", false)
	}
	if c, ok := doc.(Checker); ok {
		unread := d.faults
		for _, f := range c.Check() {
			// A value that could not be read was left at its default; what that
			// leads to would mislead.
			if unread.Touches(f.Path) {
				continue
			}
			f.Line = d.lineOf(f.Path)
			d.faults = append(d.faults, f)
		}
	}
	sortByLine(d.faults)
	return d.faults
}

func sortByLine(l fault.List) {
	slices.SortStableFunc(l, func(a, b fault.Fault) int { return a.Line - b.Line })
}

type decoder struct {
	faults  fault.List
	lines   map[string]int
	anchors map[string]ast.Node
	secrets Secrets
	drivers Drivers
	texts   []string // that may name files
	hidden  []string // the files of secrets
	keys    []string // those of them that are keys of tokens
	depth   int
	read    int // values, a repeated one each time
}

const (
	maxDepth  = 64      // bounds aliases that name themselves
	maxValues = 200_000 // bounds aliases of aliases, whose values multiply
)

func (d *decoder) fault(n ast.Node, path, remedy, problem string, args ...any) {
	d.faults = append(d.faults, fault.Fault{Path: path, Problem: fmt.Sprintf(problem, args...), Remedy: remedy, Line: lineOf(n)})
}

func lineOf(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// lineOf is the line of path, or of the nearest part of the document around it
// that is written down.
func (d *decoder) lineOf(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['), 0)]
	}
	return 1
}

// plain follows anchors, aliases and tags to the value itself.
func (d *decoder) plain(n ast.Node) ast.Node {
	for range maxDepth {
		switch v := n.(type) {
		case *ast.AnchorNode:
			d.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			target, ok := d.anchors[v.Value.GetToken().Value]
			if !ok {
				return n
			}
			n = target
		case *ast.TagNode:
			n = v.Value
		default:
			return n
		}
	}
	return n
}

func (d *decoder) value(n ast.Node, v reflect.Value, path string, secret bool) {
	d.depth++
	defer func() { d.depth-- }()
	n = d.plain(n)
	if d.depth > maxDepth {
		d.fault(n, path, "write the values out", "is nested more than %d deep", maxDepth)
		return
	}
	if d.read++; d.read > maxValues {
		if d.read == maxValues+1 {
			d.fault(n, path, "repeat less by aliases (*name), or divide the document", "holds more than %d values with those that aliases repeat", maxValues)
		}
		return
	}
	if _, seen := d.lines[path]; !seen {
		d.lines[path] = lineOf(n)
	}
	if _, null := n.(*ast.NullNode); null {
		return // "key:" with nothing after it keeps the default
	}
	if secret {
		d.secret(n, v, path)
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			if d, ok := v.Interface().(defaulter); ok {
				d.SetDefaults()
			}
		}
		d.value(n, v.Elem(), path, false)
		return
	}
	if set, ok := scalarFor(v); ok {
		text, ok := scalarText(n)
		if !ok {
			d.fault(n, path, "write one value, in quotes where it holds a colon", "is a %s where %s belongs", kindOf(n), describe(v.Type()))
		} else if err := set(text); err != nil {
			d.fault(n, path, remedyFor(v, err), "%v", err)
		} else if v.Kind() == reflect.String {
			d.texts = append(d.texts, text)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, path)
	case reflect.Map:
		d.table(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	default:
		d.fault(n, path, "", "the program cannot read a %v here", v.Type())
	}
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	pairs, ok := d.pairs(n, path, "a mapping of keys")
	if !ok {
		return
	}
	fields := fieldsOf(v.Type())
	var others []*ast.MappingValueNode
	for _, p := range pairs {
		key := p.Key.GetToken().Value
		f, known := fields[key]
		if !known {
			others = append(others, p)
			continue
		}
		at := join(path, key)
		d.lines[at] = lineOf(p.Key)
		index := f.index
		if f.mapping != nil {
			switch d.plain(p.Value).(type) {
			case *ast.MappingNode, *ast.MappingValueNode:
				index = f.mapping
			}
		}
		d.field(p.Value, v.FieldByIndex(index), at, f)
	}
	deeper, below := "", map[string]field{} // the part that the driver's own keys stand in
	if c, ok := d.drivers.choiceOf(v.Type()); ok {
		driver := d.chosen(pairs, v)
		others = d.driven(others, v, c, driver, path)
		fields = c.known(fields, driver)
		if c.form == asPart {
			deeper, below = driver, c.keys(driver)
		}
	}
	for _, p := range others {
		key := p.Key.GetToken().Value
		remedy := suggest(key, fields)
		if deeper != "" && has(below, key) {
			remedy = fmt.Sprintf("write it into %s, one level deeper", deeper)
		}
		d.fault(p.Key, join(path, key), remedy, "unknown key")
	}
}

// field reads the value of a key.
func (d *decoder) field(n ast.Node, v reflect.Value, path string, f field) {
	faults := len(d.faults)
	d.value(n, v, path, f.secret)
	if _, null := d.plain(n).(*ast.NullNode); f.some && !null && len(d.faults) == faults && v.IsZero() {
		d.fault(n, path, "write what it is, or leave the key out, and what is usual holds", "it cannot be 0")
	}
}

func (d *decoder) table(n ast.Node, v reflect.Value, path string) {
	pairs, ok := d.pairs(n, path, "a mapping of names")
	if !ok {
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, p := range pairs {
		name := p.Key.GetToken().Value
		key := reflect.New(v.Type().Key()).Elem()
		at := join(path, name)
		d.lines[at] = lineOf(p.Key)
		if set, ok := scalarFor(key); !ok {
			d.fault(p.Key, at, "", "the program cannot read a %v as a key", key.Type())
			continue
		} else if err := set(name); err != nil {
			d.fault(p.Key, at, "write "+describe(key.Type()), "%v", err)
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(p.Value, e, at, false)
		v.SetMapIndex(key, e)
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fault(n, path, `begin each entry with "- "`, "is a %s where a list belongs", kindOf(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, 0)
	for i, e := range seq.Values {
		if d.read > maxValues {
			break // an entry can be large: what is not read takes no memory either
		}
		out = reflect.Append(out, reflect.Zero(v.Type().Elem()))
		if d, ok := out.Index(i).Addr().Interface().(defaulter); ok {
			d.SetDefaults()
		}
		d.value(e, out.Index(i), fmt.Sprintf("%s[%d]", path, i), false)
	}
	v.Set(out)
}

func (d *decoder) pairs(n ast.Node, path, want string) ([]*ast.MappingValueNode, bool) {
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		d.fault(n, path, "write keys with values, indented below it", "is a %s where %s belongs", kindOf(n), want)
		return nil, false
	}
	out := pairs[:0:0]
	for _, p := range pairs {
		if _, merge := p.Key.(*ast.MergeKeyNode); merge {
			d.fault(p.Key, path, "write the keys out", "merge keys (<<) are not read")
			continue
		}
		out = append(out, p)
	}
	return out, true
}

type field struct {
	index   []int
	mapping []int // of the field that a mapping under the same key is for; nil: there is none
	secret  bool
	some    bool // zero stands for a key that is left out, and cannot be meant where it is written
}

func fieldsOf(t reflect.Type) map[string]field {
	out := map[string]field{}
	for _, f := range reflect.VisibleFields(t) {
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" || name == "" || strings.Contains(opts, "inline") {
			continue // an embedded struct's own fields are visible fields too
		}
		x := out[name]
		if f.Tag.Get("as") == "mapping" { // beside a field for one value
			x.mapping = f.Index
		} else {
			x.index, x.secret, x.some = f.Index, f.Tag.Get("secret") == "true", f.Tag.Get("zero") == "no"
		}
		out[name] = x
	}
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "mapping"
	case *ast.SequenceNode:
		return "list"
	}
	return "single value"
}

// defaulter is a part of the configuration that may be left out, and whose
// defaults hold where it is not.
type defaulter interface{ SetDefaults() }

// suggest names the known key nearest to a misspelt one, else all of them.
func suggest(key string, fields map[string]field) string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if best := Nearest(key, names); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "use one of: " + strings.Join(names, ", ")
}

// Nearest is the one of some names that a word is most likely a misspelling of, the first
// of those that are as near; "" where it is like none.
func Nearest(word string, names []string) string {
	best, distance := "", len(word)/2+1
	for _, name := range names {
		if d := Apart(word, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// Apart is how many letters have to be put in, left out or exchanged to make one word of
// another.
func Apart(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

func has(fields map[string]field, key string) bool {
	_, ok := fields[key]
	return ok
}
