package optimizer

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The guide lists them all: those that were tuned in a table, and the tolerances of
// each room in one paragraph after it.
func TestTheGuideListsEveryNumberOfTheSearchWithItsValue(t *testing.T) {
	guide, err := os.ReadFile("../docs/optimizer.md")
	if err != nil {
		t.Fatal(err)
	}
	inGuide := map[string]string{} // by room.name
	tell := func(room, name, value string) {
		if _, twice := inGuide[room+"."+name]; twice {
			t.Errorf("%s of %s is told twice", name, room)
		}
		inGuide[room+"."+name] = value
	}
	for _, m := range regexp.MustCompile("(?m)^\\| (\\w+) \\| `(\\w+)` \\| (\\S+) \\|").FindAllStringSubmatch(string(guide), -1) {
		tell(m[1], m[2], m[3])
	}
	tolerances := regexp.MustCompile(`(?m)^Tolerances .*: (optimizer: .*)\.$`).FindStringSubmatch(string(guide))
	if len(inGuide) == 0 || tolerances == nil {
		t.Fatal("docs/optimizer.md has no table of numbers, or no paragraph of tolerances")
	}
	for room := range strings.SplitSeq(tolerances[1], "; ") {
		room, numbers, _ := strings.Cut(room, ": ")
		for number := range strings.SplitSeq(numbers, ", ") {
			name, value, _ := strings.Cut(strings.TrimPrefix(number, "`"), "` ")
			tell(room, name, value)
		}
	}
	rooms, err := filepath.Glob("internal/*/tuning.go")
	if err != nil {
		t.Fatal(err)
	}
	inCode := map[string]string{}
	for _, name := range append(rooms, "tuning.go") {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for i, v := range spec.Values {
					inCode[file.Name.Name+"."+spec.Names[i].Name] = string(source[files.Position(v.Pos()).Offset:files.Position(v.End()).Offset])
				}
			}
			return true
		})
	}
	if d := cmp.Diff(inCode, inGuide); d != "" {
		t.Errorf("the numbers of the code (-) and of docs/optimizer.md (+): %s", d)
	}
}
