package optimizer

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/local"
)

// aimed does one annealing of a problem whose peaks are charged below peaks that are
// held, most often.  A peak couples all loads: where each of them is put where it is
// cheapest beside the others, none lowers it alone.  Which peaks are best is not known, so
// each cycle tries others: those of the best plan or near them, or any between what no
// plan is below and what the loads come to when peaks cost nothing.
func (s *search) aimed(l *local.Search, anneal func()) {
	if len(s.m.Demand) == 0 {
		anneal()
		return
	}
	kind := s.Rng.IntN(aimKinds)
	if !s.aiming || kind == 0 {
		s.aiming = true // those of the state as they come, or a little less
		anneal()
		return
	}
	at := l.Peaks(nil)
	exact := s.Rng.IntN(aimExactEvery) == 0
	for i, least := range s.leastPeaks {
		most := max(s.mostPeaks[i], at[i])
		switch {
		case kind == 1 && exact:
			at[i] = least
		case kind == 1:
			at[i] = least + (most-least)*s.Rng.Float64()
		case exact:
		default:
			at[i] += aimNear * (most - least) * s.Rng.NormFloat64() * math.Exp(-aimNearer*s.Rng.Float64())
		}
		at[i] = min(max(at[i], least), most)
	}
	l.HoldPeaks(at)
	if kind == 1 || s.Rng.IntN(anewEvery) == 0 {
		l.Anew()
	}
	anneal()
	l.FreePeaks()
}

// lowerPeaks is the greedy plan again, below peaks that are held: with the loads put where
// they are cheapest beside those before, peaks between what no plan is below and those of
// the plan that does not look at them are tried, then some around the best of them.
func (s *search) lowerPeaks() {
	if len(s.m.Demand) == 0 || len(s.m.Units) == 0 {
		return
	}
	l := local.New(s.Effort, s.m)
	l.Load(s.byPrice)
	s.mostPeaks, s.leastPeaks = l.Peaks(nil), l.LeastPeaks(nil)
	at := make([]float64, len(s.leastPeaks))
	best, share := l.Promise, 1.0
	try := func(x float64) {
		if s.over() || s.progress() > lowerUntil {
			return
		}
		for i, least := range s.leastPeaks {
			at[i] = least + x*(s.mostPeaks[i]-least)
		}
		l.HoldPeaks(at)
		l.Greedily()
		if l.Real < s.cheaperThan() {
			s.keep(l.Plan(), "lower peaks")
		}
		if l.Promise < best {
			best, share = l.Promise, x
		}
		l.FreePeaks()
	}
	for _, x := range []float64{0.5, 0.25, 0.75, 0.1, 0} {
		try(x)
	}
	for step := 0.125; step > 0.03; step /= 2 {
		for _, x := range []float64{share - step, share + step} {
			if x > 0 && x < 1 {
				try(x)
			}
		}
	}
}
