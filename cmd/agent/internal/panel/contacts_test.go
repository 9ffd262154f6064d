package panel

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
)

// told is a loop that writes down the edges it is fed.
type told struct {
	mu    sync.Mutex
	edges []string
	fail  error
}

func (f *told) Feed(_ context.Context, in control.Input) (control.Reply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return control.Reply{}, f.fail
	}
	edge := in.What.(control.Edge)
	f.edges = append(f.edges, string(edge.Code)+":"+edge.Cause.String())
	return control.Reply{}, nil
}

func (f *told) Snapshot() control.Snapshot { return control.Snapshot{} }

func (f *told) since(n int) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.edges[n:]...)
}

func TestContactIsBelievedAtOnceAndForgivenSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := &told{}
		var mu sync.Mutex
		var alarm bool
		var broken error
		set := func(a bool, err error) {
			mu.Lock()
			defer mu.Unlock()
			alarm, broken = a, err
		}
		c := contact{code: health.CoverOpen, says: said.Of("open"), log: slog.New(slog.DiscardHandler), read: func() (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			return alarm, broken
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.run(ctx, loop) }()
		steps := []struct {
			name  string
			alarm bool
			err   error
			wait  time.Duration
			want  string // told in this step; "" is nothing
		}{
			{"closed at the beginning: a warning of before is over", false, nil, 100 * time.Millisecond, "cover_open:"},
			{"open for a moment", true, nil, 60 * time.Millisecond, "cover_open:open"},
			{"bouncing", false, nil, 500 * time.Millisecond, ""},
			{"open again", true, nil, 2 * time.Second, ""},
			{"the input fails", false, errors.New("no such device"), 5 * time.Second, ""},
			{"closed, not yet for long", false, nil, 900 * time.Millisecond, ""},
			{"closed for a second", false, nil, 200 * time.Millisecond, "cover_open:"},
			{"still closed", false, nil, time.Minute, ""},
		}
		n := 0
		for _, s := range steps {
			set(s.alarm, s.err)
			time.Sleep(s.wait)
			synctest.Wait()
			got := loop.since(n)
			n += len(got)
			if len(got) > 1 || (s.want == "") != (len(got) == 0) || len(got) == 1 && got[0] != s.want {
				t.Errorf("%s: told %q, want %q", s.name, got, s.want)
			}
		}
		// What the loop did not take is told again.
		loop.mu.Lock()
		loop.fail = errors.New("full")
		loop.mu.Unlock()
		set(true, nil)
		time.Sleep(time.Second)
		loop.mu.Lock()
		loop.fail = nil
		loop.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := loop.since(n); len(got) != 1 || got[0] != "cover_open:open" {
			t.Errorf("after the loop failed: %q", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
