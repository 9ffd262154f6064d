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
	keys    []uint64
	unsort  []sample
	all     slotSamples // with the neighbouring slots
	own     slotSamples // the slot itself
	weights []float32
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

// sort lays unsort out in order in all.  The bits of floats that are not
// negative are in the order of the floats.
func (g *gatherer) sort() {
	g.keys = g.keys[:0]
	for i, s := range g.unsort {
		g.keys = append(g.keys, uint64(math.Float32bits(s.x+0))<<32|uint64(i))
	}
	slices.Sort(g.keys)
	g.all = g.all[:0]
	for _, k := range g.keys {
		g.all = append(g.all, g.unsort[uint32(k)])
	}
}

func abs(a int) int {
	if a < 0 {
		return -a
	}
	return a
}

// mix is the weighted mean and quantiles of the samples, where dayWeight[b] is
// the weight of the day b days back.  ok is false where nothing has weight.
// Quantiles interpolate between the middles of the samples' masses.
func (g *gatherer) mix(ss slotSamples, dayWeight []float32) (q quad, ok bool) {
	if cap(g.weights) < len(ss) {
		g.weights = make([]float32, 2*len(ss))
	}
	weights := g.weights[:len(ss)]
	var total, mean float32
	for i := range ss {
		s := &ss[i]
		w := dayWeight[s.day] * s.weight
		weights[i] = w
		total += w
		mean += w * s.x
	}
	if !(total > 0) {
		return q, false
	}
	q.mean = mean / total
	t := [3]float32{0.1 * total, 0.5 * total, 0.9 * total}
	out := [3]float32{}
	k := 0
	var below, lastX, lastMid float32
	started := false
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		mid := below + w/2
		x := ss[i].x
		for mid >= t[k] {
			if !started || mid <= lastMid {
				out[k] = x
			} else {
				out[k] = lastX + (x-lastX)*(t[k]-lastMid)/(mid-lastMid)
			}
			if k++; k == 3 {
				q.q10, q.q50, q.q90 = out[0], out[1], out[2]
				return q, true
			}
		}
		started = true
		lastX, lastMid = x, mid
		below += w
	}
	for ; k < 3; k++ {
		out[k] = lastX
	}
	q.q10, q.q50, q.q90 = out[0], out[1], out[2]
	return q, true
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
