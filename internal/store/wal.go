package store

import (
	"context"
	"fmt"
)

// pageSize is that of a new keeplit.db; one that is there keeps its own.  A commit is a page
// or two, so a card is written to by a fourth of what SQLite's 4096 take.
const pageSize = 1024

// walPages is how long the WAL becomes: SQLite writes it back then, and begins it anew.
const walPages = 1000

// roomForWAL gives the WAL its room on the disk at the start, where there is plenty.  Else
// each commit takes a piece, and has the file system write down which.  It is a wish.
func (s *Store) roomForWAL(ctx context.Context) {
	var page int64
	if err := s.main.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page); err != nil {
		return // the next commit tells
	}
	const frameHeader, spare = 24, 50
	size := (walPages + spare) * (page + frameHeader)
	if free, ok := freeBytes(s.dir); !ok || free < 20*size {
		return
	}
	if err := allot(s.path(mainFile+"-wal"), size); err != nil {
		s.log.Debug("no room is set apart for the WAL", "error", err)
	}
}

// pages is how many pages of the file's size are n of 4 KiB.
func (s *Store) pages(ctx context.Context, n int) (string, error) {
	var page int
	err := s.main.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page)
	return fmt.Sprint(n * 4096 / max(page, 1)), err
}
