package control

import (
	"context"
	"errors"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/said"
)

// Plans makes plans for the loop.
type Plans interface {
	// Make makes a plan in about the computing time within (0: any), or says why
	// there is none.  It is called once at a time, and returns soon after ctx ends.
	Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error)
	// Learn takes in finished intervals; it does not wait, also while Make runs.
	Learn(intervals []planning.Interval)
	// Wait waits for what Make has left running, after the last Make.
	Wait()
}

// step is Site.Step with a panic contained: the State is as before, and the
// input is left out.  A plan is a wish, and the most intricate thing that a step
// looks at: where one stands in the way it is given up first.
func (l *Loop) step(st State, in Input) (out State, eff Effects, err error) {
	try := func() error {
		return contain.Do(func() { out, eff = l.cfg.Site.Step(st, in) })
	}
	_, planned := in.What.(NewPlan)
	if err = try(); err == nil || st.Plan == nil && !planned {
		return out, eff, err
	}
	first := err
	st.Plan, st.WantPlan = nil, true
	if planned {
		in.What = nil
	}
	if err = try(); err != nil {
		return out, eff, first
	}
	l.cfg.Log.Error("control: a plan was given up that a step failed at", "error", first)
	out.Health, _ = out.Health.Raise(out.Now, health.PlanFailed, "", said.Words(first.Error()))
	return out, eff, nil
}

// brokenFor is how long the warning of a failed step stays.
const brokenFor = time.Hour

// dropped tells of an input that no step could take.
func (l *Loop) dropped(ctx context.Context, err error) {
	l.broke = time.Now()
	var p *contain.Panic
	stack := ""
	if errors.As(err, &p) {
		stack = p.Stack
	}
	var fresh bool
	l.state.Health, fresh = l.state.Health.Raise(l.state.Now, health.StepFailed, "", said.Words(err.Error()))
	if fresh {
		l.cfg.Log.ErrorContext(ctx, "control: a step failed, and its input was left out", "error", err, "stack", stack)
	}
}

// mended takes the warning of a failed step back after a while.
func (l *Loop) mended() {
	if time.Since(l.broke) >= brokenFor {
		l.state.Health, _ = l.state.Health.Clear(health.StepFailed, "")
	}
}
