package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/keeplit/keeplit/credit"
	_ "modernc.org/sqlite" // the "sqlite" driver
)

// The files of a store's directory.
const (
	mainFile      = "keeplit.db"
	intervalsFile = "intervals.db"
	lockFile      = "keeplit.lock"
	ballastFile   = "ballast"
)

// Options are the choices of a Store.  The zero value is right for an agent.
type Options struct {
	// ReadOnly opens the files beside a running agent, for reports: Commit and
	// the outbox refuse, and no lock is taken.  Files of an older form are read as they
	// are: what was handed over may be looked at and taken back by a newer program, too.
	ReadOnly bool
	// Limits caps each channel of the outbox; a channel that is not named has
	// DefaultLimit.
	Limits map[Channel]Limit
	// KeepPlans and KeepEvents say how long plans and events are kept; zero is
	// 60 days and 400 days.  Ledger and tokens are kept for ever.
	KeepPlans, KeepEvents time.Duration
	// KeepIntervals says how long intervals are kept; zero is for ever.
	KeepIntervals time.Duration
	// Ballast is the size of the reserve for a full disk; zero is 8 MiB,
	// negative is none.
	Ballast int64
	// MaxPages caps keeplit.db in pages of 4 KiB, for tests of a full disk; zero
	// is no cap.
	MaxPages int
	// Linger keeps telemetry in memory until the batch after the one it came with,
	// so that what is sent by then is never written.
	Linger bool
	Log    *slog.Logger
}

// Store is an open directory.  Its methods may be called from several
// goroutines at once.
type Store struct {
	dir      string
	opt      Options
	log      *slog.Logger
	lock     *os.File
	main     *sql.DB // one connection: the writer of what keeplit.db must not lose
	points   *sql.DB // one connection: the writer of telemetry, which is not synced by itself
	readers  *sql.DB // of keeplit.db
	history  *sql.DB // one connection: the only writer of intervals.db
	hreaders *sql.DB // of intervals.db

	mu     sync.Mutex // held by whoever writes keeplit.db; guards the fields below
	head   credit.Entry
	base   *base // nil: the file has none that can be used
	whole  bool  // the file's base cannot even be read: a checkpoint is stored without one
	known  bool  // head, base and counts are those of the file
	counts map[Channel]*count
	wake   map[Channel]chan struct{}
	lost   map[Channel]int64 // messages dropped that outbox_count does not know of yet
	linger lingering
	full   bool // the disk was full, and has not had room since
	closed bool

	held []heldFile // the files that are open, to be known again

	moving sync.Mutex // held while intervals move, so that readers see each once
	pinned int        // readers of intervals under way; guarded by moving
	forgot time.Time  // when all old intervals were forgotten last; guarded by moving
}

// Open opens dir for the agent, making it and its files where they do not
// exist.  The error is one of this package's types where a caller or a person
// can do something about it.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	opt.defaults()
	s := &Store{
		dir: dir, opt: opt, log: opt.Log,
		counts: map[Channel]*count{}, wake: map[Channel]chan struct{}{}, lost: map[Channel]int64{},
	}
	for _, ch := range channels() {
		s.wake[ch] = make(chan struct{}, 1)
	}
	err := s.open(ctx)
	for full := (*DiskFullError)(nil); errors.As(err, &full) && s.lock != nil && s.releaseBallast(); {
		// A database needs some room even to be opened.
		s.noteFull()
		if cerr := s.closeFiles(); cerr != nil {
			return nil, errors.Join(err, cerr)
		}
		err = s.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	return s, nil
}

func (o *Options) defaults() {
	const day = 24 * time.Hour
	if o.KeepPlans == 0 {
		o.KeepPlans = 60 * day
	}
	if o.KeepEvents == 0 {
		o.KeepEvents = 400 * day
	}
	if o.Ballast == 0 {
		o.Ballast = 8 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

func (s *Store) open(ctx context.Context) error {
	mainPath, histPath := s.path(mainFile), s.path(intervalsFile)
	if !s.opt.ReadOnly {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return s.classify(s.dir, "make", err)
		}
		if info, err := os.Stat(s.dir); err == nil && info.Mode().Perm()&0o007 != 0 {
			// It may be a folder of others as well, so it is left as it is; the files in it are not open.
			s.log.Warn("the folder of the records is open to everybody: chmod 700", "dir", s.dir, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
		}
		var err error
		if s.lock, err = lockDir(s.dir, s.path(lockFile)); err != nil {
			return s.classify(s.path(lockFile), "lock", err)
		}
		// Before anything is opened: what a swap that was broken off has left, and files that
		// are there and belong to whom the folder belongs to.
		if err := tidy(s.dir); err != nil {
			return s.classify(s.dir, "tidy", err)
		}
		for _, p := range []string{mainPath, histPath} {
			if err := errors.Join(private(p), Give(s.dir, p)); err != nil {
				return s.classify(p, "make", err)
			}
		}
	}
	var err error
	if s.main, err = s.connect(mainPath, "FULL", 1); err != nil {
		return err
	}
	if s.points, err = s.connect(mainPath, "NORMAL", 1); err != nil {
		return err
	}
	if s.history, err = s.connect(histPath, "NORMAL", 1); err != nil {
		return err
	}
	if s.readers, err = s.connect(mainPath, "", 4); err != nil {
		return err
	}
	if s.hreaders, err = s.connect(histPath, "", 4); err != nil {
		return err
	}
	if s.opt.ReadOnly {
		return s.checkFormats(ctx)
	}
	if err := s.refuseRetired(ctx, s.main, mainPath); err != nil {
		return err
	}
	if err := s.prepareFile(ctx, s.main, mainPath, mainSchema); err != nil {
		return err
	}
	if err := s.prepareHistory(ctx, histPath); err != nil {
		return err
	}
	if s.opt.MaxPages > 0 {
		most, err := s.pages(ctx, s.opt.MaxPages)
		if err != nil {
			return s.classify(mainPath, "cap", err)
		}
		for _, db := range []*sql.DB{s.main, s.points} {
			if _, err := db.ExecContext(ctx, "PRAGMA max_page_count="+most); err != nil {
				return s.classify(mainPath, "cap", err)
			}
		}
	}
	if err := s.alignIDs(ctx); err != nil {
		return err
	}
	s.roomForWAL(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold()
	s.refill()
	return s.learn(ctx)
}

// prepareFile checks that the file reads back as it was written and brings it
// to the present format.
func (s *Store) prepareFile(ctx context.Context, db *sql.DB, path string, sc schema) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return s.classify(path, "check", err)
	}
	if verdict != "ok" {
		return &CorruptError{File: path, Err: errors.New(verdict)}
	}
	return s.classify(path, "open", sc.migrate(ctx, db, path))
}

// prepareHistory prepares the file of interval readings.  A damaged one is set aside
// and history begins again: what was usual is a wish, and must not keep the agent
// from metering and protecting.
func (s *Store) prepareHistory(ctx context.Context, path string) error {
	err := s.prepareFile(ctx, s.history, path, intervalSchema)
	if damaged := (*CorruptError)(nil); !errors.As(err, &damaged) {
		return err
	}
	if cerr := errors.Join(s.history.Close(), s.hreaders.Close()); cerr != nil {
		return errors.Join(err, cerr)
	}
	aside, aerr := setAside(path)
	if aerr != nil {
		return errors.Join(err, aerr)
	}
	s.log.Error("the interval history is damaged and was set aside; it begins again, and the ledger is not touched", "file", aside, "error", err)
	if err := private(path); err != nil {
		return s.classify(path, "make", err)
	}
	if s.history, err = s.connect(path, "NORMAL", 1); err != nil {
		return err
	}
	if s.hreaders, err = s.connect(path, "", 4); err != nil {
		return err
	}
	return s.prepareFile(ctx, s.history, path, intervalSchema)
}

// setAside moves a database and what belongs to it away, over nothing that was
// set aside before.
func setAside(path string) (aside string, err error) {
	for n := 1; ; n++ {
		aside = fmt.Sprintf("%s.damaged-%d", path, n)
		if _, err := os.Lstat(aside); errors.Is(err, os.ErrNotExist) {
			break
		} else if err != nil {
			return aside, err
		}
	}
	// The database last: while it stands, it is found damaged and set aside again.
	for _, part := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+part, aside+part); err != nil && (part == "" || !errors.Is(err, os.ErrNotExist)) {
			return aside, err
		}
	}
	return aside, nil
}

// checkFormats refuses what cannot be read: files of a newer program or of another, and empty ones.
func (s *Store) checkFormats(ctx context.Context) error {
	for _, f := range []struct {
		db   *sql.DB
		name string
		sc   schema
	}{{s.readers, mainFile, mainSchema}, {s.hreaders, intervalsFile, intervalSchema}} {
		version, err := form(ctx, f.db)
		var app int
		if err == nil {
			err = f.db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app)
		}
		switch {
		case err != nil:
			return s.classify(s.path(f.name), "open", err)
		case app == 0 && version == 0:
			return &EmptyError{File: s.path(f.name)}
		case app != applicationID:
			return &ForeignError{File: s.path(f.name)}
		case version > len(f.sc):
			return &SchemaError{File: s.path(f.name), Found: version, Known: len(f.sc)}
		}
	}
	return nil
}

// alignIDs keeps the numbers of waiting intervals above those moved already,
// also where keeplit.db was restored from a backup older than intervals.db.
func (s *Store) alignIDs(ctx context.Context) error {
	var moved int64
	if err := s.history.QueryRowContext(ctx, "SELECT id FROM moved").Scan(&moved); err != nil {
		return s.classify(s.path(intervalsFile), "read", err)
	}
	_, err := s.main.ExecContext(ctx, `INSERT INTO sqlite_sequence(name, seq)
		SELECT 'pending_interval', 0 WHERE NOT EXISTS(SELECT 1 FROM sqlite_sequence WHERE name='pending_interval')`)
	if err == nil {
		_, err = s.main.ExecContext(ctx, "UPDATE sqlite_sequence SET seq=max(seq, ?) WHERE name='pending_interval'", moved)
	}
	return s.classify(s.path(mainFile), "write", err)
}

// connect opens a pool on path.  synchronous "" is a pool that only reads.
func (s *Store) connect(path, synchronous string, conns int) (*sql.DB, error) {
	q := url.Values{}
	q.Add("_pragma", "busy_timeout(10000)")
	if synchronous == "" || s.opt.ReadOnly {
		q.Add("_pragma", "query_only(1)")
		if s.opt.ReadOnly {
			q.Set("mode", "ro")
		}
	} else {
		if filepath.Base(path) == mainFile {
			q.Add("_pragma", fmt.Sprintf("page_size(%d)", pageSize))
		}
		q.Set("_journal_mode", "WAL") // after the page size
		q.Add("_pragma", fmt.Sprintf("wal_autocheckpoint(%d)", walPages))
		q.Add("_pragma", "synchronous("+synchronous+")")
		q.Add("_pragma", "foreign_keys(1)")
		q.Set("_txlock", "immediate")
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode(), OmitHost: true}).String())
	if err != nil {
		return nil, s.classify(path, "open", err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(0)
	return db, nil
}

// private makes path, readable by its owner only, or makes it so.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Dir is the directory of the store.
func (s *Store) Dir() string { return s.dir }

// Close waits for the writes under way, moves the waiting intervals where it
// can, and gives the directory back.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	if !s.opt.ReadOnly {
		if err := s.MoveIntervals(context.Background()); err != nil {
			s.log.Warn("interval readings stay in "+mainFile, "error", err) // and move at the next start
		}
	}
	s.mu.Lock()
	if !s.opt.ReadOnly {
		s.settleLingering(context.Background())
		if len(s.linger.told) > 0 {
			s.report(context.Background(), nil)
		}
	}
	s.closed = true
	s.mu.Unlock()
	return s.closeFiles()
}

func (s *Store) closeFiles() error {
	var errs []error
	for _, db := range []*sql.DB{s.readers, s.hreaders, s.history, s.points, s.main} { // the writers last: they tidy the WAL
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

// learn reads the ledger's head and the outbox's counts.  mu is held.
func (s *Store) learn(ctx context.Context) error {
	if s.known {
		return nil
	}
	head, err := lastEntry(ctx, s.main)
	if err != nil {
		return s.classify(s.path(mainFile), "read", err)
	}
	counts, err := readCounts(ctx, s.main)
	if err != nil {
		return s.classify(s.path(mainFile), "read", err)
	}
	base, err := readBase(ctx, s.main)
	if err != nil {
		s.log.Error("the base of the stored state cannot be read: the state is stored without one", "error", err)
	}
	s.head, s.base, s.whole, s.counts, s.known = head, base, err != nil, counts, true
	return nil
}

// stamp is t as the files keep it.
func stamp(t time.Time) (int64, error) {
	ms := t.UnixMilli()
	if y := t.UTC().Year(); y < 1970 || y > 9999 {
		return 0, fmt.Errorf("the time %s cannot be stored", t.UTC().Format(time.RFC3339))
	}
	return ms, nil
}

func fromStamp(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
