// Package effort is what the parts of one search share: how much work was done, when
// it is over, and the chance they draw from.  It is used by one goroutine.
package effort

import "math/rand/v2"

// Effort is what the parts of one search share: its chance, its count of work, and
// when it is over.
type Effort struct {
	Spent int64 // units of work outside the linear programme
	Rng   *rand.Rand
	Seed  uint64
	Goal  float64 // the gap that ends the search

	Over     func() bool                // a limit or the goal is reached
	Progress func() float64             // share of the limits that is used up
	GapOf    func(cost float64) float64 // the gap if the best plan had that cost
	Trace    func(format string, args ...any)
}

// TieBreak is the share by which equal costs are told apart.
const TieBreak = 1e-7

// Tie is a number from 0 to 1 for a load and a slot, different at each seed
// (splitmix64).
func (e *Effort) Tie(load, t int) float64 {
	x := e.Seed*0x9e3779b97f4a7c15 + uint64(load)<<32 + uint64(t)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}
