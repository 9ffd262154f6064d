package store

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks our files ("klit"), so that another program's database
// in the directory is refused and not migrated.
const applicationID = 0x6b6c6974

// A schema is the list of steps from an empty file to the present format; the
// file's user_version counts the steps done.  A step, once released, is never
// edited: a change is a new step.
type schema []string

var mainSchema = schema{ //nolint:gochecknoglobals // a constant list
	`CREATE TABLE checkpoint(
	  one INTEGER PRIMARY KEY CHECK(one = 1),
	  data BLOB NOT NULL,
	  at INTEGER NOT NULL
	) STRICT;
	CREATE TABLE ledger(
	  seq INTEGER PRIMARY KEY,
	  at INTEGER NOT NULL, -- Unix ms
	  kind TEXT NOT NULL,
	  name TEXT NOT NULL,
	  amount INTEGER NOT NULL,
	  balance INTEGER NOT NULL,
	  tax INTEGER NOT NULL,
	  energy INTEGER NOT NULL,
	  owed INTEGER NOT NULL,
	  debt INTEGER NOT NULL,
	  cause TEXT NOT NULL,
	  ref TEXT NOT NULL,
	  prev TEXT NOT NULL,
	  hash TEXT NOT NULL
	) STRICT;
	CREATE INDEX ledger_at ON ledger(at);
	CREATE TABLE token(
	  fingerprint TEXT PRIMARY KEY,
	  at INTEGER NOT NULL,
	  seq INTEGER NOT NULL REFERENCES ledger(seq)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE pending_interval(
	  id INTEGER PRIMARY KEY AUTOINCREMENT,
	  series TEXT NOT NULL,
	  start INTEGER NOT NULL, -- Unix ms
	  len INTEGER NOT NULL,   -- ns, as covered
	  import INTEGER NOT NULL,
	  export INTEGER NOT NULL,
	  quality INTEGER NOT NULL,
	  covered INTEGER NOT NULL,
	  max_power INTEGER NOT NULL,
	  max_demand INTEGER NOT NULL
	) STRICT;
	CREATE TABLE event(
	  id INTEGER PRIMARY KEY AUTOINCREMENT,
	  at INTEGER NOT NULL,
	  code TEXT NOT NULL,
	  severity TEXT NOT NULL,
	  text TEXT NOT NULL,
	  data BLOB
	) STRICT;
	CREATE INDEX event_at ON event(at);
	CREATE TABLE plan(
	  id INTEGER PRIMARY KEY AUTOINCREMENT,
	  at INTEGER NOT NULL,
	  data BLOB NOT NULL
	) STRICT;
	CREATE INDEX plan_at ON plan(at);
	CREATE TABLE outbox(
	  id INTEGER PRIMARY KEY AUTOINCREMENT,
	  channel TEXT NOT NULL,
	  key TEXT NOT NULL,
	  dest TEXT NOT NULL,
	  payload BLOB NOT NULL,
	  at INTEGER NOT NULL,
	  ledger INTEGER NOT NULL,
	  UNIQUE(channel, key)
	) STRICT;
	CREATE INDEX outbox_order ON outbox(channel, id);
	CREATE TABLE quarantine(
	  id INTEGER PRIMARY KEY,
	  channel TEXT NOT NULL,
	  key TEXT NOT NULL,
	  dest TEXT NOT NULL,
	  payload BLOB NOT NULL,
	  at INTEGER NOT NULL,
	  ledger INTEGER NOT NULL,
	  reason TEXT NOT NULL
	) STRICT;
	CREATE TABLE outbox_count(
	  channel TEXT PRIMARY KEY,
	  pending INTEGER NOT NULL DEFAULT 0, -- rows waiting
	  bytes INTEGER NOT NULL DEFAULT 0,   -- payload bytes waiting
	  added INTEGER NOT NULL DEFAULT 0,
	  doubled INTEGER NOT NULL DEFAULT 0, -- not added: the key was waiting already
	  sent INTEGER NOT NULL DEFAULT 0,
	  dropped INTEGER NOT NULL DEFAULT 0,
	  quarantined INTEGER NOT NULL DEFAULT 0
	) STRICT, WITHOUT ROWID;`,
	// The SHA-256 of data in hex; '' where it was stored before there was one.
	"ALTER TABLE checkpoint ADD COLUMN sum TEXT NOT NULL DEFAULT ''",
	// From here on data may be packed (packed.go): the tables are the same, and a
	// program that cannot unpack it must not take it for damaged.
	"SELECT 1",
	`CREATE TABLE limited(
	  id INTEGER PRIMARY KEY AUTOINCREMENT,
	  n INTEGER NOT NULL,
	  source TEXT NOT NULL,
	  state TEXT NOT NULL,
	  issuer TEXT NOT NULL,
	  event TEXT NOT NULL,
	  loads TEXT NOT NULL,       -- ids, with a blank between; '' where whole is 1
	  whole INTEGER NOT NULL,    -- 1: all that is drawn counts
	  power INTEGER NOT NULL,    -- mW
	  start INTEGER NOT NULL,    -- Unix ms
	  stop INTEGER NOT NULL,     -- Unix ms
	  measured INTEGER NOT NULL, -- ns
	  told INTEGER NOT NULL,     -- 1: some of it by what loads were told
	  energy INTEGER NOT NULL,   -- uJ
	  most INTEGER NOT NULL,     -- mW
	  above INTEGER NOT NULL,    -- ns
	  met INTEGER                -- Unix ms; null: never
	) STRICT;
	CREATE INDEX limited_stop ON limited(stop);`,
	// From here on a checkpoint may be stored by what differs from a base (packed.go).
	`CREATE TABLE checkpoint_base(
	  one INTEGER PRIMARY KEY CHECK(one = 1),
	  data BLOB NOT NULL, -- a whole checkpoint
	  sum TEXT NOT NULL   -- its SHA-256 in hex
	) STRICT;
	-- The sum of the base by which data is told; '' where data is whole.
	ALTER TABLE checkpoint ADD COLUMN base TEXT NOT NULL DEFAULT ''`,
}

var intervalSchema = schema{ //nolint:gochecknoglobals // a constant list
	`CREATE TABLE interval(
	  series TEXT NOT NULL,
	  start INTEGER NOT NULL, -- Unix ms
	  len INTEGER NOT NULL,   -- ns, as covered
	  import INTEGER NOT NULL,
	  export INTEGER NOT NULL,
	  quality INTEGER NOT NULL,
	  covered INTEGER NOT NULL,
	  max_power INTEGER NOT NULL,
	  max_demand INTEGER NOT NULL,
	  PRIMARY KEY(series, start, len)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE moved(
	  one INTEGER PRIMARY KEY CHECK(one = 1),
	  id INTEGER NOT NULL -- the last pending_interval.id that is in here
	) STRICT;
	INSERT INTO moved VALUES(1, 0);`,
	`CREATE TABLE filled(
	  name TEXT PRIMARY KEY -- what was added once to what was there: see Store.Fill
	) STRICT, WITHOUT ROWID;`,
}

// The forms from which on keeplit.db and intervals.db have what is read besides the first form's
// tables.  A file that is open for reading only may be older, and is read as it is.
const (
	sumForm    = 2
	limitsForm = 4
	baseForm   = 5
	filledForm = 2
)

// form is how many steps a file has taken; a mark of a handing over is left out, so that what is
// marked may be looked at.  Asked in a transaction, it is that of what is read there, whatever
// an agent that starts meanwhile makes of the file.
func form(ctx context.Context, q querier) (version int, err error) {
	if err := q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, err
	}
	if version >= retiredForm {
		version -= retiredForm
	}
	return version, nil
}

// migrate brings the file to the present format, one transaction a step.
func (sc schema) migrate(ctx context.Context, db *sql.DB, file string) error {
	var version, app, tables int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	switch {
	case app != applicationID && (app != 0 || tables > 0):
		return &ForeignError{File: file}
	case version > len(sc):
		return &SchemaError{File: file, Found: version, Known: len(sc)}
	}
	for v := version; v < len(sc); v++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		step := fmt.Sprintf("%s; PRAGMA user_version=%d; PRAGMA application_id=%d", sc[v], v+1, applicationID)
		if _, err := tx.ExecContext(ctx, step); err != nil {
			_ = tx.Rollback()
			return fmt.Errorf("migrate %s to format %d: %w", file, v+1, err)
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("migrate %s to format %d: %w", file, v+1, err)
		}
	}
	return nil
}
