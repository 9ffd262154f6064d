package optimizer

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Options say how long and how hard Solve searches.  The zero value is fit
// for use.
type Options struct {
	// Gap ends the search once the plan is proven to cost no more than this
	// share above the optimum; 0 stands for DefaultGap.
	Gap float64
	// WorkLimit ends the search after about this many units of work; 0 means
	// DefaultWorkLimit.  A unit is a few nanoseconds on a desktop, but
	// counted, not timed: with only this limit binding the same input gives
	// the same plan everywhere.
	WorkLimit int64
	// Seed settles ties between equally good plans, so that the sites of one
	// street do not all start in the same slot.
	Seed uint64
	// Previous is the plan in force, given for the slots of this Problem:
	// shift it with Plan.Shift after a slot has gone by.  The search starts
	// from it, and it is kept unless a new plan is better by Margin.
	Previous *Plan
	// Memory, where set, is what the last Solve left there for this one, shifted
	// as Previous is; Solve leaves there what it knows at its end.
	Memory *Memory
	// Margin is the money by which a new plan must be better than Previous to
	// replace it.
	Margin float64
	// Elapsed, where set, tells the time since some fixed instant; the search
	// uses it with TimeLimit in place of a clock of its own.
	Elapsed   func() time.Duration
	TimeLimit time.Duration // since Elapsed's value on entry; 0: none

	// Improved, where set, is told of every better plan and bound.
	Improved func(cost, lowerBound float64)

	trace func(format string, args ...any) // for tests
}

// Defaults of Options.
const (
	DefaultGap       = 1e-4
	DefaultWorkLimit = 100_000_000
)

// TimeLimit is how long a problem is worth searching, a little less than a round second
// so that reading and writing fit in as well.
func TimeLimit(p *Problem) time.Duration {
	switch size := p.N * len(p.Loads); {
	case size <= 2500:
		return 950 * time.Millisecond
	case size <= 20000:
		return 4800 * time.Millisecond
	}
	return 9500 * time.Millisecond
}

// Solve plans.  It always answers, with the best plan found by the time ctx
// ends or a limit is reached, and it answers within milliseconds after.  A
// Problem whose Check finds faults gets a plan in which nothing runs and the
// faults are the shortfalls.
func Solve(ctx context.Context, p *Problem, opt Options) *Plan {
	if faults := p.Check(); len(faults) > 0 {
		plan := &Plan{Format: PlanFormat, Instance: p.Name, Loads: map[string]LoadPlan{}}
		for _, f := range faults {
			plan.Shortfalls = append(plan.Shortfalls, Shortfall{Kind: BadForm, Reason: f.String()})
		}
		return plan
	}
	// The order of the loads must not matter.
	sorted := *p
	sorted.Loads = slices.Clone(p.Loads)
	slices.SortStableFunc(sorted.Loads, func(a, b Load) int { return strings.Compare(a.ID, b.ID) })
	sorted.Credit = strict(p)
	s := newSearch(ctx, &sorted, opt)
	s.run()
	plan := s.finish()
	if plan.Risk != nil && p.Credit != nil {
		plan.Risk.Limit = model.ChanceLimit(p.Credit)
	}
	return plan
}

// strict is the credit with the share of the scenarios in which it may really
// fall short.  Of S scenarios and one future drawn alike, the future is as likely
// as any to be among the worst: with d given up it falls short with a chance of
// (d+1)/(S+1), not d/S.
func strict(p *Problem) *Credit {
	if p.Credit == nil || len(p.Scenarios) == 0 {
		return p.Credit
	}
	c, n := *p.Credit, float64(len(p.Scenarios))
	c.ChanceLimit = max(model.ShareTol, (model.ChanceLimit(p.Credit)*(n+1)-1)/n)
	return &c
}
