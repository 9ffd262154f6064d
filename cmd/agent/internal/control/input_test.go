package control

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/metering"
)

// kinds is one of each kind of Input.
func kinds() map[string]Happening {
	return map[string]Happening{
		"Reading":         Reading{Err: metering.Fail(metering.Silent, "read", "", "no answer")},
		"Token":           Token{Text: "hello", Source: "page"},
		"Request":         Request{Kind: SupplyOff, By: "page"},
		"ReadingsSent":    ReadingsSent{},
		"OptOut":          OptOut{Of: policy.OptGrid, By: "page"},
		"LastUntil":       LastUntil{Text: "tomorrow 18:00", By: "page"},
		"Expect":          Expect{Text: "guests until tomorrow", By: "page"},
		"NewPlan":         NewPlan{},
		"NoPlan":          NoPlan{Cause: "a fault of the test"},
		"Edge":            Edge{Code: health.BrokerGone, Cause: said.Words("shut")},
		"PriceDocument":   PriceDocument{Text: []byte("none")},
		"PolicyEnvelope":  PolicyEnvelope{Text: []byte("none")},
		"VTNList":         VTNList{},
		"LimitWord":       LimitWord{From: policy.Own, Limit: -1},
		"MeterReading":    MeterReading{Shown: "405.0", By: "page"},
		"WithdrawReading": WithdrawReading{N: 1, By: "page"},
		"Setting":         Setting{said.Of("setting.pin", said.Text("by", "page"))},
	}
}

// TestAKindOfInputIsWhollyInOneFileAndIsKnownHere: who adds one writes a file,
// and the table above.
func TestAKindOfInputIsWhollyInOneFileAndIsKnownHere(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	asked := []string{"asks", "happen", "held", "spare"}
	said, home := map[string][]string{}, map[string][]string{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		must(t, err)
		for _, d := range parsed.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if s, ok := s.(*ast.TypeSpec); ok {
						home[s.Name.Name] = append(home[s.Name.Name], f)
					}
				}
			case *ast.FuncDecl:
				if d.Recv == nil || !slices.Contains(asked, d.Name.Name) {
					continue
				}
				if id, ok := d.Recv.List[0].Type.(*ast.Ident); ok && id.Name != "Input" {
					said[id.Name] = append(said[id.Name], d.Name.Name)
					home[id.Name] = append(home[id.Name], f)
				}
			}
		}
	}
	known := kinds()
	for kind, says := range said {
		slices.Sort(says)
		if !slices.Equal(says, asked) {
			continue // not one of them
		}
		if _, ok := known[kind]; !ok {
			t.Errorf("%s is not in the table of kinds", kind)
		}
		delete(known, kind)
		if files := slices.Compact(home[kind]); len(files) != 1 {
			t.Errorf("%s lies in more than one file: %v", kind, files)
		}
	}
	for kind := range known {
		t.Errorf("%s has not all of %v", kind, asked)
	}
}

// TestOnlyThoseAreAnsweredWhoAsk: what nobody waits for leaves no reply behind,
// also while the records are held.
func TestOnlyThoseAreAnsweredWhoAsk(t *testing.T) {
	for name, what := range kinds() {
		b := newBench(t)
		b.reading(0)
		held, _ := b.site.Held(b.st, b.now, "a test")
		for _, st := range []State{b.st, held} {
			_, eff := b.site.Step(st, Input{Now: b.now, What: what})
			if answered := eff.Reply != (Reply{}); answered && !what.asks() {
				t.Errorf("%s: nobody asked, and the answer is %+v", name, eff.Reply)
			}
			if st.Hold != nil && what.asks() && eff.Reply == (Reply{}) {
				t.Errorf("%s: somebody waits while the records are held and is not answered", name)
			}
		}
	}
}
