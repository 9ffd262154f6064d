package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
)

// Orders is a person's way to the records of a stopped agent: whoever may work
// on the files may do anything to them, and no PIN is asked for.
type Orders struct {
	Config config.Config
	Log    *slog.Logger
}

// OrderError is what the account or the records have against an order.
type OrderError struct{ Err error }

// Error implements error.
func (e *OrderError) Error() string { return e.Err.Error() }

// Unwrap is the reason.
func (e *OrderError) Unwrap() error { return e.Err }

// Carry carries out an order and answers the entries that it led to.
func (o Orders) Carry(ctx context.Context, order control.Order) ([]credit.Entry, error) {
	return o.on(ctx, func(site *control.Site, st *store.Store) (control.State, control.Effects, error) {
		return carry(ctx, site, st, order)
	})
}

// Adopt ends a hold by taking the ledger's word: it verifies the ledger, and
// stores what can be read of the state with the account that the ledger leaves.
// lost names what could not be read and is begun anew.
func (o Orders) Adopt(ctx context.Context, reason string) (entries []credit.Entry, lost []string, err error) {
	entries, err = o.on(ctx, func(site *control.Site, st *store.Store) (control.State, control.Effects, error) {
		found, ok, err := journal.Find(ctx, st)
		if err != nil {
			return control.State{}, control.Effects{}, err
		}
		if !ok || found.Last.Seq == 0 {
			return control.State{}, control.Effects{}, errNothingToAdopt
		}
		if _, err := st.MendTokens(ctx); err != nil {
			return control.State{}, control.Effects{}, err
		}
		v := credit.NewVerifier()
		for entry, err := range st.Ledger(ctx, 1) {
			if err != nil {
				return control.State{}, control.Effects{}, fmt.Errorf("after ledger entry %d: %w", v.Head().Seq, err)
			}
			if err := v.Next(entry); err != nil {
				return control.State{}, control.Effects{}, err
			}
		}
		state := found.State
		if found.Err != nil {
			state, lost = site.SalvageState(found.Data, time.Now())
		}
		if state, err = site.Resume(state); err != nil {
			return control.State{}, control.Effects{}, err
		}
		return site.Adopt(state, time.Now().UTC(), v.Last(), v.Debts(), reason)
	})
	return entries, lost, err
}

// errNothingToAdopt is the answer where there is no ledger to take the word of.
var errNothingToAdopt = errors.New("there is no ledger here to take the word of; restore the data folder from a backup")

// on does something to the records and stores it.
func (o Orders) on(ctx context.Context, do func(*control.Site, *store.Store) (control.State, control.Effects, error)) ([]credit.Entry, error) {
	return o.in(ctx, o.Config.Path(o.Config.Data), store.Options{Log: o.Log}, do, nil)
}

// in does something to the records of a folder and stores it; then, where it is not nil, is
// called once that is durable.
func (o Orders) in(ctx context.Context, folder string, opt store.Options, do func(*control.Site, *store.Store) (control.State, control.Effects, error),
	then func(*store.Store, []credit.Entry) error,
) (_ []credit.Entry, err error) {
	site, err := SiteOf(o.Config)
	if err != nil {
		return nil, err
	}
	session, err := sessionOf(o.Config, o.Log) // it is not run: what the order tells waits in the outbox
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, folder, opt)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }() //nolint:contextcheck // it closes whatever ctx says
	state, eff, err := do(site, st)
	if err != nil {
		return nil, &OrderError{err}
	}
	batch := control.Batch{State: state, Effects: eff, Unstored: 1}
	if err := journal.New(st, topicsOf(session), o.Config.InfluxDB != nil, present.WordsIn(o.Config.Site.Language).Plain(site).Written(present.Unit{Symbol: o.Config.Site.Symbol})).Commit(ctx, batch); err != nil || then == nil {
		return eff.Entries, err
	}
	return eff.Entries, then(st, eff.Entries)
}
