package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Maintain does what is due from time to time; call it every few minutes.  It
// moves waiting intervals where it is worth it, drops what is older than its limit by now, and
// makes the reserve anew once there is room.
func (s *Store) Maintain(ctx context.Context, now time.Time) error {
	if s.opt.ReadOnly {
		return errors.New("the store is open for reading only")
	}
	if err := s.holds(); err != nil {
		return err
	}
	if due, err := s.dueToMove(ctx, now); err != nil {
		return err
	} else if due {
		if err := s.MoveIntervals(ctx); err != nil {
			return err
		}
	}
	if err := s.forgetIntervals(ctx, now); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.holds(); err != nil {
		return err
	}
	s.refill()
	return s.modest(ctx, func(ctx context.Context, tx *sql.Tx) (func(), error) {
		counts := map[Channel]*count{}
		for _, ch := range channels() {
			c, err := s.expire(ctx, tx, ch, now)
			if err != nil {
				return nil, err
			}
			counts[ch] = c
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM plan WHERE at < ?", bound(now.Add(-s.opt.KeepPlans))); err != nil {
			return nil, err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM limited WHERE stop < ?", bound(now.Add(-keepLimits))); err != nil {
			return nil, err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM event WHERE at < ?", bound(now.Add(-s.opt.KeepEvents)))
		return func() { s.counts = counts }, err
	})
}

// Backup writes a copy of keeplit.db, as of one commit, to a new file.  The
// copy is whole and synced when Backup returns nil; a file that exists is
// never replaced.
func (s *Store) Backup(ctx context.Context, path string) error {
	return s.copyOf(ctx, mainFile, path)
}

// BackupIntervals writes a copy of intervals.db in the same way.  Copied after
// keeplit.db, the two go together: what moved meanwhile is in both, and known by its number.
func (s *Store) BackupIntervals(ctx context.Context, path string) error {
	return s.copyOf(ctx, intervalsFile, path)
}

func (s *Store) copyOf(ctx context.Context, name, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // VACUUM INTO takes an empty file, with our mode
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	err = s.vacuum(ctx, s.path(name), path)
	if err != nil {
		_ = os.Remove(path) // it is no copy
	}
	return err
}

func (s *Store) vacuum(ctx context.Context, from, path string) error {
	db, err := s.connect(from, "FULL", 1)
	if err != nil {
		return err
	}
	defer release(db)
	// A store for reports may not write its own files, and this is another one.
	if _, err := db.ExecContext(ctx, "PRAGMA query_only=0"); err != nil {
		return s.classify(path, "write", err)
	}
	if filepath.Base(from) == mainFile {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA page_size=%d", pageSize)); err != nil { // the copy's
			return s.classify(path, "write", err)
		}
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return s.classify(path, "write", err)
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(p)
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("backup %s: %w", p, err)
		}
	}
	return nil
}

// Check reads both files as a whole and answers a *CorruptError where one does not read
// back as it was written.
func (s *Store) Check(ctx context.Context) error {
	for _, f := range []struct {
		db   *sql.DB
		name string
	}{{s.readers, mainFile}, {s.hreaders, intervalsFile}} {
		var verdict string
		if err := f.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
			return s.classify(s.path(f.name), "check", err)
		}
		if verdict != "ok" {
			return &CorruptError{File: s.path(f.name), Err: errors.New(verdict)}
		}
	}
	return nil
}

// FreeBytes is the room on the disk of dir; false where it is not known.
func FreeBytes(dir string) (int64, bool) { return freeBytes(dir) }
