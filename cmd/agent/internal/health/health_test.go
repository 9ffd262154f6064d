package health

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/said"
)

func TestRaisedOnceRenewedAndCleared(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var s State
	s, fresh := s.Raise(at, MeterSilent, "", said.Words("a"))
	if !fresh || !s.Has(MeterSilent, "") {
		t.Fatal("the first time is not fresh")
	}
	s = s.Acknowledge(MeterSilent)
	before := s
	s, fresh = s.Raise(at.Add(time.Hour), MeterSilent, "", said.Words("b"))
	if fresh || !s.Active[0].Since.Equal(at) || !s.Active[0].Cause.Equal(said.Words("b")) || !s.Active[0].Acknowledged {
		t.Fatalf("again: %+v", s.Active)
	}
	if !before.Active[0].Cause.Equal(said.Words("a")) {
		t.Fatal("the State before was changed")
	}
	s, _ = s.Raise(at, SwitchSilent, "pump", said.Words("x"))
	s, _ = s.Raise(at, SwitchSilent, "geyser", said.Words("x"))
	s, _ = s.Raise(at, CreditSpent, "", said.Words("x"))
	if got := s.WorstFirst(); got[0].Code != CreditSpent || got[1].Code != MeterSilent {
		t.Fatalf("order: %+v", got)
	}
	s, ended := s.Clear(SwitchSilent, "pump")
	if !ended || s.Has(SwitchSilent, "pump") || !s.Has(SwitchSilent, "geyser") {
		t.Fatal("clearing one subject")
	}
	if _, ended := s.Clear(SwitchSilent, "pump"); ended {
		t.Fatal("cleared twice")
	}
}

// Every constant of type Code has its row, and the rows are in order and of what
// is there.
func TestEveryCodeHasOneRow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	named := map[Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Code" {
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			named[Code(text)] = true
		}
		return true
	})
	last := Code("")
	for _, r := range Rows() {
		if !named[r.Code] || r.Severity < Info || r.Severity > Critical || r.Passing() && r.Settled {
			t.Errorf("%s: %+v", r.Code, r)
		}
		if r.Code <= last {
			t.Errorf("%s stands after %s", r.Code, last)
		}
		delete(named, r.Code)
		last = r.Code
		if !Known(r.Code) || Of(r.Code) != r {
			t.Errorf("%s is not found", r.Code)
		}
	}
	for c := range named {
		t.Errorf("%s has no row", c)
	}
	if Known("no_such_thing") || Of("no_such_thing").Severity != Serious {
		t.Error("an unknown code is not serious")
	}
}
