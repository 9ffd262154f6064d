// Package comments reads what the text of a program says of its own types, for documents
// that are made of it.
package comments

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
)

// Type is a type of a Go file, and what is said of it.
type Type struct {
	Name, Says string
	Fields     []Field // of a struct, those that are embedded left out
}

// Field is one of its fields.
type Field struct {
	Name string
	Tag  reflect.StructTag
	Says string // the comment above it
	Line string // the one behind it
}

// Of reads the types of a Go file.
func Of(path string) (out []Type, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			if t, ok := s.(*ast.TypeSpec); ok {
				out = append(out, Type{t.Name.Name, cmp.Or(t.Doc, g.Doc).Text(), fields(t)})
			}
		}
	}
	return out, nil
}

func fields(t *ast.TypeSpec) (out []Field) {
	s, ok := t.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, f := range s.Fields.List {
		tag := reflect.StructTag("")
		if f.Tag != nil {
			tag = reflect.StructTag(strings.Trim(f.Tag.Value, "`"))
		}
		for _, name := range f.Names {
			out = append(out, Field{name.Name, tag, f.Doc.Text(), f.Comment.Text()})
		}
	}
	return out
}
