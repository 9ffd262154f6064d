package pricing

import (
	"cmp"
	"math"
	"slices"
)

// besideSearch finds schedules of a variable load beside other loads: sun left over,
// limits and peaks make what a slot costs more for it convex in its power, and linear
// between a few levels.
type besideSearch struct {
	q      *Variable
	levels [][]supplyLevel // by slot, none where the load may not run
	kw     []float64       // above 0: the slots that are on; then their powers
	pieces []supplyPiece
	price  []float64
	on     []float64
	zero   []float64
	best   []float64
	total  float64 // what best costs
}

// supplyLevel is a power in a slot, and what the slot costs more for it.
type supplyLevel struct{ kw, cost float64 }

// supplyPiece leads from one level of a slot to the next.
type supplyPiece struct {
	slot      int
	kw, slope float64
}

// Open takes the costs: cost is what so many kW cost more in a slot, cuts lists
// behind out the powers between two at which the slope of that changes.  Without
// cuts powers at equal distances are tried.
func (b *besideSearch) Open(cost func(t int, kw float64) float64, cuts func(t int, from, to float64, out []float64) []float64) {
	q := b.q
	n := q.p.N
	if b.levels == nil {
		b.levels, b.kw, b.best = make([][]supplyLevel, n), make([]float64, n), make([]float64, n)
		b.price, b.on, b.zero = make([]float64, n), make([]float64, n), make([]float64, n)
	}
	lo, hi := q.Load.Variable.Least(), q.Load.Variable.MaxKW
	var powers []float64
	for t := range n {
		b.levels[t] = b.levels[t][:0]
		if (t < q.From || t >= q.To) && t >= q.Hold {
			continue
		}
		powers = append(powers[:0], lo)
		if cuts != nil {
			powers = cuts(t, lo, hi, powers)
		} else {
			const steps = 12
			for k := 1; k < steps; k++ {
				powers = append(powers, lo+(hi-lo)*float64(k)/steps)
			}
		}
		last := math.Inf(-1)
		for _, x := range append(powers, hi) {
			if x < last+Rounding {
				continue
			}
			last = x
			c := cost(t, x)
			if x > lo && c >= Forbidden {
				break
			}
			b.levels[t] = append(b.levels[t], supplyLevel{x, c})
		}
	}
	b.total = math.Inf(1)
}

// Exactly finds the best schedule but for the gap that the price of the energy
// leaves: as in relaxed, the limit on the energy is priced, and here each slot that
// is on takes the best of its levels.
func (b *besideSearch) Exactly() Schedule {
	q := b.q
	drawn := b.runs(0)
	b.try()
	if drawn <= q.Quota+Rounding {
		return b.schedule()
	}
	from, to := 0.0, q.worth // of the price
	for _, lv := range b.levels {
		for k := range lv {
			slope := lv[k].cost / lv[k].kw
			if k > 0 {
				slope = (lv[k].cost - lv[k-1].cost) / (lv[k].kw - lv[k-1].kw)
			}
			to = max(to, q.worth-slope)
		}
	}
	for range besideSteps {
		theta := (from + to) / 2
		if drawn = b.runs(theta); drawn > q.Quota {
			from = theta
		} else {
			to = theta
		}
		b.try()
		if math.Abs(drawn-q.Quota) < Rounding {
			break
		}
	}
	// Between two prices whole runs change, and what uses the need best may lie
	// between them: as many slots at the least power as there may be.
	if c := q.counted[0]; c != nil {
		for t, lv := range b.levels {
			if b.on[t] = 0; len(lv) > 0 {
				b.on[t] = lv[0].cost - q.worth*lv[0].kw
			}
		}
		copy(c.Late, q.late)
		copy(b.kw, c.Best(b.zero, b.on).KW)
		b.try()
	}
	return b.schedule()
}

// ByMean finds the runs by what a kW costs in the mean at a power that share lies
// between the least and the greatest, and fills them exactly.
func (b *besideSearch) ByMean(share float64) Schedule {
	q := b.q
	lo := q.Load.Variable.Least()
	probe := lo + share*(q.Load.Variable.MaxKW-lo)
	for t, lv := range b.levels {
		b.price[t] = 0
		if len(lv) == 0 {
			continue
		}
		c := lv[0].cost
		for k := 1; k < len(lv) && lv[k-1].kw < probe; k++ {
			c += (min(probe, lv[k].kw) - lv[k-1].kw) * (lv[k].cost - lv[k-1].cost) / (lv[k].kw - lv[k-1].kw)
		}
		b.price[t] = c / probe
	}
	_, sc := q.search(b.price, b.zero, besideSteps)
	copy(b.kw, sc.KW)
	b.try()
	return b.schedule()
}

// runs finds the runs that are best at a price of the energy, and returns what they
// draw at their best levels, in kW*slots.
func (b *besideSearch) runs(theta float64) (drawn float64) {
	q, w := b.q, b.q.worth-theta
	for t := range q.c {
		q.c[t] = 0
		if len(b.levels[t]) > 0 {
			lv := b.at(t, w)
			q.c[t] = lv.cost - w*lv.kw + q.late[t]
		}
		q.sum[t+1] = q.sum[t] + q.c[t]
	}
	if _, used := q.dp(1, false, b.kw); used > q.Starts {
		q.dp(q.Starts+1, true, b.kw)
	}
	for t := range q.Hold {
		b.kw[t] = 1
	}
	for t, x := range b.kw {
		if x > 0 {
			drawn += b.at(t, w).kw
		}
	}
	return drawn
}

// at is the best level of a slot that is on where a kW is worth w.
func (b *besideSearch) at(t int, w float64) supplyLevel {
	lv := b.levels[t]
	k := 0
	for k+1 < len(lv) && lv[k+1].cost-lv[k].cost < w*(lv[k+1].kw-lv[k].kw) {
		k++
	}
	return lv[k]
}

// try gives the slots that are on the best powers within the need, and keeps them
// where they are the best so far.
func (b *besideSearch) try() {
	q := b.q
	left, total := q.Quota, 0.0
	b.pieces = b.pieces[:0]
	for t, x := range b.kw {
		if x == 0 {
			continue
		}
		lv := b.levels[t]
		b.kw[t] = lv[0].kw
		left -= lv[0].kw
		total += lv[0].cost
		for k := 1; k < len(lv); k++ {
			d := lv[k].kw - lv[k-1].kw
			b.pieces = append(b.pieces, supplyPiece{t, d, (lv[k].cost - lv[k-1].cost) / d})
		}
	}
	if left < -Rounding {
		return
	}
	slices.SortStableFunc(b.pieces, func(x, y supplyPiece) int { return cmp.Compare(x.slope, y.slope) })
	for _, p := range b.pieces {
		if p.slope >= q.worth || left <= 0 {
			break
		}
		d := min(left, p.kw)
		b.kw[p.slot] += d
		left -= d
		total += d * p.slope
	}
	if total += q.Cost(b.kw); total < b.total {
		b.total = total
		copy(b.best, b.kw)
	}
}

// schedule is the best one found.
func (b *besideSearch) schedule() Schedule {
	q := b.q
	if math.IsInf(b.total, 1) { // only off is left
		clear(b.best)
		for t := range q.Hold {
			b.best[t] = q.Load.Variable.Least()
		}
	}
	return Schedule{KW: slices.Clone(b.best), Own: q.Cost(b.best)}
}
