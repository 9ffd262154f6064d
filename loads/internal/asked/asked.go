// Package asked is the pace of a switch that says its state only where it is asked.
package asked

import (
	"context"
	"time"
)

// again is how often it is asked a second later after it was told something: some devices
// obey before they say so.
const again = 2

// Run asks by look until ctx ends: each time after every, and right behind what soon says.
func Run(ctx context.Context, soon <-chan struct{}, every time.Duration, look func(context.Context)) {
	for quick := 0; ; {
		look(ctx)
		wait := every
		if quick > 0 {
			wait = min(wait, time.Second)
			quick--
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-soon:
			quick = again
		case <-timer.C:
		}
		timer.Stop()
	}
}
