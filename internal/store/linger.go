package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// Telemetry that its receiver takes within a minute never needs the disk: it lingers
// in memory until the batch after the one it came with, and only what still waits
// then is written.  A crash loses what lingers; so does it what was measured and is
// in no batch yet.

// lingers from this ID on: above all that the database gives.
const lingerID = int64(1) << 62

// lingerMost is how many messages may linger; a batch of more, as a replay makes
// them, is written at once.
const lingerMost = 1000

// lingering is the telemetry that is not in the database.  Store.mu guards it.
type lingering struct {
	next    int64
	waiting []Message        // in the order they were added
	written map[int64]string // the keys of those written since, by the ID they had
	told    map[Channel]*count
}

// count is what the database does not know of a channel yet.
func (l *lingering) count(ch Channel) *count {
	if l.told == nil {
		l.told = map[Channel]*count{}
	}
	if l.told[ch] == nil {
		l.told[ch] = &count{}
	}
	return l.told[ch]
}

// tell takes in new telemetry: what lingered until now is written, and the new
// lingers.  mu is held.
func (s *Store) tell(ctx context.Context, messages []Message) {
	if !s.opt.Linger || len(messages) > lingerMost {
		if s.settleLingering(ctx); len(messages) > 0 || s.owesCounts() {
			s.report(ctx, messages)
		}
		return
	}
	s.settleLingering(ctx)
	if s.owesCounts() {
		s.report(ctx, nil)
	}
	l := &s.linger
	for _, m := range messages {
		if _, err := s.storable(m); err != nil {
			s.log.Error("a message is dropped: it cannot be stored", "error", err)
			if s.wake[m.Channel] != nil {
				s.lost[m.Channel]++
			}
			continue
		}
		if slices.ContainsFunc(l.waiting, func(o Message) bool { return o.Channel == m.Channel && o.Key == m.Key }) {
			l.count(m.Channel).Doubled++
			continue
		}
		m.ID = lingerID + l.next
		l.next++
		l.waiting = append(l.waiting, m)
		s.ring(m.Channel)
	}
}

// settleLingering writes what lingers.  mu is held.
func (s *Store) settleLingering(ctx context.Context) {
	l := &s.linger
	if len(l.waiting) == 0 {
		return
	}
	messages := l.waiting
	l.waiting, l.written = nil, map[int64]string{}
	for _, m := range messages {
		l.written[m.ID] = m.Key
	}
	s.report(ctx, messages)
}

// lingers are the messages of a channel that are in memory, the first n.
func (s *Store) lingers(ch Channel, n int) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, m := range s.linger.waiting {
		if m.Channel == ch && len(out) < n {
			out = append(out, m)
		}
	}
	return out
}

// doneLingering removes what was confirmed of what lingers, and answers the rest:
// IDs of the database, and keys of what was written since it was handed out.
func (o *Outbox) doneLingering(ids []int64) (rest, keys []any) {
	s := o.s
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.linger
	for _, id := range ids {
		if id < lingerID {
			rest = append(rest, id)
			continue
		}
		if key, ok := l.written[id]; ok {
			keys = append(keys, key)
			continue
		}
		if i := slices.IndexFunc(l.waiting, func(m Message) bool { return m.ID == id && m.Channel == o.ch }); i >= 0 {
			l.waiting = slices.Delete(l.waiting, i, i+1)
			c := l.count(o.ch)
			c.Added, c.Sent = c.Added+1, c.Sent+1
		}
	}
	return rest, keys
}

// found is the ID in the database of a message that may have lingered when it was
// handed out; what still does is written first.
func (o *Outbox) found(ctx context.Context, id int64) (int64, error) {
	if id < lingerID {
		return id, nil
	}
	s := o.s
	s.mu.Lock()
	if slices.ContainsFunc(s.linger.waiting, func(m Message) bool { return m.ID == id }) {
		s.settleLingering(ctx)
	}
	key, ok := s.linger.written[id]
	s.mu.Unlock()
	if !ok {
		return 0, nil
	}
	err := s.readers.QueryRowContext(ctx, "SELECT id FROM outbox WHERE channel = ? AND key = ?", string(o.ch), key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// addTo adds to a channel's figures what the database does not know of yet.
func (l *lingering) addTo(ch Channel, c *count) {
	if t := l.told[ch]; t != nil {
		c.Added, c.Doubled, c.Sent = c.Added+t.Added, c.Doubled+t.Doubled, c.Sent+t.Sent
	}
}
