package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// fullBelow is the room under which a failed write is taken for a full disk.
const fullBelow = 1 << 20

// Maintain does what is due from time to time; call it every few minutes.  It
// moves waiting intervals, drops what is older than its limit by now, and
// makes the reserve anew once there is room.
func (s *Store) Maintain(ctx context.Context, now time.Time) error {
	if s.opt.ReadOnly {
		return errors.New("the store is open for reading only")
	}
	if err := s.MoveIntervals(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.refill()
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) (func(), error) {
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
		_, err := tx.ExecContext(ctx, "DELETE FROM event WHERE at < ?", bound(now.Add(-s.opt.KeepEvents)))
		return func() { s.counts = counts }, err
	})
}

// Condition is how the store is.
type Condition struct {
	DiskFull bool  // the disk was full at the last write; Reserve tells whether the next may work
	Reserve  bool  // the reserve for a full disk is there
	Free     int64 // bytes left on the disk, -1 where it is not known
}

// Condition tells how the store is now.
func (s *Store) Condition() Condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Condition{DiskFull: s.full, Free: -1}
	if free, ok := freeBytes(s.dir); ok {
		c.Free = free
	}
	c.Reserve = s.hasBallast()
	return c
}

func (s *Store) hasBallast() bool {
	st, err := os.Stat(s.path(ballastFile))
	return err == nil && st.Size() >= s.opt.Ballast
}

// releaseBallast gives the reserve up and tells whether there was one.
func (s *Store) releaseBallast() bool { return os.Remove(s.path(ballastFile)) == nil }

// refill makes the reserve where it is missing and there is room for it and
// as much again.  mu is held.
func (s *Store) refill() {
	if s.opt.Ballast < 0 {
		s.full = false
		return
	}
	if s.hasBallast() {
		s.full = false
		return
	}
	if free, ok := freeBytes(s.dir); !ok || free < 2*s.opt.Ballast {
		return
	}
	if err := writeBallast(s.path(ballastFile), s.opt.Ballast); err != nil {
		s.log.Warn("no reserve for a full disk", "error", err)
		_ = os.Remove(s.path(ballastFile)) // half a reserve would only hide that there is none
		return
	}
	if s.full {
		s.log.Info("the disk has room again; the reserve is back", "dir", s.dir)
	}
	s.full = false
}

// writeBallast fills a file with noise, so that no file system compresses it.
func writeBallast(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), size)
	return errors.Join(err, f.Sync(), f.Close())
}

// Backup writes a copy of keeplit.db, as of one commit, to a new file.  The
// copy is whole and synced when Backup returns nil; a file that exists is
// never replaced.
func (s *Store) Backup(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // VACUUM INTO takes an empty file, with our mode
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	err = s.backup(ctx, path)
	if err != nil {
		_ = os.Remove(path) // it is no copy
	}
	return err
}

func (s *Store) backup(ctx context.Context, path string) error {
	db, err := s.connect(s.path(mainFile), "FULL", 1)
	if err != nil {
		return err
	}
	defer release(db)
	// A store for reports may not write its own files, and this is another one.
	if _, err := db.ExecContext(ctx, "PRAGMA query_only=0"); err != nil {
		return s.classify(path, "write", err)
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
