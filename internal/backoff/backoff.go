// Package backoff is how long to wait before what failed is tried again: twice
// as long each time, up to a limit.
package backoff

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// After is the wait after so many failures in a row: first, then twice as long
// each time, never longer than most.  No failure is no wait.
func After(failures int, first, most time.Duration) time.Duration {
	if failures <= 0 {
		return 0
	}
	wait := first
	for range failures - 1 {
		if wait >= most {
			break
		}
		wait *= 2
	}
	return min(wait, most)
}

// Backoff counts the failures of one thing.
type Backoff struct {
	First, Most time.Duration
	// Spread draws each wait from its upper half, so that many that failed
	// together do not come back together; nil: they are as After says.
	Spread *rand.Rand

	failures int
}

// Next is how long to wait after one more failure.
func (b *Backoff) Next() time.Duration {
	b.failures++
	wait := After(b.failures, b.First, b.Most)
	if b.Spread == nil {
		return wait
	}
	return wait/2 + time.Duration(b.Spread.Int64N(int64(wait/2)+1))
}

// Failures is how many there were in a row.
func (b *Backoff) Failures() int { return b.failures }

// Reset begins anew: it went well.
func (b *Backoff) Reset() { b.failures = 0 }

// Seed makes what is drawn for one name differ from what is drawn for the next,
// and the same at each start.
func Seed(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return h.Sum64()
}
