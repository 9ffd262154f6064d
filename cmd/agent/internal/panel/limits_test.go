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
	"github.com/keeplit/keeplit/internal/units"
)

// limitsTold is a loop that writes down the words it is fed.
type limitsTold struct {
	mu    sync.Mutex
	words []string
}

func (f *limitsTold) Feed(_ context.Context, in control.Input) (control.Reply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := in.What.(control.LimitWord)
	text := w.Limit.String()
	if w.None {
		text = "none"
	}
	f.words = append(f.words, text)
	return control.Reply{}, nil
}

func (f *limitsTold) Snapshot() control.Snapshot { return control.Snapshot{} }

func (f *limitsTold) since(n int) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.words[n:]...)
}

// levels are contacts that a test closes.
type levels struct {
	mu     sync.Mutex
	closed []bool
	broken error
}

func (l *levels) set(broken error, closed ...bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.broken = closed, broken
}

func (l *levels) read(i int) func() (bool, error) {
	return func() (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.closed[i], l.broken
	}
}

func TestContactsThatLimitAreToldWhenTheyStandAndAgainAndAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		frees bool // the first says that there is no limit
		steps []contactsStep
	}{
		{"one contact", false, []contactsStep{
			{"open at the beginning", []bool{false}, nil, time.Second, []string{"none"}},
			{"it bounces", []bool{true}, nil, 100 * time.Millisecond, nil},
			{"and is open", []bool{false}, nil, time.Second, nil},
			{"closed", []bool{true}, nil, time.Second, []string{"4200 W"}},
			{"still closed", []bool{true}, nil, 65 * time.Second, []string{"4200 W", "4200 W"}},
			{"cannot be read", []bool{true}, errors.New("no such device"), 5 * time.Minute, nil},
			{"read again", []bool{false}, nil, time.Second, []string{"none"}},
		}},
		{"four, of which one is always closed", true, []contactsStep{
			{"free", []bool{true, false, false, false}, nil, time.Second, []string{"none"}},
			{"the second", []bool{false, true, false, false}, nil, time.Second, []string{"9000 W"}},
			{"two of them: the lower", []bool{false, true, true, false}, nil, time.Second, []string{"6000 W"}},
			{"free and a limit: the limit", []bool{true, false, false, true}, nil, time.Second, []string{"4200 W"}},
			{"none: a wire is broken", []bool{false, false, false, false}, nil, 5 * time.Minute, nil},
			{"whole again", []bool{true, false, false, false}, nil, time.Second, []string{"none"}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := &levels{}
				in.set(nil, c.steps[0].closed...)
				k := limitContacts{log: slog.New(slog.DiscardHandler)}
				for i := range c.steps[0].closed {
					limit := []units.Power{4200, 9000, 6000, 4200}[i] * units.Watt
					if c.frees && i == 0 {
						limit = 0
					}
					k.inputs = append(k.inputs, limitInput{limit: limit, free: limit == 0, read: in.read(i)})
				}
				loop := &limitsTold{}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- k.run(ctx, loop) }()
				n := 0
				for _, s := range c.steps {
					in.set(s.err, s.closed...)
					time.Sleep(s.wait)
					synctest.Wait()
					got := loop.since(n)
					n += len(got)
					if len(got) != len(s.want) {
						t.Fatalf("%s: told %q, want %q", s.name, got, s.want)
					}
					for i := range got {
						if got[i] != s.want[i] {
							t.Errorf("%s: told %q, want %q", s.name, got, s.want)
						}
					}
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

type contactsStep struct {
	name   string
	closed []bool
	err    error
	wait   time.Duration
	want   []string
}
