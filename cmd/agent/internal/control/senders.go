package control

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/loads"
)

// senders send commands to the switches, one goroutine a switch, so that a slow
// plug delays neither the meter nor the supply contactor.  A newer command for
// a switch takes the place of one that has not left yet.
type senders struct {
	ids      []string // sorted
	switches map[string]loads.Switch
	next     map[string]chan loads.Command
	log      *slog.Logger

	mu     sync.Mutex
	failed map[string]bool // the last command did not get out
}

func newSenders(switches map[string]loads.Switch, log *slog.Logger) *senders {
	s := &senders{switches: switches, next: map[string]chan loads.Command{}, log: log, failed: map[string]bool{}}
	for id := range switches {
		s.ids = append(s.ids, id)
		s.next[id] = make(chan loads.Command, 1)
	}
	slices.Sort(s.ids)
	return s
}

// sendTime bounds one command; the guard repeats it where it is not confirmed.
const sendTime = 10 * time.Second

func (s *senders) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, id := range s.ids {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case c := <-s.next[id]:
					s.set(ctx, c)
				}
			}
		})
	}
	wg.Wait()
}

// put queues a command.  Only the loop's goroutine calls it.
func (s *senders) put(c loads.Command) {
	queue, ok := s.next[c.ID]
	if !ok {
		return
	}
	select {
	case <-queue: // superseded
	default:
	}
	queue <- c
}

func (s *senders) set(ctx context.Context, c loads.Command) {
	sw, ok := s.switches[c.ID]
	if !ok {
		return
	}
	limited, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err := contain.Run(func() error { return sw.Set(limited, c.Set) })
	s.mu.Lock()
	s.failed[c.ID] = err != nil
	s.mu.Unlock()
	if err != nil {
		s.log.Warn("control: a switch command did not get out", "switch", c.ID, "on", c.Set.On, "attempt", c.Attempt, "error", err)
	}
}

// failures are the switches whose last command did not get out, sorted.
func (s *senders) failures() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, id := range s.ids {
		if s.failed[id] {
			out = append(out, id)
		}
	}
	return out
}
