// Command keys gathers what the comments of the module say of the keys of a configuration,
// and writes it where the program takes it from: config/keys.json.
//
// The comment above a field with a yaml tag is for the person who writes the file, up to
// the first empty line; what stands below is for the reader of the code.  "Default:" begins
// what holds where the code itself has no value for that, "Example:" a value as it is
// written in the file.  Of the settings of a driver, whose key has no field, the type's
// comment has a paragraph that begins "In a configuration:".
package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/internal/comments"
)

// key is what is said of one: config has the same form.
type key struct {
	Text    string `json:"text"`
	Default string `json:"default,omitempty"`
	Example string `json:"example"`
}

func main() {
	root, out := "..", "keys.json"
	keys, err := gather(root)
	if err == nil {
		err = os.WriteFile(out, form(keys), 0o644) //nolint:gosec // it is source, for everybody to read
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "keys:", err)
		os.Exit(1)
	}
}

// form is the file: a line for each key, so that two changes meet only where they are of one.
func form(keys map[string]key) []byte {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(keys)) {
		b.WriteString(map[bool]string{true: "{\n", false: ",\n"}[i == 0])
		var line strings.Builder
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		_ = e.Encode(keys[name]) // of strings: it cannot fail
		fmt.Fprintf(&b, "%q: %s", name, strings.TrimSpace(line.String()))
	}
	return []byte(b.String() + "\n}\n")
}

// gather reads all Go files below root; a key's name is package.Type.key, the package
// without the module's own path.
func gather(root string) (map[string]key, error) {
	keys := map[string]key{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "dist") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		types, err := comments.Of(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		return ofFile(keys, filepath.ToSlash(dir), types)
	})
	return keys, err
}

func ofFile(keys map[string]key, dir string, types []comments.Type) error {
	for _, t := range types {
		name := dir + "." + t.Name
		if k, ok := ofType(t.Says); ok {
			keys[name] = k
		}
		for _, f := range t.Fields {
			if err := ofField(keys, name, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// ofType is the paragraph of a type's comment that is of the file.
func ofType(says string) (key, bool) {
	_, text, found := strings.Cut(says, "In a configuration: ")
	return parse(text), found
}

// ofField adds what the comment of a field says, where it has an example: comments of
// documents that are no part of a configuration have none.
func ofField(keys map[string]key, of string, f comments.Field) error {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	k := parse(f.Says)
	if name == "" || name == "-" || k.Example == "" || f.Tag.Get("as") == "mapping" {
		return nil
	}
	name = of + "." + name
	if _, twice := keys[name]; twice {
		return fmt.Errorf("%s is described twice", name)
	}
	keys[name] = k
	return nil
}

// parse divides a comment into its parts, each with its lines put together.
func parse(comment string) (k key) {
	comment, _, _ = strings.Cut(comment, "\n\n")
	comment = strings.Join(strings.Fields(comment), " ")
	comment, k.Example, _ = strings.Cut(comment, "Example: ")
	comment, k.Default, _ = strings.Cut(comment, "Default: ")
	k.Text, k.Default = strings.TrimSpace(comment), strings.TrimSpace(k.Default)
	return k
}
