package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/contain"
)

// group runs parts of the service side by side, and waits for them.
type group struct {
	wg   sync.WaitGroup
	stop context.CancelCauseFunc
	// failed is told why a part failed that is started anew, and "" once it runs
	// well again.
	failed func(ctx context.Context, name, cause string)
	pace   pace

	mu      sync.Mutex
	running map[string]int
}

// started notes that a part runs; ended is called when it does no more.
func (g *group) started(name string) (ended func()) {
	note := func(by int) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.running == nil {
			g.running = map[string]int{}
		}
		g.running[name] += by
	}
	note(1)
	return func() { note(-1) }
}

// wait waits until all parts have ended, and names those that have not after
// pace.end: a part that hangs must not keep the others from ending well.
func (g *group) wait() (hang []string) {
	done := make(chan struct{})
	go func() { g.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-time.After(g.pace.end):
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, n := range g.running {
		if n > 0 {
			hang = append(hang, name)
		}
	}
	slices.Sort(hang)
	return hang
}

// pace is how a part that failed is started anew: after first, then twice as long
// up to most; it is well again where it has run for so long.
type pace struct {
	first, most, well time.Duration
	look              time.Duration // how often links and parts are looked at
	stuck             time.Duration // a part that has not got on for so long hangs
	end               time.Duration // how long parts may take to end
}

func usualPace() pace {
	return pace{first: time.Second, most: 5 * time.Minute, well: 10 * time.Minute, look: 5 * time.Second, stuck: 2 * time.Minute, end: 20 * time.Second}
}

// run runs a part without which the service is nothing: if it fails, all end,
// and whoever supervises the agent starts it anew.
func (g *group) run(ctx context.Context, name string, part func(context.Context) error) {
	ended := g.started(name)
	g.wg.Go(func() {
		defer ended()
		err := contain.Run(func() error { return part(ctx) })
		if err != nil && ctx.Err() == nil {
			g.stop(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// keep runs a part that the service can do without, and starts it anew, more
// slowly each time, where it fails.
func (g *group) keep(ctx context.Context, name string, part func(context.Context) error) {
	ended := g.started(name)
	g.wg.Go(func() {
		defer ended()
		pause := backoff.Backoff{First: g.pace.first, Most: g.pace.most}
		well := func() {}
		for {
			began := time.Now()
			timer := time.AfterFunc(g.pace.well, well)
			err := contain.Run(func() error { return part(ctx) })
			timer.Stop()
			if err == nil || ctx.Err() != nil {
				return
			}
			if time.Since(began) >= g.pace.well {
				pause.Reset()
			}
			g.failed(ctx, name, err.Error())
			well = func() { g.failed(ctx, name, "") }
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause.Next()):
			}
		}
	})
}

// meter runs the meter: where its driver panics it is opened anew, for a reading
// is worth more than a clean start; its own error says that it can never go on.
func (g *group) meter(ctx context.Context, part func(context.Context) error) {
	ended := g.started("meter")
	g.wg.Go(func() {
		defer ended()
		well := func() {}
		for {
			timer := time.AfterFunc(g.pace.well, well)
			err := contain.Run(func() error { return part(ctx) })
			timer.Stop()
			p := (*contain.Panic)(nil)
			switch {
			case err == nil || ctx.Err() != nil:
				return
			case !errors.As(err, &p):
				g.stop(fmt.Errorf("meter: %w", err))
				return
			}
			g.failed(ctx, "meter", err.Error())
			well = func() { g.failed(ctx, "meter", "") }
			select {
			case <-ctx.Done():
				return
			case <-time.After(g.pace.first):
			}
		}
	})
}
