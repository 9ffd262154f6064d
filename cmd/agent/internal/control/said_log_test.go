package control

import "testing"

// The end of a warning has no words of its own: then its code is told.
func TestALineOfTheLogIsNeverEmpty(t *testing.T) {
	e := Event{Code: "meter_silent_cleared"}
	for _, c := range []LoopConfig{{}, {Words: func(Event) string { return "" }}} {
		if got := c.words(e); got != e.Code {
			t.Errorf("%q", got)
		}
	}
}
