package house

import (
	"context"
	"errors"
	"time"

	"github.com/keeplit/keeplit/metering"
)

// Meter steps a plant through time and emits what its meter reads.  It is a
// metering.Meter.
type Meter struct {
	Plant *Plant
	Step  time.Duration // simulated time between two readings
	Speed float64       // simulated seconds a real second; 0: as fast as emit returns
	After time.Time     // first let time pass until here without a reading, as after a restart
	Until time.Time     // Run returns nil when it is reached; zero: never
}

// Run steps the plant until ctx is done or Until is reached.  An emit that takes
// longer than a step makes simulated time pass more slowly; lost steps are not
// made up for in a rush.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	if m.Step < time.Millisecond || m.Speed < 0 {
		return errors.New("house: the step must be at least a millisecond and the speed not negative")
	}
	if m.After.After(m.Plant.Now()) {
		m.Plant.Advance(m.After)
	}
	var pace <-chan time.Time
	if m.Speed > 0 {
		t := time.NewTicker(max(time.Duration(float64(m.Step)/m.Speed), 1))
		defer t.Stop()
		pace = t.C
	}
	for {
		if pace != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-pace:
			}
		}
		next := m.Plant.Now().Add(m.Step)
		if ctx.Err() != nil || !m.Until.IsZero() && next.After(m.Until) {
			return nil
		}
		emit(m.Plant.Advance(next))
	}
}
