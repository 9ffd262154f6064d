package control

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// simulate is Run for simulated time: each step is stored, planned and let out
// within itself, so that a run depends on its inputs alone.
func (l *Loop) simulate(ctx context.Context) error {
	if l.state.Asking { // the answer had not come when the agent ended
		if err := l.planNow(ctx, Input{Now: l.state.Now}); err != nil {
			l.cfg.Log.Error("control: the plan that was asked for before the restart", "error", err)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return l.commit(context.WithoutCancel(ctx))
		case q := <-l.inputs:
			var a answer
			a.reply, a.err = l.takeNow(ctx, q.in)
			q.reply <- a
			if a.err != nil && !errors.Is(a.err, ErrNotRecorded) {
				l.cfg.Log.Error("control: a step failed", "error", a.err)
			}
		}
	}
}

// takeNow makes one step, stores it where it must be, and lets it out.
func (l *Loop) takeNow(ctx context.Context, in Input) (Reply, error) {
	asks := in.asks()
	in = l.observed(ctx, in)
	if !asks {
		in.Record = l.recording()
	}
	st, eff, err := l.step(l.state, in)
	if err != nil {
		l.dropped(ctx, err)
		return Reply{}, err
	}
	was, batch := l.state, l.batch
	l.state = st
	l.batch.add(st, eff)
	if eff.Owed {
		l.owes.Store(true)
	}
	due := eff.Durable || st.Now.Sub(l.stored) >= l.cfg.PersistEvery || st.Now.Before(l.stored)
	if due && (asks || !time.Now().Before(l.retryAt)) {
		err := l.commit(ctx)
		if what, news := knowing(in.What, err); news && errors.Is(err, ErrTokenSpent) {
			l.state, l.batch = was, batch
			return l.takeNow(ctx, Input{Now: in.Now, What: what})
		} else if err != nil && asks {
			l.undo(was, batch, err)
			return Reply{}, fmt.Errorf("%w: %w", answerTo(err), err)
		} else if err != nil && in.Record == RecordFirst && recordFirst(was, st, eff) {
			// Again, with what is known now: nobody is cut off for a credit that cannot be bought.
			l.undo(was, batch, err)
			return l.takeNow(ctx, in)
		}
		// Metering and protection go on in memory; the batch is kept.
	}
	l.log(ctx, eff.Events, nil)
	l.learn(eff.Intervals)
	l.send(ctx, eff.Commands)
	l.publish()
	if eff.AskPlan {
		return eff.Reply, l.planNow(ctx, Input{Now: in.Now})
	}
	return eff.Reply, nil
}

// undo goes back to before a step: what was not recorded has not happened, but that it
// could not be is known.
func (l *Loop) undo(was State, batch Batch, err error) {
	l.state, l.batch = was, batch
	if !errors.Is(err, ErrTokenSpent) {
		l.failing(err)
	}
}

// planNow has a plan made and takes it.
func (l *Loop) planNow(ctx context.Context, in Input) error {
	plan, err := l.makePlan(ctx, l.state, 0)
	next := planned{plan, err}.input()
	next.Now = in.Now
	_, err = l.takeNow(ctx, next)
	return err
}

// commit stores the batch.  A failure becomes a warning and the batch waits.
func (l *Loop) commit(ctx context.Context) error {
	if l.batch.Unstored == 0 {
		return nil
	}
	if l.batch.condense(l.cfg.Site) {
		l.state.Credit.Head = l.batch.State.Credit.Head
	}
	err := l.plant()
	if err == nil {
		err = l.cfg.Journal.Commit(ctx, l.batch)
	}
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrTokenSpent) {
			l.failing(err)
		}
		return err
	}
	l.stored, l.acks, l.kept = l.state.Now, l.batch.State.Policy.AckSeq, keptOf(&l.batch.State)
	l.retryAt = time.Time{}
	l.owes.Store(false)
	l.batch = Batch{State: l.state}
	if l.failed != "" {
		l.state.Health, _ = l.state.Health.Clear(l.failed, "")
		l.failed = ""
	}
	return nil
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
