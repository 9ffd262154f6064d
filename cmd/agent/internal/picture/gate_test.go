package picture

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/credit"
)

// What is left of several tokens is said in the singular and in the plural, and that it can still be used.
func TestWhatIsLeftOfSeveralTokensIsSaid(t *testing.T) {
	engine, err := credit.New(credit.Defaults(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	m := New(&control.Site{Credit: engine, Zone: time.UTC}, About{})
	for says, left := range map[string][]int{
		"Of the 3 tokens that were entered together today 11:00, number 2 has not been added yet. It has not been used: check it and enter it again.":             {2},
		"Of the 3 tokens that were entered together today 11:00, numbers 1, 2 have not been added yet. They have not been used: check them and enter them again.": {1, 2},
	} {
		st := &control.State{Now: now, Pasted: &control.Pasted{At: now.Add(-time.Hour), Of: 3, Left: left}}
		if got := m.gate(st).Left; got != says {
			t.Errorf("%v: %s", left, got)
		}
	}
}
