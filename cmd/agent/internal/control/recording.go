package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
)

// What protects goes out first and is recorded after; what restores, starts,
// spends or answers somebody is recorded first.  So the loop never waits for the
// journal: one commit at a time is under way beside it, and steps go on.
//
// A step that must be recorded first is made aside: its State goes to the
// journal, and the loop goes on from the State before it.  Once it is durable it
// is taken, and what has come in meanwhile is stepped again on top of it; Step is
// pure, so nothing of the metering is lost.  Where it could not be stored it has
// never happened, and there is nothing to undo.

// Recording is what a step may count on.
type Recording int

// The recordings.
const (
	// RecordFirst: what is decided now can be recorded before it is let out.
	RecordFirst Recording = iota
	// RecordPending: the journal has not answered yet.  Nothing is started,
	// restored or cut for credit; protection goes on.
	RecordPending
	// RecordLater: the journal fails, or has not answered for long.  Everything
	// goes on in memory but a cut for credit: no top-up could be recorded.
	RecordLater
)

const (
	// pendingMost is how long starts wait for the journal; then they go on in memory.
	pendingMost = 30 * time.Second
	// stuckAfter is how long a commit may take before the householder is told.
	stuckAfter = 5 * time.Second
	// answerWithin is how long somebody waits for an answer at the most.
	answerWithin = 10 * time.Second
	// endWithin is how long the journal may take at the end.
	endWithin = 30 * time.Second
	// retryPause is how long after a failed commit the next is tried, so that a
	// full disk is not hammered.
	retryPause = 5 * time.Second
	// queueMost bounds those who wait to be recorded.
	queueMost = 64
	// sinceMost bounds the inputs that are kept to be stepped again.
	sinceMost = 8192
)

// flight is a commit under way.
type flight struct {
	batch    Batch
	began    time.Time  // by the real clock
	answered chan error // has room
	steps    int        // made meanwhile
	aside    *aside     // nil: all of it has been let out already
}

// aside is a step that is recorded before it is let out.
type aside struct {
	state State
	eff   Effects
	twin  Effects // of the same instant's step that was let out: it only protects
	since []Input // taken after it
	asker *question
}

// recording tells what a step may count on now.
func (l *Loop) recording() Recording {
	switch {
	case l.failed != "" || l.flight != nil && time.Since(l.flight.began) >= pendingMost:
		return RecordLater
	case l.flight != nil:
		return RecordPending
	}
	return RecordFirst
}

// recordFirst tells whether a step leads to what must be recorded before it is
// let out: something is started, or the supply is restored or cut for credit.
func recordFirst(was, is State, eff Effects) bool {
	if is.Decision.Close && !was.Decision.Close || is.Credit.Supply.NoCredit && !was.Credit.Supply.NoCredit {
		return true
	}
	return slices.ContainsFunc(eff.Commands, func(c loads.Command) bool {
		u := was.Guard.Unit(c.ID)
		return c.Set.On && !c.Renew && !(u.Set.On && u.Commanded)
	})
}

// hear takes one input, and answers where nothing has to be recorded first.
func (l *Loop) hear(ctx context.Context, q question) {
	switch {
	case !q.in.asks():
		q.reply <- answer{err: l.pass(ctx, q.in)}
	case l.flight == nil:
		l.askedFor(ctx, q)
	case len(l.queue) >= queueMost:
		q.reply <- answer{err: fmt.Errorf("%w: %d wait already", ErrNotRecorded, len(l.queue))}
	default:
		l.queue = append(l.queue, q)
	}
}

// askedFor makes the step that somebody asks for, to be recorded first where
// there is something to record.
func (l *Loop) askedFor(ctx context.Context, q question) {
	in := l.observed(ctx, q.in)
	st, eff, err := l.step(l.state, in)
	if err != nil {
		l.dropped(ctx, err)
		q.reply <- answer{err: fmt.Errorf("%w: %w", ErrNotRecorded, err)}
		return
	}
	if !eff.Durable && !recordFirst(l.state, st, eff) { // a refusal, or what holds already
		l.take(ctx, st, eff)
		q.reply <- answer{reply: eff.Reply}
		if l.due() {
			l.launch(ctx, l.batch, nil)
		}
		return
	}
	l.recordAside(ctx, in.alone(), st, eff, &q)
}

// pass makes one step and lets out what it leads to.
func (l *Loop) pass(ctx context.Context, in Input) error {
	in = l.observed(ctx, in)
	in.Record = l.recording()
	st, eff, err := l.step(l.state, in)
	if err != nil {
		l.dropped(ctx, err)
		return err
	}
	if in.Record == RecordFirst && recordFirst(l.state, st, eff) {
		l.recordAside(ctx, in, st, eff, nil)
		return nil
	}
	if f := l.flight; f != nil {
		f.steps++
		if f.aside != nil {
			f.aside.since = thin(append(f.aside.since, in))
		}
	}
	l.take(ctx, st, eff)
	if l.due() {
		l.launch(ctx, l.batch, nil)
	}
	return nil
}

// thin keeps the inputs that wait to be stepped again within bounds: a register
// makes up for a reading that is left out.
func thin(in []Input) []Input {
	if len(in) <= sinceMost {
		return in
	}
	n := 0
	return slices.DeleteFunc(in, func(i Input) bool {
		n++
		return (i.What == nil || i.What.spare()) && n%2 == 0
	})
}

// recordAside sends a step to the journal and goes on from before it, with what
// only protects.
func (l *Loop) recordAside(ctx context.Context, in Input, st State, eff Effects, asker *question) {
	batch := l.batch
	batch.add(st, eff)
	a := &aside{state: st, eff: eff, asker: asker}
	was := l.batch
	l.launch(ctx, batch, a)
	l.batch = was // it stays to be stored where the step is not
	in.Record = RecordPending
	st, eff, err := l.step(l.state, in)
	if err != nil {
		l.dropped(ctx, err)
		return
	}
	a.twin = eff
	l.take(ctx, st, eff)
}

// take goes on from a step's State and lets its effects out.
func (l *Loop) take(ctx context.Context, st State, eff Effects) {
	l.log(ctx, eff.Events, nil)
	l.state = st
	l.batch.add(st, eff)
	l.urgent = l.urgent || eff.Durable
	if eff.Owed {
		l.owes.Store(true)
	}
	l.learn(eff.Intervals)
	l.send(ctx, eff.Commands)
	l.publish()
	l.wantsPlan(eff.AskPlan)
}

// due tells whether the batch is to be stored now.
func (l *Loop) due() bool {
	now := l.state.Now
	return l.flight == nil && l.batch.Unstored > 0 && !time.Now().Before(l.retryAt) &&
		(l.urgent || now.Sub(l.stored) >= l.cfg.PersistEvery || now.Before(l.stored))
}

// launch has a batch stored beside the loop.
func (l *Loop) launch(ctx context.Context, b Batch, a *aside) {
	f := &flight{batch: b, began: time.Now(), answered: make(chan error, 1), aside: a}
	if l.behind.IsZero() {
		l.behind = f.began
	}
	l.flight, l.batch, l.urgent = f, Batch{State: l.state}, false
	go func() { f.answered <- l.cfg.Journal.Commit(context.WithoutCancel(ctx), b) }()
}

// answered is the journal's answer to the commit under way.
func (l *Loop) answered() <-chan error {
	if l.flight == nil {
		return nil
	}
	return l.flight.answered
}

// landed goes on after the journal has answered: first those who wait, then what
// could not be decided meanwhile.
func (l *Loop) landed(ctx context.Context, err error) {
	steps := l.flight.steps
	l.settle(ctx, err)
	if l.state.Health.Has(health.StoreStuck, "") {
		_ = l.pass(ctx, Input{What: Edge{Code: health.StoreStuck}})
	}
	for l.flight == nil && len(l.queue) > 0 {
		q := l.queue[0]
		l.queue = l.queue[1:]
		l.askedFor(ctx, q)
	}
	if l.flight == nil && steps > 0 {
		_ = l.pass(ctx, Input{})
	}
}

// settle takes in the journal's answer.
func (l *Loop) settle(ctx context.Context, err error) {
	f := l.flight
	l.flight = nil
	if err == nil {
		l.stored, l.retryAt, l.behind = f.batch.State.Now, time.Time{}, time.Time{}
		l.acks, l.kept = f.batch.State.Policy.AckSeq, keptOf(&f.batch.State)
		if f.aside != nil {
			l.accept(ctx, f.aside)
		}
		l.owes.Store(l.batch.owed)
		if l.failed != "" {
			l.state.Health, _ = l.state.Health.Clear(l.failed, "")
			l.failed = ""
		}
	} else if f.aside != nil && f.aside.spent(err) {
		// The storage is well.  Whoever asked is answered next, by another step.
		l.behind, l.urgent = time.Time{}, true
		if q := f.aside.asker; q != nil {
			var news bool
			if q.in.What, news = knowing(q.in.What, err); news {
				l.queue = slices.Insert(l.queue, 0, *q)
			} else {
				q.reply <- answer{err: fmt.Errorf("%w: %w", ErrNotRecorded, err)}
			}
		}
		return
	} else {
		if f.aside == nil {
			l.batch = f.batch.then(l.batch)
			l.urgent = true
		}
		if l.batch.condense(l.cfg.Site) {
			l.state.Credit.Head = l.batch.State.Credit.Head
		}
		l.failing(err)
	}
	if f.aside == nil || f.aside.asker == nil {
		l.publish()
		return
	}
	a := answer{reply: f.aside.eff.Reply}
	if err != nil {
		a = l.unrecorded(ctx, f.aside.asker.in, fmt.Errorf("%w: %w", answerTo(err), err))
	}
	l.publish()
	f.aside.asker.reply <- a
}

// spent tells whether a step could not be stored for its token, which the
// records have.
func (a *aside) spent(err error) bool {
	return errors.Is(err, ErrTokenSpent) && len(a.eff.Credited) > 0
}

// failing notes that the journal could not store.
func (l *Loop) failing(err error) {
	l.retryAt = time.Now().Add(retryPause)
	if errors.Is(err, ErrJournalFull) {
		l.behind = time.Time{} // it is an answer: starting anew would not mend it
	}
	code := storeCode(err)
	if l.failed != "" && l.failed != code {
		l.state.Health, _ = l.state.Health.Clear(l.failed, "")
	}
	l.failed = code
	var fresh bool
	l.state.Health, fresh = l.state.Health.Raise(l.state.Now, code, "", said.Words(err.Error()))
	if fresh {
		l.cfg.Log.Error("control: cannot store", "code", code, "error", err)
	}
}

// accept takes a step that is recorded now, and steps what came after it again.
func (l *Loop) accept(ctx context.Context, a *aside) {
	l.log(ctx, a.eff.Events, a.twin.Events)
	l.state, l.batch, l.urgent = a.state, Batch{State: a.state}, false
	last, fresh := map[string]loads.Command{}, map[string]bool{}
	for _, c := range a.eff.Commands {
		last[c.ID] = c
		fresh[c.ID] = !slices.ContainsFunc(a.twin.Commands, func(t loads.Command) bool { return t.ID == c.ID && t.Set == c.Set })
	}
	ask := a.eff.AskPlan
	for _, in := range a.since {
		st, eff, err := l.step(l.state, in)
		if err != nil {
			l.dropped(ctx, err)
			continue
		}
		l.state = st
		l.batch.add(st, eff)
		l.urgent = l.urgent || eff.Durable
		ask = ask || eff.AskPlan
		for _, c := range eff.Commands {
			last[c.ID] = c
		}
	}
	// What the switches were told meanwhile is brought into line.
	var out []loads.Command
	for _, id := range l.sends.ids {
		u := l.state.Guard.Unit(id)
		told, ever := l.told[id]
		c, commanded := last[id]
		switch {
		case commanded && (fresh[id] || !ever || told != c.Set):
			out = append(out, c)
		case !commanded && ever && u.Commanded && told != u.Set:
			out = append(out, loads.Command{ID: id, Set: u.Set, Reason: "recorded", Attempt: 1, At: l.state.Now})
		}
	}
	slices.SortStableFunc(out, func(a, b loads.Command) int { return cmp.Compare(rank(a), rank(b)) })
	l.send(ctx, out)
	l.wantsPlan(ask && l.state.Asking)
}

// rank puts what switches off before what switches on, and the supply's return
// before the loads'.
func rank(c loads.Command) int {
	switch {
	case !c.Set.On:
		return 0
	case c.ID == loads.SupplyID:
		return 1
	}
	return 2
}

// sweep sees to those who have waited long enough, and tells of a journal that
// does not answer.
func (l *Loop) sweep(ctx context.Context) {
	now := time.Now()
	late := func(q question) bool { return now.Sub(q.at) >= answerWithin }
	l.mended()
	l.queue = slices.DeleteFunc(l.queue, func(q question) bool {
		if late(q) {
			q.reply <- l.unrecorded(ctx, q.in, fmt.Errorf("%w: %w", ErrNotRecorded, errSilent))
		}
		return late(q)
	})
	f := l.flight
	if f == nil {
		return
	}
	if a := f.aside; a != nil && a.asker != nil && late(*a.asker) {
		a.asker.reply <- l.unrecorded(ctx, a.asker.in, fmt.Errorf("%w: %w", ErrNotKnown, errSilent))
		a.asker = nil
	}
	if now.Sub(f.began) >= stuckAfter && !l.state.Health.Has(health.StoreStuck, "") {
		cause := said.Of("store.silent", said.Time("since", l.cfg.Now().Add(-now.Sub(f.began))))
		_ = l.pass(ctx, Input{What: Edge{Code: health.StoreStuck, Cause: cause}})
	}
}

// end stores what is left.  A journal that does not answer is given up.
func (l *Loop) end(ctx context.Context) error {
	deadline := time.NewTimer(endWithin)
	defer deadline.Stop()
	var err error
	for tried := false; ; {
		if l.flight == nil {
			if tried || l.batch.Unstored == 0 {
				return err
			}
			tried = true
			l.launch(ctx, l.batch, nil)
		}
		select {
		case err = <-l.flight.answered:
			l.settle(ctx, err)
		case <-deadline.C:
			return ErrJournalSilent
		}
	}
}

// ErrJournalSilent ends a loop whose journal has not answered to the last.
var ErrJournalSilent = errors.New("the storage did not answer, so the last steps may not be recorded; the meter's register makes up for them")

// then is b and what came after it.
func (b Batch) then(next Batch) Batch {
	unstored := b.Unstored + next.Unstored
	b.add(next.State, next.Effects)
	b.Unstored, b.owed = unstored, b.owed || next.owed
	b.Thinned = b.Thinned.and(next.Thinned)
	return b
}

// mustWait tells whether a decision would restore the supply before that can be
// recorded.
func (p *step) mustWait(d credit.Decision) bool {
	return p.in.Record == RecordPending && d.Close && !p.st.Decision.Close
}
