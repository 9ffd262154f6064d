package optimizer

import "math/rand/v2"

// effort is what the parts of one search share: its chance, its count of work, and
// when it is over.
type effort struct {
	spent int64 // units of work outside the linear programme
	rng   *rand.Rand
	seed  uint64
	goal  float64 // the gap that ends the search

	over     func() bool                // a limit or the goal is reached
	progress func() float64             // share of the limits that is used up
	gapOf    func(cost float64) float64 // the gap if the best plan had that cost
	trace    func(format string, args ...any)
}

// tieBreak is the share by which equal costs are told apart.
const tieBreak = 1e-7

// tie is a number from 0 to 1 for a load and a slot, different at each seed
// (splitmix64).
func (e *effort) tie(load, t int) float64 {
	x := e.seed*0x9e3779b97f4a7c15 + uint64(load)<<32 + uint64(t)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}
