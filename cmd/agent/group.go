package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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
}

// pace is how a part that failed is started anew: after first, then twice as long
// up to most; it is well again where it has run for so long.
type pace struct{ first, most, well time.Duration }

func usualPace() pace { return pace{time.Second, 5 * time.Minute, 10 * time.Minute} }

// run runs a part without which the service is nothing: if it fails, all end,
// and whoever supervises the agent starts it anew.
func (g *group) run(ctx context.Context, name string, part func(context.Context) error) {
	g.wg.Go(func() {
		err := contain.Run(func() error { return part(ctx) })
		if err != nil && ctx.Err() == nil {
			g.stop(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// keep runs a part that the service can do without, and starts it anew, more
// slowly each time, where it fails.
func (g *group) keep(ctx context.Context, name string, part func(context.Context) error) {
	g.wg.Go(func() {
		pause := g.pace.first
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
				pause = g.pace.first
			}
			g.failed(ctx, name, err.Error())
			well = func() { g.failed(ctx, name, "") }
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, g.pace.most)
		}
	})
}

// meter runs the meter: where its driver panics it is opened anew, for a reading
// is worth more than a clean start; its own error says that it can never go on.
func (g *group) meter(ctx context.Context, part func(context.Context) error) {
	g.wg.Go(func() {
		for {
			err := contain.Run(func() error { return part(ctx) })
			p := (*contain.Panic)(nil)
			switch {
			case err == nil || ctx.Err() != nil:
				return
			case !errors.As(err, &p):
				g.stop(fmt.Errorf("meter: %w", err))
				return
			}
			g.failed(ctx, "meter", err.Error())
			select {
			case <-ctx.Done():
				return
			case <-time.After(g.pace.first):
			}
		}
	})
}
