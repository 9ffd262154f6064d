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
	laid        [nearCount]laid
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
	l := &g.laid[0]
	l.begin(len(ss))
	for i := range ss {
		s := &ss[i]
		w := float32(dayWeight[s.day] * s.weight)
		l.middle[i] = l.total + w/2
		l.total += w
		l.sum += w * s.x
	}
	return l.quad(ss, dayWeight, 1)
}

// mixTwo is mix by two sets of weights, in little more than the time of one: a sum waits
// for its last addition, and two do not wait for each other.
func (g *gatherer) mixTwo(ss slotSamples, one, other []float32) (a, b quad, aOK, bOK bool) {
	l, m := &g.laid[0], &g.laid[1]
	l.begin(len(ss))
	m.begin(len(ss))
	var total, sum, total2, sum2 float32
	middle, middle2 := l.middle[:len(ss)], m.middle[:len(ss)]
	for i := range ss {
		s := &ss[i]
		w, w2 := float32(one[s.day]*s.weight), float32(other[s.day]*s.weight)
		middle[i], middle2[i] = total+w/2, total2+w2/2
		total += w
		total2 += w2
		sum += w * s.x
		sum2 += w2 * s.x
	}
	l.total, l.sum, m.total, m.sum = total, sum, total2, sum2
	a, aOK = l.quad(ss, one, 1)
	b, bOK = m.quad(ss, other, 1)
	return a, b, aOK, bOK
}

// nearCount is how many experts look at all samples near a slot, each with weights of its own.
const nearCount = 5

// mixNear is mix of all samples by five sets of weights, of which those of one day lie beside
// each other: each sample is looked at once.
func (g *gatherer) mixNear(dayWeight []float32) (q [nearCount]quad, ok [nearCount]bool) {
	ss := g.all
	n := len(ss)
	for e := range g.laid {
		g.laid[e].begin(n)
	}
	l := &g.laid
	middle0, middle1, middle2, middle3, middle4 := l[0].middle[:n], l[1].middle[:n], l[2].middle[:n], l[3].middle[:n], l[4].middle[:n]
	var total, sum [nearCount]float32
	total0, total1, total2, total3, total4 := total[0], total[1], total[2], total[3], total[4]
	sum0, sum1, sum2, sum3, sum4 := sum[0], sum[1], sum[2], sum[3], sum[4]
	for i := range ss {
		s := &ss[i]
		w, weight, x := (*[nearCount]float32)(dayWeight[int(s.day)*nearCount:]), s.weight, s.x
		w0, w1, w2, w3, w4 := float32(w[0]*weight), float32(w[1]*weight), float32(w[2]*weight), float32(w[3]*weight), float32(w[4]*weight)
		middle0[i] = total0 + w0/2
		total0 += w0
		sum0 += w0 * x
		middle1[i] = total1 + w1/2
		total1 += w1
		sum1 += w1 * x
		middle2[i] = total2 + w2/2
		total2 += w2
		sum2 += w2 * x
		middle3[i] = total3 + w3/2
		total3 += w3
		sum3 += w3 * x
		middle4[i] = total4 + w4/2
		total4 += w4
		sum4 += w4 * x
	}
	total, sum = [nearCount]float32{total0, total1, total2, total3, total4}, [nearCount]float32{sum0, sum1, sum2, sum3, sum4}
	for e := range l {
		l[e].total, l[e].sum = total[e], sum[e]
		q[e], ok[e] = l[e].quad(ss, dayWeight[min(e, len(dayWeight)):], nearCount)
	}
	return q, ok
}

// laid are samples with their masses laid end to end.
type laid struct {
	middle     []float32 // of the mass of each
	total, sum float32   // of the masses, and of mass times value
}

func (l *laid) begin(n int) {
	if cap(l.middle) < n {
		l.middle = make([]float32, 2*n)
	}
	l.middle, l.total, l.sum = l.middle[:n], 0, 0
}

// quad reads the mean and the quantiles; the weights of days are so many apart.  The
// middles of the masses rise, so that each is found by halving.
func (l *laid) quad(ss slotSamples, dayWeight []float32, apart int) (q quad, ok bool) {
	if !(l.total > 0) {
		return q, false
	}
	middle := l.middle[:len(ss)]
	mass := func(i int) float32 { return float32(dayWeight[int(ss[i].day)*apart] * ss[i].weight) }
	var out [3]float32
	lo := 0
	for k, t := range [3]float32{0.1 * l.total, 0.5 * l.total, 0.9 * l.total} {
		for n := len(ss) - lo; n > 0; {
			half := n >> 1
			next := lo + half + 1
			if n -= half + 1; middle[next-1] >= t {
				next, n = lo, half
			}
			lo = next
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
			mid, last := middle[i], middle[j]
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
