package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Channel names a receiver of the outbox.
type Channel string

// The channels.
const (
	Influx Channel = "influx"
	MQTT   Channel = "mqtt"
)

func channels() []Channel { return []Channel{Influx, MQTT} }

// Message is one row of the outbox: it stays until its receiver confirms it.
type Message struct {
	ID      int64 // given by the store, rising, never used again
	Channel Channel
	Key     string // unique within the channel while the message waits: adding it again does nothing
	Dest    string // MQTT topic; empty for InfluxDB
	Payload []byte
	At      time.Time
	// Ledger marks a message that says what happened to the customer's credit;
	// it is never dropped, however many wait and however old it is.
	Ledger bool
}

// Limit caps what waits in a channel.  Over it the oldest messages that are
// not marked Ledger are dropped, and counted.
type Limit struct {
	Rows  int64
	Bytes int64         // of payload
	Age   time.Duration // against the now of Maintain
}

// DefaultLimit holds some weeks without a receiver for a household that sends
// a handful of points a minute, in less than 200 MB.
func DefaultLimit() Limit {
	return Limit{Rows: 500_000, Bytes: 64 << 20, Age: 60 * 24 * time.Hour}
}

// quarantineKeeps is how many quarantined messages a channel keeps, besides
// those marked Ledger.
const quarantineKeeps = 1000

// Counts are a channel's figures; all but Pending and Bytes count since the
// store was made.  Added = Pending + Sent + Dropped + Quarantined, at any time.
type Counts struct {
	Pending     int64 `json:"pending"`     // messages waiting
	Bytes       int64 `json:"bytes"`       // payload bytes waiting
	Added       int64 `json:"added"`       //
	Doubled     int64 `json:"doubled"`     // not added: a message of that key was waiting
	Sent        int64 `json:"sent"`        // confirmed by the receiver
	Dropped     int64 `json:"dropped"`     // lost to a Limit
	Quarantined int64 `json:"quarantined"` // refused by the receiver for what they are
}

type count = Counts

// Outbox is one channel of a store's outbox.
type Outbox struct {
	s  *Store
	ch Channel
}

// Outbox is the channel ch.
func (s *Store) Outbox(ch Channel) *Outbox { return &Outbox{s, ch} }

// Wake receives after messages were added.  One receiver at a time.
func (o *Outbox) Wake() <-chan struct{} { return o.s.wake[o.ch] }

func (s *Store) ring(ch Channel) {
	select {
	case s.wake[ch] <- struct{}{}:
	default: // it has not listened since the last ring
	}
}

// Next are the n oldest messages, in the order they were added.
func (o *Outbox) Next(ctx context.Context, n int) ([]Message, error) {
	lingers := o.s.lingers(o.ch, n) // first: what is written meanwhile is then met twice, and not missed
	out, err := collect(stream(ctx, o.s, o.s.readers, mainFile, scanMessage,
		"SELECT id, channel, key, dest, payload, at, ledger FROM outbox WHERE channel = ? ORDER BY id LIMIT ?", string(o.ch), n))
	for _, m := range lingers {
		if len(out) < n && !slices.ContainsFunc(out, func(o Message) bool { return o.Key == m.Key }) {
			out = append(out, m)
		}
	}
	return out, err
}

func scanMessage(scan func(...any) error) (Message, error) {
	var m Message
	var at int64
	err := scan(&m.ID, &m.Channel, &m.Key, &m.Dest, &m.Payload, &at, &m.Ledger)
	m.At = fromStamp(at)
	return m, err
}

// Done removes messages that the receiver confirmed.  An ID that is not there
// is no error: it was removed before.
func (o *Outbox) Done(ctx context.Context, ids ...int64) error {
	rest, keys := o.doneLingering(ids)
	if len(rest)+len(keys) == 0 {
		return nil
	}
	// No sync of its own: what a power cut brings back is sent again.
	return o.change(ctx, o.s.points, func(ctx context.Context, tx *sql.Tx, c *count) error {
		remove := func(by string, all []any) error {
			del, err := tx.PrepareContext(ctx, "DELETE FROM outbox WHERE "+by+" = ? AND channel = ? RETURNING length(payload)")
			if err != nil {
				return err
			}
			defer release(del)
			for _, one := range all {
				var size int64
				switch err := del.QueryRowContext(ctx, one, string(o.ch)).Scan(&size); {
				case errors.Is(err, sql.ErrNoRows):
				case err != nil:
					return err
				default:
					c.Pending, c.Bytes, c.Sent = c.Pending-1, c.Bytes-size, c.Sent+1
				}
			}
			return nil
		}
		return errors.Join(remove("id", rest), remove("key", keys))
	})
}

// Quarantine sets a message aside that the receiver will never take, with the
// reason, so that those behind it can go on.
func (o *Outbox) Quarantine(ctx context.Context, id int64, reason string) error {
	id, err := o.found(ctx, id)
	if err != nil {
		return err
	}
	return o.change(ctx, o.s.main, func(ctx context.Context, tx *sql.Tx, c *count) error {
		var size int64
		err := tx.QueryRowContext(ctx, `INSERT INTO quarantine(id, channel, key, dest, payload, at, ledger, reason)
			SELECT id, channel, key, dest, payload, at, ledger, ? FROM outbox WHERE id = ? AND channel = ?
			RETURNING length(payload)`, reason, id, string(o.ch)).Scan(&size)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // removed before
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE id = ?", id); err != nil {
			return err
		}
		c.Pending, c.Bytes, c.Quarantined = c.Pending-1, c.Bytes-size, c.Quarantined+1
		_, err = tx.ExecContext(ctx, `DELETE FROM quarantine WHERE channel = ?1 AND ledger = 0 AND id <= (
			SELECT id FROM quarantine WHERE channel = ?1 AND ledger = 0 ORDER BY id DESC LIMIT 1 OFFSET ?2)`, string(o.ch), quarantineKeeps)
		return err
	})
}

// Quarantined is a message set aside.
type Quarantined struct {
	Message
	Reason string
}

// Quarantined are the n newest messages set aside, newest first.
func (o *Outbox) Quarantined(ctx context.Context, n int) ([]Quarantined, error) {
	return collect(stream(ctx, o.s, o.s.readers, mainFile, func(scan func(...any) error) (Quarantined, error) {
		var q Quarantined
		var err error
		q.Message, err = scanMessage(func(to ...any) error { return scan(append(to, &q.Reason)...) })
		return q, err
	}, "SELECT id, channel, key, dest, payload, at, ledger, reason FROM quarantine WHERE channel = ? ORDER BY id DESC LIMIT ?", string(o.ch), n))
}

// Counts are the channel's figures.
func (o *Outbox) Counts(ctx context.Context) (Counts, error) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	all, err := readCounts(ctx, o.s.readers)
	if err != nil {
		return Counts{}, o.s.classify(o.s.path(mainFile), "read", err)
	}
	c := all[o.ch]
	if c == nil {
		c = &count{}
	}
	c.Added, c.Dropped = c.Added+o.s.lost[o.ch], c.Dropped+o.s.lost[o.ch]
	o.s.linger.addTo(o.ch, c)
	for _, m := range o.s.linger.waiting {
		if m.Channel == o.ch {
			c.Added, c.Pending, c.Bytes = c.Added+1, c.Pending+1, c.Bytes+int64(len(m.Payload))
		}
	}
	return *c, nil
}

func readCounts(ctx context.Context, q querier) (map[Channel]*count, error) {
	rows, err := q.QueryContext(ctx, "SELECT channel, pending, bytes, added, doubled, sent, dropped, quarantined FROM outbox_count")
	if err != nil {
		return nil, err
	}
	defer release(rows)
	out := map[Channel]*count{}
	for rows.Next() {
		var ch Channel
		var c count
		if err := rows.Scan(&ch, &c.Pending, &c.Bytes, &c.Added, &c.Doubled, &c.Sent, &c.Dropped, &c.Quarantined); err != nil {
			return nil, err
		}
		out[ch] = &c
	}
	return out, rows.Err()
}

func writeCount(ctx context.Context, tx *sql.Tx, ch Channel, c *count) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO outbox_count(channel, pending, bytes, added, doubled, sent, dropped, quarantined)
		VALUES(?,?,?,?,?,?,?,?) ON CONFLICT(channel) DO UPDATE SET pending=excluded.pending, bytes=excluded.bytes, added=excluded.added,
		doubled=excluded.doubled, sent=excluded.sent, dropped=excluded.dropped, quarantined=excluded.quarantined`,
		string(ch), c.Pending, c.Bytes, c.Added, c.Doubled, c.Sent, c.Dropped, c.Quarantined)
	return err
}

// change runs f on the channel in one transaction with its counts; it is durable when
// change returns where db is the main connection.
func (o *Outbox) change(ctx context.Context, db *sql.DB, f func(context.Context, *sql.Tx, *count) error) error {
	s := o.s
	if s.opt.ReadOnly {
		return errors.New("the store is open for reading only")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.attempt(context.WithoutCancel(ctx), db, func(ctx context.Context, tx *sql.Tx) (func(), error) {
		c := s.countOf(o.ch)
		if err := f(ctx, tx, c); err != nil {
			return nil, err
		}
		return func() { s.counts[o.ch] = c }, writeCount(ctx, tx, o.ch, c)
	})
}

// countOf is a copy of the channel's figures, to be put back once they are
// durable.  mu is held.
func (s *Store) countOf(ch Channel) *count {
	if c := s.counts[ch]; c != nil {
		copied := *c
		return &copied
	}
	return &count{}
}

func (s *Store) limit(ch Channel) Limit {
	if l, ok := s.opt.Limits[ch]; ok {
		return l
	}
	return DefaultLimit()
}

// putOutbox adds messages and drops what is over the limit.
func (s *Store) putOutbox(ctx context.Context, tx *sql.Tx, messages []Message) (map[Channel]*count, error) {
	counts := map[Channel]*count{}
	if len(messages) == 0 {
		return counts, nil
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO outbox(channel, key, dest, payload, at, ledger) VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING")
	if err != nil {
		return nil, err
	}
	defer release(insert)
	countOf := func(ch Channel) *count {
		if counts[ch] == nil {
			counts[ch] = s.countOf(ch)
		}
		return counts[ch]
	}
	for _, m := range messages {
		at, err := s.storable(m)
		switch {
		case err != nil && m.Ledger:
			return nil, err
		case err != nil:
			s.log.Error("a message is dropped: it cannot be stored", "error", err)
			if s.wake[m.Channel] != nil {
				c := countOf(m.Channel)
				c.Added, c.Dropped = c.Added+1, c.Dropped+1
			}
			continue
		}
		payload := m.Payload
		if payload == nil {
			payload = []byte{}
		}
		r, err := insert.ExecContext(ctx, string(m.Channel), m.Key, m.Dest, payload, at, m.Ledger)
		if err != nil {
			return nil, err
		}
		c := countOf(m.Channel)
		if n, err := r.RowsAffected(); err != nil {
			return nil, err
		} else if n == 0 {
			c.Doubled++
			continue
		}
		c.Added, c.Pending, c.Bytes = c.Added+1, c.Pending+1, c.Bytes+int64(len(m.Payload))
	}
	for _, ch := range channels() {
		if c := counts[ch]; c != nil {
			if err := s.drop(ctx, tx, ch, c); err != nil {
				return nil, err
			}
			if err := writeCount(ctx, tx, ch, c); err != nil {
				return nil, err
			}
		}
	}
	return counts, nil
}

// storable checks a message and answers its stamp.
func (s *Store) storable(m Message) (int64, error) {
	if s.wake[m.Channel] == nil || m.Key == "" {
		return 0, fmt.Errorf("outbox message %q for %q: a message needs a known channel and a key", m.Key, m.Channel)
	}
	at, err := stamp(m.At)
	if err != nil {
		return 0, fmt.Errorf("outbox message %s: %w", m.Key, err)
	}
	return at, nil
}

// drop removes the oldest messages over the channel's limit of rows and bytes.
// It takes a hundredth more than it must, so that a full channel does not pay
// for this at every commit.
func (s *Store) drop(ctx context.Context, tx *sql.Tx, ch Channel, c *count) error {
	l := s.limit(ch)
	if c.Pending <= l.Rows && c.Bytes <= l.Bytes {
		return nil
	}
	rows, bytes := l.Rows-l.Rows/100, l.Bytes-l.Bytes/100
	old, err := tx.QueryContext(ctx, "SELECT id, length(payload) FROM outbox WHERE channel = ? AND ledger = 0 ORDER BY id", string(ch))
	if err != nil {
		return err
	}
	defer release(old)
	last := int64(math.MinInt64)
	for (c.Pending > rows || c.Bytes > bytes) && old.Next() {
		var size int64
		if err := old.Scan(&last, &size); err != nil {
			return err
		}
		c.Pending, c.Bytes, c.Dropped = c.Pending-1, c.Bytes-size, c.Dropped+1
	}
	if err := errors.Join(old.Err(), old.Close()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM outbox WHERE channel = ? AND ledger = 0 AND id <= ?", string(ch), last)
	return err
}

// expire removes messages from before the channel's limit of age.
func (s *Store) expire(ctx context.Context, tx *sql.Tx, ch Channel, now time.Time) (*count, error) {
	c := s.countOf(ch)
	age := s.limit(ch).Age
	if age <= 0 {
		return c, nil
	}
	before := bound(now.Add(-age))
	var n, size int64
	if err := tx.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(length(payload)), 0) FROM outbox WHERE channel = ? AND ledger = 0 AND at < ?",
		string(ch), before).Scan(&n, &size); err != nil || n == 0 {
		return c, err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE channel = ? AND ledger = 0 AND at < ?", string(ch), before); err != nil {
		return nil, err
	}
	c.Pending, c.Bytes, c.Dropped = c.Pending-n, c.Bytes-size, c.Dropped+n
	return c, writeCount(ctx, tx, ch, c)
}
