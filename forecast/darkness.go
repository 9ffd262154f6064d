package forecast

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// Darkness cuts a recording off for part of the time, as a home is that goes
// without: to see what forecasts from such a history are worth, beside what the
// home used that was not cut off.
type Darkness struct {
	Share float64       // of the time, 0 to less than 1
	Mean  time.Duration // length of a cut; zero is 6 hours
	Seed  uint64
	// As is what the slots that a cut touches are taken for: Censored, or
	// Measured to see what learning them as measured costs, or Missing.
	As Quality
}

// Cut is the history, in order of time, with the cuts: their lengths and those of the
// time between them are exponential.  A slot's energy is what is left of it outside them.
func (d Darkness) Cut(history []Observation) []Observation {
	out := make([]Observation, 0, len(history))
	if d.Share <= 0 || d.Share >= 1 || len(history) == 0 {
		return append(out, history...)
	}
	mean := d.Mean
	if mean <= 0 {
		mean = 6 * time.Hour
	}
	rng := rand.New(rand.NewPCG(d.Seed, 7))
	next := func(mean float64) time.Duration {
		return time.Duration(math.Min(rng.ExpFloat64()*mean, float64(1000*day)))
	}
	between := float64(mean) * (1 - d.Share) / d.Share
	from := history[0].Slot.Start.Add(next(between))
	to := from.Add(next(float64(mean)))
	for _, o := range history {
		var off time.Duration
		for {
			off += max(0, civil.Earlier(to, o.Slot.End()).Sub(civil.Later(from, o.Slot.Start)))
			if to.After(o.Slot.End()) {
				break
			}
			from = to.Add(next(between))
			to = from.Add(next(float64(mean)))
		}
		if off > 0 && o.Quality == Measured {
			o.Quality = d.As
			o.Energy -= units.Energy(float64(o.Energy) * float64(off) / float64(o.Slot.Len))
		}
		out = append(out, o)
	}
	return out
}
