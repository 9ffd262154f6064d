package service

import (
	"context"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/metering"
)

// readable is the stored state, or what can be used of one that is not for us.
func (s *Service) readable(found journal.Found) control.State {
	if found.Err == nil {
		return found.State
	}
	st, lost := s.site.SalvageState(found.Data, time.Now())
	st.Credit.Head = credit.Head{Seq: found.Last.Seq, Hash: found.Last.Hash, Balance: found.Last.Balance}
	st.Credit.Balance = found.Last.Balance // to be shown; nothing is charged or stored
	s.log.Error("the stored state cannot be used; nothing is switched and nothing is stored until that is put right",
		"error", found.Err, "lost", lost)
	return st
}

// resume fits the state to the configuration and holds it where the ledger does
// not bear it out.
func (s *Service) resume(st control.State, found journal.Found) (control.State, control.Effects, error) {
	st, err := s.site.Resume(st)
	if err != nil {
		return st, control.Effects{}, err
	}
	why := ""
	switch {
	case found.Err != nil:
		why = found.Err.Error()
	case st.Hold != nil:
		why = st.Hold.Why
	default:
		if why = s.site.Disagreement(st, found.Last, found.Tokens); why == "" {
			why = found.Changed()
		}
	}
	if why == "" {
		return st, control.Effects{}, nil
	}
	st, first := s.site.Held(st, s.now(), why)
	return st, first, nil
}

// anchored compares what the records say with the head that is kept apart.
func (s *Service) anchored(ctx context.Context, state control.State, first control.Effects, resumed bool) (control.State, control.Effects, error) {
	if s.cfg.HeadFile == "" {
		return state, first, nil
	}
	kept, ok, err := journal.ReadHead(s.cfg.Path(s.cfg.HeadFile))
	if err == nil && !ok {
		return state, first, nil
	}
	cause := ""
	if err != nil {
		cause = "the head kept apart cannot be read: " + err.Error()
	} else if cause, err = kept.Old(ctx, s.store, s.site.Meter); err != nil {
		return state, first, err
	}
	switch {
	case cause == "":
	case resumed:
		state.MarkOld(s.now(), cause)
	default:
		state, first = s.site.BeginOld(func(bare *control.Site) (control.State, control.Effects) { return bare.Begin(s.now()) }, cause)
	}
	if cause != "" {
		s.log.Error("the ledger is not the one that was published; no token is counted until the warning is acknowledged", "code", health.LedgerOld, "cause", cause)
	}
	return state, first, nil
}

// fillDark tells records of a program that did not know it when the supply was
// off: once, from the ledger.
func (s *Service) fillDark(ctx context.Context, state control.State) (control.State, error) {
	const name = "supply off, from the ledger"
	if done, err := s.store.Filled(ctx, name); done || err != nil {
		return state, err
	}
	var off []store.Stretch
	if s.site.Contactor {
		var err error
		if off, err = journal.SupplyOff(ctx, s.store, state.Now); err != nil {
			return state, err
		}
	}
	if err := s.store.Fill(ctx, name, metering.SupplyOff, planning.SiteSeries, control.Flows, off); err != nil {
		return state, err
	}
	for _, o := range off {
		state.Days = state.Days.Missed(o.From, o.To, s.site.Zone)
	}
	return state, nil
}

// watchLedger verifies the ledger at the start and every night: the chain, the
// balances, the debts, and that no token had its effect twice.  It reads beside
// the loop and stops nothing; what it finds is a warning.
func (s *Service) watchLedger(ctx context.Context) error {
	tell := func(subject string, cause said.Said) {
		_, _ = s.loop.Feed(ctx, control.Input{What: control.Edge{Code: health.LedgerUnsound, Subject: subject, Cause: cause}})
	}
	if s.mended > 0 {
		tell("used tokens", said.Of("ledger.mended", said.Count("n", int64(s.mended))))
	}
	t := time.NewTicker(maintainEvery)
	defer t.Stop()
	last := s.now()
	for check := true; ; {
		if check {
			began := time.Now()
			head, err := s.verifyLedger(ctx)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				s.log.Error("the ledger is not sound", "error", err)
				tell("", said.Words(err.Error()))
			default:
				s.log.Debug("the ledger is sound", "entries", head.Seq, "took", time.Since(began))
				tell("", nil)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		now := s.now()
		check = s.nightly.Due(last, now)
		last = now
	}
}

// verifyBreath is after how many entries, and for how long, the check of the
// ledger lets others have the processor.
const (
	verifyEvery  = 500
	verifyBreath = 5 * time.Millisecond
)

// verifyLedger reads the whole ledger.
func (s *Service) verifyLedger(ctx context.Context) (credit.Head, error) {
	v := credit.NewVerifier()
	for entry, err := range s.store.Ledger(ctx, 1) {
		if err != nil {
			return v.Head(), fmt.Errorf("after ledger entry %d: %w", v.Head().Seq, err)
		}
		if err := v.Next(entry); err != nil {
			return v.Head(), err
		}
		if entry.Seq%verifyEvery == 0 {
			select {
			case <-ctx.Done():
				return v.Head(), ctx.Err()
			case <-time.After(verifyBreath):
			}
		}
	}
	return v.Head(), v.End()
}
