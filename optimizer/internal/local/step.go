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
	again := len(picked) > 1
	if tight { // free powers take up what credit is left
		for i, u := range l.Units {
			if _, ok := u.Pricer.(*pricing.Modulating); ok && !slices.Contains(picked, i) {
				picked = append(picked, i)
			}
		}
	}
	slices.SortStableFunc(picked[before:], func(a, b int) int { return l.softness(a) - l.softness(b) })
	l.aim()
	out := takenOut{units: picked, again: again}
	for _, i := range picked {
		for _, x := range l.KW[i] {
			out.energy += x * l.h
		}
		l.remove(i)
	}
	out.battery = l.store != nil && (tight || rng.IntN(batteryEvery) == 0)
	out.after = l.store != nil && l.held && rng.IntN(2) == 0
	l.disturb()
	switch soft := l.Penalty < l.m.Big; {
	case soft:
		mu := l.Mu
		l.Mu *= 1 - blurMu + 2*blurMu*rng.Float64()
		l.putBack(out)
		l.Mu = mu
		l.settlePenalty()
	case tight:
		l.fitCredit(out, trial)
	default:
		l.putBack(out)
	}
	if l.held && l.Promise < l.seen.Promise && !slices.EqualFunc(l.z, undo.z, func(a, b float64) bool { return math.Abs(a-b) < leastPour }) {
		l.Save(&l.seen)
	}
	if l.Cost > undo.Cost+temperature {
		l.Restore(undo)
		return false
	}
	return true
}

// takenOut is what a step has taken out and puts back.
type takenOut struct {
	units   []int   // in the order in which they are put back
	energy  float64 // kWh that they drew
	battery bool    // it is planned anew as well
	again   bool    // each is then put back once more beside all the others
	after   bool    // the battery is planned anew at last
}

// aim sets the peaks that the loads are to stay below, where they are not held: the
// present ones, or a little less.
func (l *Search) aim() {
	if l.held || len(l.groups) == 0 {
		return
	}
	rng := l.s.Rng
	l.peaks = l.Peaks(l.peaks)
	for i := range l.groups {
		l.peaks[i] *= 1 - peakCut*rng.Float64()*float64(rng.IntN(2))
		l.peaks[i] = max(l.peaks[i], l.p.Demand[l.groups[i].Window].FloorKW)
	}
}

// putBack puts the units where they seem cheapest one after the other, then each where
// it is cheapest.
func (l *Search) putBack(out takenOut) {
	if out.battery && l.held && l.s.Rng.IntN(backedEvery) == 0 {
		l.putBackBacked(out)
		return
	}
	if out.battery {
		l.rest()
	}
	left := out.energy
	for _, i := range out.units {
		l.price(i, left)
		l.insert(i, true)
		left = 0
	}
	if out.battery {
		l.price(noUnit, 0)
		l.recharge()
	}
	if out.again {
		for _, i := range out.units {
			l.remove(i)
			l.price(i, 0)
			l.insert(i, false)
		}
	}
	if out.after {
		l.rest()
		l.price(noUnit, 0)
		l.recharge()
	}
	l.Cost = l.Evaluate()
}

// rest takes the battery out.
func (l *Search) rest() {
	for t := range l.bat {
		l.z[t] -= l.bat[t]
		l.bat[t] = 0
	}
}

// fitCredit finds by bisection the price of credit at which the units just fit, and
// leaves the best state met.
func (l *Search) fitCredit(out takenOut, trial *Snapshot) {
	mu := l.Mu
	trial.Cost = math.Inf(1)
	lo, hi := 0.0, math.Inf(1)
	try := mu * (1 - fitWide + 2*fitWide*l.s.Rng.Float64())
	for range fitTries {
		l.Mu = try
		l.putBack(out)
		if l.Short > 0 {
			lo = try
		} else {
			hi = try
			if l.spare < spareLittle*math.Abs(l.Cost) {
				mu = (1-muFollows)*mu + muFollows*try
			}
		}
		if l.Cost < trial.Cost {
			l.Save(trial)
		}
		if l.Short <= 0 && l.spare < spareFits*math.Abs(l.Cost) || l.s.Over() {
			break
		}
		try = (lo + hi) / 2
		if math.IsInf(hi, 1) {
			try = fitStep*lo + fitStepMin
		}
		for _, i := range out.units {
			l.remove(i)
		}
	}
	l.Mu = mu
	l.Restore(trial)
}

// disturb draws how costs are to seem while loads are put back: some steps blur
// each of them, some make a stretch of hours dearer or cheaper than it is.  The
// loads move away from there, or to it, together, and find out whether that pays.
func (l *Search) disturb() {
	rng := l.s.Rng
	l.undisturbed()
	if rng.IntN(blurEvery) == 0 {
		l.noise = blur * rng.Float64()
	}
	if rng.IntN(5) < tiltFifths {
		from, f := rng.IntN(l.p.N), tiltLeast+(tiltMost-tiltLeast)*rng.Float64()
		for t := from; t < min(l.p.N, from+tiltShort+rng.IntN(1+l.p.N/tiltLong)); t++ {
			l.tilt[t] = f
		}
	}
}

// undisturbed makes costs seem what they are.
func (l *Search) undisturbed() {
	l.noise = 0
	for t := range l.tilt {
		l.tilt[t] = 1
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
	return min(l.m.Big, softPrice*l.Mu*most+softPriceMore)
}

// Harden forbids again what Soften allowed.
func (l *Search) Harden() {
	l.Penalty = l.m.Big
	l.Cost = l.Evaluate()
}

// settlePenalty moves the price of credit to where the credit just lasts.
func (l *Search) settlePenalty() {
	if l.Short > 0 {
		l.Mu *= settleStep
		l.Penalty = min(l.Penalty*settleStep, l.m.Big)
	} else {
		if l.spare > spareLittle*math.Abs(l.Cost) {
			l.Mu /= settleStep
		}
		l.Penalty /= settleStep
	}
}

// pick draws the units to take out; so many of them, the first, are to be put back
// before all others.  Where credit is tight that is at times one that goes short, and
// the others are those that run in its hours: what is put back last gets what is
// left, and would never be served in full.
func (l *Search) pick(tight bool) (picked []int, before int) {
	rng, n := l.s.Rng, len(l.Units)
	k := 1 + rng.IntN(takeMost)
	if rng.IntN(takeMoreEvery) == 0 {
		k += rng.IntN(takeMore)
	}
	picked = rng.Perm(n)
	if !tight || rng.IntN(wantingEvery) > 0 {
		return picked[:min(k, n)], 0
	}
	first := l.wanting()
	if first < 0 {
		return picked[:min(k, n)], 0
	}
	from, to := l.window(first)
	rivals := picked[:0]
	for _, i := range picked {
		if i != first && rng.IntN(5) < rivalFifths && slices.ContainsFunc(l.KW[i][from:to], func(x float64) bool { return x > model.OnFrom }) {
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
