package api

import (
	"embed"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

//go:embed alert.go beside.go insight.go limits.go marginal.go mqtt.go policy.go quality.go records.go tariff.go topup.go view.go
var sources embed.FS //nolint:gochecknoglobals // embedded files must be

// Comments are what this package's own text says of its forms: of a type by its name, of a field by
// "Type.Field".
func Comments() (map[string]string, error) {
	out := map[string]string{}
	files, err := sources.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := sources.ReadFile(f.Name())
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				comment(out, s.(*ast.TypeSpec), g.Doc) //nolint:errcheck // a declaration of types has nothing else
			}
		}
	}
	return out, nil
}

func comment(out map[string]string, t *ast.TypeSpec, doc *ast.CommentGroup) {
	if t.Doc != nil {
		doc = t.Doc
	}
	out[t.Name.Name] = joined(doc)
	s, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			if text := joined(f.Doc); text != "" {
				out[t.Name.Name+"."+name.Name] = text
			} else if text := joined(f.Comment); text != "" {
				out[t.Name.Name+"."+name.Name] = text
			}
		}
	}
}

// joined is a comment in one line.
func joined(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
