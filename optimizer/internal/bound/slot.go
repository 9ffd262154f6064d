package bound

import (
	"math"
)

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
	// Supply and continuous powers that are not used, the cheapest first.
	st := q.sort[:0]
	put := func(x stretchOf) {
		st = append(st, x)
		for i := len(st) - 1; i > 0 && st[i-1].slope > x.slope; i-- {
			st[i], st[i-1] = st[i-1], x
		}
	}
	for i := range sl.segs {
		g := &sl.segs[i]
		slope := g.slope
		for k, c := range g.coef {
			slope -= c * q.mu[k]
		}
		put(stretchOf{g.length, slope, i})
	}
	need, value := sl.need, 0.0
	if commit {
		for _, w := range sl.who {
			q.powers[w.unit][w.at] = 0
		}
	}
	free := func(u softUnit, from int) {
		x := q.Pi[u.unit][t]
		if u.most > 0 {
			put(stretchOf{u.most, x, from})
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
	q.sort = st
	slopeAt := func(z float64) float64 {
		for i := range st {
			if z < st[i].length {
				return st[i].slope
			}
			z -= st[i].length
		}
		return math.Inf(1)
	}
	// Loads whose price is below any supply's, or above all, are settled.
	var openBuf [16]slotUnit
	open := append(openBuf[:0], sl.units...)
	for {
		most := need
		for _, u := range open {
			most += u.levels[len(u.levels)-1]
		}
		lo, hi := slopeAt(need), slopeAt(most)
		kept := open[:0]
		again := false
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
		if !again || len(open) == 0 {
			break
		}
	}
	best, least := int32(-1), 0.0
	if len(open) > 0 {
		// All sums of the others' powers, by dynamic programme: of two sums
		// the greater must earn more.
		arena := append(q.arena[:0], combo{prev: -1})
		from := 0
		for _, u := range open {
			to := len(arena)
			cur := q.front[0][:0]
			for k := from; k < to; k++ {
				cur = append(cur, combo{arena[k].kw, arena[k].gain, int32(k), 0})
			}
			spare := q.front[1]
			for l, level := range u.levels {
				out := spare[:0]
				i, gain := 0, level*q.Pi[u.unit][u.at[l]]
				for k := from; k < to; k++ {
					c := combo{arena[k].kw + level, arena[k].gain + gain, int32(k), int32(l + 1)}
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
			from = to
			top := math.Inf(-1)
			for _, c := range cur {
				if c.gain > top {
					top = c.gain
					arena = append(arena, c)
				}
			}
			for len(arena)-from > mostSums { // a relaxation: as little power as the one, as much earned as the other
				k := from
				for i := from; i < len(arena); i += 2 {
					c := arena[min(i+1, len(arena)-1)]
					c.kw = arena[i].kw
					arena[k] = c
					k++
				}
				arena = arena[:k]
			}
		}
		q.arena = arena
		// One sweep along the supply values them all.
		i, at, paid := 0, 0.0, 0.0
		least = math.Inf(1)
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
		if !commit {
			return value + least
		}
		value -= arena[best].gain
		need += arena[best].kw
		for l := len(open) - 1; l >= 0; l-- {
			if k := arena[best].level - 1; k >= 0 {
				q.powers[open[l].unit][open[l].at[k]] = open[l].levels[k]
			}
			best = arena[best].prev
		}
	}
	if !commit {
		for i := range st {
			x := min(need, st[i].length)
			if x <= 0 {
				break
			}
			value += x * st[i].slope
			need -= x
		}
		return value
	}
	clear(sl.use)
	sl.cost = 0
	for i := range st {
		x := min(need, st[i].length)
		if x <= 0 {
			break
		}
		value += x * st[i].slope
		need -= x
		if st[i].from < 0 {
			u := sl.soft
			if st[i].from&1 == 0 {
				u = sl.vars
			}
			q.powers[u[(-1-st[i].from)/2].unit][t] -= x
			continue
		}
		g := &sl.segs[st[i].from]
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
