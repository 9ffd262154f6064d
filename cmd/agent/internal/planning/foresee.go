package planning

import (
	"time"

	"github.com/keeplit/keeplit/forecast"
)

// Foreseer says what base load lies ahead.
type Foreseer interface {
	Forecast(at time.Time, horizon time.Duration) forecast.Forecast
	Scenarios(at time.Time, horizon time.Duration, n int, seed uint64) forecast.Scenarios
}

// Foresee has plans made by what f says instead of what was learned: a simulation
// knows what will be, and so finds out what a forecast costs.  Not beside Plan.
func (p *Planner) Foresee(f Foreseer) { p.ahead = f }
