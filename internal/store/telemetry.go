package store

import (
	"context"
	"database/sql"
	"errors"
)

// Telemetry is written by a connection of its own, after the batch it came with
// and without a sync of its own: the next batch's sync is the one that counts.
// A power cut takes back what was reported since; nothing that happens to it
// can take back the credit.

// partition parts messages into what belongs to the ledger and telemetry.
func partition(messages []Message) (ledger, telemetry []Message) {
	for _, m := range messages {
		if m.Ledger {
			ledger = append(ledger, m)
		} else {
			telemetry = append(telemetry, m)
		}
	}
	return ledger, telemetry
}

// report stores telemetry, or counts it as dropped.  mu is held.
func (s *Store) report(ctx context.Context, messages []Message) {
	if !s.roomFor(messages) {
		s.dropAll(messages)
		return
	}
	lost, told := s.lost, s.linger.told
	err := s.attempt(ctx, s.points, func(ctx context.Context, tx *sql.Tx) (func(), error) {
		counts, err := s.putOutbox(ctx, tx, messages)
		if err != nil {
			return nil, err
		}
		for ch, n := range lost {
			c := counts[ch]
			if c == nil {
				c = s.countOf(ch)
				counts[ch] = c
			}
			c.Added, c.Dropped = c.Added+n, c.Dropped+n
			if err := writeCount(ctx, tx, ch, c); err != nil {
				return nil, err
			}
		}
		for ch, t := range told {
			c := counts[ch]
			if c == nil {
				c = s.countOf(ch)
				counts[ch] = c
			}
			c.Added, c.Doubled, c.Sent = c.Added+t.Added, c.Doubled+t.Doubled, c.Sent+t.Sent
			if err := writeCount(ctx, tx, ch, c); err != nil {
				return nil, err
			}
		}
		return func() {
			s.lost, s.linger.told = map[Channel]int64{}, nil
			for ch, c := range counts {
				s.counts[ch] = c
			}
		}, nil
	})
	if err == nil {
		for _, m := range messages {
			s.ring(m.Channel)
		}
		return
	}
	if full := (*DiskFullError)(nil); !errors.As(err, &full) {
		s.log.Warn("telemetry is dropped: it cannot be stored", "messages", len(messages), "error", err)
	}
	s.dropAll(messages)
}

// roomFor tells whether telemetry may use the room that is left.
func (s *Store) roomFor(messages []Message) bool {
	if s.full && s.opt.Ballast >= 0 {
		return false
	}
	size := int64(0)
	for _, m := range messages {
		size += int64(len(m.Payload) + len(m.Key))
	}
	free, ok := freeBytes(s.dir)
	return !ok || s.opt.Ballast < 0 || free > fullBelow+4*size
}

func (s *Store) dropAll(messages []Message) {
	for _, m := range messages {
		s.lost[m.Channel]++
	}
}

// owesCounts tells whether outbox_count lacks messages that were dropped, and
// may be told so.
func (s *Store) owesCounts() bool { return len(s.lost) > 0 && !s.full }

// shedSome is how many waiting messages are given up at a time: deleting needs
// room itself.
const shedSome = 200

// shed gives up the oldest telemetry that waits, so that the ledger can have
// its pages, and tells whether there was any.  mu is held.
func (s *Store) shed(ctx context.Context) bool {
	dropped := false
	for _, ch := range channels() {
		err := s.attempt(ctx, s.main, func(ctx context.Context, tx *sql.Tx) (func(), error) {
			c := s.countOf(ch)
			var last, n, size sql.NullInt64
			if err := tx.QueryRowContext(ctx, `SELECT max(id), count(*), sum(length(payload)) FROM (
				SELECT id, payload FROM outbox WHERE channel = ? AND ledger = 0 ORDER BY id LIMIT ?)`, string(ch), shedSome).Scan(&last, &n, &size); err != nil {
				return nil, err
			}
			if n.Int64 == 0 {
				return func() {}, nil
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE channel = ? AND ledger = 0 AND id <= ?", string(ch), last.Int64); err != nil {
				return nil, err
			}
			c.Pending, c.Bytes, c.Dropped = c.Pending-n.Int64, c.Bytes-size.Int64, c.Dropped+n.Int64
			return func() { s.counts[ch], dropped = c, true }, writeCount(ctx, tx, ch, c)
		})
		if err != nil {
			s.log.Debug("dropping telemetry on a full disk", "error", err)
		}
	}
	return dropped
}
