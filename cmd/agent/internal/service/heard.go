package service

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/metering"
)

// Heard is what came of listening to the meter.
type Heard struct {
	Tried
	// Seen is each value that the driver looks for, as it came last; nothing of a driver
	// that looks for none by name.
	Seen   []metering.Seen
	Sample metering.Sample // the last that could be read; its Has is 0 where none could
}

// Listen reads the meter, as Try does, until it has been read and everything that is looked
// for has come, or for so long.
func Listen(ctx context.Context, o Orders, within time.Duration) Heard {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	t := newTrial(o, []string{"meter"})
	defer t.end()
	var h hearing
	t.seen, t.listens = h.take, &h
	tried := t.all(ctx)
	return Heard{tried[0], h.seen, h.sample}
}

// hearing gathers what is told of the meter while it is listened to.
type hearing struct {
	mu     sync.Mutex
	seen   []metering.Seen
	sample metering.Sample
}

// take keeps of each value what came last, in the order in which they were first told.
func (h *hearing) take(seen []metering.Seen) {
	h.mu.Lock()
	defer h.mu.Unlock()
	times := map[[2]string]int{} // a telegram may tell two of one name
	for _, s := range seen {
		key := [2]string{s.Name, s.Where}
		n := times[key]
		times[key]++
		i := slices.IndexFunc(h.seen, func(o metering.Seen) bool {
			if o.Name == s.Name && o.Where == s.Where {
				n--
			}
			return n < 0
		})
		if i < 0 {
			h.seen = append(h.seen, s)
		} else {
			h.seen[i] = s
		}
	}
}

// read takes a sample; done tells that nothing more is waited for.
func (h *hearing) read(s metering.Sample) (done bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sample = s
	return !slices.ContainsFunc(h.seen, func(s metering.Seen) bool { return s.Why == metering.NotCome })
}
