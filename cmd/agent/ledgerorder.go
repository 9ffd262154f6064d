package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/credit"
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

// Run ends the hold.
func (c ledgerAdoptCmd) Run(e *env) error {
	o, err := orders(e, c.Config)
	if err != nil {
		return err
	}
	entries, lost, err := o.Adopt(e.Ctx, c.Reason)
	if err == nil {
		for _, path := range lost {
			if _, err := fmt.Fprintf(e.Stdout, "not readable, begun anew: %s\n", path); err != nil {
				return err
			}
		}
	}
	return carried(e, entries, err)
}

// carryOut carries out an order on the records of a stopped agent.
func carryOut(e *env, file string, order control.Order) error {
	o, err := orders(e, file)
	if err != nil {
		return err
	}
	entries, err := o.Carry(e.Ctx, order)
	return carried(e, entries, err)
}

func orders(e *env, file string) (service.Orders, error) {
	cfg, err := loadConfig(file, e)
	return service.Orders{Config: cfg, Log: newLog(e, cfg.Log)}, err
}

// carried prints the entries that an order led to.
func carried(e *env, entries []credit.Entry, err error) error {
	if refused := (*service.OrderError)(nil); errors.As(err, &refused) {
		return &exitError{exitInvalid, err}
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if _, err := fmt.Fprintf(e.Stdout, "entry %d: %s %s %s, balance %s, debt %s: %s\n", entry.Seq, entry.Kind, entry.Name, entry.Amount, entry.Balance, entry.Debt, entry.Cause); err != nil {
			return err
		}
	}
	return nil
}
