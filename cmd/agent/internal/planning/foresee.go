package planning

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/forecast"
)

// Foreseer says what base load lies ahead.
type Foreseer interface {
	Forecast(at time.Time, horizon time.Duration) forecast.Forecast
	// ScenariosIn may keep them in room, where they stand until it is used again.
	ScenariosIn(room *[]float64, at time.Time, horizon time.Duration, n int, seed uint64) forecast.Scenarios
}

// Foresee has plans made by what f says instead of what was learned: a simulation
// knows what will be, and so finds out what a forecast costs.  Not beside Plan.
func (p *Planner) Foresee(f Foreseer) { p.ahead = f }

// notEmpty tells whether somebody is plainly there although it was told that nobody is.
func (p *Planner) notEmpty(b *Brief) bool {
	return slices.ContainsFunc(b.Expected, func(e forecast.Expected) bool {
		return e.Told == forecast.Away && e.From.Before(b.Now) && e.To.After(b.Now)
	}) && p.forecast.NotEmpty(b.Now)
}

// WithoutFutures has plans made of the forecast alone, without the many futures that tell
// when the credit ends: those plans do not say.  It is for a home that nobody tells, as one
// with a timer in a simulation, and takes a third of the computing.
func (p *Planner) WithoutFutures() { p.paths = 0 }

// WithoutOutlook leaves out of plans what it takes to last and what one kWh or run more
// would cost at each hour, which nothing is planned by: nobody asks in a simulation, and it
// takes half of the computing.
func (p *Planner) WithoutOutlook() { p.rules.unasked = true }
