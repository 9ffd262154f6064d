package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/metering"
)

// Batch is what belongs together: it is stored whole or not at all.
type Batch struct {
	At time.Time // when the batch was made: the checkpoint's time

	Checkpoint []byte         // the control loop's state as JSON; nil leaves the one stored
	Ledger     []credit.Entry // in order, the first one right after the ledger's head
	Tokens     []SeenToken    // credited by this batch; each may be stored once ever
	Unseen     []string       // fingerprints that must not be stored: older names of Tokens
	Intervals  []Interval
	Events     []Event
	Plans      []Plan
	Outbox     []Message
}

// SeenToken is a token that was credited.
type SeenToken struct {
	Fingerprint string // credit.Fingerprint of its ID
	At          time.Time
	Seq         uint64 // the ledger entry that credits it
}

// Interval is an interval reading of one series: "site" for the house's meter,
// the load's name for a submeter.
type Interval struct {
	Series string
	metering.Interval
}

// Event is something a person may want to read about later.
type Event struct {
	ID       int64 // given by the store
	At       time.Time
	Code     string // stable, e.g. "meter_gap"
	Severity string // "info", "warning" or "alarm"
	Text     string
	Data     []byte // JSON, may be nil
}

// Plan is one plan of the optimizer, as JSON.
type Plan struct {
	ID   int64 // given by the store
	At   time.Time
	Data []byte
}

// Commit stores b.  When it returns nil, all of b is on the disk and stays
// there whatever happens; when it returns an error, nothing of b is stored.
//
// A *DuplicateTokenError or *ChainError says that b itself is wrong.  After a
// *DiskFullError the same batch may be tried again: the reserve is given up for
// it, so the batch fails only when that is used up too.
func (s *Store) Commit(ctx context.Context, b Batch) error {
	if s.opt.ReadOnly {
		return errors.New("the store is open for reading only")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) (func(), error) { return s.commit(ctx, tx, b) })
	if err != nil {
		return err
	}
	for _, m := range b.Outbox {
		s.ring(m.Channel)
	}
	return nil
}

// write runs f in a transaction that is durable when write returns.  f answers
// what to do once that is so.  Where the disk is full it gives up the reserve
// and tries once more.  mu is held.
func (s *Store) write(ctx context.Context, f func(context.Context, *sql.Tx) (func(), error)) error {
	// Half a commit is no commit: a caller's cancellation counts before it begins, not within.
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	err := s.attempt(ctx, f)
	if full := (*DiskFullError)(nil); errors.As(err, &full) {
		if s.releaseBallast() {
			s.log.Warn("the disk is full; the reserve is in use", "dir", s.dir)
		}
		s.full = true
		s.shrinkWAL(ctx)
		return s.attempt(ctx, f)
	}
	if err == nil && s.full {
		s.shrinkWAL(ctx)
		s.refill()
	}
	return err
}

// shrinkWAL lets the WAL begin again at its start, so that the reserve lasts
// for the ledger and is not spent on the WAL's growth.  Where it cannot, the
// next commit tells.
func (s *Store) shrinkWAL(ctx context.Context) {
	if _, err := s.main.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		s.log.Debug("checkpoint on a full disk", "error", err)
	}
}

func (s *Store) attempt(ctx context.Context, f func(context.Context, *sql.Tx) (func(), error)) error {
	file := s.path(mainFile)
	if err := s.learn(ctx); err != nil {
		return err
	}
	tx, err := s.main.BeginTx(ctx, nil)
	if err != nil {
		return s.classify(file, "write", err)
	}
	then, err := f(ctx, tx)
	if err != nil {
		// SQLite has rolled back by itself after some errors, and says so here.
		_ = tx.Rollback()
		s.known = false
		return s.classify(file, "write", err)
	}
	if err := tx.Commit(); err != nil {
		_ = tx.Rollback()
		s.known = false
		return s.classify(file, "write", err)
	}
	then()
	return nil
}

func (s *Store) commit(ctx context.Context, tx *sql.Tx, b Batch) (func(), error) {
	head, err := s.putLedger(ctx, tx, b.Ledger)
	if err != nil {
		return nil, err
	}
	if err := putTokens(ctx, tx, b.Tokens, b.Unseen); err != nil {
		return nil, err
	}
	if err := putIntervals(ctx, tx, b.Intervals); err != nil {
		return nil, err
	}
	if err := putEvents(ctx, tx, b.Events); err != nil {
		return nil, err
	}
	for _, p := range b.Plans {
		at, err := stamp(p.At)
		if err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO plan(at, data) VALUES(?, ?)", at, p.Data); err != nil {
			return nil, err
		}
	}
	counts, err := s.putOutbox(ctx, tx, b.Outbox)
	if err != nil {
		return nil, err
	}
	if b.Checkpoint != nil {
		at, err := stamp(b.At)
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO checkpoint(one, data, at) VALUES(1, ?, ?)
			ON CONFLICT(one) DO UPDATE SET data=excluded.data, at=excluded.at`, b.Checkpoint, at); err != nil {
			return nil, err
		}
	}
	return func() {
		s.head = head
		for ch, c := range counts {
			s.counts[ch] = c
		}
	}, nil
}

func putTokens(ctx context.Context, tx *sql.Tx, tokens []SeenToken, unseen []string) error {
	for _, name := range unseen {
		var seen bool
		if err := tx.QueryRowContext(ctx, "SELECT EXISTS(SELECT 1 FROM token WHERE fingerprint = ?)", name).Scan(&seen); err != nil {
			return err
		}
		if seen {
			return &DuplicateTokenError{name}
		}
	}
	for _, t := range tokens {
		at, err := stamp(t.At)
		if err != nil {
			return fmt.Errorf("token: %w", err)
		}
		r, err := tx.ExecContext(ctx, "INSERT INTO token(fingerprint, at, seq) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
			t.Fingerprint, at, int64(t.Seq))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, &DuplicateTokenError{t.Fingerprint})
		}
	}
	return nil
}

func putEvents(ctx context.Context, tx *sql.Tx, events []Event) error {
	for _, e := range events {
		at, err := stamp(e.At)
		if err != nil {
			return fmt.Errorf("event %s: %w", e.Code, err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO event(at, code, severity, text, data) VALUES(?, ?, ?, ?, ?)",
			at, e.Code, e.Severity, e.Text, e.Data); err != nil {
			return err
		}
	}
	return nil
}
