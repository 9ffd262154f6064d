package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// domain is the ground floor: siblings that know nothing of each other.
var domain = []string{"tariffs", "forecast", "loads", "metering", "credit", "optimizer"}

// homes names the only folders that may import a dependency outside tests.
var homes = map[string][]string{
	"github.com/robfig/cron/v3":           {"cmd/agent/internal/schedule"},
	"github.com/eclipse/paho.mqtt.golang": {"cmd/agent/internal/broker", "internal/torture"},
	"github.com/mochi-mqtt/server/v2":     {"internal/localbroker", "cmd/agent/internal/broker"},
	"github.com/influxdata/":              {"cmd/agent/internal/telemetry"},
	"periph.io/x/host/v3":                 {"cmd/agent/internal/board"},
	"periph.io/x/":                        {"cmd/agent/internal/board", "loads/", "metering/", "credit/"},
	"modernc.org/sqlite":                  {"internal/store", "internal/torture"},
	"github.com/goccy/go-yaml":            {"config"},
	"github.com/alecthomas/kong":          {"cmd/agent"},
	"rsc.io/qr":                           {"cmd/agent"},
	"github.com/simonvetter/modbus":       {"metering/"},
	"go.bug.st/serial":                    {"metering/", "loads/modbus", "cmd/agent/internal/board"},
	"github.com/alexedwards/scs":          {"cmd/agent/internal/web"},
	"github.com/schollz/progressbar/v3":   {"cmd/agent"},
	"github.com/guptarohit/asciigraph":    {"cmd/agent"},
	"github.com/gorilla/websocket":        {"loads/ocpp", "loads/homeassistant", "metering/httpmeter"},
	"github.com/go-jose/go-jose/v4":       {"cmd/agent/internal/policy"},
	"gonum.org/v1/gonum":                  {"metering/waveform/spectrum"},
	"filippo.io/age":                      {"cmd/agent/internal/backup"},
}

func all(t *testing.T) (files []file, set *token.FileSet) {
	t.Helper()
	set = token.NewFileSet()
	files, err := parse(set, "../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d Go files found: the test looks in the wrong place", len(files))
	}
	return files, set
}

// Every package has its floor, and what is built imports only what lies below it.
func TestEveryPackageHasAFloorAndNoArrowRunsBack(t *testing.T) {
	h, err := Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range h.Packages {
		if floor, _ := place(p); floor < 0 {
			t.Errorf("%s has no floor: give it one in floors", p)
		}
	}
	for _, a := range h.Arrows {
		if a.Back {
			t.Errorf("%s imports %s, which does not lie below it", a.From, a.To)
		}
	}
	if len(h.Arrows) < 100 {
		t.Errorf("only %d arrows were found", len(h.Arrows))
	}
}

func isDomain(dir string) (name string, ok bool) {
	name, _, _ = strings.Cut(dir, "/")
	return name, slices.Contains(domain, name)
}

// ground tells whether a package lies below the domain.
func ground(dir string) bool {
	return slices.ContainsFunc([]string{"internal/units", "internal/civil", "internal/backoff", "internal/gpiochip", "internal/fault", "internal/form", "internal/jsonpath", "internal/series", "internal/said", "internal/device"}, func(p string) bool { return strings.HasPrefix(dir, p) })
}

func TestNoImportRunsBackUp(t *testing.T) {
	files, _ := all(t)
	for _, f := range files {
		for _, imp := range f.imports() {
			target, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			name, dom := isDomain(f.dir)
			other, otherDom := isDomain(target)
			switch {
			case ground(f.dir):
				if !ground(target) {
					t.Errorf("%s: the foundation imports %s", f.path, target)
				}
			case dom && otherDom && name != other:
				t.Errorf("%s: domain package %s imports its sibling %s", f.path, name, other)
			case dom && strings.HasSuffix(f.dir, "test") && target == "internal/localbroker": // a suite's test bed, no program has it
			case dom && !f.test && !otherDom && !ground(target):
				t.Errorf("%s: domain package %s imports %s; only the ground (internal/units, civil, backoff, gpiochip, fault, form, jsonpath, series, said, device) is below it", f.path, name, target)
			case strings.HasPrefix(f.dir, "config") && strings.HasPrefix(target, "cmd/"):
				t.Errorf("%s: config imports the edge %s", f.path, target)
			case strings.HasPrefix(f.dir, "internal/store") && (strings.HasPrefix(target, "cmd/") || strings.HasPrefix(target, "config")):
				t.Errorf("%s: the store imports %s", f.path, target)
			case strings.HasPrefix(f.dir, "cmd/agent/internal/control") && !f.test && strings.HasPrefix(target, "cmd/agent/internal/") &&
				!strings.HasPrefix(target, "cmd/agent/internal/control/internal/") &&
				!slices.Contains([]string{"cmd/agent/internal/schedule", "cmd/agent/internal/health", "cmd/agent/internal/planning", "cmd/agent/internal/policy"}, target):
				t.Errorf("%s: control imports the edge %s; an edge is wired in by the command", f.path, target)
			}
		}
	}
}

// rooms of the optimizer, each with those that it may see.
var rooms = map[string][]string{
	"model": {}, "effort": {}, "lp": {},
	"generate": {"model"},
	"pricing":  {"model"},
	"master":   {"model", "lp", "pricing"},
	"local":    {"model", "effort", "pricing", "master"},
	"bound":    {"model", "effort", "pricing", "master"},
}

func TestTheOptimizersRoomsSeeOnlyWhatIsBelowThem(t *testing.T) {
	files, _ := all(t)
	seen := 0
	for _, f := range files {
		room, inside := strings.CutPrefix(f.dir, "optimizer/internal/")
		if !inside || f.test {
			continue
		}
		seen++
		for _, imp := range f.imports() {
			target, ours := strings.CutPrefix(imp, module+"/optimizer")
			if ours && !slices.Contains(rooms[room], strings.TrimPrefix(target, "/internal/")) {
				t.Errorf("%s: the room %s imports %s", f.path, room, imp)
			}
		}
	}
	if seen < 20 {
		t.Fatalf("only %d files found in the rooms", seen)
	}
}

// shared is what every organ of the loop may use; of each other they know nothing.
var shared = []string{"note", "charges", "dark", "proof"}

func TestTheOrgansOfControlKnowNothingOfEachOther(t *testing.T) {
	const organs = "cmd/agent/internal/control/internal/"
	files, _ := all(t)
	seen := map[string]bool{}
	for _, f := range files {
		organ, inside := strings.CutPrefix(f.dir, organs)
		if !inside {
			continue
		}
		seen[organ] = true
		for _, imp := range f.imports() {
			if other, ours := strings.CutPrefix(imp, module+"/"+organs); ours && !slices.Contains(shared, other) {
				t.Errorf("%s: the organ %s imports the organ %s; what it needs of it is an argument", f.path, organ, other)
			}
		}
	}
	if len(seen) < 6 {
		t.Fatalf("only %d organs found", len(seen))
	}
}

// A judge that shares code with the accused shares its faults.
func TestWhatTorturesAgentsImportsNothingOfThem(t *testing.T) {
	files, _ := all(t)
	seen := 0
	for _, f := range files {
		if f.dir != "internal/torture" {
			continue
		}
		seen++
		for _, imp := range f.imports() {
			if strings.HasPrefix(imp, module) {
				t.Errorf("%s imports %s, which it judges", f.path, imp)
			}
		}
	}
	if seen < 5 {
		t.Fatalf("only %d files found", seen)
	}
}

func TestEachDependencyLivesInOnePlace(t *testing.T) {
	files, _ := all(t)
	for _, f := range files {
		if f.test || strings.HasPrefix(f.dir, "internal/testservers") || strings.HasSuffix(f.dir, "test") {
			continue
		}
		for _, imp := range f.imports() {
			best := ""
			for prefix := range homes {
				if strings.HasPrefix(imp, prefix) && len(prefix) > len(best) {
					best = prefix
				}
			}
			if best == "" {
				continue
			}
			at := slices.IndexFunc(homes[best], func(home string) bool {
				return f.dir == strings.TrimSuffix(home, "/") || (strings.HasSuffix(home, "/") && strings.HasPrefix(f.dir+"/", home))
			})
			if at < 0 {
				t.Errorf("%s imports %s, whose home is %v", f.path, imp, homes[best])
			}
		}
	}
}

func TestDomainTakesTimeAsAValueAndKeepsNoGlobalState(t *testing.T) {
	files, set := all(t)
	for _, f := range files {
		if f.test {
			continue
		}
		_, dom := isDomain(f.dir)
		// Drivers in sub-folders talk to devices and may wait; the packages
		// themselves may not know what time it is.
		pure := dom && (!strings.Contains(f.dir, "/") || strings.HasPrefix(f.dir, "optimizer/"))
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && pure {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" &&
					slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker", "Tick", "AfterFunc"}, sel.Sel.Name) {
					t.Errorf("%s: time.%s in a domain package", set.Position(n.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init() registers behind the reader's back", set.Position(fn.Pos()))
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	files, _ := all(t)
	documented := map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		if _, seen := documented[f.dir]; !seen {
			documented[f.dir] = false
		}
		if f.syntax.Doc != nil && len(strings.Fields(f.syntax.Doc.Text())) >= 8 {
			documented[f.dir] = true
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment that says what it is for", dir)
		}
	}
}
