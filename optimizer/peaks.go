package optimizer

import (
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/local"
)

// aimed does one annealing of a problem whose peaks are charged below peaks that are
// held, most often.  A peak couples all loads: where each of them is put where it is
// cheapest beside the others, none lowers it alone.  Which peaks are best is not known, so
// each cycle tries others: those of the best plan or near them, or any that may be better.
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
	for i := range at {
		at[i] = s.aimAt(i, at[i], kind == 1, exact)
	}
	l.HoldPeaks(at)
	if kind == 1 || s.Rng.IntN(anewEvery) == 0 {
		l.Anew()
	}
	anneal()
	l.FreePeaks()
}

// aimAt is a peak of a window that is worth to be held: no higher than would pay if all
// beside it cost the least that was seen, and most often no lower than that of the mean of
// mixtures, which need less of it than any plan.
func (s *search) aimAt(i int, at float64, anywhere, exact bool) float64 {
	w := s.p.Demand[s.m.Demand[i].Window]
	least := s.leastPeaks[i]
	hi := max(least, at, min(s.mostPeaks[i], w.FloorKW+(s.best.Cost-s.leastRest)/w.PricePerKW))
	lo := min(max(least, s.mixedPeaks[i]), at)
	if s.Rng.IntN(aimLowEvery) == 0 {
		lo = least
	}
	switch {
	case anywhere && exact:
		return lo
	case anywhere:
		return lo + (hi-lo)*s.Rng.Float64()
	case exact:
		return at
	}
	at += aimNear * (hi - lo) * s.Rng.NormFloat64() * math.Exp(-aimNearer*s.Rng.Float64())
	if at > hi { // lower ones are left to try
		at = 2*hi - at
	}
	return min(max(at, lo), hi)
}

// noteRest notes what a state costs beside its peaks.
func (s *search) noteRest(l *local.Search) {
	rest := l.Real
	for i, x := range l.Peaks(nil) {
		w := s.p.Demand[s.m.Demand[i].Window]
		rest -= w.PricePerKW * (x - w.FloorKW)
	}
	s.leastRest = min(s.leastRest, rest)
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
	s.mixedPeaks, s.leastRest = slices.Clone(s.leastPeaks), math.Inf(1)
	s.noteRest(l)
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
		s.noteRest(l)
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
