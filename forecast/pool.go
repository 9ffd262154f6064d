package forecast

import "math"

// pool weighs the experts: one set of weights for each of the three quantiles
// and one for the mean.  Those of a quantile are moved towards the least pinball loss
// over all forecasts whose outcome is known, the recent ones counting more, and
// drawn to even ones by a few days of doubt.  Those of the mean move by exponentiated
// gradient on the absolute error of a day's energy and leak a little towards even, so
// that an expert can come back.
type pool struct {
	log [4][expertCount]float64 // mean, q10, q50, q90
}

const (
	poolRate = 0.6
	poolLeak = 0.003

	poolDays  = 40  // after how many days a forecast counts half
	poolStep  = 5   // of the quantiles' weights down the relative loss
	poolSteps = 2   // whenever an outcome becomes known
	poolDoubt = 0.2 // days' worth of loss by which uneven weights must pay
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
			q := pn.get(e, i)
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

// learn moves the weights by how the forecasts of panels turned out, of which
// the last is new.
func (p *pool) learn(d *days, done []made) {
	if !p.learnMean(d, done[len(done)-1].p) {
		return
	}
	for range poolSteps {
		p.descend(d, done)
	}
}

// slopes are those of the pinball losses of an expert's answers.
type slopes struct {
	by   [3][expertCount]float64
	loss [3]float64
}

// add takes the first days of a panel with a weight.
func (s *slopes) add(p *pool, d *days, pn *panel, share float64) {
	var w [3][expertCount]float64
	for k := range w {
		w[k] = p.weights(k+1, pn)
	}
	var one slopes
	taus := levels()
	n := min(pn.cells, scoreDays*d.perDay)
	for i := 0; i < n; i += max(1, d.perDay/48) { // every half hour tells enough
		y := d.at(pn.origin+i, pn.origin+n)
		if y != y {
			continue
		}
		var q, slope [3]float64
		var answer [expertCount]quad
		for e := range expertCount {
			if pn.answer[e] != nil {
				answer[e] = pn.get(e, i)
				a := &answer[e]
				q[0] += w[0][e] * float64(a.q10)
				q[1] += w[1][e] * float64(a.q50)
				q[2] += w[2][e] * float64(a.q90)
			}
		}
		q[1] = max(q[0], q[1])
		q[2] = max(q[1], q[2])
		for k, tau := range taus {
			slope[k] = -tau
			if y < q[k] {
				slope[k] = 1 - tau
			}
			one.loss[k] += (q[k] - y) * slope[k]
		}
		for e := range expertCount {
			if pn.answer[e] != nil {
				a := &answer[e]
				one.by[0][e] += slope[0] * float64(a.q10)
				one.by[1][e] += slope[1] * float64(a.q50)
				one.by[2][e] += slope[2] * float64(a.q90)
			}
		}
	}
	for k := range one.by {
		mean := 0.0
		for e := range expertCount {
			mean += w[k][e] * one.by[k][e]
		}
		for e := range expertCount {
			if pn.answer[e] != nil {
				s.by[k][e] += share * (one.by[k][e] - mean)
			}
		}
		s.loss[k] += share * one.loss[k]
	}
}

// descend takes one step of mirror descent for each quantile.
func (p *pool) descend(d *days, done []made) {
	var s slopes
	last := done[len(done)-1].p.origin
	days := 0.0
	for i := range done {
		pn := done[i].p
		share := math.Exp2(-float64(last-pn.origin) / float64(poolDays*d.perDay))
		days += share
		s.add(p, d, pn, share/pn.level)
	}
	for k := range s.by {
		if !(s.loss[k] > 0) {
			continue
		}
		log := &p.log[k+1]
		top := math.Inf(-1)
		for e := range log {
			log[e] -= poolStep * (s.by[k][e]/s.loss[k] + poolDoubt/days*log[e])
			top = math.Max(top, log[e])
		}
		for e := range log {
			log[e] -= top
		}
	}
}

// learnMean moves the weights of the mean; it tells whether enough is known of
// the panel's first days to learn from.
func (p *pool) learnMean(d *days, pn *panel) bool {
	all := p.combine(pn)
	n := min(pn.cells, scoreDays*d.perDay)
	var g [expertCount]float64
	loss, known := 0.0, 0
	for from := 0; from+d.perDay <= n; from += d.perDay {
		diff := 0.0
		var part [expertCount]float64
		for i := from; i < from+d.perDay; i++ {
			y := d.at(pn.origin+i, pn.origin+n)
			if y != y {
				continue
			}
			known++
			diff += float64(all[i].mean) - y
			for e := range expertCount {
				if pn.answer[e] != nil {
					part[e] += float64(pn.get(e, i).mean)
				}
			}
		}
		loss += math.Abs(diff)
		for e := range part {
			g[e] += math.Copysign(part[e], diff)
		}
	}
	if known*4 < n {
		return false
	}
	// The day's loss is measured against a floor, so that a perfect day does
	// not make its successor look terrible.
	scale := loss + 0.02*pn.level*float64(known)
	w := p.weights(0, pn)
	mean := 0.0
	for e := range w {
		mean += w[e] * g[e]
	}
	log := &p.log[0]
	top := math.Inf(-1)
	for e := range log {
		if pn.answer[e] != nil {
			log[e] -= poolRate * math.Max(-1, math.Min(1, (g[e]-mean)/scale))
		}
		top = math.Max(top, log[e])
	}
	for e := range log { // centre and leak
		log[e] = math.Log(math.Exp(log[e]-top)*(1-poolLeak) + poolLeak)
	}
	return true
}
