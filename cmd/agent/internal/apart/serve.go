// Package apart makes plans in a process of its own.  A panic can be contained
// where it happens; a loop without end, too much memory and the runtime's fatal
// errors cannot.  So the agent starts itself once more, as "agent planner", for
// nothing but plans, and speaks to that over its standard input and output.
// Where it panics, takes too long or too much memory it is ended, and started and
// taught anew for the next plan; metering, supply, tokens and shedding never
// notice.
//
// Each message is one JSON value.  The parent sends the site's past and each
// finished interval, then a Brief where it wants a plan; the answer is a plan, or why
// there is none.
package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
)

// question is what the parent sends.
type question struct {
	Learn []planning.Interval `json:"learn,omitempty"`
	Plan  *planning.Brief     `json:"plan,omitempty"`
	// Within is about the computing time for it; 0 is any.
	Within time.Duration `json:"within,omitempty"`
}

// answer is a plan, or why none can be made.
type answer struct {
	Plan    planning.Plan `json:"plan"`
	Refused string        `json:"refused,omitempty"`
}

// deepest is how much stack a plan may need: a recursion without end is found out
// before it has taken the memory.
const deepest = 32 << 20

// Planner makes the plans.
type Planner interface {
	Plan(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error)
	Learn(intervals []planning.Interval)
}

// Serve answers questions from in on out until in ends.  A panic is let through: it ends the process, and its
// parent reads the place from the standard error.
func Serve(ctx context.Context, in io.Reader, out io.Writer, p Planner) error {
	debug.SetMaxStack(deepest)
	questions, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q question
		if err := questions.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("planner: a question that cannot be read: %w", err)
		}
		if len(q.Learn) > 0 {
			p.Learn(q.Learn)
		}
		if q.Plan == nil {
			continue
		}
		var a answer
		if plan, err := p.Plan(ctx, *q.Plan, q.Within); err != nil {
			a.Refused = err.Error()
		} else {
			a.Plan = plan
		}
		if err := answers.Encode(a); err != nil {
			return fmt.Errorf("planner: the plan cannot be handed out: %w", err)
		}
	}
}
