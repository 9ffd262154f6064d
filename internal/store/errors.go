package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// ErrClosed is returned by a Store that was closed.
var ErrClosed = errors.New("the store is closed")

// LockedError says that another process has the directory open for writing.
type LockedError struct {
	Dir string
	PID string // of the other process, "" where it is not known
}

func (e *LockedError) Error() string {
	who := "another agent"
	if e.PID != "" {
		who += " (process " + e.PID + ")"
	}
	return fmt.Sprintf("%s is running on %s; stop it first, or give this one a directory of its own", who, e.Dir)
}

// SchemaError says that a file was written by a newer program.
type SchemaError struct {
	File         string
	Found, Known int
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s has format %d and this program knows formats up to %d; run the newer program again, or restore a backup made before the upgrade", e.File, e.Found, e.Known)
}

// EmptyError says that a file that was opened for reading has nothing in it yet: the agent
// that made it has not come so far.
type EmptyError struct{ File string }

func (e *EmptyError) Error() string {
	return e.File + " has nothing in it yet; start the agent once"
}

// ForeignError says that a file is a database, but not one of ours.
type ForeignError struct{ File string }

func (e *ForeignError) Error() string {
	return e.File + " is a database of another program; give the agent a directory of its own"
}

// DiskFullError says that the disk had no room for a batch, which was not
// stored.
type DiskFullError struct {
	Dir string
	Err error
}

func (e *DiskFullError) Error() string {
	return fmt.Sprintf("no room left on the disk that holds %s: free some space there (old logs and backups first); nothing that was acknowledged is lost (%v)", e.Dir, e.Err)
}

func (e *DiskFullError) Unwrap() error { return e.Err }

// UnknownError says that it is not known whether a batch was stored: it may
// have reached the disk although the disk did not confirm it.  While the store
// is open the batch counts as not stored, and the next commit makes that so; an
// agent that ends before may find it stored.
type UnknownError struct{ Err error }

func (e *UnknownError) Error() string {
	return "it is not known whether this was recorded: " + e.Err.Error()
}

func (e *UnknownError) Unwrap() error { return e.Err }

// ReplacedError says that a file of the store is not the one any more that was
// opened: it was deleted, moved away or replaced.  Nothing can be stored.
type ReplacedError struct {
	File string
	Gone bool // there is none now
}

func (e *ReplacedError) Error() string {
	what := "was replaced by another file"
	if e.Gone {
		what = "was deleted or moved away"
	}
	return fmt.Sprintf("%s %s while the agent runs: put it back where it was, or stop the agent and restore the newest copy", e.File, what)
}

// CorruptError says that a file cannot be read back as it was written.
type CorruptError struct {
	File string
	Err  error
}

func (e *CorruptError) Error() string {
	what := "put the newest backup in its place"
	if strings.HasSuffix(e.File, intervalsFile) {
		what = "start the agent: it sets the file aside, interval history begins again and the ledger is not touched"
	}
	return fmt.Sprintf("%s is damaged: stop the agent, copy the whole directory aside, then %s (%v)", e.File, what, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// DuplicateTokenError says that a token of the batch was seen before, so
// nothing of the batch was stored.
type DuplicateTokenError struct{ Fingerprint string }

func (e *DuplicateTokenError) Error() string {
	return "the token " + e.Fingerprint + " was credited before"
}

// ChainError says that a ledger entry does not follow the one before it, so
// nothing of the batch was stored.  It is a fault of the program and not of the data.
type ChainError struct {
	Seq  uint64
	What string
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("ledger entry %d does not follow the ledger's head: %s", e.Seq, e.What)
}

// code is the SQLite result code of err, extended, or -1.
func code(err error) int {
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code()
	}
	return -1
}

// classify gives err the type a caller decides by.  file is the full path of
// the database at fault.
func (s *Store) classify(file, doing string, err error) error {
	if err == nil {
		return nil
	}
	var (
		chain  *ChainError
		double *DuplicateTokenError
	)
	if errors.As(err, &chain) || errors.As(err, &double) {
		return err // the batch is at fault, not the file
	}
	c := code(err)
	switch c & 0xff {
	case lib.SQLITE_FULL:
		return &DiskFullError{Dir: s.dir, Err: err}
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return &CorruptError{File: file, Err: err}
	case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN:
		// Growing the shared-memory file on a full disk reports an I/O error.
		if free, ok := freeBytes(s.dir); ok && free < fullBelow {
			return &DiskFullError{Dir: s.dir, Err: err}
		}
	}
	switch {
	case c == -1 && errors.Is(err, syscall.ENOSPC):
		return &DiskFullError{Dir: s.dir, Err: err}
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s %s: %w; the directory must belong to the user the agent runs as", doing, file, err)
	}
	return fmt.Errorf("%s %s: %w", doing, file, err)
}
