package forecast

import (
	"math"
	"slices"
)

// quad is one expert's answer for one cell, in kWh.
type quad struct{ mean, q10, q50, q90 float32 }

func (q *quad) scale(k float32) {
	q.mean, q.q10, q.q50, q.q90 = q.mean*k, q.q10*k, q.q50*k, q.q90*k
}

// levels are the probabilities of q10, q50 and q90.
func levels() [3]float64 { return [3]float64{0.1, 0.5, 0.9} }

// windowDays is how far back whole days are drawn on as samples.
const windowDays = 140

// rareDays is how far back days of rare kinds are: last year's are among them.
const rareDays = 400

// rareAge is by how much slower days of rare kinds age for one another.
const rareAge = 10

// sample is one past value offered for a slot of the day: of which day, and
// how near in time of day.
type sample struct {
	x      float32 // value over its day's level, never negative
	day    int32   // days back from the origin's day, from 0
	weight float32 // 1 is the slot itself
}

// slotSamples are the past values for one slot of the day, least first.
type slotSamples []sample

// gatherer collects and mixes samples; its buffers are used again.
type gatherer struct {
	keys, spare []uint64
	unsort      []sample
	all         slotSamples // with the neighbouring slots
	own         slotSamples // the slot itself
	one, other  laid
}

// gather collects the samples for slot s of the day as known at origin: the
// slot itself and, with less weight, its neighbours within half an hour.
// level[b] is the level of the day b days back; days without one are left out.
func (g *gatherer) gather(d *days, origin, s int, level []float64) {
	g.unsort = g.unsort[:0]
	today := origin / d.perDay
	reach := d.perDay / 48 // cells in half an hour
	for b := range level {
		if !(level[b] > 0) {
			continue
		}
		inv := float32(1 / level[b])
		for o := -reach; o <= reach; o++ {
			c := (today-b)*d.perDay + s + o
			if c < 0 || c >= origin || c >= len(d.v) {
				continue
			}
			x := d.v[c]
			if x != x {
				continue
			}
			w := float32(1)
			if o != 0 {
				w = 0.6 * (1 - float32(abs(o))/float32(reach+1))
			}
			g.unsort = append(g.unsort, sample{x * inv, int32(b), w})
		}
	}
	g.sort()
	g.own = g.own[:0]
	for _, s := range g.all {
		if s.weight == 1 {
			g.own = append(g.own, s)
		}
	}
}

// sort lays unsort out in order in all, equal values as they come.  The bits of floats
// that are not negative are in the order of the floats.
func (g *gatherer) sort() {
	g.keys = g.keys[:0]
	for i, s := range g.unsort {
		g.keys = append(g.keys, uint64(math.Float32bits(s.x+0))<<32|uint64(i))
	}
	const few = 64 // of which a sort by comparing is as quick
	if len(g.keys) < few {
		slices.Sort(g.keys)
	} else {
		g.sortByDigits()
	}
	g.all = g.all[:0]
	for _, k := range g.keys {
		g.all = append(g.all, g.unsort[uint32(k)])
	}
}

// sortByDigits sorts the keys, whose lower halves rise, by the bytes of their upper
// ones, the least first.
func (g *gatherer) sortByDigits() {
	var count [4][256]int32
	for _, k := range g.keys {
		count[0][byte(k>>32)]++
		count[1][byte(k>>40)]++
		count[2][byte(k>>48)]++
		count[3][byte(k>>56)]++
	}
	if cap(g.spare) < len(g.keys) {
		g.spare = make([]uint64, cap(g.keys))
	}
	from, to := g.keys, g.spare[:len(g.keys)]
	for digit := range count {
		at, shift := &count[digit], 32+8*digit
		sum := int32(0)
		for b, n := range at {
			at[b] = sum
			sum += n
		}
		for _, k := range from {
			b := byte(k >> shift)
			to[at[b]] = k
			at[b]++
		}
		from, to = to, from // an even number of times
	}
}

func abs(a int) int {
	if a < 0 {
		return -a
	}
	return a
}

// mix is the weighted mean and quantiles of the samples, where dayWeight[b] is
// the weight of the day b days back, never negative.  ok is false where nothing has weight.
// Quantiles interpolate between the middles of the samples' masses.
func (g *gatherer) mix(ss slotSamples, dayWeight []float32) (q quad, ok bool) {
	l := &g.one
	l.begin(len(ss))
	for i := range ss {
		l.below[i] = l.total
		s := &ss[i]
		w := float32(dayWeight[s.day] * s.weight)
		l.total += w
		l.sum += w * s.x
	}
	return l.quad(ss, dayWeight)
}

// mixTwo is mix by two sets of weights, in little more than the time of one: a sum waits
// for its last addition, and two do not wait for each other.
func (g *gatherer) mixTwo(ss slotSamples, one, other []float32) (a, b quad, aOK, bOK bool) {
	l, m := &g.one, &g.other
	l.begin(len(ss))
	m.begin(len(ss))
	var total, sum, total2, sum2 float32
	below, below2 := l.below, m.below
	for i := range ss {
		below[i], below2[i] = total, total2
		s := &ss[i]
		w, w2 := float32(one[s.day]*s.weight), float32(other[s.day]*s.weight)
		total += w
		total2 += w2
		sum += w * s.x
		sum2 += w2 * s.x
	}
	l.total, l.sum, m.total, m.sum = total, sum, total2, sum2
	a, aOK = l.quad(ss, one)
	b, bOK = m.quad(ss, other)
	return a, b, aOK, bOK
}

// laid are samples with their masses laid end to end.
type laid struct {
	below      []float32 // mass before each
	total, sum float32   // of the masses, and of mass times value
}

func (l *laid) begin(n int) {
	if cap(l.below) < n {
		l.below = make([]float32, 2*n)
	}
	l.below, l.total, l.sum = l.below[:n], 0, 0
}

// quad reads the mean and the quantiles.  The middles of the masses rise, so that each is
// found by halving.
func (l *laid) quad(ss slotSamples, dayWeight []float32) (q quad, ok bool) {
	if !(l.total > 0) {
		return q, false
	}
	mass := func(i int) float32 { return float32(dayWeight[ss[i].day] * ss[i].weight) }
	var out [3]float32
	lo := 0
	for k, t := range [3]float32{0.1 * l.total, 0.5 * l.total, 0.9 * l.total} {
		hi := len(ss)
		for lo < hi {
			if m := int(uint(lo+hi) >> 1); l.below[m]+mass(m)/2 >= t {
				hi = m
			} else {
				lo = m + 1
			}
		}
		i := lo
		for i < len(ss) && mass(i) <= 0 {
			i++
		}
		j := min(i, len(ss)) - 1
		for j >= 0 && mass(j) <= 0 {
			j--
		}
		switch {
		case i == len(ss):
			out[k] = ss[j].x
		case j < 0:
			out[k] = ss[i].x
		default:
			mid, last := l.below[i]+mass(i)/2, l.below[j]+mass(j)/2
			if out[k] = ss[i].x; mid > last {
				out[k] = ss[j].x + (ss[i].x-ss[j].x)*(t-last)/(mid-last)
			}
		}
	}
	return quad{l.sum / l.total, out[0], out[1], out[2]}, true
}

// mean is the weighted mean alone.
func (ss slotSamples) mean(dayWeight []float32) (m float32, ok bool) {
	var total, sum float32
	for i := range ss {
		s := &ss[i]
		w := dayWeight[s.day] * s.weight
		total += w
		sum += w * s.x
	}
	return sum / total, total > 0
}
