package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// forms are what is sent and taken by itself; the rest is a part of one of them.
func forms() []any {
	return []any{
		View{},
		TariffDetail{},
		Marginal{},
		Ledger{},
		Statement{},
		Insight{},
		Use{},
		Cuts{},
		Log{},
		LimitLog{},
		History{},
		TopUpNeed{},
		TopUp{},
		Token{},
		LastUntil{},
		Expect{},
		ExpectAnswer{},
		Outages{},
		OptOut{},
		PolicyState{},
		UntilAnswer{},
		OptOutAnswer{},
		MeterReading{},
		BesideAnswer{},
		Settings{},
		Set{},
		LoadSettings{},
		SetLoad{},
		Trial{},
		Trials{},
		Programs{},
		LetIn{},
		Admitted{},
		Problem{},
		State{},
		Totals{},
		Alert{},
		Plan{},
		[]Notice{},
		LoadState{},
		Entry{},
		Head{},
		Event{},
		TokenMessage{},
		TokenResult{},
		Order{},
	}
}

// What is stored may change with its number; what is sent may not.  So a form
// holds nothing of package control or of the domain, whose tags are the store's:
// only this package's own types, plain values and times.
func TestWireFormsHoldNothingThatIsStored(t *testing.T) {
	own := reflect.TypeFor[View]().PkgPath()
	met := map[string]bool{}
	var walk func(path string, x reflect.Type)
	walk = func(path string, x reflect.Type) {
		switch {
		case x == reflect.TypeFor[time.Time]():
			return
		case x.PkgPath() != "" && x.PkgPath() != own:
			t.Errorf("%s is a %s: write it as a plain value or as a type of this package", path, x)
			return
		case x == reflect.TypeFor[time.Duration]():
			t.Errorf("%s is a duration, which JSON has in nanoseconds: write seconds or hours, with the unit in the key", path)
			return
		}
		switch x.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(path, x.Elem())
		case reflect.Struct:
			if met[x.Name()] {
				return
			}
			met[x.Name()] = true
			for f := range x.Fields() {
				key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				embedded := f.Anonymous && key == "" // its fields stand beside those of the form
				if !embedded && (key == "" || key == "-") || strings.ContainsFunc(key, unicode.IsUpper) {
					t.Errorf("%s.%s has the key %q", path, f.Name, key)
				}
				walk(path+"."+f.Name, f.Type)
			}
		case reflect.Map, reflect.Interface, reflect.Func, reflect.Chan:
			t.Errorf("%s is a %s: its keys would be described nowhere", path, x)
		default:
		}
	}
	for _, f := range forms() {
		walk(reflect.TypeOf(f).String(), reflect.TypeOf(f))
	}
	for _, name := range declared(t) {
		if !met[name] {
			t.Errorf("%s is a part of no form of the list", name)
		}
	}
}

// declared are the names of this package's structs.
func declared(t *testing.T) []string {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for n := range ast.Preorder(parsed) {
			if s, ok := n.(*ast.TypeSpec); ok {
				if _, ok := s.Type.(*ast.StructType); ok {
					names[s.Name.Name] = true
				}
			}
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d structs were found", len(names))
	}
	return slices.Sorted(maps.Keys(names))
}
