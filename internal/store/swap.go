package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// incoming is the folder in a directory where other records are made ready to
// take the place of those that are there.  Its keeplit.db is the first file in it
// and the last that is deleted of it, so that a crash leaves one of two:
//
//	incoming/keeplit.db is there   the others have not taken their place: it is dropped
//	it is not                      they have: what is left in the folder follows it
const incoming = "restore.new"

// Swap brings other records into a directory: after a crash at any time there are
// the ones or the others, whole, and the next Open tidies up.
type Swap struct {
	dir  string
	lock *os.File
}

// BeginSwap takes the directory, making it where there is none, and an empty folder
// in it: Incoming.  A *LockedError says that an agent runs on it.
func BeginSwap(dir string) (*Swap, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir, filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	w := &Swap{dir: dir, lock: lock}
	if err := tidy(dir); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := os.Mkdir(w.Incoming(), 0o700); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := Give(dir, w.Incoming()); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Incoming is the folder that the other records are put into: keeplit.db first.
func (w *Swap) Incoming() string { return filepath.Join(w.dir, incoming) }

// Close gives the directory back.  What was not committed is dropped.
func (w *Swap) Close() error {
	if w.lock == nil {
		return nil
	}
	err := errors.Join(tidy(w.dir), w.lock.Close())
	w.lock = nil
	return err
}

// Commit keeps the records that are there in the folder aside, which it makes within
// the directory, and has those of Incoming, which must be closed, take their place.
// kept is false where there were none.
func (w *Swap) Commit(ctx context.Context, aside string) (kept bool, err error) {
	for _, name := range []string{mainFile + "-wal", intervalsFile + "-wal"} {
		if st, err := os.Stat(filepath.Join(w.Incoming(), name)); err == nil && st.Size() > 0 {
			return false, fmt.Errorf("%s was not closed", filepath.Join(w.Incoming(), name))
		}
	}
	for _, name := range []string{mainFile, intervalsFile, ""} { // a history that there is none of stays as it is
		if err := syncPath(filepath.Join(w.Incoming(), name)); err != nil && (name != intervalsFile || !errors.Is(err, fs.ErrNotExist)) {
			return false, err
		}
	}
	if err := Give(w.dir, w.Incoming()); err != nil {
		return false, err
	}
	if kept, err = w.keep(ctx, filepath.Join(w.dir, aside)); err != nil {
		return false, err
	}
	// What belongs to the old file must not be taken for a part of the new one.  A file that
	// is sound has none left, see keep; of a damaged one they are set aside with it.
	for _, part := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(filepath.Join(w.dir, mainFile+part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return kept, err
		}
	}
	if err := os.Rename(filepath.Join(w.Incoming(), mainFile), filepath.Join(w.dir, mainFile)); err != nil {
		return kept, err
	}
	if err := syncPath(w.dir); err != nil {
		return kept, err
	}
	return kept, tidy(w.dir)
}

// keep puts a second name to, or a copy of, the present records into the folder aside.
func (w *Swap) keep(ctx context.Context, aside string) (bool, error) {
	if _, err := os.Stat(filepath.Join(w.dir, mainFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	s := &Store{dir: w.dir}
	for _, name := range []string{mainFile, intervalsFile} {
		if _, err := os.Stat(s.path(name)); err != nil {
			continue
		}
		// A file that is sound is whole by itself afterwards.  One that is not stays as it is.
		if db, err := s.connect(s.path(name), "FULL", 1); err == nil {
			_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
			_ = db.Close()
		}
	}
	if err := os.Mkdir(aside, 0o700); err != nil {
		return false, err
	}
	for _, name := range []string{mainFile, mainFile + "-wal", intervalsFile, intervalsFile + "-wal"} {
		if err := second(s.path(name), filepath.Join(aside, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("the records that are there could not be set aside: %w", err)
		}
	}
	if err := Give(w.dir, aside); err != nil {
		return false, err
	}
	return true, errors.Join(syncPath(aside), syncPath(w.dir))
}

// second gives a file a second name, or makes a copy where the disk knows no such thing.
func second(from, to string) error {
	if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer release(in)
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// tidy ends what a swap left in dir: see incoming.
func tidy(dir string) error {
	folder := filepath.Join(dir, incoming)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(folder, mainFile)); errors.Is(err, fs.ErrNotExist) {
		if err := follow(folder, dir); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	left, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, f := range left {
		if f.Name() != mainFile {
			if err := os.RemoveAll(filepath.Join(folder, f.Name())); err != nil {
				return err
			}
		}
	}
	if err := syncPath(folder); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(folder), syncPath(dir))
}

// follow has the history follow the ledger that has taken its place.
func follow(folder, dir string) error {
	if _, err := os.Stat(filepath.Join(folder, intervalsFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, part := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(filepath.Join(dir, intervalsFile+part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(filepath.Join(folder, intervalsFile), filepath.Join(dir, intervalsFile)); err != nil {
		return err
	}
	return syncPath(dir)
}

// syncPath has a file, or the names in a folder, on the disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
