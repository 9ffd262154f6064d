package forecast

import (
	"math"
	"math/rand/v2"
	"time"
)

// Scenarios are equally likely coherent paths of the base load.
type Scenarios struct {
	Start time.Time     // of the first slot
	Step  time.Duration // of every slot
	Paths [][]float64   // [path][slot] kWh
}

// Scenarios draws n paths for the slots that Forecast answers for.  A path
// takes its errors, in order, from one stretch of the past, so that slots that
// err together do so here: their sums are as uncertain as real sums are.
// Equal arguments and data give equal paths.
func (f *Forecaster) Scenarios(at time.Time, horizon time.Duration, n int, seed uint64) Scenarios {
	fc := f.Forecast(at, horizon)
	first, slots := f.span(at, horizon)
	out := Scenarios{Start: time.Unix(first*f.hist.step, 0).UTC(), Step: f.opt.Step, Paths: make([][]float64, n)}
	rng := rand.New(rand.NewPCG(seed, f.opt.Seed))
	floor := f.floor()
	week := int64(7) * 86400 / f.hist.step
	perDay := int64(86400) / f.hist.step
	for p := range out.Paths {
		path := make([]float64, slots)
		shift := (1 + rng.Int64N(8)) * week
		common := rng.NormFloat64()
		for i := range path {
			s := fc.Slots[i]
			g := first + int64(i) - shift
			x, ref := f.hist.at(g), f.hist.at(g-week)
			if i%int(perDay) == 0 {
				common = 0.7*common + 0.7*rng.NormFloat64()
			}
			if x != x || ref != ref || g >= first {
				z := rng.NormFloat64()*0.8 + 0.5*common
				if z > 0 {
					path[i] = s.Q50 + z*(s.Q90-s.Q50)/1.2816
				} else {
					path[i] = s.Q50 + z*(s.Q50-s.Q10)/1.2816
				}
			} else {
				path[i] = s.Mean + (x-ref)*0.7
			}
			path[i] = math.Max(path[i], floor)
		}
		out.Paths[p] = path
	}
	return out
}
