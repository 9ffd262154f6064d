package credit

import (
	"time"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// Low is the lowest low-credit threshold that the available credit has
// reached, and whether there is one.
func (e *Engine) Low(a Account) (units.Money, bool) {
	if a.Unlocked {
		return 0, false
	}
	var low units.Money
	found := false
	for _, w := range e.doc.WarnAt {
		if a.Available() <= w && (!found || w < low) {
			low, found = w, true
		}
	}
	return low, found
}

// Rung is a step of the warning ladder before the supply is cut.
type Rung struct {
	Before time.Duration // the longest time left at which it holds
	Buzz   bool          // loud enough for a buzzer
}

// Ladder is the warnings before a cut, from the first to the last.
func Ladder() []Rung {
	return []Rung{
		{72 * time.Hour, false},
		{24 * time.Hour, false},
		{4 * time.Hour, false},
		{time.Hour, true},
		{10 * time.Minute, true},
	}
}

// RungAt is the last step of the ladder that the time left has reached, and
// whether it has reached any.
func RungAt(left time.Duration) (Rung, bool) {
	var at Rung
	found := false
	for _, r := range Ladder() {
		if left <= r.Before {
			at, found = r, true
		}
	}
	return at, found
}

// Says is the step for the customer.
func (r Rung) Says() said.Said {
	switch {
	case r.Before >= 48*time.Hour:
		return said.Of("rung.days", said.Count("n", int64(r.Before/(24*time.Hour))))
	case r.Before == 24*time.Hour:
		return said.Of("rung.day")
	case r.Before >= time.Hour:
		return said.Of("rung.hours", said.Count("n", int64(r.Before/time.Hour)))
	}
	return said.Of("rung.minutes", said.Count("n", int64(r.Before/time.Minute)))
}
