package archtest

import (
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A claim whose test is gone is no claim any more.
func TestEveryTestThatADocumentNamesIsThere(t *testing.T) {
	files, _ := all(t)
	there := map[string]bool{}
	for _, f := range files {
		if !f.test {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				there[fn.Name.Name] = true
			}
		}
	}
	for _, doc := range []string{"security.md", "privacy.md", "reliability.md"} {
		text, err := os.ReadFile("../../docs/" + doc)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
		if len(named) < 5 {
			t.Errorf("docs/%s names only %d tests", doc, len(named))
		}
		for _, m := range named {
			if !there[m[1]] {
				t.Errorf("docs/%s names %s, which is not there", doc, m[1])
			}
		}
	}
}
