package store

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
)

// fullBelow is the room under which a failed write is taken for a full disk,
// and which telemetry leaves free.
const fullBelow = 1 << 20

// leastReserve is the smallest reserve that is worth having: some hundred
// entries of the ledger.
const leastReserve = 256 << 10

// Condition is how the store is.
type Condition struct {
	DiskFull bool // the disk was full at the last write, and telemetry is dropped; Kept tells what the ledger still has
	Reserve  bool // the reserve for a full disk is there, whole
	// Kept is how large the reserve is, and Wanted how large it should be, in bytes.
	Kept, Wanted int64
	Free         int64 // bytes left on the disk, -1 where it is not known
	Replaced     error // the files that are open are not those in the folder; nil where they are
}

// Condition tells how the store is now.
func (s *Store) Condition() Condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Condition{DiskFull: s.full, Kept: s.ballast(), Wanted: max(0, s.opt.Ballast), Free: -1, Replaced: s.holds()}
	if free, ok := freeBytes(s.dir); ok {
		c.Free = free
	}
	c.Reserve = c.Kept >= s.opt.Ballast
	return c
}

// ballast is the size of the reserve.
func (s *Store) ballast() int64 {
	st, err := os.Stat(s.path(ballastFile))
	if err != nil {
		return 0
	}
	return st.Size()
}

// releaseBallast gives up a piece of the reserve and tells whether there was
// one.  It is not given up at once: whoever has filled the disk may take what
// becomes free.
func (s *Store) releaseBallast() bool {
	size, piece := s.ballast(), max(s.opt.Ballast/16, 64<<10)
	if size <= piece {
		return os.Remove(s.path(ballastFile)) == nil
	}
	return os.Truncate(s.path(ballastFile), size-piece) == nil
}

// refill makes the reserve as great as it should be, or half as great as what
// is left on the disk, where it is missing or was given up.  mu is held.
func (s *Store) refill() {
	if s.opt.Ballast < 0 {
		s.full = false
		return
	}
	has := s.ballast()
	free, ok := freeBytes(s.dir)
	if !ok {
		return
	}
	// Where there is not room for all, it only grows by doubling: the disk is not
	// written over and over while its room comes and goes.
	if want := min(s.opt.Ballast, (free+has)/2); has < s.opt.Ballast && (want == s.opt.Ballast || want >= max(leastReserve, 2*has)) {
		if err := writeBallast(s.path(ballastFile), want); err != nil {
			s.log.Warn("no reserve for a full disk", "error", err)
			_ = os.Remove(s.path(ballastFile)) // half a reserve would only hide that there is none
			return
		}
		free += has - want
	}
	if s.full && free >= fullBelow {
		s.full = false
		s.log.Info("the disk has room again", "dir", s.dir, "reserve_bytes", s.ballast())
	}
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
