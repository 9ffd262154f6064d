package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Load is a checked and compiled Document.  It is a value without hidden state
// and may be shared.
type Load struct {
	ID       string
	Name     string
	Kind     Kind
	Power    units.Power   // drawn while on
	Defer    bool          // it is scheduled; otherwise only metered and shed
	Need     time.Duration // running time owed each need-day; 0: none
	Runs     int           // kind cycle: programmes owed each need-day
	Cycle    time.Duration // kind cycle: length of the programme
	MinOn    time.Duration // for a cycle at least the programme
	MinOff   time.Duration
	MaxStart int // in a local day; 0: no limit
	Priority int // 0 is the most important

	Feedback bool          // the switch can tell its real state
	DeadMan  time.Duration // renew the command well within this; 0: not needed

	byEnergy  bool // the need was given as energy: measured energy counts, not time
	carryOver bool
	windows   []Window   // in the order given; nil: always
	readyBy   *TimeOfDay // nil: the end of the last window
	zone      *time.Location
}

// Compile checks d and compiles it for a site in zone.  The error is a
// fault.List.
func Compile(d Document, zone *time.Location) (Load, error) {
	return compile(d, zone)
}

// Request is what a load is still owed in one need-day: what the optimizer is
// asked to place.
type Request struct {
	Load     string
	Kind     Kind
	Power    units.Power
	Spans    []units.Slot  // where it may run: sorted, apart, none before now or after By
	By       time.Time     // when it must be done
	Time     time.Duration // running time still owed; for a cycle the rest of the running programme, or Runs times Cycle
	Runs     int           // kind cycle: programmes still to be started
	Cycle    time.Duration // kind cycle: length of a programme
	On       bool          // it is running now (only in the first request)
	Since    time.Time     // since when it is in that state
	Locked   time.Time     // it will not be switched before this (minimum on or off, running programme); zero: free
	MinOn    time.Duration
	MinOff   time.Duration
	Starts   int // starts left in the present local day; -1: no limit
	Priority int
	Carried  time.Duration // of Time, what came over from the day before (negative: it was ahead)
}

// Energy is what the request takes from the meter.
func (r Request) Energy() units.Energy { return r.Power.Over(r.Time) }
