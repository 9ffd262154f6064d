package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// retiredForm is added to the format of keeplit.db when its box is replaced: a
// program that does not know of it refuses the file as a newer one, and changes
// nothing in it.
const retiredForm = 1_000_000

// Retirement says that the account of a directory was handed over to another box.
type Retirement struct {
	At       time.Time
	Transfer string // names the handing over: the backup that goes with it has the same
	Seq      uint64 // of the last ledger entry, which the other box goes on from
	Hash     string // of that entry
}

// RetiredError says that a directory was handed over: whoever went on with it
// would spend a credit that another box has.
type RetiredError struct {
	Dir string
	Retirement
}

func (e *RetiredError) Error() string {
	return fmt.Sprintf("the records in %s were handed over to another box on %s (ledger entry %d), and nothing runs on them any more; "+
		"where that box never came to be, take them back with the backup that was made then: agent restore FILE",
		e.Dir, e.At.UTC().Format("2006-01-02 15:04 UTC"), e.Seq)
}

// Retire marks the directory, durably: from the next Open on it is refused.  The
// caller ends with the store afterwards.
func (s *Store) Retire(ctx context.Context, r Retirement) error {
	at, err := stamp(r.At)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) (func(), error) {
		_, err := tx.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE retired(
			one INTEGER PRIMARY KEY CHECK(one = 1), at INTEGER NOT NULL, transfer TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL
		) STRICT; INSERT INTO retired VALUES(1, ?, ?, ?, ?); PRAGMA user_version=%d`, retiredForm+len(mainSchema)),
			at, r.Transfer, int64(r.Seq), r.Hash)
		return func() {}, err
	})
}

// Retired is the mark of a directory; ok is false where there is none.  It is asked
// of a store that is open for reading only: no other opens a marked one.
func (s *Store) Retired(ctx context.Context) (r Retirement, ok bool, err error) {
	r, ok, err = retirement(ctx, s.readers)
	return r, ok, s.classify(s.path(mainFile), "read", err)
}

func retirement(ctx context.Context, db *sql.DB) (r Retirement, ok bool, err error) {
	var version, marks int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version < retiredForm {
		return r, false, err
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'retired'").Scan(&marks); err != nil || marks == 0 {
		return r, false, err // it is of another program, or of a newer one
	}
	var at int64
	err = db.QueryRowContext(ctx, "SELECT at, transfer, seq, hash FROM retired").Scan(&at, &r.Transfer, &r.Seq, &r.Hash)
	r.At = fromStamp(at)
	return r, true, err
}

// refuseRetired is the error of a marked file, nil of any other.
func (s *Store) refuseRetired(ctx context.Context, db *sql.DB, path string) error {
	r, ok, err := retirement(ctx, db)
	if err != nil || !ok {
		return s.classify(path, "open", err)
	}
	return &RetiredError{Dir: s.dir, Retirement: r}
}

// TakeBack takes the mark off the files of dir, which must not be open: they were
// brought to where they are to go on.
func TakeBack(ctx context.Context, dir string) (err error) {
	s := &Store{dir: dir}
	db, err := s.connect(s.path(mainFile), "FULL", 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version < retiredForm {
		return s.classify(s.path(mainFile), "read", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return s.classify(s.path(mainFile), "write", err)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("DROP TABLE retired; PRAGMA user_version=%d", version-retiredForm)); err != nil {
		return errors.Join(s.classify(s.path(mainFile), "write", err), tx.Rollback())
	}
	return s.classify(s.path(mainFile), "write", tx.Commit())
}
