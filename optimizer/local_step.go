package optimizer

import (
	"math"
	"slices"
)

// step removes a few units and puts them back; it returns false where the
// result was not kept.
func (l *local) step(temperature float64, undo, trial *snapshot) bool {
	rng := l.s.rng
	l.save(undo)
	tight := l.tight()
	picked, before := l.pick(tight)
	k := len(picked)
	if tight { // free powers take up what credit is left
		for i, u := range l.units {
			if _, ok := u.pricer.(*modulatingPricer); ok && !slices.Contains(picked, i) {
				picked = append(picked, i)
			}
		}
	}
	slices.SortStableFunc(picked[before:], func(a, b int) int { return l.softness(a) - l.softness(b) })
	for i := range l.groups { // aim between the present peak and a little less
		l.peaks[i] = l.peakNow(i) * (1 - 0.03*rng.Float64()*float64(rng.IntN(2)))
		l.peaks[i] = max(l.peaks[i], l.p.Demand[l.groups[i].window].FloorKW)
	}
	var energy float64
	for _, i := range picked {
		for _, x := range l.kw[i] {
			energy += x * l.h
		}
		l.remove(i)
	}
	battery := l.store != nil && (tight || rng.IntN(3) == 0)
	l.disturb()
	place := func() {
		if battery {
			for t := range l.bat {
				l.z[t] -= l.bat[t]
				l.bat[t] = 0
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
		l.cost = l.evaluate()
	}
	if soft := l.penalty < l.m.big; !tight || soft {
		mu := l.mu
		if soft {
			l.mu *= 0.9 + 0.2*rng.Float64()
		}
		place()
		if l.mu = mu; soft {
			l.settlePenalty()
		}
	} else {
		// What price of credit makes these loads fit?
		mu := l.mu
		trial.cost = math.Inf(1)
		lo, hi := 0.0, math.Inf(1)
		try := mu * (0.85 + 0.3*rng.Float64())
		for range 4 {
			l.mu = try
			place()
			if l.short > 0 {
				lo = try
			} else {
				hi = try
				if l.spare < 0.002*math.Abs(l.cost) {
					mu = 0.9*mu + 0.1*try
				}
			}
			if l.cost < trial.cost {
				l.save(trial)
			}
			if l.short <= 0 && l.spare < 1e-3*math.Abs(l.cost) || l.s.over() {
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
		l.mu = mu
		l.restore(trial)
	}
	if l.cost > undo.cost+temperature {
		l.restore(undo)
		return false
	}
	return true
}

// disturb draws how costs are to seem while loads are put back: some steps blur
// each of them, some make a stretch of hours dearer or cheaper than it is.  The
// loads move away from there, or to it, together, and find out whether that pays.
func (l *local) disturb() {
	rng := l.s.rng
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

// soften lets the search pass through states in which the credit falls a little
// short; harden forbids them again.
func (l *local) soften() {
	l.penalty = l.softPenalty()
	l.cost = l.evaluate()
}

// softPenalty is a price at which credit that is short costs somewhat more than
// what could have been bought with it.
func (l *local) softPenalty() float64 {
	var most float64
	for _, x := range l.muRow {
		most = max(most, x)
	}
	return min(l.m.big, 2*l.mu*most+0.05)
}

func (l *local) harden() {
	l.penalty = l.m.big
	l.cost = l.evaluate()
}

// settlePenalty moves the price of credit to where the credit just lasts.
func (l *local) settlePenalty() {
	if l.short > 0 {
		l.mu *= 1.01
		l.penalty = min(l.penalty*1.01, l.m.big)
	} else {
		if l.spare > 0.002*math.Abs(l.cost) {
			l.mu /= 1.01
		}
		l.penalty /= 1.01
	}
}

// pick draws the units to take out; so many of them, the first, are to be put back
// before all others.  Where credit is tight that is at times one that goes short, and
// the others are those that run in its hours: what is put back last gets what is
// left, and would never be served in full.
func (l *local) pick(tight bool) (picked []int, before int) {
	rng, n := l.s.rng, len(l.units)
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
		if i != first && rng.IntN(5) < 2 && slices.ContainsFunc(l.kw[i][from:to], func(x float64) bool { return x > onFrom }) {
			rivals = append(rivals, i)
		}
	}
	return slices.Insert(rivals, 0, first), 1
}

// wanting draws a load by what it costs by itself: what it is short of, mostly.
func (l *local) wanting() int {
	var sum float64
	for _, x := range l.own {
		sum += x
	}
	x := l.s.rng.Float64() * sum
	for i, own := range l.own {
		if x -= own; x < 0 {
			return i
		}
	}
	return -1
}

// window is the slots in which a unit may run.
func (l *local) window(i int) (from, to int) {
	switch q := l.units[i].pricer.(type) {
	case *cyclePricer:
		return q.lo, min(l.p.N, q.hi+len(q.l.Cycle.ProfileKW))
	case *onOffPricer:
		return q.from, q.to
	case *variablePricer:
		return q.from, q.to
	}
	return 0, l.p.N
}
