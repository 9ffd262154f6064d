package local

import (
	"cmp"
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Peaks lists the peak of each demand window in the present state.
func (l *Search) Peaks(out []float64) []float64 {
	for t := range l.imp {
		l.imp[t] = l.drawAt(t, l.z[t])
	}
	out = out[:0]
	for i := range l.groups {
		out = append(out, l.peak(i))
	}
	return out
}

// LeastPeaks lists the peaks of the demand windows that no plan is below: what no load
// and no battery can move, or the floor.
func (l *Search) LeastPeaks(out []float64) []float64 {
	for t := range l.imp {
		z := 0.0
		if b := l.p.Battery; b != nil {
			z = -b.MaxDischargeKW
		}
		l.imp[t] = l.drawAt(t, z)
	}
	out = out[:0]
	for i := range l.groups {
		out = append(out, l.peak(i))
	}
	return out
}

// HoldPeaks makes the peaks aimed at stay what they are given as.  What each group of
// slots draws above its window's peak then costs as if the peak had to rise for that
// group alone, and to stay below earns nothing.  A single peak couples all loads: none of
// them lowers it alone.  Held, each group that is brought below it is a gain, and no
// state costs less than it does in truth.
func (l *Search) HoldPeaks(at []float64) {
	copy(l.peaks, at)
	l.held = true
	l.Cost = l.Evaluate()
	l.seen.Promise = math.Inf(1)
}

// Held tells whether peaks are held.
func (l *Search) Held() bool { return l.held }

// FreePeaks ends HoldPeaks: the highest group counts again.  It goes to the state that in
// truth cost least of those it came to since; the one in which it began is not one of them.
func (l *Search) FreePeaks() {
	l.held = false
	if !math.IsInf(l.seen.Promise, 1) {
		l.Restore(&l.seen)
	}
	l.Cost = l.Evaluate()
}

// dearPeak is what a demand window charges.
type dearPeak struct {
	above float64   // a kW of one group's mean above the peak: as much as the peak, or as shedding it
	shed  int       // groups that had better be shed than raise the peak
	base  []float64 // by group: what can be shed, kW in the mean
}

// dearPeaks finds out what the peaks cost.
func (l *Search) dearPeaks() {
	for i := range l.groups {
		d := &l.groups[i]
		w := l.p.Demand[d.Window]
		least := math.Inf(1)
		for _, g := range d.Groups {
			least = min(least, slices.Min(l.p.ImportPrice[g.From:g.To]))
		}
		shed := float64(w.Interval) * l.h * max(pricing.Rounding, l.p.ShedPenalty-least)
		q := dearPeak{above: min(w.PricePerKW, shed), shed: int(min(w.PricePerKW/shed, float64(len(d.Groups)-1)))}
		for _, g := range d.Groups {
			var base float64
			for _, x := range l.p.BaseKW[g.From:g.To] {
				base += x
			}
			q.base = append(q.base, base/g.Slots)
		}
		l.dear = append(l.dear, q)
	}
}

// peakCost is what a window's peak costs, with what had better be shed; whole is what it
// costs if nothing is.
func (l *Search) peakCost(i int) (cost, whole float64) {
	d, dear := &l.groups[i], &l.dear[i]
	w := l.p.Demand[d.Window]
	l.means = l.means[:0]
	peak, shed := w.FloorKW, w.FloorKW // shed: with all shed that can be
	for k, g := range d.Groups {
		if x := l.mean(g); x > w.FloorKW {
			peak, shed = max(peak, x), max(shed, x-dear.base[k])
			l.means = append(l.means, x)
		}
	}
	whole = w.PricePerKW * (peak - w.FloorKW)
	if dear.shed == 0 {
		return whole, whole
	}
	slices.SortFunc(l.means, func(a, b float64) int { return cmp.Compare(b, a) })
	if dear.shed < len(l.means) {
		shed = max(shed, l.means[dear.shed])
	}
	cost = w.PricePerKW * (shed - w.FloorKW)
	for _, x := range l.means[:min(dear.shed, len(l.means))] {
		cost += dear.above * max(0, x-shed)
	}
	return cost, whole
}

// heldCost is what a window costs with the peak that is held: each group above it by
// itself.
func (l *Search) heldCost(i int) float64 {
	d := &l.groups[i]
	w := l.p.Demand[d.Window]
	cost := w.PricePerKW * (l.peaks[i] - w.FloorKW)
	for k, g := range d.Groups {
		cost += l.overCost(i, k, l.mean(g))
	}
	return cost
}

// overCost is what a group whose mean is x costs for being above its window's peak.
func (l *Search) overCost(i, group int, x float64) float64 {
	over := max(0, x-l.peaks[i])
	shed := min(over, l.dear[i].base[group])
	return l.dear[i].above*shed + l.p.Demand[l.groups[i].Window].PricePerKW*(over-shed)
}

// isCycle tells whether a unit only chooses when it begins: then what it does to peaks is
// known exactly.
func (l *Search) isCycle(unit int) bool {
	if unit < 0 {
		return false
	}
	_, ok := l.Units[unit].Pricer.(*pricing.Cycle)
	return ok
}

// startOf says what a profile begun in a slot costs for bringing groups above the peaks
// aimed at; nil without any.
func (l *Search) startOf(profile []float64) func(start int) float64 {
	if len(l.groups) == 0 {
		return nil
	}
	for t := range l.imp {
		l.imp[t] = l.drawAt(t, l.z[t])
	}
	return func(start int) float64 {
		var cost float64
		for i := range l.groups {
			for k, g := range l.groups[i].Groups {
				if g.To <= start {
					continue
				}
				if g.From >= start+len(profile) {
					break
				}
				before, after := g.HeldKW, g.HeldKW
				for t := g.From; t < g.To; t++ {
					x := l.imp[t]
					before += x
					if t >= start && t < start+len(profile) {
						x = l.drawAt(t, l.z[t]+profile[t-start])
					}
					after += x
				}
				cost += l.overCost(i, k, after/g.Slots) - l.overCost(i, k, before/g.Slots)
			}
		}
		return cost
	}
}

// mean is the mean import of a group of slots.
func (l *Search) mean(g model.Group) float64 {
	e := g.HeldKW
	for t := g.From; t < g.To; t++ {
		e += l.imp[t]
	}
	return e / g.Slots
}

// Anew takes all units out and puts them back in an order left to chance, where they
// seem cheapest below the peaks aimed at.
func (l *Search) Anew() {
	out := takenOut{units: l.s.Rng.Perm(len(l.Units)), battery: l.store != nil, again: true}
	slices.SortStableFunc(out.units, func(a, b int) int { return l.softness(a) - l.softness(b) })
	l.disturb()
	l.allAgain(out)
}

// Greedily is Anew, the loads that have the least choice first and nothing left to chance.
func (l *Search) Greedily() {
	out := takenOut{battery: l.store != nil, again: true}
	for i := range l.Units {
		out.units = append(out.units, i)
	}
	slices.SortStableFunc(out.units, func(a, b int) int {
		return cmp.Or(cmp.Compare(l.softness(a), l.softness(b)), cmp.Compare(l.slack(a), l.slack(b)))
	})
	l.undisturbed()
	l.allAgain(out)
}

// slack is how many slots of a unit's window it does not need.
func (l *Search) slack(i int) float64 {
	from, to := l.window(i)
	slots := float64(to - from)
	switch q := l.Units[i].Pricer.(type) {
	case *pricing.Cycle:
		slots -= float64(len(q.Load.Cycle.ProfileKW))
	case *pricing.OnOff:
		slots -= float64(q.Need)
	case *pricing.Variable:
		slots -= q.Quota / max(pricing.Rounding, q.Load.Variable.MaxKW)
	}
	return slots
}

// allAgain takes all units out and puts them back.
func (l *Search) allAgain(out takenOut) {
	for i := range l.Units {
		for _, x := range l.KW[i] {
			out.energy += x * l.h
		}
		l.remove(i)
	}
	l.putBack(out)
}

// pricePeak makes what is drawn above the peak that a window aims at dearer, for a unit
// that is to be put back (noUnit: the battery).
//
// A peak is the mean over a group of slots, so a load may have what room a group leaves in
// all of its slots, or in some of them at a higher power; which of them is left to chance.
func (l *Search) pricePeak(i, unit int) {
	d, dear, peak := &l.groups[i], &l.dear[i], l.peaks[i]
	w := l.p.Demand[d.Window]
	least, some := l.steps(unit)
	some = some && l.p.Demand[d.Window].Interval > 1 && l.s.Rng.IntN(wholeGroupEvery) > 0
	turn := some && l.s.Rng.IntN(2) == 0
	last := false
	even := unit == noUnit && l.s.Rng.IntN(evenEvery) == 0 // the battery has the same of it in each slot
	for j, g := range d.Groups {
		k := g.To - g.From
		sum := g.HeldKW
		for t := g.From; t < g.To; t++ {
			l.imp[t] = l.drawAt(t, l.z[t])
			sum += l.imp[t]
		}
		room := g.Slots*peak - sum
		from, to := g.From, g.To // the slots that have the room
		if some && room > 0 {
			if m := int(room/least + pricing.Rounding); m > 0 && m < k {
				// In every other group the last ones, so that runs go on from one to the next,
				// or any.
				if last = !last; !turn {
					last = l.s.Rng.IntN(2) == 0
				}
				switch {
				case !turn && l.s.Rng.IntN(2) == 0:
					from += l.s.Rng.IntN(k - m + 1)
				case last:
					from = g.To - m
				}
				to = from + m
			}
		}
		for t := g.From; t < g.To; t++ {
			more := room
			switch {
			case room <= 0:
				if unit == noUnit { // the battery lowers it in all of its slots
					more = room / float64(k)
				}
			case even:
				more = room / float64(k)
			case t < from || t >= to:
				more = 0
			case to-from < k:
				more = room / float64(to-from)
			default:
				more = min(room, max(peak-l.imp[t], room/float64(k)))
			}
			l.kinks[t] = append(l.kinks[t], kink{l.z[t] + more, dear.above / g.Slots})
			if dear.shed > 0 {
				l.kinks[t] = append(l.kinks[t], kink{l.z[t] + more + dear.base[j], (w.PricePerKW - dear.above) / g.Slots})
			}
		}
	}
}

// steps is a power that a unit draws in a slot or does not, about; false where it may
// draw any.
func (l *Search) steps(unit int) (kw float64, ok bool) {
	if unit < 0 {
		return 0, false
	}
	switch q := l.Units[unit].Pricer.(type) {
	case *pricing.OnOff:
		return max(model.OnFrom, q.Load.OnOff.KW), true
	case *pricing.Thermal:
		return max(model.OnFrom, q.Load.Thermal.KW), true
	case *pricing.Variable:
		v := q.Load.Variable
		return v.Least() + (v.MaxKW-v.Least())*l.s.Rng.Float64()*l.s.Rng.Float64(), true
	}
	return 0, false
}
