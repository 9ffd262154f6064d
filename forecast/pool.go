package forecast

import "math"

// pool weighs the experts: one set of weights for each of the three quantiles
// and one for the mean.  Weights move by exponentiated gradient on the loss
// they are for (pinball for a quantile, absolute error of a day's energy for
// the mean) and leak a little towards even, so that an expert can come back.
type pool struct {
	log [4][expertCount]float64 // mean, q10, q50, q90
}

const (
	poolRate = 0.6
	poolLeak = 0.003
)

// weights over the experts that have answered.
func (p *pool) weights(k int, pn *panel) (w [expertCount]float64) {
	sum := 0.0
	for e := range w {
		if pn.answer[e] != nil {
			w[e] = math.Exp(p.log[k][e])
			sum += w[e]
		}
	}
	for e := range w {
		w[e] /= sum
	}
	return w
}

// combine is the weighted answer for every cell of the panel.
func (p *pool) combine(pn *panel) []quad {
	var w [4][expertCount]float64
	for k := range w {
		w[k] = p.weights(k, pn)
	}
	out := make([]quad, pn.cells)
	for i := range out {
		var s [4]float64
		for e := range expertCount {
			if pn.answer[e] == nil {
				continue
			}
			q := &pn.answer[e][i]
			s[0] += w[0][e] * float64(q.mean)
			s[1] += w[1][e] * float64(q.q10)
			s[2] += w[2][e] * float64(q.q50)
			s[3] += w[3][e] * float64(q.q90)
		}
		s[2] = max(s[1], s[2])
		s[3] = max(s[2], s[3])
		out[i] = quad{float32(s[0]), float32(s[1]), float32(s[2]), float32(s[3])}
	}
	return out
}

// learn moves the weights by how the panel's first days turned out.
func (p *pool) learn(d *days, pn *panel) {
	all := p.combine(pn)
	n := min(pn.cells, scoreDays*d.perDay)
	var g [4][expertCount]float64
	var loss [4]float64
	taus := levels()
	known := 0
	for i := range n {
		y := d.at(pn.origin+i, pn.origin+n)
		if y != y {
			continue
		}
		known++
		q := [3]float64{float64(all[i].q10), float64(all[i].q50), float64(all[i].q90)}
		for k, tau := range taus {
			slope := -tau
			if y < q[k] {
				slope = 1 - tau
			}
			loss[k+1] += (q[k] - y) * slope
			for e := range expertCount {
				if pn.answer[e] != nil {
					g[k+1][e] += slope * pick(&pn.answer[e][i], k)
				}
			}
		}
	}
	for from := 0; from+d.perDay <= n; from += d.perDay {
		diff, seen := 0.0, 0
		var part [expertCount]float64
		for i := from; i < from+d.perDay; i++ {
			y := d.at(pn.origin+i, pn.origin+n)
			if y != y {
				continue
			}
			seen++
			diff += float64(all[i].mean) - y
			for e := range expertCount {
				if pn.answer[e] != nil {
					part[e] += float64(pn.answer[e][i].mean)
				}
			}
		}
		loss[0] += math.Abs(diff)
		for e := range part {
			g[0][e] += math.Copysign(part[e], diff)
		}
	}
	if known*4 < n {
		return
	}
	// The day's loss is measured against a floor, so that a perfect day does
	// not make its successor look terrible.
	for k := range g {
		scale := loss[k] + 0.02*pn.level*float64(known)
		w := p.weights(k, pn)
		mean := 0.0
		for e := range w {
			mean += w[e] * g[k][e]
		}
		for e := range w {
			if pn.answer[e] == nil {
				continue
			}
			p.log[k][e] -= poolRate * math.Max(-1, math.Min(1, (g[k][e]-mean)/scale))
		}
		// Centre and leak.
		top := math.Inf(-1)
		for e := range w {
			top = math.Max(top, p.log[k][e])
		}
		for e := range w {
			p.log[k][e] = math.Log(math.Exp(p.log[k][e]-top)*(1-poolLeak) + poolLeak)
		}
	}
}

func pick(q *quad, k int) float64 {
	switch k {
	case 0:
		return float64(q.q10)
	case 1:
		return float64(q.q50)
	}
	return float64(q.q90)
}
