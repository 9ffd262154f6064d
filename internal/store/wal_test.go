package store

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What a commit writes to is there already: only then it costs the card no more than itself.
func TestTheWALHasItsRoomAndNewStoresHaveSmallPages(t *testing.T) {
	ctx, dir := context.Background(), memDir(t)
	s := open(t, dir, Options{Ballast: -1})
	var page int64
	must(t, s.readers.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page))
	if page != pageSize {
		t.Errorf("pages of %d", page)
	}
	info, err := os.Stat(filepath.Join(dir, mainFile+"-wal"))
	must(t, err)
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Blocks*512 < walPages*page {
		t.Errorf("%d bytes of room, %d long", st.Blocks*512, info.Size())
	}
	for n := range uint64(30) {
		must(t, s.Commit(ctx, Batch{At: t0, Checkpoint: document(n)}))
	}
	must(t, s.Close())
	s = open(t, dir, Options{Ballast: -1})
	if snap, err := s.Load(ctx); err != nil || string(snap.Checkpoint) != string(document(29)) {
		t.Errorf("%v", err)
	}
}
