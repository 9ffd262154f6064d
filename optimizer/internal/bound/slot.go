package bound

import "math"

// stretchOf is a stretch with where it comes from: a segment or, below 0, a
// continuous power that is not used.
type stretchOf struct {
	length, slope float64
	from          int
}

// combo is a choice of powers in one slot: their sum, what they earn, and how
// it came about.
type combo struct {
	kw, gain float64
	prev     int32
	level    int32 // 0: off
}

// slot finds the slot's best powers; it notes them and returns their value.
func (q *Tightener) slot(t int) float64 {
	sl := &q.slots[t]
	// Whether a load of variable power is on is tried both ways.
	best, mask := math.Inf(1), 0
	if len(sl.vars) > 0 {
		for k := range 1 << len(sl.vars) {
			if v := q.slotWith(t, k, false); v < best {
				best, mask = v, k
			}
		}
	}
	return q.slotWith(t, mask, true)
}

// slotWith is the slot's value with the loads of variable power that are in
// mask on; commit: its powers are noted.
func (q *Tightener) slotWith(t, mask int, commit bool) float64 {
	sl := &q.slots[t]
	if commit {
		for _, w := range sl.who {
			q.powers[w.unit][w.at] = 0
		}
	}
	need, value := q.lay(t, mask, commit)
	need, value = q.settle(sl, need, value, commit)
	if len(q.open) > 0 {
		from := q.sums()
		best, least := q.cheapest(need, from)
		if !commit {
			return value + least
		}
		value -= q.arena[best].gain
		need += q.arena[best].kw
		q.take(best)
	}
	if !commit {
		return q.served(need, value)
	}
	return q.serve(t, need, value)
}

// lay lays out the supply, the cheapest first, and among it the continuous powers that
// are not used: at first each of them is drawn in full, and giving some of it back is
// like buying from it.  need is the supply wanted with all other loads off, value what
// the continuous powers earn.
func (q *Tightener) lay(t, mask int, commit bool) (need, value float64) {
	sl := &q.slots[t]
	need = sl.need
	st := q.supply[:0]
	for i := range sl.segs {
		g := &sl.segs[i]
		slope := g.slope
		for k, c := range g.coef {
			slope -= c * q.mu[k]
		}
		st = ranked(st, stretchOf{g.length, slope, i})
	}
	free := func(u softUnit, from int) {
		x := q.Pi[u.unit][t]
		if u.most > 0 {
			st = ranked(st, stretchOf{u.most, x, from})
		}
		need += u.least + u.most
		value -= x * (u.least + u.most)
		if commit {
			q.powers[u.unit][t] = u.least + u.most
		}
	}
	for i, u := range sl.soft {
		free(u, -1-2*i)
	}
	for i, u := range sl.vars {
		if mask>>i&1 == 1 {
			free(u, -2-2*i)
			value -= q.Pi[u.unit][q.N+t]
			if commit {
				q.powers[u.unit][q.N+t] = 1
			}
		}
	}
	q.supply = st
	return need, value
}

// ranked puts a stretch where its slope belongs.
func ranked(st []stretchOf, x stretchOf) []stretchOf {
	st = append(st, x)
	for i := len(st) - 1; i > 0 && st[i-1].slope > x.slope; i-- {
		st[i], st[i-1] = st[i-1], x
	}
	return st
}

// marginal is what one kW more costs beyond z kW of supply.
func marginal(st []stretchOf, z float64) float64 {
	for i := range st {
		if z < st[i].length {
			return st[i].slope
		}
		z -= st[i].length
	}
	return math.Inf(1)
}

// settle settles the loads whose price is below any that supply can come to, or above
// all; each of them narrows the range for the others.  Those that are left are in open.
func (q *Tightener) settle(sl *slotProblem, need, value float64, commit bool) (float64, float64) {
	open := append(q.open[:0], sl.units...)
	for again := true; again && len(open) > 0; {
		most := need
		for i := range open {
			u := &open[i]
			most += u.levels[len(u.levels)-1]
		}
		lo, hi := marginal(q.supply, need), marginal(q.supply, most)
		kept := open[:0]
		again = false
		for _, u := range open {
			l := q.settled(&u, lo, hi)
			if l < 0 {
				kept = append(kept, u)
				continue
			}
			again = true
			if l > 0 {
				x := u.levels[l-1]
				need += x
				value -= x * q.Pi[u.unit][u.at[l-1]]
				if commit {
					q.powers[u.unit][u.at[l-1]] = x
				}
			}
		}
		open = kept
	}
	q.open = open
	return need, value
}

// sums lists all sums of the open loads' powers that are worth a look, by dynamic
// programme: of two sums the greater must earn more.  They are left in arena, those of
// all loads from the index returned on.
func (q *Tightener) sums() (from int) {
	q.arena = append(q.arena[:0], combo{prev: -1})
	for i := range q.open {
		to := len(q.arena)
		top := math.Inf(-1)
		for _, c := range q.with(&q.open[i], from) {
			if c.gain > top {
				top = c.gain
				q.arena = append(q.arena, c)
			}
		}
		from = to
		q.thin(from)
	}
	return from
}

// with is the sums from an index of the arena on, each with each power of a load more,
// by their size.
func (q *Tightener) with(u *slotUnit, from int) []combo {
	old := q.arena[from:]
	cur, spare := q.front[0][:0], q.front[1]
	for k := range old {
		cur = append(cur, combo{old[k].kw, old[k].gain, int32(from + k), 0})
	}
	for l, level := range u.levels {
		out := spare[:0]
		i, gain := 0, level*q.Pi[u.unit][u.at[l]]
		for k := range old {
			c := combo{old[k].kw + level, old[k].gain + gain, int32(from + k), int32(l + 1)}
			for i < len(cur) && cur[i].kw <= c.kw {
				out = append(out, cur[i])
				i++
			}
			out = append(out, c)
		}
		out = append(out, cur[i:]...)
		cur, spare = out, cur
	}
	q.front[0], q.front[1] = cur, spare
	return cur
}

// thin makes one of each two sums while there are too many: as little power as the one,
// as much earned as the other, which is a relaxation.
func (q *Tightener) thin(from int) {
	arena := q.arena
	for len(arena)-from > mostSums {
		k := from
		for i := from; i < len(arena); i += 2 {
			c := arena[min(i+1, len(arena)-1)]
			c.kw = arena[i].kw
			arena[k] = c
			k++
		}
		arena = arena[:k]
	}
	q.arena = arena
}

// cheapest finds the best of the sums in one sweep along the supply, which values them
// all.
func (q *Tightener) cheapest(need float64, from int) (best int32, least float64) {
	st, arena := q.supply, q.arena
	i, at, paid := 0, 0.0, 0.0
	best, least = -1, math.Inf(1)
	for k := from; k < len(arena); k++ {
		z := need + arena[k].kw
		for z > at+st[i].length && i+1 < len(st) {
			paid += st[i].length * st[i].slope
			at += st[i].length
			i++
		}
		if v := paid + (z-at)*st[i].slope - arena[k].gain; v < least {
			least, best = v, int32(k)
		}
	}
	q.s.Spent += int64(8 * len(arena))
	return best, least
}

// take notes the powers that led to a sum.
func (q *Tightener) take(best int32) {
	for l := len(q.open) - 1; l >= 0; l-- {
		c := &q.arena[best]
		if k := c.level - 1; k >= 0 {
			q.powers[q.open[l].unit][q.open[l].at[k]] = q.open[l].levels[k]
		}
		best = c.prev
	}
}

// served is the value with what supply for the need costs.
func (q *Tightener) served(need, value float64) float64 {
	for i := range q.supply {
		s := &q.supply[i]
		x := min(need, s.length)
		if x <= 0 {
			break
		}
		value += x * s.slope
		need -= x
	}
	return value
}

// serve is served, and notes what is used of supply and what the continuous powers
// give back.
func (q *Tightener) serve(t int, need, value float64) float64 {
	sl := &q.slots[t]
	clear(sl.use)
	sl.cost = 0
	for i := range q.supply {
		s := &q.supply[i]
		x := min(need, s.length)
		if x <= 0 {
			break
		}
		value += x * s.slope
		need -= x
		if s.from < 0 {
			u := sl.soft
			if s.from&1 == 0 {
				u = sl.vars
			}
			q.powers[u[(-1-s.from)/2].unit][t] -= x
			continue
		}
		g := &sl.segs[s.from]
		sl.cost += x * g.slope
		for k, c := range g.coef {
			sl.use[k] += c * x
		}
	}
	q.s.Spent += 20
	return value
}

// settled is the level (0: off, 1: the first) that is best for a unit whatever
// supply costs between lo and hi, -1 where that depends.
func (q *Tightener) settled(u *slotUnit, lo, hi float64) int {
	pi := q.Pi[u.unit]
	gain := func(l int) (kw, earns float64) {
		if l == 0 {
			return 0, 0
		}
		return u.levels[l-1], u.levels[l-1] * pi[u.at[l-1]]
	}
next:
	for l := range len(u.levels) + 1 {
		kw, earns := gain(l)
		for k := range len(u.levels) + 1 {
			x, e := gain(k)
			if x < kw && earns-e < hi*(kw-x) || x > kw && e-earns > lo*(x-kw) {
				continue next
			}
		}
		return l
	}
	return -1
}
