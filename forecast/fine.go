package forecast

import (
	"math"
	"slices"
)

// fineDays is how far back the spread of single slots within a cell is
// learned from.
const fineDays = 28

// fineAnswer turns the answer for cells into one for slots shorter than a
// cell.  All slots of a cell share it: no habit keeps time to the minute.  The
// mean is the cell's; each quantile is that of single slots at that time of
// day, moved as far as the cell's own was moved from its climatology.
type fineAnswer struct {
	o    *outlook
	slot []quad // by cell from the origin, kWh a slot
}

// newFineAnswer looks at the single slots of the last weeks.
func newFineAnswer(o *outlook, h *history, cal *calendar) *fineAnswer {
	d := o.d
	fa := &fineAnswer{o: o, slot: make([]quad, len(o.q))}
	k := float32(d.fine)
	for i, q := range o.q {
		q.scale(1 / k)
		fa.slot[i] = q
	}
	if o.panel == nil || o.panel.level <= 0 {
		return fa
	}
	level, now := levelsBack(d, o.origin, fineDays+1)
	sim := kindSimilarity(d, o.origin, level)
	today := o.origin / d.perDay
	byCell := make([][]sample, d.perDay)
	seconds := h.step * int64(d.fine)
	from := max(h.first, h.end()-(fineDays+1)*86400/h.step)
	for g := from; g < h.end(); g++ {
		x := h.at(g) - d.base/float64(d.fine)
		if x != x {
			continue
		}
		dn, sec := cal.local(g * h.step)
		c := int(dn-d.first)*d.perDay + int(sec/seconds)
		b := today - c/d.perDay
		if c >= o.origin || b < 0 || b >= len(level) || !(level[b] > 0) {
			continue
		}
		s := c % d.perDay
		byCell[s] = append(byCell[s], sample{float32(x / level[b]), int32(b), 1})
	}
	var gather gatherer
	for s := range byCell {
		gather.unsort = byCell[s]
		gather.sort()
		byCell[s] = slices.Clone(gather.all)
	}
	w := make([]float32, len(level))
	for i := range fa.slot {
		c := o.origin + i
		kind := d.kind(c / d.perDay)
		for b := range w {
			w[b] = float32(sim[kind][d.kind(today-b)] * math.Exp2(-float64(b)/25))
		}
		q, ok := gather.mix(byCell[c%d.perDay], w)
		if !ok {
			continue
		}
		q.scale(float32(now))
		cell, climate := o.q[i], o.panel.answer[climate25][min(i, o.panel.cells-1)]
		fa.slot[i] = quad{
			mean: cell.mean / k,
			q10:  q.q10 * moved(cell.q10, climate.q10),
			q50:  q.q50 * moved(cell.q50, climate.q50),
			q90:  q.q90 * moved(cell.q90, climate.q90),
		}
		a := &fa.slot[i]
		a.q50 = max(a.q50, a.q10)
		a.q90 = max(a.q90, a.q50)
	}
	return fa
}

// moved is the ratio of two figures, held to a third to three.
func moved(now, before float32) float32 {
	if !(before > 0) || !(now > 0) {
		return 1
	}
	return max(1.0/3, min(now/before, 3))
}

// at is the answer for a slot of cell c.
func (fa *fineAnswer) at(c int) quad { return fa.slot[fa.o.index(c, len(fa.slot))] }
