package health

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestRaisedOnceRenewedAndCleared(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var s State
	s, fresh := s.Raise(at, MeterSilent, "", "a")
	if !fresh || !s.Has(MeterSilent, "") {
		t.Fatal("the first time is not fresh")
	}
	s = s.Acknowledge(MeterSilent)
	before := s
	s, fresh = s.Raise(at.Add(time.Hour), MeterSilent, "", "b")
	if fresh || !s.Active[0].Since.Equal(at) || s.Active[0].Cause != "b" || !s.Active[0].Acknowledged {
		t.Fatalf("again: %+v", s.Active)
	}
	if before.Active[0].Cause != "a" {
		t.Fatal("the State before was changed")
	}
	s, _ = s.Raise(at, SwitchSilent, "pump", "x")
	s, _ = s.Raise(at, SwitchSilent, "geyser", "x")
	s, _ = s.Raise(at, CreditSpent, "", "x")
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

func TestEveryCodeHasAdviceAndIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/warnings.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Codes() {
		a := Advise(c)
		if a.Severity < Info || a.Severity > Critical || a.Title == "" || a.Remedy == "" || strings.Contains(a.Title, string(c)) {
			t.Errorf("%s has no advice of its own: %+v", c, a)
		}
		row := "| `" + string(c) + "` | " + a.Severity.String() + " | " + a.Title + " | " + a.Remedy + " |"
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/warnings.md lacks the row\n%s", row)
		}
	}
}
