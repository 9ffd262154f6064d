package control

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/contain"
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
	Thinned  Thinned // what was given up of it

	owed bool // energy that a meter has given away is in it
}

// ErrStopped is the answer of a loop that has ended.
var ErrStopped = errors.New("the control loop has stopped")

// LoopConfig is how a Loop runs.
type LoopConfig struct {
	Site     *Site
	State    State   // to begin with
	First    Effects // of Begin, to be stored with the first batch
	Planner  Plans
	Journal  Journal
	Switches map[string]loads.Switch // by load, and loads.SupplyID
	Now      func() time.Time        // the loop's clock: real, or simulated
	Synced   func() bool             // a time server keeps Now; nil: it is not known
	// Simulated time moves only with the readings.  Then planning and switching
	// are done within the step, so that a run depends on its inputs alone.
	Simulated    bool
	Plant        func() ([]byte, error) // the simulated plant's state as JSON; nil: none
	Tick         time.Duration          // how often time passes without an input; 0: each second
	PersistEvery time.Duration          // a batch is stored at least so often, by Now
	PlanTime     time.Duration          // about the most that a plan may compute
	Log          *slog.Logger
	Words        func(Event) string // an event's words for the log; nil: its codes and values
}

// words are an event's words for the log: its code where there is nothing more to say.
func (c *LoopConfig) words(e Event) string {
	if c.Words == nil {
		return cmp.Or(e.Says.String(), e.Code)
	}
	return cmp.Or(c.Words(e), e.Code)
}

// Loop owns the State: one goroutine takes the inputs one by one.
type Loop struct {
	cfg    LoopConfig
	inputs chan question
	done   chan struct{}

	state   State
	batch   Batch                     // not handed to the journal yet
	urgent  bool                      // and not to wait for PersistEvery
	stored  time.Time                 // when the last batch was stored
	retryAt time.Time                 // after a failed commit, by the real clock
	failed  health.Code               // the warning that the last commit's failure raised
	acks    uint64                    // made so far and stored: see Snapshot.Acks
	kept    Kept                      // of the State stored last
	behind  time.Time                 // since when the journal owes a good answer, by the real clock
	flight  *flight                   // the commit under way
	queue   []question                // of those who must be recorded, after it
	told    map[string]loads.Setpoint // what each switch was told last
	broke   time.Time                 // when a step failed last, by the real clock

	owes     atomic.Bool // energy that a meter has given away is not stored
	snapshot atomic.Pointer[Snapshot]
	watch    watchers
	sends    *senders
	ask      func(State) // has a plan made
	planning bool
	fresh    bool // no step has been made yet
}

// Snapshot is a State that others may read.
type Snapshot struct {
	Seq   uint64
	State State
	// Behind is since when the journal owes the answer that all is stored, by the
	// machine's clock; zero: it does not.
	Behind time.Time
	// Acks is the number of the last acknowledgement to a utility that is stored.  One that is
	// not may yet be another after a crash, and must not be sent.
	Acks uint64
	Kept Kept
}

type question struct {
	in    Input
	at    time.Time // by the real clock
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
		state: cfg.State, batch: Batch{State: cfg.State, Effects: cfg.First}, told: map[string]loads.Setpoint{},
	}
	if len(cfg.First.Entries) > 0 {
		l.batch.Unstored = 1
	}
	l.acks, l.kept = cfg.State.Policy.AckSeq, keptOf(&cfg.State)
	// A simulated plant's switches are put back as they were told before the
	// loop begins; real ones may have been through anything.
	l.fresh = !cfg.Simulated
	l.snapshot.Store(&Snapshot{Seq: 1, State: cfg.State, Acks: l.acks, Kept: l.kept})
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

// Feed hands one input to the loop and waits until it is taken.  A token, a
// request or prices are answered when their effect is stored, or with why it is
// not: ErrNotRecorded or ErrNotKnown, the latter also where the storage does not
// answer within some seconds.  A zero Now is taken from the loop's clock.
func (l *Loop) Feed(ctx context.Context, in Input) (Reply, error) {
	reply := make(chan answer, 1)
	select {
	case l.inputs <- question{in, time.Now(), reply}:
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

// usualTick is how often a real loop lets time pass on its own.
const usualTick = time.Second

// Run takes inputs until ctx ends, then stores what is left.  Its goroutines
// have ended when it returns; the one that waits for a journal which never
// answers has not, and then the error is ErrJournalSilent.
func (l *Loop) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		close(l.done)
		l.watch.close()
		stop()
		wg.Wait()
		l.cfg.Planner.Wait()
	}()
	if l.cfg.Simulated {
		return l.simulate(ctx)
	}
	wg.Go(func() { l.sends.run(work) })
	ticker := time.NewTicker(cmp.Or(l.cfg.Tick, usualTick))
	defer ticker.Stop()
	plans := make(chan planned, 1)
	l.ask = func(st State) {
		l.planning = true
		wg.Go(func() {
			plan, err := l.makePlan(work, st, l.cfg.PlanTime)
			plans <- planned{plan, err}
		})
	}
	if l.state.Asking { // the answer had not come when the agent ended
		l.state.WantPlan, l.state.AskedAt = true, time.Time{}
	}
	for {
		select {
		case <-ctx.Done():
			return l.end(ctx)
		case q := <-l.inputs:
			l.hear(ctx, q)
		case err := <-l.answered():
			l.landed(ctx, err)
		case <-ticker.C:
			_ = l.pass(ctx, Input{}) // it has been told
			l.sweep(ctx)
		case p := <-plans:
			l.planning = false
			_ = l.pass(ctx, p.input())
		}
	}
}

// planned is what became of a plan that was asked for.
type planned struct {
	plan planning.Plan
	err  error
}

func (p planned) input() Input {
	if p.err != nil {
		return Input{What: NoPlan{Cause: p.err.Error()}}
	}
	return Input{What: NewPlan{p.plan}}
}

// wantsPlan has a plan made where a step asks for one.
func (l *Loop) wantsPlan(asked bool) {
	switch {
	case !asked || l.ask == nil:
	case l.planning:
		l.state.WantPlan = true // again, when the present one is done
	default:
		l.ask(l.state)
	}
}

// observed is an input with what is known besides it.
func (l *Loop) observed(ctx context.Context, in Input) Input {
	if in.Now.IsZero() {
		in.Now = l.cfg.Now()
	}
	in.Facts = l.observe(ctx)
	in.Failed = l.sends.failures()
	in.Synced = l.cfg.Synced != nil && l.cfg.Synced()
	in.Fresh = l.fresh
	l.fresh = false
	return in
}

// log tells of events, those that were told already left out.
func (l *Loop) log(ctx context.Context, events, told []Event) {
	for _, e := range events {
		if !slices.ContainsFunc(told, e.same) {
			l.cfg.Log.Log(ctx, level(e.Severity), l.cfg.words(e), "code", e.Code, "at", e.At)
		}
	}
}

// add appends the effects of one more step.
func (b *Batch) add(st State, eff Effects) {
	b.State = st
	b.Unstored++
	b.owed = b.owed || eff.Owed
	e := &b.Effects
	e.Entries = append(e.Entries[:len(e.Entries):len(e.Entries)], eff.Entries...)
	e.Credited = append(e.Credited[:len(e.Credited):len(e.Credited)], eff.Credited...)
	e.Intervals = append(e.Intervals[:len(e.Intervals):len(e.Intervals)], eff.Intervals...)
	e.Limits = append(e.Limits[:len(e.Limits):len(e.Limits)], eff.Limits...)
	e.Events = append(e.Events[:len(e.Events):len(e.Events)], eff.Events...)
	e.Points = append(e.Points[:len(e.Points):len(e.Points)], eff.Points...)
	b.thin()
}

func (l *Loop) learn(intervals []planning.Interval) {
	if len(intervals) > 0 {
		l.cfg.Planner.Learn(intervals)
	}
}

// observe asks the switches what they know; they answer at once.
func (l *Loop) observe(ctx context.Context) []loads.Fact {
	facts := make([]loads.Fact, 0, len(l.cfg.Switches))
	for _, id := range l.sends.ids {
		f, sw := loads.Fact{ID: id}, l.cfg.Switches[id]
		if err := contain.Run(func() (err error) { f.Observation, err = sw.Observed(ctx); return err }); err != nil {
			l.cfg.Log.Debug("control: feedback failed", "switch", id, "error", err)
			f.Observation = loads.Observation{}
		}
		if err := contain.Do(func() { f.Takes = loads.CapabilityOf(sw) }); err != nil {
			l.cfg.Log.Debug("control: a switch does not tell what it takes", "switch", id, "error", err)
		}
		facts = append(facts, f.Storable())
	}
	return facts
}

func (l *Loop) send(ctx context.Context, commands []loads.Command) {
	for _, c := range commands {
		l.told[c.ID] = c.Set
		l.cfg.Log.Debug("control: switch", "load", c.ID, "on", c.Set.On, "reason", c.Reason, "attempt", c.Attempt)
		if l.cfg.Simulated {
			l.sends.set(ctx, c)
		} else {
			l.sends.put(c)
		}
	}
}

func (l *Loop) publish() {
	old := l.snapshot.Load()
	l.snapshot.Store(&Snapshot{Seq: old.Seq + 1, State: l.state, Behind: l.behind, Acks: l.acks, Kept: l.kept})
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
