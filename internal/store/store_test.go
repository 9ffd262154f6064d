package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// next is an entry that follows head.
func next(head credit.Entry, amount units.Money) credit.Entry {
	e := credit.Entry{
		Seq: head.Seq + 1, At: t0.Add(time.Duration(head.Seq) * time.Second), Kind: credit.Consumption, Name: "energy",
		Amount: amount, Balance: head.Balance + amount, Energy: units.KilowattHour, Cause: "interval", Ref: "2026-03-01T12:00Z",
		Debt: head.Debt, Prev: head.Hash,
	}
	e.Hash = e.Sum()
	return e
}

func interval(series string, slot int, kwh int64) Interval {
	return Interval{Series: series, Interval: metering.Interval{
		Slot:   units.Slot{Start: t0.Add(time.Duration(slot) * 30 * time.Minute), Len: 30 * time.Minute},
		Import: units.Energy(kwh) * units.KilowattHour, Covered: 20 * time.Minute, MaxPower: units.Power(kwh) * units.Kilowatt,
	}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func list[T any](t testing.TB, seq func(func(T, error) bool)) []T {
	t.Helper()
	got, err := collect(seq)
	must(t, err)
	return got
}

func TestCommitIsReadBackAfterReopening(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir, Options{Ballast: -1})
	e1 := next(credit.Entry{}, 10*units.One)
	e2 := next(e1, -1*units.One)
	b := Batch{
		At: t0, Checkpoint: []byte(`{"n":1}`), Ledger: []credit.Entry{e1, e2},
		Tokens:    []SeenToken{{"abc", t0, 1}},
		Intervals: []Interval{interval("site", 0, 1), interval("pump", 0, 2)},
		Events:    []Event{{At: t0, Code: "meter_gap", Severity: "warning", Text: "the meter was silent", Data: []byte(`{}`)}},
		Plans:     []Plan{{At: t0, Data: []byte(`{"p":1}`)}},
		Outbox:    []Message{{Channel: MQTT, Key: "ledger-1", Dest: "keeplit/x/ledger", Payload: []byte("one"), At: t0, Ledger: true}},
	}
	must(t, s.Commit(ctx, b))
	must(t, s.Close())

	s = open(t, dir, Options{Ballast: -1})
	snap, err := s.Load(ctx)
	must(t, err)
	want := Snapshot{Checkpoint: []byte(`{"n":1}`), CheckpointAt: t0, Head: e2, Ledger: 2, Tokens: 1}
	if d := cmp.Diff(want, snap); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(b.Ledger, list(t, s.Ledger(ctx, 0))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Interval{b.Intervals[0]}, list(t, s.Intervals(ctx, "site", t0, t0.Add(time.Hour)))); d != "" {
		t.Error(d)
	}
	b.Events[0].ID, b.Plans[0].ID, b.Outbox[0].ID = 1, 1, 1
	if d := cmp.Diff(b.Events, list(t, s.Events(ctx, time.Time{}, t0.Add(1)))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(b.Plans, list(t, s.Plans(ctx, t0, t0.Add(1)))); d != "" {
		t.Error(d)
	}
	got, err := s.Outbox(MQTT).Next(ctx, 10)
	must(t, err)
	if d := cmp.Diff(b.Outbox, got); d != "" {
		t.Error(d)
	}
	seen, err := s.TokenSeen(ctx, "abc")
	must(t, err)
	if !seen {
		t.Error("the token is not known any more")
	}
	for _, f := range []string{mainFile, intervalsFile, lockFile, mainFile + "-wal", mainFile + "-shm"} {
		st, err := os.Stat(filepath.Join(dir, f))
		if err != nil {
			t.Error(err)
		} else if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, so others can read it", f, st.Mode().Perm())
		}
	}
}

func TestRefusedBatchLeavesNothing(t *testing.T) {
	ctx := context.Background()
	e1 := next(credit.Entry{}, 10*units.One)
	e2 := next(e1, -units.One)
	change := func(e credit.Entry, f func(*credit.Entry)) credit.Entry { f(&e); e.Hash = e.Sum(); return e }
	var chain *ChainError
	var double *DuplicateTokenError
	for _, row := range []struct {
		name  string
		batch Batch
		as    any
	}{
		{"entry left out", Batch{Ledger: []credit.Entry{change(e2, func(e *credit.Entry) { e.Seq = 3 })}}, &chain},
		{"entry doubled", Batch{Ledger: []credit.Entry{e1}}, &chain},
		{"balance does not chain", Batch{Ledger: []credit.Entry{change(e2, func(e *credit.Entry) { e.Balance++ })}}, &chain},
		{"debt does not chain", Batch{Ledger: []credit.Entry{change(e2, func(e *credit.Entry) { e.Debt++ })}}, &chain},
		{"another predecessor", Batch{Ledger: []credit.Entry{change(e2, func(e *credit.Entry) { e.Prev = e2.Hash })}}, &chain},
		{"hash of something else", Batch{Ledger: []credit.Entry{func() credit.Entry { e := e2; e.Cause = "gift"; return e }()}}, &chain},
		{"second entry wrong", Batch{Ledger: []credit.Entry{e2, e2}}, &chain},
		{"token seen before", Batch{Ledger: []credit.Entry{e2}, Tokens: []SeenToken{{"abc", t0, 2}}}, &double},
		{"token twice in the batch", Batch{Ledger: []credit.Entry{e2}, Tokens: []SeenToken{{"def", t0, 2}, {"def", t0, 2}}}, &double},
		{"token of no entry", Batch{Tokens: []SeenToken{{"def", t0, 9}}}, nil},
		{"ledger message without a key", Batch{Ledger: []credit.Entry{e2}, Outbox: []Message{{Channel: MQTT, At: t0, Ledger: true}}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := open(t, t.TempDir(), Options{Ballast: -1})
			must(t, s.Commit(ctx, Batch{Ledger: []credit.Entry{e1}, Tokens: []SeenToken{{"abc", t0, 1}}}))
			row.batch.At, row.batch.Checkpoint = t0, []byte("new")
			row.batch.Plans = []Plan{{At: t0, Data: []byte("{}")}}
			err := s.Commit(ctx, row.batch)
			if err == nil {
				t.Fatal("it was stored")
			}
			if row.as != nil && !errors.As(err, row.as) {
				t.Errorf("%T %v, want %T", err, err, row.as)
			}
			snap, err := s.Load(ctx)
			must(t, err)
			if d := cmp.Diff(Snapshot{Head: e1, Ledger: 1, Tokens: 1}, snap); d != "" {
				t.Error(d)
			}
			must(t, s.Commit(ctx, Batch{Ledger: []credit.Entry{e2}})) // and it goes on
		})
	}
}

func TestSecondAgentOnADirectoryIsTurnedAway(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Ballast: -1})
	_, err := Open(context.Background(), dir, Options{})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != fmt.Sprint(os.Getpid()) || !strings.Contains(err.Error(), "stop it first") {
		t.Fatalf("%v", err)
	}
	must(t, s.Commit(context.Background(), Batch{Ledger: []credit.Entry{next(credit.Entry{}, 1)}}))
	r := open(t, dir, Options{ReadOnly: true}) // a report beside the agent is welcome
	if got := list(t, r.Ledger(context.Background(), 0)); len(got) != 1 {
		t.Errorf("%d entries", len(got))
	}
	if err := r.Commit(context.Background(), Batch{}); err == nil {
		t.Error("a reader wrote")
	}
	must(t, s.Close())
	open(t, dir, Options{Ballast: -1})
}

func TestFilesThatAreNotOurs(t *testing.T) {
	ctx := context.Background()
	for _, row := range []struct {
		name, file string
		spoil      func(t *testing.T, path string)
		as         any
		says       string
	}{
		{"newer ledger file", mainFile, sqlOn("PRAGMA user_version=99"), new(*SchemaError), "newer program"},
		{"newer interval file", intervalsFile, sqlOn("PRAGMA user_version=99"), new(*SchemaError), "newer program"},
		{"another program's database", mainFile, sqlOn("PRAGMA application_id=7"), new(*ForeignError), "another program"},
		{"not a database", mainFile, func(t *testing.T, path string) {
			must(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600))
		}, new(*CorruptError), "put the newest backup"},
		{"pages overwritten", mainFile, func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			defer f.Close()
			_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 3*4096), 4096)
			must(t, err)
		}, new(*CorruptError), mainFile},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{Ballast: -1})
			must(t, s.Commit(ctx, Batch{Ledger: []credit.Entry{next(credit.Entry{}, 1)}}))
			must(t, s.Close())
			row.spoil(t, filepath.Join(dir, row.file))
			_, err := Open(ctx, dir, Options{Ballast: -1})
			if _, err := Open(ctx, dir, Options{ReadOnly: true}); row.file == mainFile && row.name != "pages overwritten" && (err == nil || !errors.As(err, row.as)) {
				t.Errorf("for reading: %T %v", err, err)
			}
			if err == nil || !errors.As(err, row.as) || !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), row.file) {
				t.Fatalf("%T %v", err, err)
			}
		})
	}
}

// TestADamagedHistoryIsSetAsideAndKeepsNoAgentFromStarting spoils the interval file
// twice, in several ways: each time the store opens, keeps the ledger and what has
// not moved yet, and takes readings; what was spoilt is kept.
func TestADamagedHistoryIsSetAsideAndKeepsNoAgentFromStarting(t *testing.T) {
	ctx := context.Background()
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, path string)
	}{
		{"it is rubbish", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600))
		}},
		{"it was cut off", func(t *testing.T, path string) { must(t, os.Truncate(path, 5000)) }},
		{"pages are overwritten", func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			defer f.Close()
			_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 2*4096), 4096)
			must(t, err)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			for n := range 2 {
				s := open(t, dir, Options{Ballast: -1})
				must(t, s.Commit(ctx, Batch{Intervals: []Interval{interval("site", 0, 1)}}))
				if n == 0 {
					must(t, s.Commit(ctx, Batch{Ledger: []credit.Entry{next(credit.Entry{}, 1)}}))
				}
				must(t, s.Close())
				row.spoil(t, filepath.Join(dir, intervalsFile))
				s = open(t, dir, Options{Ballast: -1})
				snap, err := s.Load(ctx)
				must(t, err)
				must(t, s.Commit(ctx, Batch{Intervals: []Interval{interval("site", 1, 1)}}))
				must(t, s.MoveIntervals(ctx))
				if all := list(t, s.Intervals(ctx, "site", t0, t0.AddDate(1, 0, 0))); snap.Ledger != 1 || len(all) != 1 {
					t.Errorf("%d entries, %d intervals", snap.Ledger, len(all))
				}
				must(t, s.Close())
				if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("%s.damaged-%d", intervalsFile, n+1))); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func sqlOn(query string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		t.Helper()
		s := &Store{}
		db, err := s.connect(path, "FULL", 1)
		must(t, err)
		defer db.Close()
		_, err = db.Exec(query)
		must(t, err)
	}
}
