package main

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
)

// limitsCmd prints the evidence of limits.
type limitsCmd struct {
	From time.Time `help:"Only limits that held at this instant or later."`
	To   time.Time `help:"Only limits that began before this instant."`
	Data string    `arg:"" default:"data" help:"Folder of the agent's records."`
}

// Run prints one CSV line a limit, the oldest first.  It only reads, also beside a running
// agent.
func (c limitsCmd) Run(e *env) error {
	s, from, to, err := readBetween(e, c.Data, c.From, c.To)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // it only reads
	snap, err := s.Load(e.Ctx)
	if err != nil {
		return err
	}
	var st control.State
	if snap.Packed != nil {
		return fmt.Errorf("what the agent remembers cannot be unpacked: %w", snap.Packed)
	}
	if snap.Checkpoint != nil {
		if st, err = control.ReadState(snap.Checkpoint); err != nil {
			return err
		}
	}
	all, err := journal.Limits(e.Ctx, s, &st, from, to)
	if err != nil {
		return err
	}
	return api.WriteLimits(e.Stdout, api.LimitRowsOf(all))
}
