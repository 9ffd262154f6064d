package line

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/metering"
)

// maxPause is the longest time between two attempts at a meter that fails.
const maxPause = time.Minute

// Poll asks a meter at its pace until ctx ends, and emits each answer.
// After a failure it waits twice as long each time, up to a minute; after a
// success it is back at its pace.
func Poll(ctx context.Context, pace Pace, emit func(metering.Reading), read func(context.Context) (metering.Sample, error)) error {
	for {
		s, err := read(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // what was cut off by the end is no failure of the meter
		}
		emit(metering.Reading{Sample: s, Err: err})
		if !pace.Wait(ctx, err == nil) {
			return nil
		}
	}
}

// Pace is the time between attempts.
type Pace struct {
	Every time.Duration // after a success
	// Spread draws each wait after a failure from its upper half, so that what
	// failed together does not come back together; nil: they are as Backoff says.
	Spread   *rand.Rand
	failures int
	next     *time.Timer // started by the previous Wait
}

// SpreadOf draws for one line what it does not draw for another, and the same at
// each start.
func SpreadOf(name string) *rand.Rand { return rand.New(rand.NewPCG(backoff.Seed(name), 0)) }

// Wait waits for the next attempt, and answers false where ctx ended instead.
// After a success the waiting is measured from the previous attempt, so that a
// slow meter is still read every Every.
func (p *Pace) Wait(ctx context.Context, ok bool) bool {
	pause := p.Every
	if ok {
		p.failures = 0
	} else {
		p.failures++
		pause = p.after(p.failures)
	}
	timer := p.next
	if timer == nil || !ok {
		timer = time.NewTimer(pause)
	}
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		p.next = time.NewTimer(p.Every)
		return true
	}
}

// after is the wait after so many failures.
func (p *Pace) after(failures int) time.Duration {
	wait := Backoff(p.Every, failures)
	if p.Spread == nil {
		return wait
	}
	return max(p.Every, wait/2+time.Duration(p.Spread.Int64N(int64(wait/2)+1)))
}

// Backoff is how long to wait after so many failures in a row: twice as long
// each time, up to a minute, and never less than every.
func Backoff(every time.Duration, failures int) time.Duration {
	return max(every, backoff.After(max(failures, 1), max(every, 100*time.Millisecond), maxPause))
}
