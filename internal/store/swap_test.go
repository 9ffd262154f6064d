package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// ledgerOf is a closed store in dir whose ledger has n entries, and its last entry.
func ledgerOf(t *testing.T, dir string, n int) credit.Entry {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	var last credit.Entry
	for i := 1; i <= n; i++ {
		e := credit.Entry{Seq: uint64(i), At: time.UnixMilli(int64(i)).UTC(), Kind: credit.Notice, Cause: dir, Prev: last.Hash}
		e.Hash = e.Sum()
		if err := s.Commit(t.Context(), Batch{At: e.At, Ledger: []credit.Entry{e}, Checkpoint: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		last = e
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return last
}

// headIn is the last entry of the ledger in dir.
func headIn(t *testing.T, dir string) credit.Entry {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	snap, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snap.Head
}

// A retired store is refused by every program: by this one with the reason, by an older one as a
// newer file.  It may be read, and it comes back where somebody takes the mark off.
func TestARetiredStoreIsRefusedUntilTheMarkIsTakenOff(t *testing.T) {
	dir := t.TempDir()
	last := ledgerOf(t, dir, 3)
	s, err := Open(t.Context(), dir, Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	mark := Retirement{At: time.UnixMilli(4711).UTC(), Transfer: "abc", Seq: last.Seq, Hash: last.Hash}
	if err := errors.Join(s.Retire(t.Context(), mark), s.Close()); err != nil {
		t.Fatal(err)
	}
	var refused *RetiredError
	if s, err := Open(t.Context(), dir, Options{}); !errors.As(err, &refused) || refused.Retirement != mark {
		t.Fatalf("%v %v", s, err)
	}
	reader, err := Open(t.Context(), dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok, err := reader.Retired(t.Context()); err != nil || !ok || got != mark {
		t.Errorf("%+v %v %v", got, ok, err)
	}
	// As the program before this one sees it: it knows no mark, and a format that is too new.
	var older *SchemaError
	if err := mainSchema.migrate(t.Context(), reader.readers, "f"); !errors.As(err, &older) {
		t.Errorf("an older program answers %v", err)
	}
	backup := filepath.Join(t.TempDir(), mainFile)
	if err := errors.Join(reader.Backup(t.Context(), backup), reader.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), filepath.Dir(backup), Options{Ballast: -1}); !errors.As(err, &refused) {
		t.Errorf("a copy of it is opened: %v %v", s, err)
	}
	for range 2 { // the second time there is nothing to take off
		if err := TakeBack(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	if got := headIn(t, dir); got.Hash != last.Hash {
		t.Errorf("the ledger ends at %d", got.Seq)
	}
}

// What a crash leaves of a swap, file by file: see incoming.
func TestASwapThatWasBrokenOffIsTidiedUpAtTheNextStart(t *testing.T) {
	for name, row := range map[string]struct {
		left func(t *testing.T, dir, folder string) // what of the new records is where
		new  bool
	}{
		"an empty folder":          {func(*testing.T, string, string) {}, false},
		"half a ledger":            {func(t *testing.T, _, folder string) { put(t, filepath.Join(folder, mainFile), "half") }, false},
		"all of it, not committed": {func(t *testing.T, _, folder string) { ledgerOf(t, folder, 2) }, false},
		"the ledger has taken its place, the history has not": {func(t *testing.T, dir, folder string) {
			ledgerOf(t, folder, 2)
			move(t, filepath.Join(folder, mainFile), filepath.Join(dir, mainFile))
		}, true},
		"both have, the folder is still there": {func(t *testing.T, dir, folder string) {
			ledgerOf(t, folder, 2)
			move(t, filepath.Join(folder, mainFile), filepath.Join(dir, mainFile))
			move(t, filepath.Join(folder, intervalsFile), filepath.Join(dir, intervalsFile))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			old := ledgerOf(t, dir, 3)
			folder := filepath.Join(dir, incoming)
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			row.left(t, dir, folder)
			got := headIn(t, dir)
			if is := got.Hash != old.Hash; is != row.new || is && got.Seq != 2 {
				t.Errorf("the ledger ends at entry %d", got.Seq)
			}
			if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the folder is still there: %v", err)
			}
		})
	}
}

// Nobody swaps under a running agent, and one swap at a time; what was there is kept whole, with
// what a kill left in its WAL.
func TestASwapKeepsWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	old := ledgerOf(t, dir, 3)
	s, err := Open(t.Context(), dir, Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if w, err := BeginSwap(dir); !errors.As(err, &locked) {
		t.Errorf("%v %v", w, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := BeginSwap(dir)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := BeginSwap(dir); !errors.As(err, &locked) {
		t.Errorf("%v %v", other, err)
	}
	next := ledgerOf(t, w.Incoming(), 2)
	kept, err := w.Commit(context.WithoutCancel(t.Context()), "aside")
	if err != nil || !kept {
		t.Fatal(kept, err)
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if got := headIn(t, dir); got.Hash != next.Hash {
		t.Errorf("the ledger ends at entry %d", got.Seq)
	}
	if got := headIn(t, filepath.Join(dir, "aside")); got.Hash != old.Hash {
		t.Errorf("the ledger that was set aside ends at entry %d", got.Seq)
	}
	// Into a new folder: there is nothing to keep.
	fresh := filepath.Join(t.TempDir(), "deep", "data")
	if w, err = BeginSwap(fresh); err != nil {
		t.Fatal(err)
	}
	ledgerOf(t, w.Incoming(), 1)
	if kept, err := w.Commit(t.Context(), "aside"); err != nil || kept {
		t.Error(kept, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// One that is not committed changes nothing, over a damaged file too.
	put(t, filepath.Join(dir, mainFile), "no database at all, and longer than a header of one would be: ................................")
	if w, err = BeginSwap(dir); err != nil {
		t.Fatal(err)
	}
	ledgerOf(t, w.Incoming(), 4)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, mainFile)); err != nil || string(got[:11]) != "no database" {
		t.Errorf("%q %v", got, err)
	}
	if w, err = BeginSwap(dir); err != nil {
		t.Fatal(err)
	}
	ledgerOf(t, w.Incoming(), 5)
	if kept, err := w.Commit(t.Context(), "damaged"); err != nil || !kept {
		t.Error(kept, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := headIn(t, dir); got.Seq != 5 {
		t.Errorf("the ledger ends at entry %d", got.Seq)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
