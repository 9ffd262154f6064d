package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
)

// ledgerAdjustCmd moves the balance by the operator's order.  It works on the
// records themselves, while the agent is stopped: whoever may do that may do
// anything to them, and the householder's PIN is not asked for it.
type ledgerAdjustCmd struct {
	Config string      `arg:"" default:"keeplit.yaml" help:"Configuration file; the agent must be stopped." type:"path"`
	Kind   string      `enum:"adjustment,refund,gift" default:"adjustment" help:"${enum}."`
	Amount json.Number `required:"" help:"In the account's unit; --amount=-5 takes from the balance."`
	Reason string      `required:"" help:"Who ordered it and why; it stands in the ledger for ever."`
}

// Run posts one entry.
func (c ledgerAdjustCmd) Run(e *env) error {
	amount, err := units.ParseMoney(c.Amount.String())
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return carryOut(e, c.Config, control.Adjust(credit.Kind(c.Kind), amount, c.Reason))
}

// ledgerOweCmd takes on a debt, or forgives part of one.
type ledgerOweCmd struct {
	Config string      `arg:"" default:"keeplit.yaml" help:"Configuration file; the agent must be stopped." type:"path"`
	Name   string      `required:"" help:"Of the debt."`
	Amount json.Number `required:"" help:"In the account's unit; a negative one forgives part of the debt."`
	Share  bool        `help:"It is recovered by a share of each top-up (credit.debt), not whole by the next ones."`
	Reason string      `required:"" help:"Who ordered it and why; it stands in the ledger for ever."`
}

// Run posts one entry.
func (c ledgerOweCmd) Run(e *env) error {
	amount, err := units.ParseMoney(c.Amount.String())
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return carryOut(e, c.Config, control.Owe(c.Name, amount, c.Share, c.Reason))
}

// ledgerAdoptCmd ends a hold: the ledger is right.
type ledgerAdoptCmd struct {
	Config string `arg:"" default:"keeplit.yaml" help:"Configuration file; the agent must be stopped." type:"path"`
	Reason string `required:"" help:"Who decided it and why; it stands in the ledger for ever."`
}

// Run verifies the ledger, and stores what can be read of the state with the
// account that the ledger leaves.
func (c ledgerAdoptCmd) Run(e *env) error {
	return onRecords(e, c.Config, func(s *service, st *store.Store) (control.State, control.Effects, error) {
		found, ok, err := journal.Find(e.Ctx, st)
		if err != nil {
			return control.State{}, control.Effects{}, err
		}
		if !ok || found.Last.Seq == 0 {
			return control.State{}, control.Effects{}, errNothingToAdopt
		}
		if _, err := st.MendTokens(e.Ctx); err != nil {
			return control.State{}, control.Effects{}, err
		}
		v := credit.NewVerifier()
		for entry, err := range st.Ledger(e.Ctx, 1) {
			if err != nil {
				return control.State{}, control.Effects{}, fmt.Errorf("after ledger entry %d: %w", v.Head().Seq, err)
			}
			if err := v.Next(entry); err != nil {
				return control.State{}, control.Effects{}, err
			}
		}
		state, lost := found.State, []string(nil)
		if found.Err != nil {
			state, lost = s.site.SalvageState(found.Data, time.Now())
		}
		if state, err = s.site.Resume(state); err != nil {
			return control.State{}, control.Effects{}, err
		}
		for _, path := range lost {
			if _, err := fmt.Fprintf(e.Stdout, "not readable, begun anew: %s\n", path); err != nil {
				return control.State{}, control.Effects{}, err
			}
		}
		return s.site.Adopt(state, time.Now().UTC(), v.Last(), v.Debts(), c.Reason)
	})
}

// carryOut carries out an order on the records of a stopped agent.
func carryOut(e *env, file string, order control.Order) error {
	return onRecords(e, file, func(s *service, st *store.Store) (control.State, control.Effects, error) {
		state, resumed, err := journal.Resume(e.Ctx, st)
		if err != nil {
			return state, control.Effects{}, err
		}
		if !resumed {
			return state, control.Effects{}, fmt.Errorf("there is no account in %s yet; start the agent once", st.Dir())
		}
		if state, err = s.site.Resume(state); err != nil {
			return state, control.Effects{}, err
		}
		return s.site.Carry(state, time.Now().UTC(), order)
	})
}

// onRecords does something to the records of a stopped agent and prints the
// entries that it led to.
func onRecords(e *env, file string, do func(*service, *store.Store) (control.State, control.Effects, error)) (err error) {
	cfg, err := loadConfig(file, e)
	if err != nil {
		return err
	}
	s := &service{cfg: cfg, log: newLog(e, cfg.Log)}
	if s.site, err = siteOf(cfg); err != nil {
		return err
	}
	if err := s.broker(); err != nil {
		return err
	}
	var topics *broker.Topics
	if s.session != nil {
		t := s.session.Topics()
		topics = &t
	}
	st, err := store.Open(e.Ctx, cfg.Path(cfg.Data), store.Options{Log: s.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }() //nolint:contextcheck // it closes whatever ctx says
	state, eff, err := do(s, st)
	if err != nil {
		return &exitError{exitInvalid, err}
	}
	batch := control.Batch{State: state, Effects: eff, Unstored: 1}
	if err := journal.New(st, topics, cfg.InfluxDB != nil).Commit(e.Ctx, batch); err != nil {
		return err
	}
	for _, entry := range eff.Entries {
		if _, err := fmt.Fprintf(e.Stdout, "entry %d: %s %s %s, balance %s, debt %s: %s\n", entry.Seq, entry.Kind, entry.Name, entry.Amount, entry.Balance, entry.Debt, entry.Cause); err != nil {
			return err
		}
	}
	return nil
}
