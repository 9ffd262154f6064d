package local

import (
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Step removes a few units and puts them back; it returns false where the
// result was not kept.
func (l *Search) Step(temperature float64, undo, trial *Snapshot) bool {
	rng := l.s.Rng
	l.Save(undo)
	tight := l.Tight()
	picked, before := l.pick(tight)
	k := len(picked)
	if tight { // free powers take up what credit is left
		for i, u := range l.Units {
			if _, ok := u.Pricer.(*pricing.Modulating); ok && !slices.Contains(picked, i) {
				picked = append(picked, i)
			}
		}
	}
	slices.SortStableFunc(picked[before:], func(a, b int) int { return l.softness(a) - l.softness(b) })
	for i := range l.groups { // aim between the present peak and a little less
		l.peaks[i] = l.peakNow(i) * (1 - 0.03*rng.Float64()*float64(rng.IntN(2)))
		l.peaks[i] = max(l.peaks[i], l.p.Demand[l.groups[i].Window].FloorKW)
	}
	var energy float64
	for _, i := range picked {
		for _, x := range l.KW[i] {
			energy += x * l.h
		}
		l.remove(i)
	}
	battery := l.store != nil && (tight || rng.IntN(3) == 0)
	l.disturb()
	place := func() {
		if battery {
			for t := range l.Bat {
				l.Z[t] -= l.Bat[t]
				l.Bat[t] = 0
			}
		}
		left := energy
		for _, i := range picked {
			l.price(left)
			l.insert(i, true)
			left = 0
		}
		if battery {
			l.price(0)
			l.recharge()
		}
		if k > 1 {
			for _, i := range picked {
				l.remove(i)
				l.price(0)
				l.insert(i, false)
			}
		}
		l.Cost = l.Evaluate()
	}
	if soft := l.Penalty < l.m.Big; !tight || soft {
		mu := l.Mu
		if soft {
			l.Mu *= 0.9 + 0.2*rng.Float64()
		}
		place()
		if l.Mu = mu; soft {
			l.settlePenalty()
		}
	} else {
		// What price of credit makes these loads fit?
		mu := l.Mu
		trial.Cost = math.Inf(1)
		lo, hi := 0.0, math.Inf(1)
		try := mu * (0.85 + 0.3*rng.Float64())
		for range 4 {
			l.Mu = try
			place()
			if l.Short > 0 {
				lo = try
			} else {
				hi = try
				if l.spare < 0.002*math.Abs(l.Cost) {
					mu = 0.9*mu + 0.1*try
				}
			}
			if l.Cost < trial.Cost {
				l.Save(trial)
			}
			if l.Short <= 0 && l.spare < 1e-3*math.Abs(l.Cost) || l.s.Over() {
				break
			}
			try = (lo + hi) / 2
			if math.IsInf(hi, 1) {
				try = 1.5*lo + 0.01
			}
			for _, i := range picked {
				l.remove(i)
			}
		}
		l.Mu = mu
		l.Restore(trial)
	}
	if l.Cost > undo.Cost+temperature {
		l.Restore(undo)
		return false
	}
	return true
}

// disturb draws how costs are to seem while loads are put back: some steps blur
// each of them, some make a stretch of hours dearer or cheaper than it is.  The
// loads move away from there, or to it, together, and find out whether that pays.
func (l *Search) disturb() {
	rng := l.s.Rng
	l.noise = 0
	if rng.IntN(2) == 0 {
		l.noise = 0.1 * rng.Float64()
	}
	for t := range l.tilt {
		l.tilt[t] = 1
	}
	if rng.IntN(5) < 2 {
		from, f := rng.IntN(l.p.N), 0.4+1.2*rng.Float64()
		for t := from; t < min(l.p.N, from+4+rng.IntN(1+l.p.N/6)); t++ {
			l.tilt[t] = f
		}
	}
}

// Soften lets the search pass through states in which the credit falls a little
// short; harden forbids them again.
func (l *Search) Soften() {
	l.Penalty = l.SoftPenalty()
	l.Cost = l.Evaluate()
}

// SoftPenalty is a price at which credit that is short costs somewhat more than
// what could have been bought with it.
func (l *Search) SoftPenalty() float64 {
	var most float64
	for _, x := range l.MuRow {
		most = max(most, x)
	}
	return min(l.m.Big, 2*l.Mu*most+0.05)
}

// Harden forbids again what Soften allowed.
func (l *Search) Harden() {
	l.Penalty = l.m.Big
	l.Cost = l.Evaluate()
}

// settlePenalty moves the price of credit to where the credit just lasts.
func (l *Search) settlePenalty() {
	if l.Short > 0 {
		l.Mu *= 1.01
		l.Penalty = min(l.Penalty*1.01, l.m.Big)
	} else {
		if l.spare > 0.002*math.Abs(l.Cost) {
			l.Mu /= 1.01
		}
		l.Penalty /= 1.01
	}
}

// pick draws the units to take out; so many of them, the first, are to be put back
// before all others.  Where credit is tight that is at times one that goes short, and
// the others are those that run in its hours: what is put back last gets what is
// left, and would never be served in full.
func (l *Search) pick(tight bool) (picked []int, before int) {
	rng, n := l.s.Rng, len(l.Units)
	k := 1 + rng.IntN(4)
	if rng.IntN(8) == 0 {
		k += rng.IntN(3)
	}
	picked = rng.Perm(n)
	if !tight || rng.IntN(5) > 0 {
		return picked[:min(k, n)], 0
	}
	first := l.wanting()
	if first < 0 {
		return picked[:min(k, n)], 0
	}
	from, to := l.window(first)
	rivals := picked[:0]
	for _, i := range picked {
		if i != first && rng.IntN(5) < 2 && slices.ContainsFunc(l.KW[i][from:to], func(x float64) bool { return x > model.OnFrom }) {
			rivals = append(rivals, i)
		}
	}
	return slices.Insert(rivals, 0, first), 1
}

// wanting draws a load by what it costs by itself: what it is short of, mostly.
func (l *Search) wanting() int {
	var sum float64
	for _, x := range l.own {
		sum += x
	}
	x := l.s.Rng.Float64() * sum
	for i, own := range l.own {
		if x -= own; x < 0 {
			return i
		}
	}
	return -1
}

// window is the slots in which a unit may run.
func (l *Search) window(i int) (from, to int) {
	switch q := l.Units[i].Pricer.(type) {
	case *pricing.Cycle:
		return q.Lo, min(l.p.N, q.Hi+len(q.Load.Cycle.ProfileKW))
	case *pricing.OnOff:
		return q.From, q.To
	case *pricing.Variable:
		return q.From, q.To
	}
	return 0, l.p.N
}
