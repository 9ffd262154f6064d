package control

import (
	"time"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
)

// Input is one thing that happened, and what is known beside it.  Now is
// required.
type Input struct {
	Now   time.Time    // UTC, by the loop's clock
	Facts []loads.Fact // what the switches tell, of loads and of loads.SupplyID
	// Failed are the switches whose last command did not get out.
	Failed []string
	// Fresh: the switches were opened just now and may not be as they were told.
	Fresh bool
	// Record is what the step may count on being recorded.
	Record Recording
	// Synced: a time server keeps the machine's clock.
	Synced bool

	What Happening // nil: time passed
}

// Happening is the one thing that a step is about: a Reading, a Token, a
// Request, a LastUntil, an Expect, a MeterReading, a WithdrawReading, a Setting, a NewPlan, NoPlan, an Edge, a PriceDocument, a
// PolicyEnvelope or a LimitWord.  There are no others than those of this package.  Each kind has a file, in which it says all that
// the agent must know of it, and the compiler asks it of a new one.
type Happening interface {
	// happen does what follows from it.
	happen(p *step)
	// held is what is done instead while the records are held: see Hold.
	held(p *step)
	// asks tells whether somebody waits for the answer, and counts on what it says.
	asks() bool
	// spare tells whether the next of its kind makes up for it, so that it may be
	// left out where too much waits for the journal.
	spare() bool
}

// NotTakenError is what a person wants or says that is not taken, and why.
type NotTakenError struct{ Says said.Said }

// Error is for a developer; people are told what it says.
func (e *NotTakenError) Error() string { return e.Says.String() }

// asks tells whether somebody waits for the answer, and counts on what it says.
func (in Input) asks() bool { return in.What != nil && in.What.asks() }

// alone is the passing of time that comes with the input.
func (in Input) alone() Input {
	return Input{Now: in.Now, Facts: in.Facts, Failed: in.Failed, Fresh: in.Fresh, Synced: in.Synced}
}
