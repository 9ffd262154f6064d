package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Chapters is how the files of one package lean on each other, its tests left
// out.  An arrow runs from a file to one that declares something it names; it runs
// back where that file, too, names something of the first: neither can be read, or
// changed, without the other.
type Chapters struct {
	Files, Arrows, Back int
	Methods             map[string]int // of each type
}

// ReadChapters reads the package in a folder of the module at root.  It needs the
// go command, for what the package imports.
func ReadChapters(root, dir string) (Chapters, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}", "./"+dir)
	cmd.Dir = root
	list, err := cmd.Output()
	if err != nil {
		return Chapters{}, fmt.Errorf("what %s imports is not known: %w", dir, err)
	}
	export := map[string]string{}
	for line := range strings.Lines(string(list)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		export[path] = file
	}
	set := token.NewFileSet()
	imp := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
		data, err := os.ReadFile(export[path])
		return io.NopCloser(bytes.NewReader(data)), err
	})
	names, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		return Chapters{}, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return Chapters{}, err
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: imp}
	pkg, err := conf.Check(module+"/"+dir, set, files, info)
	if err != nil {
		return Chapters{}, err
	}
	c := Chapters{Files: len(files), Methods: map[string]int{}}
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				t := fn.Recv.List[0].Type
				if star, ok := t.(*ast.StarExpr); ok {
					t = star.X
				}
				if id, ok := t.(*ast.Ident); ok {
					c.Methods[id.Name]++
				}
			}
		}
	}
	type arrow struct{ from, to string }
	arrows := map[arrow]bool{}
	for id, o := range info.Uses {
		if o.Pkg() != pkg {
			continue
		}
		switch o := o.(type) {
		case *types.Var:
			if o.Parent() != pkg.Scope() {
				continue // a field or a local: its type is what is leant on
			}
		case *types.Func, *types.TypeName, *types.Const:
			if o.Parent() != nil && o.Parent() != pkg.Scope() {
				continue
			}
		default:
			continue
		}
		a := arrow{set.Position(id.Pos()).Filename, set.Position(o.Pos()).Filename}
		if a.from != a.to {
			arrows[a] = true
		}
	}
	c.Arrows = len(arrows)
	for a := range arrows {
		if arrows[arrow{a.to, a.from}] {
			c.Back++
		}
	}
	return c, nil
}
