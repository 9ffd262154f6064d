package archtest

import (
	"go/ast"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What .ci/run tests without the race detector is what it has nothing to find in:
// neither the code nor its tests do two things at a time.
func TestWhatIsTestedWithoutTheRaceDetectorDoesOneThingAtATime(t *testing.T) {
	alone := ciList(t, "alone")
	files, set := all(t)
	seen := map[string]int{}
	for _, f := range files {
		i := slices.IndexFunc(alone, func(room string) bool { return f.dir == room || strings.HasPrefix(f.dir, room+"/") })
		if i < 0 || strings.HasSuffix(f.path, "/bench_test.go") {
			continue // no test runs a benchmark
		}
		seen[alone[i]]++
		for _, imp := range f.imports() {
			if imp == "sync" || strings.HasPrefix(imp, "sync/") || imp == "testing/synctest" || imp == "net" || strings.HasPrefix(imp, "net/") {
				t.Errorf("%s imports %s: .ci/run must test it with the race detector", f.path, imp)
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine: .ci/run must test it with the race detector", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if slices.Contains([]string{"Go", "Parallel", "RunParallel", "AfterFunc"}, n.Sel.Name) {
					t.Errorf("%s: %s runs beside the rest: .ci/run must test it with the race detector", set.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
	for _, top := range alone {
		if seen[top] == 0 {
			t.Errorf(".ci/run names %s, where there is no Go file", top)
		}
	}
}

// What skips under the race detector is named in .ci/run, which tests it without: by its
// package, or by the name of the test, which says so first of all.
func TestWhatTheRaceDetectorLeavesAloneIsTestedWithout(t *testing.T) {
	twice, packages, tests := ciList(t, "twice"), map[string]bool{}, map[string]bool{}
	files, set := all(t)
	for _, f := range files {
		if slices.Contains(twice, f.dir) || !slices.Contains(f.imports(), "github.com/keeplit/keeplit/internal/unraced") {
			continue
		}
		for _, d := range f.syntax.Decls {
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok || call.Sel.Name != "Only" {
					return true
				}
				if x, ok := call.X.(*ast.Ident); !ok || x.Name != "unraced" {
					return true
				}
				test, ok := d.(*ast.FuncDecl)
				if !ok || !strings.HasPrefix(test.Name.Name, "Test") {
					t.Errorf("%s: not in a test of its own: its package belongs into twice= of .ci/run", set.Position(n.Pos()))
					return true
				}
				packages[f.dir], tests[test.Name.Name] = true, true
				return true
			})
		}
	}
	for name, found := range map[string]map[string]bool{"long_of": packages, "long": tests} {
		want := slices.Sorted(maps.Keys(found))
		if got := slices.Sorted(slices.Values(ciList(t, name))); !slices.Equal(got, want) {
			t.Errorf(".ci/run: %s names\n%v\nbut what skips under the race detector is\n%v", name, got, want)
		}
	}
}

// ciList is the words of a variable of .ci/run.
func ciList(t *testing.T, name string) []string {
	t.Helper()
	script, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^` + name + `='([A-Za-z/ ]+)'$`).FindSubmatch(script)
	if line == nil {
		t.Fatalf(".ci/run does not say %s='...'", name)
	}
	return strings.Fields(string(line[1]))
}
