package present

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// told is a place in the program where something is said.
type told struct {
	kind   string
	values map[string]said.Is // by name; nil where they are not written out there
	at     token.Position
}

// constructors of values, by what they make.
var constructors = map[string]said.Is{
	"Text": said.IsText, "Count": said.IsCount, "Time": said.IsTime, "Length": said.IsLength, "Money": said.IsMoney, "Power": said.IsPower,
	"Energy": said.IsEnergy, "Voltage": said.IsVoltage, "Current": said.IsCurrent, "Frequency": said.IsFrequency, "Bytes": said.IsBytes,
}

// everythingSaid reads the program for all that it says.
func everythingSaid(t *testing.T) []told {
	t.Helper()
	var out []told
	set := token.NewFileSet()
	err := filepath.WalkDir("../../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "internal/said/") {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec: // the reasons of a supply, which are kinds
				if typ, ok := n.Type.(*ast.Ident); ok && typ.Name == "reason" && len(n.Values) == 1 {
					out = append(out, told{kind: literal(n.Values[0]), at: set.Position(n.Pos())})
				}
			case *ast.CallExpr:
				if name := of(n); name == "Of" {
					out = append(out, saidAt(set, n))
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// saidAt is what one call says; its kind is "" where it is not written out there.
func saidAt(set *token.FileSet, n *ast.CallExpr) told {
	x := told{kind: literal(n.Args[0]), values: map[string]said.Is{}, at: set.Position(n.Pos())}
	for _, arg := range n.Args[1:] {
		call, ok := arg.(*ast.CallExpr)
		if !ok || constructors[of(call)] == "" {
			x.values = nil
			break
		}
		x.values[literal(call.Args[0])] = constructors[of(call)]
	}
	return x
}

// of is the name of a function of the package said, "" for any other.
func of(n *ast.CallExpr) string {
	sel, ok := n.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if pkg, ok := sel.X.(*ast.Ident); !ok || pkg.Name != "said" {
		return ""
	}
	return sel.Sel.Name
}

func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

// Whatever the program says has its words, and the words have a place only for
// values that are given; what nothing says any more has none.
func TestAllThatIsSaidHasItsWordsAndAllWordsAreSaid(t *testing.T) {
	c := NewWords().c
	kinds := map[string]bool{}
	all := everythingSaid(t)
	for _, x := range all {
		if x.kind == "" || x.kind == "unknown" { // of a reason, and of a link that was not looked at yet
			continue
		}
		kinds["said."+x.kind] = true
		text, ok := c.texts["said."+x.kind]
		if !ok {
			t.Errorf("%s: %q has no words", x.at, x.kind)
			continue
		}
		if x.values == nil {
			continue
		}
		for _, m := range blank.FindAllStringSubmatch(text, -1) {
			is, given := x.values[m[1]]
			if m[1] != "more" && !given {
				t.Errorf("%s: the words of %q want %s, which is not given", x.at, x.kind, m[0])
			}
			if form := m[2]; form != "" && given && !slices.Contains(forms[is], form) {
				t.Errorf("the words of %q want %s, and there is no such form", x.kind, m[0])
			}
		}
	}
	if len(all) < 100 {
		t.Errorf("only %d things are said: the test looks in the wrong place", len(all))
	}
	for key := range c.texts {
		if kind, ok := strings.CutPrefix(key, "said."); ok && !kinds[strings.TrimSuffix(key, said.Bare)] {
			t.Errorf("nothing says %q", kind)
		}
	}
}

// forms are those that a value may be written in.
var forms = map[said.Is][]string{
	said.IsTime: {"day", "second", "clock", "year", "date"}, said.IsLength: {"span"}, said.IsMoney: {"bare", "unit"}, said.IsText: {"word", "lead"}, said.IsBytes: {"whole", "number"},
}

func TestPlainWords(t *testing.T) {
	zone := time.FixedZone("there", 2*3600)
	at := time.Date(2026, 11, 22, 14, 7, 30, 0, time.UTC)
	money := Plain{words: NewWords().c, zone: zone, currency: "ZAR", decimals: 2}
	kWh := money
	kWh.inKWh = true
	for _, c := range []struct {
		situation string
		p         Plain
		s         said.Said
		want      string
	}{
		{"nothing", money, nil, ""},
		{"words from elsewhere, as they are", money, said.Words("read {more}: broken"), "read {more}: broken"},
		{"one after another", money, said.Of("meter.never").Then(said.Of("meter.silent"), said.Words("check the cable")), "it has not answered since the start; no answer came; check the cable"},
		{"one within another", money, said.Of("token.by", said.Text("by", "page")).Then(said.Of("token.wrong"), said.Of("token.wait", said.Length("wait", 10*time.Second)), said.Of("event.no_more")), "by the page: this is not a token for this meter; check the digits; wait 10s before the next try; no more of these are recorded in this hour"},
		{"one that goes on the one before", money, said.Of("token.added", said.Money("amount", 50*units.One)).Then(said.Of("token.paid", said.Money("amount", 5*units.One), said.Text("name", "loan")), said.Of("token.credit", said.Money("amount", 61*units.One))), "50.00 added, 5.00 of it to loan; credit is now 61.00"},
		{"the same in kWh", kWh, said.Of("token.credit", said.Money("amount", 61*units.One)), "credit is now 61.000 kWh"},
		{"coins", money, said.Of("credit.low", said.Money("amount", 12_345_678)), "no more than 12.35 ZAR is left"},
		{"coins as the page writes them", money.Written(Unit{Code: "ZAR", Symbol: "R", Decimals: 2}), said.Of("credit.low", said.Money("amount", 12_345_678)), "no more than R\u00a012.35 is left"},
		{"energy for coins", kWh, said.Of("credit.low", said.Money("amount", 12_345_678)), "no more than 12.3 kWh is left"},
		{"a site without a switch", money, said.Said{{Kind: "supply.no_credit" + said.Bare}}, "no credit"},
		{"one that is told alike there", money, said.Said{{Kind: "supply.utility" + said.Bare}}, "off by order of the utility"},
		{"times", money, said.Of("clock.stepped_back", said.Length("by", 105*time.Minute), said.Time("to", at)), "the clock went back by 1 h 45 min to Sun 22 Nov 16:07"},
		{"a time of the week", money, said.Of("supply.protected", said.Time("until", at)), "no credit, but it is not cut before Sun 16:07; what is used is owed"},
		{"a time with its seconds", money, said.Of("meter.heard", said.Time("at", at)), "last reading at Sun 16:07:30"},
		{"a time with its year", money, said.Of("clock.ahead", said.Time("shows", at)), "it jumped ahead and shows Sun 22 Nov 2026 16:07"},
		{"electricity", money, said.Of("watch.current_at", said.Current("current", 1500), said.Voltage("voltage", 184_060)), "1.50 A at 184.1 V"},
		{"sizes", money, said.Of("store.small", said.Bytes("kept", 15<<19), said.Bytes("wanted", 8<<20)), "only 7.5 of 8 MiB could be kept for the ledger"},
		{"words of a value", money, said.Of("contactor.seen", said.Text("told", "open"), said.Text("feedback", "closed"), said.Text("current", "nothing"), said.Text("voltage", "open")), "told open; feedback: closed, current: says nothing, voltage: open"},
		{"a value that holds braces", money, said.Of("asked", said.Text("by", "{by}")), "by {by}"},
		{"a value named as the place for what follows", money, said.Of("of", said.Text("name", "{more}")).Then(said.Of("meter.silent")), "{more}: no answer came"},
		{"what follows has such a value too", money, said.Of("token.by", said.Text("by", "page")).Then(said.Of("of", said.Text("name", "{more}")), said.Of("meter.silent")), "by the page: {more}: no answer came"},
		{"emergency credit that is spent", money, said.Of("emergency.not_offered").Then(said.Of("emergency.spent", said.Money("used", 20*units.One))), "emergency credit is not on offer: it is spent; it comes back when 20.00 is paid back"},
		{"a way with what came by it", money, said.Of("asked", said.Text("by", "api: Node-RED")), "by a program: Node-RED"},
		{"a way that there is no word for", money, said.Of("asked", said.Text("by", "pagers")), "by pagers"},
		{"what a load was asked and set to", money, said.Of("load.set", said.Text("name", "Car"), said.Text("what", "on 2300 W"), said.Length("for", time.Hour)), "Car: on 2300 W, as it was set at the device; the plan waits 1 h"},
		{"and in German", Plain{words: WordsIn("de").c, zone: zone}, said.Of("load.asked", said.Text("name", "Boiler"), said.Text("what", "skip"), said.Text("by", "mqtt")), "Boiler: diesmal nicht durch MQTT"},
		{"of a newer program", money, said.Of("no_such_thing", said.Count("n", 3)), "no_such_thing n=3"},
	} {
		if got := c.p.Say(c.s); got != c.want {
			t.Errorf("%s: %q, want %q", c.situation, got, c.want)
		}
	}
}

// aSentence is a text that somebody could read out.
var aSentence = regexp.MustCompile(`[a-z]{2,} [a-z]{2,}`)

// The rooms below make no sentences: what is left are ledger texts, which are
// record, faults of the records, and no speech.
func TestHealthAndControlMakeNoSentences(t *testing.T) {
	allowed := []string{
		"gap.go undo", "old.go takeBack", "supply.go bypass", // texts of the ledger
		"hold.go Disagreement", "hold.go SalvageState", "migrate.go stateForm", // what is wrong with the records
		"step.go asked", // why a load is switched, in the command
	}
	set, seen := token.NewFileSet(), 0
	for _, dir := range []string{"../health", "../control"} {
		paths, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		organs, err := filepath.Glob(dir + "/internal/*/*.go")
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, organs...)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || slices.Contains(allowed, filepath.Base(path)+" "+fn.Name.Name) {
					continue
				}
				seen++
				for _, lit := range spoken(fn) {
					t.Errorf("%s: %s makes the sentence %s: say a kind and values, and put the words into the catalogue", set.Position(lit.Pos()), fn.Name.Name, lit.Value)
				}
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d functions were read", seen)
	}
}

// spoken are the texts of a function that are neither an error nor for a log.
func spoken(fn *ast.FuncDecl) (out []*ast.BasicLit) {
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok {
				pkg, _ := sel.X.(*ast.Ident)
				of, isLog := sel.X.(*ast.SelectorExpr)
				return sel.Sel.Name != "Errorf" && (pkg == nil || pkg.Name != "errors" && pkg.Name != "log") && (!isLog || of.Sel.Name != "Log" && of.Sel.Name != "log")
			}
			if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "panic" {
				return false
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING && aSentence.MatchString(n.Value) {
				out = append(out, n)
			}
		}
		return true
	})
	return out
}
