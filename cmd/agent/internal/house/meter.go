package house

import (
	"context"
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

// Run steps the plant until ctx is done or Until is reached.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error { panic("pending") }
