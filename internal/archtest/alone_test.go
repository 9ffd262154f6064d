package archtest

import (
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What .ci/run tests without the race detector is what it has nothing to find in:
// neither the code nor its tests do two things at a time.
func TestWhatIsTestedWithoutTheRaceDetectorDoesOneThingAtATime(t *testing.T) {
	script, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^alone='([a-z/ ]+)'$`).FindSubmatch(script)
	if line == nil {
		t.Fatal(".ci/run does not say which packages are tested without the race detector")
	}
	alone := strings.Fields(string(line[1]))
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
