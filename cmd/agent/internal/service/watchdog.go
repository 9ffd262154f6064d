package service

import (
	"context"
	"errors"
	"os"
	"sync/atomic"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/watchdog"
)

// progress counts what the watchdog wants to see move.
type progress struct{ metered, stored atomic.Uint64 }

// counted is a journal that counts what the store has answered.  A full disk is
// an answer: it is told, and starting the machine again would not mend it.
type counted struct {
	control.Journal
	p *progress
}

// Commit stores a batch.
func (c counted) Commit(ctx context.Context, b control.Batch) error {
	err := c.Journal.Commit(ctx, b)
	if err == nil || errors.Is(err, control.ErrJournalFull) {
		c.p.stored.Add(1)
	}
	return err
}

// watchdogOf is what watches this service.
func (s *Service) watchdogOf(getenv func(string) string) watchdog.Config {
	w := s.cfg.Watchdog
	return watchdog.Config{
		Device: s.cfg.Path(w.Device), Timeout: w.Timeout, Patience: s.cfg.Patience(), Log: s.log,
		Progress: func() watchdog.Progress {
			return watchdog.Progress{Metered: s.progress.metered.Load(), Stored: s.progress.stored.Load()}
		},
	}.FromSystemd(getenv, os.Getpid())
}
