package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Stretch is the time [From, To).
type Stretch struct{ From, To time.Time }

// Filled tells whether Fill was done under this name.
func (s *Store) Filled(ctx context.Context, name string) (bool, error) {
	if version, err := form(ctx, s.hreaders); err != nil || version < filledForm {
		return false, s.classify(s.path(intervalsFile), "read", err)
	}
	var n int
	err := s.hreaders.QueryRowContext(ctx, "SELECT count(*) FROM filled WHERE name = ?", name).Scan(&n)
	return n > 0, s.classify(s.path(intervalsFile), "read", err)
}

// Fill adds a quality to the stored intervals of all series that lie in one of
// the stretches, wholly or in part, for records made by a program that did not
// know it.  It is done once: what it did, and its name, are one transaction.  An
// interval of the named series that lies wholly in a stretch and in which more
// than flows passed is left as it is, with what the other series have of that
// slot: the stretch cannot have been as it says.
func (s *Store) Fill(ctx context.Context, name string, q metering.Quality, series string, flows units.Power, stretches []Stretch) error {
	if err := s.MoveIntervals(ctx); err != nil {
		return err
	}
	all, err := s.Series(ctx)
	if err != nil {
		return err
	}
	s.moving.Lock()
	defer s.moving.Unlock()
	file := s.path(intervalsFile)
	tx, err := s.history.BeginTx(ctx, nil)
	if err != nil {
		return s.classify(file, "write", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for _, stretch := range stretches {
		if !stretch.To.After(stretch.From) {
			continue
		}
		from, to := bound(stretch.From), bound(stretch.To)
		for _, of := range all {
			// A microjoule is a milliwatt for a millisecond; an interval is a day at the most.
			if _, err := tx.ExecContext(ctx, `UPDATE interval SET quality = quality | :q
				WHERE series = :of AND start < :to AND start > :from - 86400000 AND start + len / 1000000 > :from
				AND NOT (start >= :from AND start + len / 1000000 <= :to AND EXISTS (
				  SELECT 1 FROM interval m WHERE m.series = :series AND m.start = interval.start AND m.len = interval.len
				  AND m.import > :flows * (m.len / 1000000)))`,
				sql.Named("q", int64(q)), sql.Named("of", of), sql.Named("from", from), sql.Named("to", to),
				sql.Named("series", series), sql.Named("flows", int64(flows))); err != nil {
				return s.classify(file, "write", err)
			}
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO filled VALUES(?)", name); err != nil {
		return s.classify(file, "write", err)
	}
	return s.classify(file, "write", tx.Commit())
}
