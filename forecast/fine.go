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
// mean is the cell's; the quantiles are those of single slots at that time of day, moved
// as the cell's own are from its climatology.
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
	p := newFinePast(o, h, cal)
	low, high := p.stretch(o, h, cal)
	for i := range fa.slot {
		c := o.origin + i
		q, ok := p.at(c, 0)
		if !ok {
			continue
		}
		q.scale(float32(p.now))
		cell := o.q[i]
		a := refined(q, cell, o.panel.get(climate25, min(i, o.panel.cells-1)))
		a.mean = cell.mean / k
		a.q10 = max(0, a.q50-low*(a.q50-a.q10))
		a.q90 = a.q50 + high*(a.q90-a.q50)
		fa.slot[i] = a
	}
	return fa
}

// finePast is what single slots used, by the time of day of their cell.
type finePast struct {
	d      *days
	today  int
	byCell [][]sample
	sim    [kindCount][kindCount]float64
	levels int // how many days back have a level
	now    float64
	g      gatherer
	w      []float32
}

func newFinePast(o *outlook, h *history, cal *calendar) *finePast {
	d := o.d
	level, now := levelsBack(d, o.origin, fineDays+1)
	p := &finePast{
		d: d, today: o.origin / d.perDay, byCell: make([][]sample, d.perDay), now: now,
		sim: kindSimilarity(d, o.origin, level), levels: len(level), w: make([]float32, len(level)),
	}
	base := d.base / float64(d.fine)
	for g := max(h.first, min(h.end(), o.first)-(fineDays+1)*86400/h.step); g < min(h.end(), o.first); g++ {
		x := h.at(g) - base
		if !(x >= 0) { // not known, or not believed
			continue
		}
		c := d.cellAt(g, h.step, cal)
		b := p.today - c/d.perDay
		if c >= o.origin || b < 0 || b >= len(level) || !(level[b] > 0) {
			continue
		}
		s := c % d.perDay
		p.byCell[s] = append(p.byCell[s], sample{float32(x / level[b]), int32(b), 1})
	}
	for s := range p.byCell {
		p.g.unsort = p.byCell[s]
		p.g.sort()
		p.byCell[s] = slices.Clone(p.g.all)
	}
	return p
}

// at is the distribution of the slots of a cell over the level, without the last days.
func (p *finePast) at(c, without int) (quad, bool) {
	kind := p.d.kind(c / p.d.perDay)
	for b := range p.w {
		p.w[b] = 0
		if b >= without {
			p.w[b] = float32(p.sim[kind][p.d.kind(p.today-b)] * math.Exp2(-float64(b)/25))
		}
	}
	return p.g.mix(p.byCell[c%p.d.perDay], p.w)
}

// fineScored is how many days back forecasts of single slots are scored.
const fineScored = 10

// stretch is by how much the tails of single slots must be wider to hold what they say: they
// are made again for the last days, from the days before and the forecasts of cells given then.
func (p *finePast) stretch(o *outlook, h *history, cal *calendar) (low, high float32) {
	d := o.d
	var lows, highs []float32
	for _, m := range o.learned.paths {
		n := d.perDay // one day each
		if m.p.origin < o.origin-fineScored*d.perDay || m.p.origin+n > o.origin || p.levels <= fineScored+7 {
			continue
		}
		slot := make([]quad, n)
		for i := range slot {
			if q, ok := p.at(m.p.origin+i, fineScored+1); ok {
				q.scale(float32(m.p.level))
				slot[i] = refined(q, m.given[i], m.p.get(climate25, i))
			}
		}
		first := min(h.end(), o.first) - int64(fineScored+2)*86400/h.step
		for g := max(h.first, first); g < min(h.end(), o.first); g++ {
			i := d.cellAt(g, h.step, cal) - m.p.origin
			if i < 0 || i >= n || slot[i].q90 <= 0 {
				continue
			}
			q := &slot[i]
			y := float32(h.at(g) - d.base/float64(d.fine))
			if !(y >= 0) {
				continue
			}
			eps := 1e-3*q.q50 + 1e-9
			lows = append(lows, (q.q50-y)/(q.q50-q.q10+eps))
			highs = append(highs, (y-q.q50)/(q.q90-q.q50+eps))
		}
	}
	if len(lows) < 2*d.perDay*d.fine { // too few days to tell
		return 1, 1
	}
	nine := len(lows) * 9 / 10
	hold := func(x float32) float32 { return max(0.5, min(x, 3)) }
	return hold(selectNth(lows, nine)), hold(selectNth(highs, nine))
}

// refined is the distribution of single slots, known of the past, moved as the cell's
// is from its climatology: the median by the same factor, and the tails so that the squares of
// their relative widths differ by as much.  A cell that is foreseen better says little about
// which of its slots has the load.
func refined(slot, cell, climate quad) quad {
	by := moved(cell.q50, climate.q50)
	out := quad{q50: slot.q50 * by}
	if !(slot.q50 > 0) || !(cell.q50 > 0) || !(climate.q50 > 0) {
		out.q10, out.q90 = slot.q10*moved(cell.q10, climate.q10), slot.q90*moved(cell.q90, climate.q90)
	} else {
		square := func(a quad, outer float32) float32 { x := (outer - a.q50) / a.q50; return x * x }
		wide := func(s, c, k float32) float32 {
			return out.q50 * float32(math.Sqrt(float64(max(s+c-k, s/9))))
		}
		out.q10 = out.q50 - wide(square(slot, slot.q10), square(cell, cell.q10), square(climate, climate.q10))
		out.q90 = out.q50 + wide(square(slot, slot.q90), square(cell, cell.q90), square(climate, climate.q90))
	}
	out.q10 = max(0, min(out.q10, out.q50))
	out.q90 = max(out.q90, out.q50)
	return out
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
