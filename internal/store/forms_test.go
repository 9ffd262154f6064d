package store

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// storeOfForm is a directory as the last program of a form has left it: three tokens, three
// half hours, three events.
func storeOfForm(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{mainFile, intervalsFile} {
		f, err := os.Open(filepath.Join("testdata", fmt.Sprintf("form%d", n), name+".gz"))
		must(t, err)
		z, err := gzip.NewReader(f)
		must(t, err)
		data, err := io.ReadAll(z)
		must(t, errors.Join(err, f.Close(), os.WriteFile(filepath.Join(dir, name), data, 0o600)))
	}
	return dir
}

// A program is put in the place of another before anything is started: what the other has left can
// be read, verified and copied, handed over or not, and a copy of it can go on.
func TestRecordsOfEveryEarlierFormAreReadAsTheyAre(t *testing.T) {
	ctx := context.Background()
	for n := 1; n < len(mainSchema); n++ {
		for _, retired := range []bool{false, true} {
			t.Run(fmt.Sprintf("form %d, handed over: %t", n, retired), func(t *testing.T) {
				dir := storeOfForm(t, n)
				mark := Retirement{At: t0, Transfer: "abc", Seq: 3, Hash: "h"}
				if retired { // as each of these programs marks its own form
					sqlOn(fmt.Sprintf(`CREATE TABLE retired(
						one INTEGER PRIMARY KEY CHECK(one = 1), at INTEGER NOT NULL, transfer TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL
					) STRICT; INSERT INTO retired VALUES(1, %d, 'abc', 3, 'h'); PRAGMA user_version=%d`, t0.UnixMilli(), retiredForm+n))(t, filepath.Join(dir, mainFile))
				}
				s := open(t, dir, Options{ReadOnly: true})
				snap, err := s.Load(ctx)
				must(t, err)
				want := fmt.Sprintf(`{"n":2,"plan":"%s"}`, strings.Repeat("on off ", 100))
				if string(snap.Checkpoint) != want || snap.Packed != nil || snap.Changed || snap.Ledger != 3 || snap.Tokens != 3 || snap.Head.Balance != 30*units.One {
					t.Errorf("%+v", snap)
				}
				v := credit.NewVerifier()
				for e, err := range s.Ledger(ctx, 1) {
					must(t, errors.Join(err, v.Next(e)))
				}
				must(t, errors.Join(v.End(), s.Check(ctx)))
				from, to := t0, t0.AddDate(0, 0, 1)
				if is := [...]int{
					int(v.Head().Seq), len(list(t, s.Intervals(ctx, "site", from, to))), len(list(t, s.Events(ctx, from, to))), len(list(t, s.Plans(ctx, from, to))), len(list(t, s.Limits(ctx, from, to))),
				}; is != [...]int{3, 3, 3, 0, 0} {
					t.Errorf("entries, half hours, events, plans, limits: %v", is)
				}
				if done, err := s.Filled(ctx, "x"); done || err != nil {
					t.Errorf("filled: %t, %v", done, err)
				}
				if got, is, err := s.Retired(ctx); err != nil || is != retired || is && got != mark {
					t.Errorf("the mark: %+v, %t, %v", got, is, err)
				}
				copied := t.TempDir()
				must(t, errors.Join(s.Backup(ctx, filepath.Join(copied, mainFile)), s.BackupIntervals(ctx, filepath.Join(copied, intervalsFile)), s.Close()))
				must(t, TakeBack(ctx, copied))
				s = open(t, copied, Options{Ballast: -1})
				is, err := s.Load(ctx)
				must(t, err)
				if d := cmp.Diff(snap, is); d != "" {
					t.Errorf("the copy goes on from\n%s", d)
				}
				must(t, s.Commit(ctx, Batch{At: t0.Add(time.Hour), Checkpoint: []byte(want), Ledger: []credit.Entry{next(snap.Head, units.One)}}))
			})
		}
	}
}

// An agent that starts brings the records to the present form while a report reads them.
func TestAReportReadsOnWhileTheRecordsAreBroughtToThePresentForm(t *testing.T) {
	ctx := context.Background()
	for n := 1; n < len(mainSchema); n++ {
		dir := storeOfForm(t, n)
		report := open(t, dir, Options{ReadOnly: true})
		before, err := report.Load(ctx)
		must(t, err)
		s := open(t, dir, Options{Ballast: -1})
		after, err := report.Load(ctx)
		must(t, err)
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("form %d: %s", n, d)
		}
		for n := range uint64(3) {
			must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(n)}))
		}
		must(t, s.Commit(ctx, Batch{Limits: []Limited{{N: 1, Whole: true, From: t0, To: t0.Add(time.Minute)}}}))
		if snap, err := report.Load(ctx); err != nil || snap.Packed != nil || snap.Changed || string(snap.Checkpoint) != string(document(2)) {
			t.Errorf("form %d: %v, %+v", n, err, snap)
		}
		if limits := list(t, report.Limits(ctx, t0, t0.AddDate(0, 0, 1))); len(limits) != 1 {
			t.Errorf("form %d: %d limits", n, len(limits))
		}
	}
}

// An agent was ended before it had made its files: that is no damage, and no other program's.
func TestFilesThatHaveNothingInThemYetAreKnown(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{mainFile, intervalsFile} {
		dir := t.TempDir()
		must(t, open(t, dir, Options{Ballast: -1}).Close())
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		var empty *EmptyError
		if _, err := Open(ctx, dir, Options{ReadOnly: true}); !errors.As(err, &empty) || empty.File != filepath.Join(dir, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A state that cannot be unpacked says why.
func TestWhyAStateCannotBeUnpackedIsTold(t *testing.T) {
	ctx, dir := context.Background(), memDir(t)
	s := open(t, dir, Options{Ballast: -1})
	for n := range uint64(3) {
		must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(n)}))
	}
	must(t, s.Close())
	sqlOn("DELETE FROM checkpoint_base")(t, filepath.Join(dir, mainFile))
	s = open(t, dir, Options{ReadOnly: true})
	if snap, err := s.Load(ctx); err != nil || snap.Packed == nil || !strings.Contains(snap.Packed.Error(), "base") || !snap.Changed {
		t.Errorf("%+v, %v", snap, err)
	}
}
