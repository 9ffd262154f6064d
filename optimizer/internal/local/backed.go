package local

import (
	"cmp"
	"slices"
)

// hull is what a slot costs as a function of what the loads draw in it, where the battery
// answers: each kW more is imported, or given by the battery, whichever is cheaper.  From
// z[i] on a kW costs slope[i].
type hull struct{ z, slope, cost []float64 }

// at is the cost at a draw, up to a constant.
func (q *hull) at(z float64) float64 {
	i := len(q.z) - 1
	for i > 0 && q.z[i] > z {
		i--
	}
	return q.cost[i] + (z-q.z[i])*q.slope[i]
}

// add begins a piece; one of no length is replaced.
func (q *hull) add(z, slope float64) {
	if n := len(q.z); n > 0 && q.z[n-1] >= z {
		q.slope[n-1] = slope
		return
	}
	q.z, q.slope = append(q.z, z), append(q.slope, slope)
}

// levels lists the draws at which the slope of a slot's cost changes, but for the kinks.
func (l *Search) levels(t int) []float64 {
	if l.priced {
		return l.back[t].z
	}
	return l.table[t].z
}

// priceBacked makes each slot cost what it does where the battery, now at rest, answers at
// what its charge is worth.  The peaks are in it, so their kinks are taken away.
func (l *Search) priceBacked() {
	for t := range l.back {
		l.backSlot(t)
		l.kinks[t] = l.kinks[t][:0]
	}
	l.s.Spent += int64(6 * l.p.N)
}

// backSlot is the cost of a slot with the battery in it: the pieces of both, the cheapest
// first.
func (l *Search) backSlot(t int) {
	b, q, tb, kinks := l.p.Battery, &l.back[t], &l.table[t], l.kinks[t]
	q.z, q.slope, q.cost = q.z[:0], q.slope[:0], q.cost[:0]
	kept := -l.worth[t] * l.h // what a kW is worth that is kept through the slot
	// From full charging on: what is not charged, then what is discharged.
	type piece struct{ kw, slope float64 }
	pieces := [2]piece{{b.MaxChargeKW, kept * b.EffC}, {b.MaxDischargeKW, kept/b.EffD + b.Wear*l.h}}
	slices.SortFunc(kinks, func(a, b kink) int { return cmp.Compare(a.th, b.th) })
	var extra float64 // slope of the kinks passed
	i, k, s := 0, 0, 0
	for ; k < len(kinks) && kinks[k].th <= tb.z[0]; k++ {
		extra += kinks[k].slope
	}
	own := tb.z[0] // the slot's part of z, with what is charged
	z := own - b.MaxChargeKW
	for {
		slope := tb.slope[i] + l.h*l.mult[t]*tb.draw[i] + extra
		for ; s < len(pieces) && pieces[s].slope <= slope; s++ {
			if len(q.z) > 0 { // below the slot's first piece it is always used
				q.add(z, pieces[s].slope)
			}
			z += pieces[s].kw
		}
		q.add(z, slope)
		switch table, kinked := i+1 < len(tb.z), k < len(kinks); {
		case kinked && (!table || kinks[k].th < tb.z[i+1]):
			z, own = z+max(0, kinks[k].th-own), max(own, kinks[k].th)
			extra += kinks[k].slope
			k++
			continue
		case table:
			z, own = z+max(0, tb.z[i+1]-own), max(own, tb.z[i+1])
			i++
			continue
		}
		break
	}
	for i := range q.z {
		var c float64
		if i > 0 {
			c = q.cost[i-1] + (q.z[i]-q.z[i-1])*q.slope[i-1]
		}
		q.cost = append(q.cost, c)
	}
}

// rechargeNoted plans the battery anew, and notes what its charge is worth.
func (l *Search) rechargeNoted() {
	l.rest()
	l.price(noUnit, 0)
	l.store.Worth = l.after
	l.recharge()
	l.store.Worth = nil
	soc := l.p.Battery.SoC0
	for t, x := range l.bat {
		soc += l.p.Battery.Inflow(x) * l.h
		l.worth[t] = l.after[t].Slope(soc)
	}
}

// putBackBacked puts the units back one after the other, where they seem cheapest with a
// battery that answers, then each where it is cheapest so; the battery is planned anew after
// each.  Where every place is above the peak without the battery, this finds those at which
// it helps most.
func (l *Search) putBackBacked(out takenOut) {
	l.rechargeNoted()
	left := out.energy
	for _, i := range out.units {
		f := 1 + (backDear-1)*l.s.Rng.Float64()
		for t := range l.worth {
			l.worth[t] *= f
		}
		l.insertBacked(i, left, true)
		left = 0
	}
	if out.again {
		for _, i := range out.units {
			l.remove(i)
			l.rechargeNoted()
			l.insertBacked(i, 0, false)
		}
	}
	l.Cost = l.Evaluate()
}

// insertBacked puts a unit back with a battery that answers, and plans that anew.
func (l *Search) insertBacked(i int, energy float64, disturbed bool) {
	l.rest()
	l.backed = true
	l.price(i, energy)
	l.insert(i, disturbed)
	l.backed, l.priced = false, false
	l.rechargeNoted()
}
