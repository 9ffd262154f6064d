package archtest

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/keeplit/keeplit"

// floors are the packages from the top of the house down.  A package may import
// what lies below its own floor; "x/..." is x and all under it, which is one
// room: within it packages import each other as they like.
func floors() [][]string {
	const in = "cmd/agent/internal/"
	return [][]string{
		{"cmd/agent", "internal/torture"},
		{in + "simulate/...", in + "metermatrix", in + "setup", in + "fleet"},
		{in + "service"},
		{in + "desk", in + "talk"},
		{in + "web/...", in + "alert", in + "panel", in + "journal", in + "drivers", in + "homeassistant/..."},
		{in + "api/..."},
		{in + "picture", in + "testsite"},
		{in + "present", in + "apart", in + "telemetry", in + "openadr/...", in + "broker", in + "board", in + "backup", "config/..."},
		{in + "control/...", in + "house", "internal/store/..."},
		{in + "planning", in + "policy"},
		{in + "health", in + "schedule", in + "settings", in + "watchdog", "tariffs/...", "forecast/...", "loads/...", "metering/...", "credit/...", "optimizer/..."},
		{"internal/series", "internal/said", "internal/device/..."},
		{"internal/form/...", "internal/civil", "internal/jsonpath", "internal/testservers"},
		{"internal/units/...", "internal/fault", "internal/durable", "internal/trust", "internal/sealed", "internal/contain", "internal/backoff", "internal/gpiochip", "internal/localbroker", "internal/comments", "internal/documents", "internal/certs", "internal/unraced", "internal/archtest/...", "examples/worlds"},
	}
}

// place is the floor of a package, 0 the highest, and its room on it; -1 where
// it has none.
func place(pkg string) (floor int, room string) {
	for i, rooms := range floors() {
		for _, r := range rooms {
			name, all := strings.CutSuffix(r, "/...")
			if pkg == name || all && strings.HasPrefix(pkg, name+"/") {
				return i, name
			}
		}
	}
	return -1, ""
}

// Arrow is an import of one of the module's packages by another.
type Arrow struct {
	From, To string
	Back     bool // to a floor that is not below, or from or to no floor
}

// Size is how long something is, in lines.
type Size struct {
	Name  string
	Lines int
}

// House is the module as it is built, its tests left out.
type House struct {
	Packages  []string
	Arrows    []Arrow
	Files     []Size // the longest first
	Functions []Size
}

// Read reads the module at root.
func Read(root string) (House, error) {
	set := token.NewFileSet()
	files, err := parse(set, root)
	if err != nil {
		return House{}, err
	}
	var h House
	packages, arrows := map[string]bool{}, map[Arrow]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		packages[f.dir] = true
		for _, imp := range f.imports() {
			if target, ours := strings.CutPrefix(imp, module+"/"); ours {
				from, room := place(f.dir)
				to, other := place(target)
				arrows[Arrow{f.dir, target, from < 0 || to < 0 || room != other && from >= to}] = true
			}
		}
		h.Files = append(h.Files, Size{f.path, set.Position(f.syntax.FileEnd).Line})
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				h.Functions = append(h.Functions, Size{f.path + " " + fn.Name.Name, set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1})
			}
		}
	}
	h.Packages = slices.Sorted(maps.Keys(packages))
	h.Arrows = slices.SortedFunc(maps.Keys(arrows), func(a, b Arrow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	longest := func(a, b Size) int { return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Name, b.Name)) }
	slices.SortFunc(h.Files, longest)
	slices.SortFunc(h.Functions, longest)
	return h, nil
}

// Plan is the packages of a house by floor, the highest first; those without a
// floor come last.
func Plan(h House) [][]string {
	out := make([][]string, len(floors())+1)
	for _, p := range h.Packages {
		floor, _ := place(p)
		if floor < 0 {
			floor = len(out) - 1
		}
		out[floor] = append(out[floor], p)
	}
	if len(out[len(out)-1]) == 0 {
		out = out[:len(out)-1]
	}
	return out
}

type file struct {
	path, dir string // from the module's root, with slashes
	test      bool
	syntax    *ast.File
}

func (f file) imports() []string {
	var out []string
	for _, spec := range f.syntax.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		out = append(out, p)
	}
	return out
}

// parse reads all Go files of the module at root.
func parse(set *token.FileSet, root string) (files []file, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "dist" || name == "bin") {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
				return fs.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		syntax, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		dir, _ := filepath.Split(rel)
		files = append(files, file{rel, strings.TrimSuffix(dir, "/"), strings.HasSuffix(rel, "_test.go"), syntax})
		return nil
	})
	return files, err
}
