package forecast

import (
	"math"
	"slices"
)

// The experts, in the order of a panel's answers.
const (
	climate8 = iota // level-scaled climatology, half-life 8 days
	climate25
	climate60
	climate12own // without the neighbouring slots, for sharp edges
	climate3     // the last few days, whatever their kind tells
	weekdays     // the last few days of the same kind
	analogs      // days that followed a day like the last
	asItWas      // climatology in kWh: what does not rise and fall with the level
	kindAsItWas  // the days of the same kind in kWh
	sampled      // how many experts answer from samples alone

	ridgeExpert = iota - 1
	boostExpert
	expertCount
)

// panel is what every expert says at one origin, and what the fitted experts
// are told.
type panel struct {
	origin int     // cell
	level  float64 // kWh a cell
	cells  int     // how many cells are answered
	answer [expertCount][]stored
	// past is the climatology's mean for the pastDays before the origin.
	past []float32
	// features are rows of featureCount for the cells of the first days.
	features []float32
	rows     int
}

// Experts are scored on the first two days; paths run for a week.
const (
	scoreDays = 2
	longDays  = 7
	pastDays  = 3
)

// newPanel asks the sampled experts for n cells from origin on.
func newPanel(d *days, origin, n int) *panel {
	p := &panel{origin: origin, cells: n}
	level, now := levelsBack(d, origin, windowDays)
	if !(now > 0) {
		return p // nothing is known, or nothing was ever used
	}
	p.level = now
	sim := kindSimilarity(d, origin, level)
	alike := analogWeights(d, origin, level, now)
	today := origin / d.perDay
	last := (origin + n - 1) / d.perDay
	// Weights of the days back, for each target day and expert.
	fade := fadingOf(len(level))
	weights := make([][sampled][]float32, last-today+1+pastDays)
	flat := make([]float32, len(weights)*sampled*len(level))
	for j := range weights {
		k := j - pastDays
		kind := d.kind(today + k)
		var w [sampled][]float32
		for e := range w {
			w[e], flat = flat[:len(level):len(level)], flat[len(level):]
		}
		few := rare(kind) && !(own(kind) && d.ofKind(kind, level, today) >= enoughOwn)
		sameSeen := 0 // of a rare kind there are few: Sundays count as well
		for b := range level {
			other := d.kind(today - b)
			s := sim[kind][other]
			f := &fade[b]
			if rare(kind) && rare(other) {
				slow := fadingAt(float64(b) / rareAge)
				f = &slow
			}
			w[climate8][b] = float32(s * f[climate8])
			w[climate25][b] = float32(s * f[climate25])
			w[climate60][b] = float32(s * f[climate60])
			w[climate3][b] = float32(math.Sqrt(s) * f[climate3])
			w[climate12own][b] = float32(s * f[climate12own])
			w[asItWas][b] = float32(s * f[asItWas])
			same := other == kind || few && other == sunday && level[b] > 0
			if same && sameSeen < 10 && b > 0 {
				if sameSeen < 6 {
					w[weekdays][b] = float32(math.Exp2(-float64(sameSeen) / 2))
				}
				w[kindAsItWas][b] = float32(math.Exp2(-float64(sameSeen) / 3))
				sameSeen++
			}
			// The day m days before the target day followed the context
			// that ended m days before the origin.
			if m := k + b; m > 0 && m < len(alike) {
				w[analogs][b] = float32(alike[m] * s)
			}
		}
		weights[j] = w
	}
	for e := range sampled {
		p.answer[e] = make([]stored, n)
	}
	p.past = make([]float32, pastDays*d.perDay)
	scale := float32(now)
	one := make([]float64, len(level)) // where there is a level
	for b := range level {
		one[b] = level[b] / level[b]
	}
	near := make([][]float32, len(weights)) // of nearCount experts, those of one day beside each other
	flat = make([]float32, len(weights)*nearCount*len(level))
	for j := range near {
		n := nearCount * len(level)
		near[j], flat = flat[:n:n], flat[n:]
		for b := range level {
			for i, e := range nearExperts() {
				near[j][b*nearCount+i] = weights[j][e][b]
			}
		}
	}
	var g, plain gatherer
	for s := range d.perDay {
		i := s - origin%d.perDay
		if i < 0 {
			i += d.perDay
		}
		g.gather(d, origin, s, level)
		plain.gather(d, origin, s, one)
		for j := i - d.perDay; j >= -len(p.past); j -= d.perDay {
			k := (origin+j)/d.perDay - today + pastDays
			mean, ok := g.all.mean(weights[max(k, 0)][climate25])
			if !ok {
				mean = missing()
			}
			p.past[len(p.past)+j] = mean * scale
		}
		for ; i < n; i += d.perDay {
			k := (origin+i)/d.perDay - today + pastDays
			w := &weights[k]
			var q [sampled]quad
			var ok [sampled]bool
			two := func(g *gatherer, from slotSamples, a, b int) {
				q[a], q[b], ok[a], ok[b] = g.mixTwo(from, w[a], w[b])
			}
			five, has := g.mixNear(near[k])
			for n, e := range nearExperts() {
				q[e], ok[e] = five[n], has[n]
			}
			two(&g, g.own, climate12own, weekdays)
			two(&plain, plain.all, asItWas, kindAsItWas)
			base := q[climate25]
			if !ok[climate25] {
				base = quad{1, prior10, prior50, prior90}
			}
			base.scale(scale)
			for e := range sampled {
				switch {
				case !ok[e]:
					q[e] = base
				case e != asItWas && e != kindAsItWas: // those are in kWh
					q[e].scale(scale)
				}
				p.set(e, i, q[e])
			}
		}
	}
	return p
}

// nearExperts are those of mixNear.
func nearExperts() [nearCount]int {
	return [...]int{climate25, climate8, climate60, climate3, analogs}
}

// fading is by how much a past day counts less for its age, by expert.
type fading [sampled]float64

// fadingAt is that of a day so many days old.
func fadingAt(age float64) (f fading) {
	for e, half := range [sampled]float64{climate8: 8, climate25: 25, climate60: 60, climate3: 3, climate12own: 12, asItWas: 40} {
		if half > 0 {
			f[e] = math.Exp2(-age / half)
		}
	}
	return f
}

// fadingOf is that of the days back from today.
func fadingOf(days int) []fading {
	out := make([]fading, days)
	for b := range out {
		out[b] = fadingAt(float64(b))
	}
	return out
}

// featureCount is how many figures the fitted experts get for each cell.
const featureCount = 24

// featureDays is for how many days ahead rows are kept for fitting.
const featureDays = scoreDays

// base is the climatology that the fitted experts start from and correct.
func (p *panel) base(i int) quad {
	a, b := p.get(climate8, i), p.get(climate25, i)
	const w = baseShort
	return quad{
		a.mean*w + b.mean*(1-w), a.q10*w + b.q10*(1-w),
		a.q50*w + b.q50*(1-w), a.q90*w + b.q90*(1-w),
	}
}

// baseShort is the share of the short climatology in the base.
const baseShort = 0.5

// featureRow fills in what is known of cell i of the panel at its origin.  All
// loads are over the panel's level, so that one fit serves all levels.
func (p *panel) featureRow(d *days, i int, ctx *recentPast, x []float32) {
	c := p.origin + i
	inv := float32(1 / p.level)
	base := p.base(i)
	lag := func(k int) float32 {
		v := float32(d.at(c-k*d.perDay, p.origin)) * inv
		if v != v {
			return base.mean * inv
		}
		return v
	}
	first := (i / d.perDay) + 1 // whole days back to the last known same slot
	x[0] = base.q50 * inv
	x[1] = base.mean * inv
	x[2] = base.q10 * inv
	x[3] = base.q90 * inv
	alike := p.get(analogs, i)
	x[4] = p.get(climate8, i).mean * inv
	x[5] = p.get(climate60, i).mean * inv
	x[6] = p.get(weekdays, i).q50 * inv
	x[7] = alike.mean * inv
	x[8] = alike.q50 * inv
	x[9] = lag(first)
	x[10] = (lag(first) + lag(first+1) + lag(first+2)) / 3
	x[11] = lag(7)
	x[12] = lag(14)
	lead := float64(i) * 24 / float64(d.perDay)
	x[13] = float32(lead)
	x[14] = ctx.recent[0] * float32(math.Exp(-lead/3))
	x[15] = ctx.recent[1] * float32(math.Exp(-lead/12))
	x[16] = ctx.recent[2]
	x[17] = ctx.recent[3]
	x[18] = float32(c % d.perDay)
	x[19] = float32(d.kind(c / d.perDay))
	x[20] = ctx.trend
	x[21] = p.get(climate12own, i).q50 * inv
	x[22], x[23] = d.temp.unlike(c, p.origin)
}

// recentPast is what is the same for all cells of a panel.
type recentPast struct {
	// recent is by how much the load has been above the climatology over the
	// last 2, 6, 24 and 72 hours, over the level. What is not known of them was as
	// usual: half an hour after a gap is no news of three days.
	recent [4]float32
	trend  float32 // log of the last two days' level over the last four weeks'
}

// newRecentPast compares the recent past with the climatology of those hours.
func (p *panel) newRecentPast(d *days) *recentPast {
	ctx := &recentPast{}
	spans := [4]int{max(1, d.perDay/12), d.perDay / 4, d.perDay, 3 * d.perDay}
	sum, k := 0.0, 0
	for j := 1; j <= len(p.past); j++ {
		if x := d.at(p.origin-j, p.origin) - float64(p.past[len(p.past)-j]); x == x {
			sum += x
		}
		if j == spans[k] {
			ctx.recent[k] = float32(sum / float64(j) / p.level)
			k++
		}
	}
	a, ka := d.mean(p.origin-2*d.perDay, p.origin)
	b, kb := d.mean(p.origin-28*d.perDay, p.origin)
	if ka > 0 && kb > 0 && a > 0 && b > 0 {
		ctx.trend = float32(math.Log(a/b) * float64(ka) / float64(2*d.perDay))
	}
	return ctx
}

// fold leaves of a panel what fits are made from.
func (p *panel) fold() {
	for e := range p.answer {
		switch {
		case e != climate8 && e != climate25:
			p.answer[e] = nil
		case len(p.answer[e]) > p.rows:
			p.answer[e] = slices.Clone(p.answer[e][:p.rows])
		}
	}
	p.past, p.cells = nil, min(p.cells, p.rows)
}

// fill computes the panel's rows of features for the cells used in fitting.
func (p *panel) fill(d *days) {
	if p.level <= 0 || p.features != nil {
		return
	}
	p.rows = min(p.cells, featureDays*d.perDay)
	p.features = make([]float32, p.rows*featureCount)
	ctx := p.newRecentPast(d)
	for i := range p.rows {
		p.featureRow(d, i, ctx, p.features[i*featureCount:(i+1)*featureCount])
	}
}
