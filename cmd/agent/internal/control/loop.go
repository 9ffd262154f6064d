package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/loads"
)

// Journal stores what a step must not lose.
type Journal interface {
	// Commit stores all of b or nothing of it, and returns nil only when it is
	// durable.  The same batch may be tried again after an error.
	Commit(ctx context.Context, b Batch) error
}

// Batch is a State and everything that led to it since the last batch.
type Batch struct {
	State    State
	Effects  Effects // its Commands, AskPlan and Reply are not for the journal
	Unstored int     // steps in it
}

// ErrJournalFull is, or is wrapped by, a Journal's error for want of space.
var ErrJournalFull = errors.New("no space is left to record anything")

// ErrNotRecorded is the answer to a token or a request whose effect could not
// be stored.  Nothing has happened: a token stays good.
var ErrNotRecorded = errors.New("it cannot be recorded now, so nothing was done; try again later")

// ErrStopped is the answer of a loop that has ended.
var ErrStopped = errors.New("the control loop has stopped")

// LoopConfig is how a Loop runs.
type LoopConfig struct {
	Site     *Site
	State    State   // to begin with
	First    Effects // of Begin, to be stored with the first batch
	Planner  *Planner
	Journal  Journal
	Switches map[string]loads.Switch // by load, and loads.SupplyID
	Now      func() time.Time        // the loop's clock: real, or simulated
	// Simulated time moves only with the readings.  Then planning and switching
	// are done within the step, so that a run depends on its inputs alone.
	Simulated    bool
	Plant        func() ([]byte, error) // the simulated plant's state as JSON; nil: none
	PersistEvery time.Duration          // a batch is stored at least so often, by Now
	PlanTime     time.Duration          // most that a plan may take in real time
	Log          *slog.Logger
}

// Loop owns the State: one goroutine takes the inputs one by one.
type Loop struct {
	cfg    LoopConfig
	inputs chan question
	done   chan struct{}

	state   State
	batch   Batch
	stored  time.Time   // when the last batch was stored
	retryAt time.Time   // after a failed commit, by the real clock
	failed  health.Code // the warning that the last commit's failure raised

	owes     atomic.Bool // energy that a meter has given away is not stored
	snapshot atomic.Pointer[Snapshot]
	watch    watchers
	sends    *senders
	planning bool
	fresh    bool // no step has been made yet
}

// Snapshot is a State that others may read.
type Snapshot struct {
	Seq   uint64
	State State
}

type question struct {
	in    Input
	reply chan<- answer
}

type answer struct {
	reply Reply
	err   error
}

// NewLoop builds a loop; nothing moves before Run.
func NewLoop(cfg LoopConfig) *Loop {
	l := &Loop{
		cfg: cfg, inputs: make(chan question), done: make(chan struct{}),
		state: cfg.State, batch: Batch{State: cfg.State, Effects: cfg.First},
	}
	if len(cfg.First.Entries) > 0 {
		l.batch.Unstored = 1
	}
	// A simulated plant's switches are put back as they were told before the
	// loop begins; real ones may have been through anything.
	l.fresh = !cfg.Simulated
	l.snapshot.Store(&Snapshot{Seq: 1, State: cfg.State})
	l.sends = newSenders(cfg.Switches, cfg.Log)
	return l
}

// Snapshot is the latest State.  It must not be changed.
func (l *Loop) Snapshot() Snapshot { return *l.snapshot.Load() }

// Stored tells whether all energy that meters have given away (Sample.Taken) is
// stored.
func (l *Loop) Stored() bool { return !l.owes.Load() }

// Changes signals that a newer Snapshot is there; see watchers.
func (l *Loop) Changes(ctx context.Context) <-chan struct{} { return l.watch.add(ctx) }

// Feed hands one input to the loop and waits until its effects are stored where
// they must be.  A zero Now is taken from the loop's clock.
func (l *Loop) Feed(ctx context.Context, in Input) (Reply, error) {
	reply := make(chan answer, 1)
	select {
	case l.inputs <- question{in, reply}:
	case <-ctx.Done():
		return Reply{}, ctx.Err()
	case <-l.done:
		return Reply{}, ErrStopped
	}
	select {
	case a := <-reply:
		return a.reply, a.err
	case <-l.done:
		// The loop may have answered on its way out.
		select {
		case a := <-reply:
			return a.reply, a.err
		default:
			return Reply{}, ErrStopped
		}
	}
}

// tick is how often a real loop lets time pass on its own.
const tick = time.Second

// Run takes inputs until ctx ends, then stores what is left.  Its goroutines
// have ended when it returns.
func (l *Loop) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	plans := make(chan Plan, 1)
	defer func() {
		close(l.done)
		l.watch.close()
		stop()
		wg.Wait()
		l.cfg.Planner.Wait()
	}()
	if !l.cfg.Simulated {
		wg.Go(func() { l.sends.run(work) })
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var ticks <-chan time.Time
	if !l.cfg.Simulated {
		ticks = ticker.C
	}
	ask := func(st State) {
		l.planning = true
		wg.Go(func() {
			limited, cancel := context.WithTimeout(work, l.cfg.PlanTime)
			defer cancel()
			plans <- l.cfg.Planner.Plan(limited, st)
		})
	}
	if l.cfg.Simulated {
		ask = nil
	}
	if err := l.askAgain(ctx); err != nil {
		l.cfg.Log.Error("control: the plan that was asked for before the restart", "error", err)
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			if l.planning {
				stop()
				<-plans
			}
			return l.commit(context.WithoutCancel(ctx))
		case q := <-l.inputs:
			var a answer
			a.reply, a.err = l.take(ctx, q.in, ask)
			q.reply <- a
		case <-ticks:
			_, err = l.take(ctx, Input{}, ask)
		case plan := <-plans:
			l.planning = false
			_, err = l.take(ctx, Input{Plan: &plan}, ask)
		}
		if err != nil && !errors.Is(err, ErrNotRecorded) {
			l.cfg.Log.Error("control: a step failed", "error", err)
		}
	}
}

// askAgain makes up for a plan that was asked for in the last stored step and
// had not come when the agent ended.
func (l *Loop) askAgain(ctx context.Context) error {
	switch {
	case !l.state.Asking:
		return nil
	case !l.cfg.Simulated:
		l.state.WantPlan, l.state.AskedAt = true, time.Time{}
		return nil
	}
	plan := l.cfg.Planner.Plan(ctx, l.state)
	_, err := l.take(ctx, Input{Now: l.state.Now, Plan: &plan}, nil)
	return err
}

// take makes one step and lets out what it led to.
func (l *Loop) take(ctx context.Context, in Input, ask func(State)) (Reply, error) {
	if in.Now.IsZero() {
		in.Now = l.cfg.Now()
	}
	in.Facts = l.observe(ctx)
	in.Failed = l.sends.failures()
	in.Fresh = l.fresh
	l.fresh = false
	st, eff := l.cfg.Site.Step(l.state, in)
	for _, e := range eff.Events {
		l.cfg.Log.Log(ctx, level(e.Severity), e.Text, "code", e.Code, "at", e.At)
	}
	if eff.Owed {
		l.owes.Store(true)
	}
	was, batch := l.state, l.batch
	l.state = st
	l.batch.add(st, eff)
	// Somebody waits for the answer, and counts on what it says.
	person := in.Token != nil || in.Request != nil || in.Prices != nil
	due := eff.Durable || st.Now.Sub(l.stored) >= l.cfg.PersistEvery || st.Now.Before(l.stored)
	if due && (person || !time.Now().Before(l.retryAt)) {
		if err := l.commit(ctx); err != nil {
			if person {
				// Undone: what was not recorded has not happened.
				l.state, l.batch = was, batch
				return Reply{}, fmt.Errorf("%w: %w", ErrNotRecorded, err)
			}
			// Metering and protection go on in memory; the batch is kept.
		}
	}
	l.learn(eff.Intervals)
	l.send(ctx, eff.Commands)
	l.publish()
	if eff.AskPlan {
		switch {
		case ask == nil:
			plan := l.cfg.Planner.Plan(ctx, l.state)
			if _, err := l.take(ctx, Input{Now: in.Now, Plan: &plan}, nil); err != nil {
				return eff.Reply, err
			}
		case l.planning:
			l.state.WantPlan = true // again, when the present one is done
		default:
			ask(l.state)
		}
	}
	return eff.Reply, nil
}

// retryPause is how long after a failed commit the next is tried, so that a
// full disk is not hammered.
const retryPause = 5 * time.Second

// commit stores the batch.  A failure becomes a warning and the batch waits.
func (l *Loop) commit(ctx context.Context) error {
	if l.batch.Unstored == 0 {
		return nil
	}
	err := l.plant()
	if err == nil {
		err = l.cfg.Journal.Commit(ctx, l.batch)
	}
	if err == nil {
		l.stored = l.state.Now
		l.retryAt = time.Time{}
		l.owes.Store(false)
		l.batch = Batch{State: l.state}
		if l.failed != "" {
			l.state.Health, _ = l.state.Health.Clear(l.failed, "")
			l.failed = ""
		}
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	l.retryAt = time.Now().Add(retryPause)
	code := health.StoreFailed
	if errors.Is(err, ErrJournalFull) {
		code = health.StoreFull
	}
	l.failed = code
	var fresh bool
	l.state.Health, fresh = l.state.Health.Raise(l.state.Now, code, "", err.Error())
	if fresh {
		l.cfg.Log.Error("control: cannot store", "code", code, "error", err)
	}
	return err
}

// plant notes the state of a simulated plant in the batch.
func (l *Loop) plant() error {
	if l.cfg.Plant == nil {
		return nil
	}
	state, err := l.cfg.Plant()
	if err != nil {
		return fmt.Errorf("the plant's state cannot be written: %w", err)
	}
	l.batch.State.Plant, l.state.Plant = state, state
	return nil
}

// add appends the effects of one more step.
func (b *Batch) add(st State, eff Effects) {
	b.State = st
	b.Unstored++
	e := &b.Effects
	e.Entries = append(e.Entries[:len(e.Entries):len(e.Entries)], eff.Entries...)
	e.Credited = append(e.Credited[:len(e.Credited):len(e.Credited)], eff.Credited...)
	e.Intervals = append(e.Intervals[:len(e.Intervals):len(e.Intervals)], eff.Intervals...)
	e.Events = append(e.Events[:len(e.Events):len(e.Events)], eff.Events...)
	e.Points = append(e.Points[:len(e.Points):len(e.Points)], eff.Points...)
}

func (l *Loop) learn(intervals []Interval) {
	if len(intervals) > 0 {
		l.cfg.Planner.Learn(intervals)
	}
}

// observe asks the switches what they know; they answer at once.
func (l *Loop) observe(ctx context.Context) []loads.Fact {
	facts := make([]loads.Fact, 0, len(l.cfg.Switches))
	for _, id := range l.sends.ids {
		o, err := l.cfg.Switches[id].Observed(ctx)
		if err != nil {
			l.cfg.Log.Debug("control: feedback failed", "switch", id, "error", err)
			o = loads.Observation{}
		}
		facts = append(facts, loads.Fact{ID: id, Observation: o})
	}
	return facts
}

func (l *Loop) send(ctx context.Context, commands []loads.Command) {
	for _, c := range commands {
		l.cfg.Log.Debug("control: switch", "load", c.ID, "on", c.On, "reason", c.Reason, "attempt", c.Attempt)
		if l.cfg.Simulated {
			l.sends.set(ctx, c)
		} else {
			l.sends.put(c)
		}
	}
}

func (l *Loop) publish() {
	old := l.snapshot.Load()
	l.snapshot.Store(&Snapshot{Seq: old.Seq + 1, State: l.state})
	l.watch.signal()
}

func level(s health.Severity) slog.Level {
	switch s {
	case health.Info:
		return slog.LevelInfo
	case health.Caution:
		return slog.LevelWarn
	case health.Serious, health.Critical:
	}
	return slog.LevelError
}
