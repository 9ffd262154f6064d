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
const windowDays = 182

// sample is one past value offered for a slot of the day: of which day, and
// how near in time of day.
type sample struct {
	x      float32 // value over its day's level
	day    int32   // days back from the origin's day, from 0
	weight float32
}

// slotSamples are the past values for one slot of the day, least first.
type slotSamples []sample

// gather collects the samples for slot s of the day as known at origin: the
// slot itself and, with less weight, its neighbours within half an hour.
// level[b] is the level of the day b days back; days without one are left out.
func gather(d *days, origin, s int, level []float64, buf slotSamples) slotSamples {
	buf = buf[:0]
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
			buf = append(buf, sample{x * inv, int32(b), w})
		}
	}
	slices.SortFunc(buf, func(a, b sample) int {
		switch {
		case a.x < b.x:
			return -1
		case a.x > b.x:
			return 1
		}
		return 0
	})
	return buf
}

func abs(a int) int {
	if a < 0 {
		return -a
	}
	return a
}

// mix is the weighted mean and quantiles of the samples, where dayWeight[b] is
// the weight of the day b days back.  ok is false where nothing has weight.
// The effective number of samples widens nothing: that is the calibration's.
func (ss slotSamples) mix(dayWeight []float32, own bool) (q quad, ok bool) {
	var total, mean float32
	for _, s := range ss {
		w := dayWeight[s.day] * s.weight
		if own && s.weight != 1 {
			continue
		}
		total += w
		mean += w * s.x
	}
	if total <= 0 {
		return q, false
	}
	q.mean = mean / total
	// Quantiles interpolate between sample mid-masses.
	t := [3]float32{0.1 * total, 0.5 * total, 0.9 * total}
	out := [3]float32{}
	k := 0
	var below, lastX, lastMid float32
	started := false
	for _, s := range ss {
		if own && s.weight != 1 {
			continue
		}
		w := dayWeight[s.day] * s.weight
		if w <= 0 {
			continue
		}
		mid := below + w/2
		for k < 3 && mid >= t[k] {
			if !started || mid <= lastMid {
				out[k] = s.x
			} else {
				out[k] = lastX + (s.x-lastX)*(t[k]-lastMid)/(mid-lastMid)
			}
			k++
		}
		if k == 3 {
			break
		}
		started = true
		lastX, lastMid = s.x, mid
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
	for _, s := range ss {
		w := dayWeight[s.day] * s.weight
		total += w
		sum += w * s.x
	}
	return sum / total, total > 0
}

// nan is a short name for a missing figure.
func nan() float64 { return math.NaN() }
