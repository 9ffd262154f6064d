package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/keeplit/keeplit/credit"
)

// The files are deleted, moved or replaced while they are open: nothing is
// recorded where nobody would find it again, and all is well when they are back.
func TestFilesReplacedWhileTheyAreOpen(t *testing.T) {
	ctx := context.Background()
	for _, row := range []struct {
		name    string
		replace func(t *testing.T, dir string)
		back    func(t *testing.T, dir string) // nil: there is no way back
	}{
		{"rm -rf", func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }, nil},
		{"mv away", func(t *testing.T, dir string) { must(t, os.Rename(dir, dir+".away")) }, func(t *testing.T, dir string) { must(t, os.Rename(dir+".away", dir)) }},
		{"an old copy in its place", func(t *testing.T, dir string) {
			must(t, os.Rename(dir, dir+".away"))
			must(t, os.CopyFS(dir, os.DirFS(dir+".away")))
		}, func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.Rename(dir+".away", dir))
		}},
		{"only the ledger's file", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, mainFile))) }, nil},
		{"only its log", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, mainFile+"-wal"))) }, nil},
		{"only the intervals", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, intervalsFile))) }, nil},
		{"a file by another", func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, mainFile))
			must(t, err)
			must(t, os.Rename(filepath.Join(dir, mainFile), filepath.Join(dir, "old")))
			must(t, os.WriteFile(filepath.Join(dir, mainFile), data, 0o600))
		}, func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "old"), filepath.Join(dir, mainFile)))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			s := open(t, dir, Options{Ballast: -1})
			e1 := next(credit.Entry{}, 10)
			e2 := next(e1, 10)
			must(t, s.Commit(ctx, Batch{Ledger: []credit.Entry{e1}, Intervals: []Interval{interval("site", 0, 1)}}))
			row.replace(t, dir)
			err := s.Commit(ctx, Batch{Ledger: []credit.Entry{e2}, Tokens: []SeenToken{{"t2", t0, 2}}})
			var replaced *ReplacedError
			if !errors.As(err, &replaced) {
				t.Fatalf("a token is recorded where nobody will find it: %v", err)
			}
			if err := s.Maintain(ctx, t0); !errors.As(err, &replaced) {
				t.Errorf("maintenance does not notice: %v", err)
			}
			if c := s.Condition(); !errors.As(c.Replaced, &replaced) {
				t.Errorf("the condition does not tell: %+v", c)
			}
			if row.back == nil {
				return
			}
			row.back(t, dir)
			must(t, s.Commit(ctx, Batch{Ledger: []credit.Entry{e2}, Tokens: []SeenToken{{"t2", t0, 2}}}))
			must(t, s.Close())
			s = open(t, dir, Options{Ballast: -1})
			snap, err := s.Load(ctx)
			must(t, err)
			if snap.Head.Seq != 2 || snap.Tokens != 1 {
				t.Errorf("%+v", snap)
			}
		})
	}
}
