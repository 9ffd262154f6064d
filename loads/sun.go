package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Heard tells whether what is of the kind is only heard of: nobody switches it.
func (k Kind) Heard() bool { return k == Measured || k == Sun }

// Runs tells whether a person can have what is of the kind run, or not.
func (k Kind) Runs() bool { return !k.Heard() && k != Battery }

// beyondBelief is the share of what panels can give at most by which they may give more: a
// cold and bright noon after clouds.
const beyondBelief = 1.25

// Given is what is given, of kind sun: what its device measures, whatever sign it writes before
// it.  known is false where nobody tells, or tells more than can be.  A device that is not heard
// is not night: it may be broken, or only its network.
func (l Load) Given(o Observation) (p units.Power, known bool) {
	if l.Kind != Sun || !o.Known || !o.HasPower {
		return 0, false
	}
	p = max(o.Power, -o.Power)
	if float64(p) > beyondBelief*float64(l.Gives) {
		return 0, false
	}
	return p, true
}

const (
	// nearlyDark is the share of what panels can give below which they go to sleep.
	nearlyDark = 0.02
	// longestNight is how long an inverter that sleeps is believed to: as long as the nights of
	// the places where many live.
	longestNight = 18 * time.Hour
)

// Sleeps tells whether an inverter that is not heard is taken for asleep: it gave next to
// nothing when it was last heard, and that is no longer ago than a night is long.  Many are fed
// by their panels, and are gone without them.
func (l Load) Sleeps(last units.Power, heard, now time.Time) bool {
	gone := now.Sub(heard)
	return !heard.IsZero() && gone >= 0 && gone <= longestNight && float64(last) < nearlyDark*float64(l.Gives)
}
