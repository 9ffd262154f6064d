package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/metering"
	lib "modernc.org/sqlite/lib"
)

// Batch is what belongs together: it is stored whole or not at all, but for
// the messages of its outbox that are not marked Ledger.  Those are telemetry:
// they are stored after the rest, on their own, and are dropped and counted
// where that does not work.
type Batch struct {
	At time.Time // when the batch was made: the checkpoint's time

	Checkpoint []byte         // the control loop's state as JSON; nil leaves the one stored
	Ledger     []credit.Entry // in order, the first one right after the ledger's head
	Tokens     []SeenToken    // credited by this batch; each may be stored once ever
	Unseen     []string       // fingerprints that must not be stored: older names of Tokens
	Intervals  []Interval
	Events     []Event
	Limits     []Limited
	Plans      []Plan
	Outbox     []Message
	// Lost is how many messages of a channel could not even be made: they count
	// as dropped.
	Lost map[Channel]int64
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
// there whatever happens, and its telemetry is stored or counted as dropped.
// When it returns an error, nothing of b is stored; only after an
// *UnknownError it may be, and the next Commit or the next Open settles it.
//
// A *DuplicateTokenError or *ChainError says that b itself is wrong, a
// *ReplacedError that the files are not those any more that were opened.  After
// a *DiskFullError the same batch may be tried again: waiting telemetry and the
// reserve are given up for it, so it fails only when those are used up too.
func (s *Store) Commit(ctx context.Context, b Batch) error {
	if s.opt.ReadOnly {
		return errors.New("the store is open for reading only")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.holds(); err != nil {
		return err
	}
	var telemetry []Message
	b.Outbox, telemetry = partition(b.Outbox)
	if b.Checkpoint != nil && ctx.Err() == nil {
		s.proveBase(context.WithoutCancel(ctx))
	}
	if err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) (func(), error) { return s.commit(ctx, tx, b) }); err != nil {
		return err
	}
	if err := s.holds(); err != nil {
		return &UnknownError{err} // it is in files that somebody has just moved away
	}
	for ch, n := range b.Lost {
		s.lost[ch] += n
	}
	s.tell(context.WithoutCancel(ctx), telemetry)
	for _, m := range b.Outbox {
		s.ring(m.Channel)
	}
	return nil
}

// write runs f in a transaction that is durable when write returns.  f answers
// what to do once that is so.  Where the disk is full it gives up what waits
// of telemetry, then the reserve, a piece at a time.  mu is held.
func (s *Store) write(ctx context.Context, f func(context.Context, *sql.Tx) (func(), error)) error {
	// Half a commit is no commit: a caller's cancellation counts before it begins, not within.
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	err := s.attempt(ctx, s.main, f)
	for full := (*DiskFullError)(nil); errors.As(err, &full); {
		s.shrinkWAL(ctx)
		if !s.shed(ctx) && !s.releaseBallast() {
			return s.attempt(ctx, s.main, f) // the WAL may have become shorter
		}
		s.shrinkWAL(ctx)
		err = s.attempt(ctx, s.main, f)
	}
	if err == nil && s.full {
		s.shrinkWAL(ctx)
		s.refill()
	}
	return err
}

// modest runs f in a durable transaction that gives nothing up for itself: what
// is not the ledger's can be done later.  mu is held.
func (s *Store) modest(ctx context.Context, f func(context.Context, *sql.Tx) (func(), error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.attempt(context.WithoutCancel(ctx), s.main, f)
}

// shrinkWAL lets the WAL begin again at its start, so that the reserve lasts
// for the ledger and is not spent on the WAL's growth.  Where it cannot, the
// next commit tells.
func (s *Store) shrinkWAL(ctx context.Context) {
	if _, err := s.main.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		s.log.Debug("checkpoint on a full disk", "error", err)
	}
}

// attempt runs f in one transaction on db.  mu is held.
func (s *Store) attempt(ctx context.Context, db *sql.DB, f func(context.Context, *sql.Tx) (func(), error)) error {
	err := s.transact(ctx, db, f)
	if full := (*DiskFullError)(nil); errors.As(err, &full) {
		s.noteFull()
	}
	return err
}

func (s *Store) noteFull() {
	if !s.full {
		s.log.Warn("the disk is full: telemetry is dropped, and the ledger goes on with what is kept for it", "dir", s.dir, "reserve_bytes", s.ballast())
	}
	s.full = true
}

func (s *Store) transact(ctx context.Context, db *sql.DB, f func(context.Context, *sql.Tx) (func(), error)) error {
	file := s.path(mainFile)
	if err := s.learn(ctx); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
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
		full := code(err)&0xff == lib.SQLITE_FULL // there was no room for its last page: it cannot be there
		err = s.classify(file, "write", err)
		if !full {
			err = &UnknownError{err}
		}
		return err
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
	if err := s.putIntervals(ctx, tx, b.Intervals); err != nil {
		return nil, err
	}
	if err := s.putEvents(ctx, tx, b.Events); err != nil {
		return nil, err
	}
	if err := s.putLimits(ctx, tx, b.Limits); err != nil {
		return nil, err
	}
	for _, p := range b.Plans {
		at, err := stamp(p.At)
		if err != nil {
			s.log.Error("a plan is left out of the records", "error", err)
			continue
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO plan(at, data) VALUES(?, ?)", at, p.Data); err != nil {
			return nil, err
		}
	}
	counts, err := s.putOutbox(ctx, tx, b.Outbox)
	if err != nil {
		return nil, err
	}
	base := s.base
	if b.Checkpoint != nil {
		if base, err = putCheckpoint(ctx, tx, b, base, s.whole); err != nil {
			return nil, err
		}
	}
	return func() {
		s.head, s.base = head, base
		for ch, c := range counts {
			s.counts[ch] = c
		}
	}, nil
}

// putCheckpoint stores the batch's checkpoint, by what differs from the base or by a new one,
// and answers the base that is in the file then.  Whole: without a base, whose row stays as it is.
func putCheckpoint(ctx context.Context, tx *sql.Tx, b Batch, old *base, whole bool) (*base, error) {
	fail := func(err error) (*base, error) { return nil, fmt.Errorf("checkpoint: %w", err) }
	at, err := stamp(b.At)
	if err != nil {
		return fail(err)
	}
	by, data, baseSum := old, []byte(nil), ""
	if by != nil {
		if data, err = by.differs(b.Checkpoint); err != nil {
			return fail(err)
		}
	}
	if data == nil || by.worn(len(data)) {
		if by = nil; !whole {
			if by, err = newBase(b.Checkpoint); err != nil {
				return fail(err)
			}
		}
		if by == nil {
			if data, err = pack(b.Checkpoint); err != nil {
				return fail(err)
			}
		} else {
			if data, err = by.differs(b.Checkpoint); err != nil {
				return fail(err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO checkpoint_base(one, data, sum) VALUES(1, ?, ?)
				ON CONFLICT(one) DO UPDATE SET data=excluded.data, sum=excluded.sum`, by.packed, by.sum); err != nil {
				return nil, err
			}
		}
	}
	if by != nil {
		baseSum = by.sum
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO checkpoint(one, data, at, sum, base) VALUES(1, ?, ?, ?, ?)
		ON CONFLICT(one) DO UPDATE SET data=excluded.data, at=excluded.at, sum=excluded.sum, base=excluded.base`,
		data, at, sumOf(b.Checkpoint), baseSum); err != nil {
		return nil, err
	}
	if by == nil {
		by = old // it is in the file still
	}
	return by, nil
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

func (s *Store) putEvents(ctx context.Context, tx *sql.Tx, events []Event) error {
	for _, e := range events {
		at, err := stamp(e.At)
		if err != nil {
			s.log.Error("an event is left out of the records", "code", e.Code, "text", e.Text, "error", err)
			continue // what happened to the credit is not refused for what is told of it
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO event(at, code, severity, text, data) VALUES(?, ?, ?, ?, ?)",
			at, e.Code, e.Severity, e.Text, e.Data); err != nil {
			return err
		}
	}
	return nil
}
