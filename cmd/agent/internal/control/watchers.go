package control

import (
	"context"
	"sync"
)

// watchers are those who wait for a new Snapshot.
type watchers struct {
	mu     sync.Mutex
	all    map[chan struct{}]struct{}
	closed bool
}

// add is a channel that gets a signal for new Snapshots; signals coalesce.  It
// is closed when ctx or the loop ends.
func (w *watchers) add(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		close(c)
		return c
	}
	if w.all == nil {
		w.all = map[chan struct{}]struct{}{}
	}
	w.all[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, there := w.all[c]; there {
			delete(w.all, c)
			close(c)
		}
	})
	return c
}

func (w *watchers) signal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for c := range w.all {
		delete(w.all, c)
		close(c)
	}
}
