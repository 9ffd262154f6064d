package store

import (
	"context"
	"database/sql"
	"iter"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// moveBatch is how many intervals move in one transaction.
const moveBatch = 2000

const intervalColumns = "series, start, len, import, export, quality, covered, max_power, max_demand"

// putIntervals stores intervals where they wait for their move.
func (s *Store) putIntervals(ctx context.Context, tx *sql.Tx, intervals []Interval) error {
	if len(intervals) == 0 {
		return nil
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO pending_interval("+intervalColumns+") VALUES(?,?,?,?,?,?,?,?,?)")
	if err != nil {
		return err
	}
	defer release(insert)
	for _, i := range intervals {
		start, err := stamp(i.Slot.Start)
		if err != nil || !time.UnixMilli(start).Equal(i.Slot.Start) || i.Slot.Len <= 0 {
			s.log.Error("an interval is left out of the records", "series", i.Series, "start", i.Slot.Start, "length", i.Slot.Len, "error", err)
			continue // what happened to the credit is not refused for a reading
		}
		if _, err := insert.ExecContext(ctx, i.Series, start, int64(i.Slot.Len), int64(i.Import), int64(i.Export), int64(i.Quality),
			int64(i.Covered), int64(i.MaxPower), int64(i.MaxDemand)); err != nil {
			return err
		}
	}
	return nil
}

// mergeInterval adds a part of a slot to what is there, as
// metering.Interval.Merge does.
const mergeInterval = `INSERT INTO interval(` + intervalColumns + `) VALUES(?,?,?,?,?,?,?,?,?)
	ON CONFLICT DO UPDATE SET
	  import = import + excluded.import, export = export + excluded.export,
	  quality = quality | excluded.quality, covered = min(covered + excluded.covered, len),
	  max_power = max(max_power, excluded.max_power), max_demand = max(max_demand, excluded.max_demand)`

// A move takes some syncs, and waiting costs nothing: the intervals are on the disk, and
// read as well where they are.  So those of some hours move at once.
const (
	moveFrom  = 200
	moveAfter = 6 * time.Hour
)

// dueToMove tells whether so many intervals wait, or the oldest so long, that they are to move.
func (s *Store) dueToMove(ctx context.Context, now time.Time) (bool, error) {
	after := moveAfter
	if s.opt.KeepIntervals > 0 {
		after = min(after, s.opt.KeepIntervals)
	}
	var n int64
	var oldest sql.NullInt64
	err := s.readers.QueryRowContext(ctx, "SELECT count(*), min(start) FROM pending_interval").Scan(&n, &oldest)
	return n >= moveFrom || n > 0 && oldest.Int64 <= bound(now.Add(-after)), s.classify(s.path(mainFile), "read", err)
}

// MoveIntervals moves the waiting intervals to intervals.db.  It is safe to
// stop anywhere: an interval leaves keeplit.db only once it is on the disk in
// the other file, and is never counted twice.
func (s *Store) MoveIntervals(ctx context.Context) error {
	s.moving.Lock()
	defer s.moving.Unlock()
	if s.pinned > 0 {
		return nil // a reader would see intervals vanish between its two reads; the next call moves them
	}
	for {
		n, err := s.moveSome(ctx)
		if err != nil {
			return err
		}
		if n < moveBatch {
			break
		}
	}
	return s.forgetMoved(ctx)
}

// moveSome copies the next waiting intervals and answers how many.
func (s *Store) moveSome(ctx context.Context) (int, error) {
	file := s.path(intervalsFile)
	if err := s.holds(); err != nil {
		return 0, err // they would leave the one file for another that is gone
	}
	tx, err := s.history.BeginTx(ctx, nil)
	if err != nil {
		return 0, s.classify(file, "write", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	var moved int64
	if err := tx.QueryRowContext(ctx, "SELECT id FROM moved").Scan(&moved); err != nil {
		return 0, s.classify(file, "read", err)
	}
	rows, err := collect(s.waiting(ctx, s.readers, "WHERE id > ? ORDER BY id LIMIT ?", moved, moveBatch))
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	put, err := tx.PrepareContext(ctx, mergeInterval)
	if err != nil {
		return 0, s.classify(file, "write", err)
	}
	defer release(put)
	for _, r := range rows {
		i := r.Interval
		if _, err := put.ExecContext(ctx, i.Series, i.Slot.Start.UnixMilli(), int64(i.Slot.Len), int64(i.Import), int64(i.Export),
			int64(i.Quality), int64(i.Covered), int64(i.MaxPower), int64(i.MaxDemand)); err != nil {
			return 0, s.classify(file, "write", err)
		}
		moved = r.id
	}
	if _, err := tx.ExecContext(ctx, "UPDATE moved SET id = ?", moved); err != nil {
		return 0, s.classify(file, "write", err)
	}
	return len(rows), s.classify(file, "write", tx.Commit())
}

// forgetAtOnce bounds how many intervals are forgotten at a time.
const forgetAtOnce = 5000

// forgetIntervals deletes intervals that are older than they are to be kept.  Where they
// stood is written over, so that they cannot be read from the file either.
func (s *Store) forgetIntervals(ctx context.Context, now time.Time) error {
	if s.opt.KeepIntervals <= 0 {
		return nil
	}
	s.moving.Lock()
	defer s.moving.Unlock()
	// It reads the whole table: once a day is enough.
	if since := now.Sub(s.forgot); since >= 0 && since < 24*time.Hour || s.pinned > 0 {
		return nil // where a reader is under way, the next call forgets
	}
	if _, err := s.history.ExecContext(ctx, "PRAGMA secure_delete=1"); err != nil {
		return s.classify(s.path(intervalsFile), "write", err)
	}
	r, err := s.history.ExecContext(ctx, "DELETE FROM interval WHERE (series, start, len) IN (SELECT series, start, len FROM interval WHERE start < ? LIMIT ?)",
		bound(now.Add(-s.opt.KeepIntervals)), forgetAtOnce)
	if err != nil {
		return s.classify(s.path(intervalsFile), "write", err)
	}
	if n, err := r.RowsAffected(); err != nil || n < forgetAtOnce {
		s.forgot = now
	}
	return nil
}

// forgetMoved deletes from keeplit.db the intervals that are on the disk in
// intervals.db.
func (s *Store) forgetMoved(ctx context.Context) error {
	file := s.path(intervalsFile)
	// A checkpoint that copied all of the WAL has synced the file: from here
	// on it no longer depends on the WAL, which NORMAL leaves unsynced.
	var busy, frames, copied int64
	if err := s.history.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &copied); err != nil {
		return s.classify(file, "sync", err)
	}
	if busy != 0 || frames != copied {
		return nil // a reader of another process holds an old state; the next call tries again
	}
	var moved, waiting int64
	if err := s.history.QueryRowContext(ctx, "SELECT id FROM moved").Scan(&moved); err != nil {
		return s.classify(file, "read", err)
	}
	if err := s.readers.QueryRowContext(ctx, "SELECT count(*) FROM pending_interval WHERE id <= ?", moved).Scan(&waiting); err != nil || waiting == 0 {
		return s.classify(s.path(mainFile), "read", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.modest(ctx, func(ctx context.Context, tx *sql.Tx) (func(), error) {
		_, err := tx.ExecContext(ctx, "DELETE FROM pending_interval WHERE id <= ?", moved)
		return func() {}, err
	})
}

// waitingInterval is an interval in keeplit.db with its number.
type waitingInterval struct {
	id int64
	Interval
}

func (s *Store) waiting(ctx context.Context, q querier, where string, args ...any) iter.Seq2[waitingInterval, error] {
	return stream(ctx, s, q, mainFile, func(scan func(...any) error) (waitingInterval, error) {
		var w waitingInterval
		var err error
		w.Interval, err = scanInterval(func(to ...any) error { return scan(append([]any{&w.id}, to...)...) })
		return w, err
	}, "SELECT id, "+intervalColumns+" FROM pending_interval "+where, args...)
}

func scanInterval(scan func(...any) error) (Interval, error) {
	var i Interval
	var start int64
	err := scan(&i.Series, &start, &i.Slot.Len, &i.Import, &i.Export, &i.Quality, &i.Covered, &i.MaxPower, &i.MaxDemand)
	i.Slot.Start = fromStamp(start)
	return i, err
}

// Intervals are the intervals of a series whose slots begin in [from, to),
// oldest first; the parts of a slot that came twice are added up.  It ends
// after an error.  Intervals do not move while it is read: do not stay in it.
func (s *Store) Intervals(ctx context.Context, series string, from, to time.Time) iter.Seq2[Interval, error] {
	return func(yield func(Interval, error) bool) {
		fail := func(err error) { yield(Interval{}, err) }
		s.pin(1)
		defer s.pin(-1)
		// The state of intervals.db is taken first: an interval that another
		// process moves meanwhile is then still seen where it waited.
		hist, err := s.hreaders.BeginTx(ctx, nil)
		if err != nil {
			fail(s.classify(s.path(intervalsFile), "read", err))
			return
		}
		defer func() { _ = hist.Rollback() }() // it only reads
		var moved int64
		if err := hist.QueryRowContext(ctx, "SELECT id FROM moved").Scan(&moved); err != nil {
			fail(s.classify(s.path(intervalsFile), "read", err))
			return
		}
		fresh, err := collect(s.waiting(ctx, s.readers, "WHERE id > ? AND series = ? AND start >= ? AND start < ? ORDER BY id",
			moved, series, bound(from), bound(to)))
		if err != nil {
			fail(err)
			return
		}
		rest := mergeWaiting(fresh)
		for old, err := range stream(ctx, s, hist, intervalsFile, scanInterval,
			"SELECT "+intervalColumns+" FROM interval WHERE series = ? AND start >= ? AND start < ? ORDER BY start, len", series, bound(from), bound(to)) {
			if err != nil {
				fail(err)
				return
			}
			for len(rest) > 0 && compareSlots(rest[0].Slot, old.Slot) < 0 {
				if !yield(rest[0], nil) {
					return
				}
				rest = rest[1:]
			}
			if len(rest) > 0 && compareSlots(rest[0].Slot, old.Slot) == 0 {
				old.Interval = old.Merge(rest[0].Interval)
				rest = rest[1:]
			}
			if !yield(old, nil) {
				return
			}
		}
		for _, i := range rest {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// Series are the names of the series that have intervals, sorted.
func (s *Store) Series(ctx context.Context) ([]string, error) {
	text := func(scan func(...any) error) (v string, err error) { return v, scan(&v) }
	// From one name to the next by the key: DISTINCT would read every interval.
	moved, err := collect(stream(ctx, s, s.hreaders, intervalsFile, text, `WITH RECURSIVE name(series) AS (
	  SELECT min(series) FROM interval
	  UNION ALL SELECT (SELECT min(series) FROM interval WHERE series > name.series) FROM name WHERE series IS NOT NULL
	) SELECT series FROM name WHERE series IS NOT NULL`))
	if err != nil {
		return nil, err
	}
	fresh, err := collect(stream(ctx, s, s.readers, mainFile, text, "SELECT DISTINCT series FROM pending_interval"))
	if err != nil {
		return nil, err
	}
	all := append(moved, fresh...)
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (s *Store) pin(n int) {
	s.moving.Lock()
	defer s.moving.Unlock()
	s.pinned += n
}

// mergeWaiting sorts rows by slot and adds up those of one slot.
func mergeWaiting(rows []waitingInterval) []Interval {
	slices.SortStableFunc(rows, func(a, b waitingInterval) int { return compareSlots(a.Slot, b.Slot) })
	var out []Interval
	for _, r := range rows {
		if n := len(out); n > 0 && compareSlots(out[n-1].Slot, r.Slot) == 0 {
			out[n-1].Interval = out[n-1].Merge(r.Interval.Interval)
			continue
		}
		out = append(out, r.Interval)
	}
	return out
}

func compareSlots(a, b units.Slot) int {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	return int(min(max(a.Len-b.Len, -1), 1))
}
