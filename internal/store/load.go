package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"iter"
	"math"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// Snapshot is what an agent starts from.
type Snapshot struct {
	Checkpoint   []byte       // nil in a new store
	CheckpointAt time.Time    // Batch.At of the batch that stored it
	Changed      bool         // the checkpoint is not as a batch stored it
	Packed       error        // why the checkpoint is handed out as it lies in the file, packed; nil: it is not
	Head         credit.Entry // the last ledger entry; the zero Entry in a new store
	Ledger       int64        // entries in the ledger
	Tokens       int64        // tokens seen
	Waiting      int64        // intervals not yet moved to intervals.db
}

// sumOf is what is stored beside a checkpoint to know a change made to it by
// other hands.  It is no seal: who can write the one can write the other.
func sumOf(checkpoint []byte) string {
	sum := sha256.Sum256(checkpoint)
	return hex.EncodeToString(sum[:])
}

// Load reads the snapshot, all of it as of one commit.
func (s *Store) Load(ctx context.Context) (Snapshot, error) {
	var snap Snapshot
	err := func() error {
		tx, err := s.readers.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // it only reads
		var at int64
		var sum, baseSum string
		var baseData []byte
		columns, err := checkpointColumns(ctx, tx)
		if err != nil {
			return err
		}
		switch err := tx.QueryRowContext(ctx, columns).Scan(&snap.Checkpoint, &at, &sum, &baseSum, &baseData); {
		case err == nil:
			snap.CheckpointAt = fromStamp(at)
			plain, err := Unpack(snap.Checkpoint, baseSum, baseData)
			if snap.Packed = err; err == nil {
				snap.Checkpoint = plain
			}
			snap.Changed = sum != "" && sum != sumOf(snap.Checkpoint)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if snap.Head, err = lastEntry(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM ledger), (SELECT count(*) FROM token),
			(SELECT count(*) FROM pending_interval)`).Scan(&snap.Ledger, &snap.Tokens, &snap.Waiting)
	}()
	if err != nil {
		return Snapshot{}, s.classify(s.path(mainFile), "read", err)
	}
	return snap, nil
}

// checkpointColumns reads the checkpoint with its time, sum, base's sum and base, of a file of any form.
func checkpointColumns(ctx context.Context, q querier) (string, error) {
	version, err := form(ctx, q)
	switch {
	case version >= baseForm:
		return "SELECT c.data, c.at, c.sum, c.base, b.data FROM checkpoint c LEFT JOIN checkpoint_base b", err
	case version >= sumForm:
		return "SELECT data, at, sum, '', NULL FROM checkpoint", err
	}
	return "SELECT data, at, '', '', NULL FROM checkpoint", err
}

// Events are the events in [from, to), oldest first.
func (s *Store) Events(ctx context.Context, from, to time.Time) iter.Seq2[Event, error] {
	return stream(ctx, s, s.readers, mainFile, scanEvent,
		"SELECT id, at, code, severity, text, data FROM event WHERE at >= ? AND at < ? ORDER BY at, id", bound(from), bound(to))
}

// LastEvents are at most n events stored before the event with the given ID,
// newest first; before 0 begins at the newest.
func (s *Store) LastEvents(ctx context.Context, before int64, n int) ([]Event, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return collect(stream(ctx, s, s.readers, mainFile, scanEvent,
		"SELECT id, at, code, severity, text, data FROM event WHERE id < ? ORDER BY id DESC LIMIT ?", before, n))
}

func scanEvent(scan func(...any) error) (Event, error) {
	var e Event
	var at int64
	err := scan(&e.ID, &at, &e.Code, &e.Severity, &e.Text, &e.Data)
	e.At = fromStamp(at)
	return e, err
}

// Plans are the plans made in [from, to), oldest first.
func (s *Store) Plans(ctx context.Context, from, to time.Time) iter.Seq2[Plan, error] {
	return stream(ctx, s, s.readers, mainFile, scanPlan,
		"SELECT id, at, data FROM plan WHERE at >= ? AND at < ? ORDER BY at, id", bound(from), bound(to))
}

// LastPlan is the plan stored last; ok is false where there is none.
func (s *Store) LastPlan(ctx context.Context) (p Plan, ok bool, err error) {
	plans, err := collect(stream(ctx, s, s.readers, mainFile, scanPlan, "SELECT id, at, data FROM plan ORDER BY id DESC LIMIT 1"))
	if err != nil || len(plans) == 0 {
		return Plan{}, false, err
	}
	return plans[0], true, nil
}

func scanPlan(scan func(...any) error) (Plan, error) {
	var p Plan
	var at int64
	err := scan(&p.ID, &at, &p.Data)
	p.At = fromStamp(at)
	return p, err
}

// bound is t as the limit of a range; a time before 1970 is before all rows.
// A limit within a millisecond is rounded up, as rows keep whole ones.
func bound(t time.Time) int64 {
	if t.Year() < 1970 {
		return math.MinInt64
	}
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}
