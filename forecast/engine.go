package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
)

// engine replays the past: on every past day it makes the forecast that could
// have been made then, and learns from how it turned out which experts to
// trust, how wide the tails must be, and what errors look like as paths.
type engine struct {
	d      *days
	seed   uint64
	panels []*panel // one a past day, oldest first
	boosts []fitted // oldest first
	spare  []fitted // fitted before and wanted again in some weeks; any order
	pass   *pass    // what the panels have taught so far
	refit  bool     // a booster was fitted on what has changed since
	tried  int      // the last anchor for which boosters were fitted, be it none for want of days

	ceiling float64 // what values of d are cut to
}

// fitted is a booster of each quantile, fitted on what was known at anchor.
type fitted struct {
	anchor int // cell
	q      [3]*booster
}

const (
	replayDays = 120 // how many past forecasts are pooled and kept as paths
	learnDays  = 365 // how many past days the fitted experts learn from
	anchorDays = 28
	// oldestFit is how many days before the last anchor the oldest is that is wanted.
	oldestFit = (replayDays - anchorDays) / anchorDays * anchorDays
	// everyDays is of how many days before an anchor each is learned from: long ago every
	// other one is enough.
	everyDays = replayDays - oldestFit
)

// taught tells whether boosters of an anchor, in days, learn from a day.  It is the same
// whenever they are fitted, so that a fit that is wanted again after four weeks is what it
// would be if it were made anew.
func (e *engine) taught(anchor, day int) bool {
	return day >= anchor-learnDays && (day >= anchor-everyDays || (e.d.first+int64(day))%2 == 0)
}

// replayOrigin is the cell at which day i's replay starts: the hour moves
// around the clock, so that every hour of the day is forecast from.
func (e *engine) replayOrigin(i int) int {
	n := e.d.first + int64(i)
	return i*e.d.perDay + int(floorMod(n*11, 24))*e.d.perDay/24
}

// weekCells is the length of an answer: a week and an hour or more of slack for
// the day a clock is set back.
func (e *engine) weekCells() int { return longDays*e.d.perDay + e.d.perDay/24 + 2 }

// anchor is the last week boundary at or before origin.  Boundaries are the
// same for every restart, so what is learned is a function of the history.
func (e *engine) anchor(origin int) int {
	week := int64(7 * e.d.perDay)
	zero := e.d.first * int64(e.d.perDay)
	return int(floorDiv(zero+int64(origin), week)*week - zero)
}

// due tells whether a forecast at origin would refit.
func (e *engine) due(origin int) bool {
	return !e.learned(origin) || e.refit || e.pass.anchor != e.anchor(origin)
}

// learned tells whether a forecast at origin can go on with what was learned.
func (e *engine) learned(origin int) bool { return e.pass != nil && e.pass.now <= origin }

// fork is a copy that shares nothing that either will change.
func (e *engine) fork() *engine {
	g := &engine{
		d: e.d, seed: e.seed, boosts: slices.Clone(e.boosts), spare: slices.Clone(e.spare), tried: e.tried, ceiling: e.ceiling,
		panels: make([]*panel, len(e.panels)),
	}
	for i, p := range e.panels {
		c := *p
		g.panels[i] = &c
	}
	return g
}

// replay makes the panels still missing for a forecast at origin.
func (e *engine) replay(origin int) {
	start := e.anchor(origin) / e.d.perDay
	e.panels = slices.DeleteFunc(e.panels, func(p *panel) bool {
		if i := p.origin / e.d.perDay; i < start-replayDays {
			return !e.taught(start-oldestFit, i)
		}
		// After a clock was set back, a day may matter again that was long ago.
		return p.cells < e.weekCells() && p.origin <= origin
	})
	have := make(map[int]bool, len(e.panels))
	for _, p := range e.panels {
		have[p.origin] = true
	}
	type job struct{ origin, n int }
	var jobs []job
	for i := max(1, start-oldestFit-learnDays); i <= origin/e.d.perDay; i++ {
		r := e.replayOrigin(i)
		if r > origin || have[r] {
			continue
		}
		n := scoreDays * e.d.perDay
		if i >= start-replayDays {
			n = e.weekCells()
		} else if !e.taught(start-oldestFit, i) {
			continue
		}
		jobs = append(jobs, job{r, n})
	}
	made := make([]*panel, len(jobs))
	parallel(len(jobs), func(k int) {
		p := newPanel(e.d, jobs[k].origin, jobs[k].n)
		p.fill(e.d)
		if jobs[k].n < e.weekCells() {
			p.fold()
		}
		made[k] = p
	})
	for _, p := range made {
		if p.level > 0 {
			e.panels = append(e.panels, p)
		}
	}
	sort.Slice(e.panels, func(a, b int) bool { return e.panels[a].origin < e.panels[b].origin })
}

// parallel runs f(0..n-1) on two goroutines and waits for them.
func parallel(n int, f func(int)) {
	if n < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; i < n; i += 2 {
			f(i)
		}
	})
	for i := 1; i < n; i += 2 {
		f(i)
	}
	wg.Wait()
}

// fit makes the boosters still missing for a forecast at origin.
func (e *engine) fit(origin int) {
	last := e.anchor(origin)
	if e.tried == last {
		e.refit = false
		return
	}
	var want []int
	oldest := origin - (replayDays-anchorDays)*e.d.perDay
	for a := last; a > 0 && a > oldest; a -= anchorDays * e.d.perDay {
		want = append(want, a)
	}
	var out []fitted
	var jobs []fitted
	for _, a := range want {
		found := false
		for _, f := range e.boosts {
			if f.anchor == a {
				out = append(out, f)
				found = true
			}
		}
		// The anchors of four weeks ago are wanted again today.
		for i := range e.spare {
			if f := &e.spare[i]; !found && f.anchor == a {
				out = append(out, *f)
				found = true
			}
		}
		if !found {
			jobs = append(jobs, fitted{anchor: a})
		}
	}
	parallel(len(jobs), func(k int) { e.fitBoost(&jobs[k]) })
	for _, f := range jobs {
		if f.q[0] != nil {
			out = append(out, f)
		}
	}
	sort.Slice(out, func(a, b int) bool { return out[a].anchor < out[b].anchor })
	e.spare = slices.DeleteFunc(append(e.spare, e.boosts...), func(f fitted) bool {
		return f.anchor <= oldest || slices.ContainsFunc(out, func(o fitted) bool { return o.anchor == f.anchor })
	})
	e.boosts = out
	e.pass, e.refit, e.tried = nil, false, last
}

const (
	boostRows      = 14000
	boostLeastDays = 21
)

func (e *engine) fitBoost(f *fitted) {
	var use []*panel
	total := 0
	for _, p := range e.panels {
		if p.origin+p.rows <= f.anchor && e.taught(f.anchor/e.d.perDay, p.origin/e.d.perDay) {
			use = append(use, p)
			total += p.rows
		}
	}
	if len(use) < boostLeastDays {
		return
	}
	stride := (total + boostRows - 1) / boostRows
	rows := total/stride + 1
	x, y := make([]float32, 0, rows*featureCount), make([]float32, 0, rows)
	var start [3][]float32
	for k := range start {
		start[k] = make([]float32, 0, rows)
	}
	at := 0
	for _, p := range use {
		inv := float32(1 / p.level)
		for i := range p.rows {
			at++
			v := float32(e.d.at(p.origin+i, f.anchor))
			if at%stride != 0 || v != v {
				continue
			}
			x = append(x, p.features[i*featureCount:(i+1)*featureCount]...)
			y = append(y, min(v*inv, 20))
			b := p.base(i)
			start[0] = append(start[0], b.q10*inv)
			start[1] = append(start[1], b.q50*inv)
			start[2] = append(start[2], b.q90*inv)
		}
	}
	if len(y) < 500 {
		return
	}
	o := defaultBoost()
	ds := newDataset(x, featureCount, o.bins)
	// Of the day and not of the cell: those are numbered from the first that is held.
	rng := rand.New(rand.NewPCG(e.seed, uint64(e.d.first+int64(f.anchor/e.d.perDay))))
	for k, tau := range levels() {
		f.q[k] = fitBooster(ds, y, start[k], tau, o, rng)
	}
}

// boostAt is the newest booster known at a cell, nil where there is none.
func (e *engine) boostAt(origin int) *fitted {
	var f *fitted
	for i := range e.boosts {
		if e.boosts[i].anchor <= origin {
			f = &e.boosts[i]
		}
	}
	return f
}

// ridgeFeatures is how many figures the linear expert looks at.
const ridgeFeatures = 21

// ridgeRow makes them from a panel's row.
func ridgeRow(x []float32, r *[ridgeFeatures]float64) {
	m := float64(x[1])
	f := func(i int) float64 { return float64(x[i]) - m }
	lead := float64(x[13])
	near := math.Exp(-lead / 24)
	*r = [ridgeFeatures]float64{
		f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12),
		float64(x[14]), float64(x[15]), float64(x[16]), float64(x[16]) * m, float64(x[16]) * near,
		float64(x[17]), float64(x[17]) * m, float64(x[20]) * m, m - 1, float64(x[0]) - m,
		float64(x[22]), float64(x[23]),
	}
}

// combine is what the experts say together, before it is calibrated.
func (e *engine) combine(s *pass, p *panel) []quad {
	q := s.pool.combine(p)
	widen(q, e.d.daysKnown(p.origin), e.d.perDay)
	even(q, e.d.perDay)
	return q
}

func (e *engine) addRows(r *ridge, p *panel) {
	r.forget(math.Exp2(-float64(p.origin-r.last) / float64(60*e.d.perDay)))
	r.last = p.origin
	var x [ridgeFeatures]float64
	inv := 1 / p.level
	for i := range p.rows {
		y := e.d.at(p.origin+i, p.origin+p.rows)
		if y != y {
			continue
		}
		row := p.features[i*featureCount : (i+1)*featureCount]
		ridgeRow(row, &x)
		r.add(x[:], math.Min(y*inv, 8)-float64(row[1]))
	}
}

// answerFitted lets the ridge and the booster answer for a panel.
func (e *engine) answerFitted(s *pass, p *panel) {
	p.answer[ridgeExpert], p.answer[boostExpert] = nil, nil
	linear := s.ridge.solve(float64(e.d.perDay))
	boost := e.boostAt(p.origin)
	if !linear && boost == nil {
		return
	}
	ctx := p.newRecentPast(e.d)
	if linear {
		p.answer[ridgeExpert] = make([]stored, p.cells)
	}
	if boost != nil {
		p.answer[boostExpert] = make([]stored, p.cells)
	}
	rows := make([]float32, p.cells*featureCount)
	for i := range p.cells {
		p.featureRow(e.d, i, ctx, rows[i*featureCount:(i+1)*featureCount])
	}
	var corrections [3][]float32
	if boost != nil {
		for k, b := range boost.q {
			corrections[k] = b.corrections(rows, featureCount)
		}
	}
	var x [ridgeFeatures]float64
	level := float32(p.level)
	for i := range p.cells {
		base := p.base(i)
		if linear {
			row := rows[i*featureCount : (i+1)*featureCount]
			ridgeRow(row, &x)
			m := float64(row[1])
			q := base
			k := 1.0
			if m > 0 {
				k = (m + s.ridge.answer(x[:])) / m
			}
			q.scale(float32(math.Max(0.25, math.Min(4, k))))
			p.set(ridgeExpert, i, q)
		}
		if boost != nil {
			q := quad{
				q10: base.q10 + level*corrections[0][i],
				q50: base.q50 + level*corrections[1][i],
				q90: base.q90 + level*corrections[2][i],
			}
			q.q50 = max(q.q50, q.q10)
			q.q90 = max(q.q90, q.q50)
			q.mean = q.q50 + base.mean - base.q50
			p.set(boostExpert, i, q)
		}
	}
}

// errorDays is for how many days the errors of a past forecast are kept, as far as they are known: beyond
// its week the forecast is repeated, and how far off it is then tells how long an error lasts.
const errorDays = 15

// errorPath is how one past forecast went, in widths of its own tails: -1 is its q10, 0 its
// q50, 1 its q90.  At least a week of it is known.
type errorPath struct {
	origin int
	z      []keptError
}

// keptError is an error in 1/2048 of a width, held to what a path may repeat: one odd hour of a past
// week, measured by a narrow tail, must not become a week of them.
type keptError int16

// unknownError is of what is not known.
const unknownError = math.MinInt16

func keep(z float32) keptError {
	if z != z {
		return unknownError
	}
	return keptError(math.Round(2048 * float64(max(-4, min(z, 8)))))
}

// value is not a number where it is not known.
func (e keptError) value() float32 {
	if e == unknownError {
		return missing()
	}
	return float32(e) / 2048
}

// errors are the outcome of a forecast as far as it is known at now.
func (m *made) errors(d *days, now int) errorPath {
	if m.z != nil && m.p.origin+len(m.z) <= now { // at an earlier cell not all of it was known
		return errorPath{m.p.origin, m.z}
	}
	z := make([]keptError, errorDays*d.perDay)
	for i := range z {
		q := &m.given[repeated(i, len(m.given), d.perDay)]
		y := float32(d.at(m.p.origin+i, now))
		z[i] = keep((y - q.q50) / width(q, y > q.q50))
	}
	if m.p.origin+len(z) <= now {
		m.z = z
	}
	return errorPath{m.p.origin, z}
}

// width is the upper or the lower tail's, not less than a little of the load.
func width(q *quad, upper bool) float32 {
	least := 0.02*q.mean + 1e-6
	if upper {
		return max(q.q90-q.q50, least)
	}
	return max(q.q50-q.q10, least)
}

// verdict is what is expected from one origin on.
type verdict struct {
	q       []quad // calibrated, the regime mixed in; nil where nothing is known
	usual   []quad // calibrated, were there no regime
	panel   *panel
	learned *pass
	regime  regime
	odd     regime // for paths: the same, or that of the last hours
}

// forecastCells answers for the week from origin on.  Unless it may refit, it
// goes on with what was learned before, or with even weights if nothing was.
func (e *engine) forecastCells(origin int, refit bool) verdict {
	var v verdict
	switch {
	case refit:
		e.replay(origin)
		e.fit(origin)
		v.learned = e.learn(origin, e.anchor(origin))
	case e.learned(origin):
		e.replay(origin)
		v.learned = e.learn(origin, e.pass.anchor)
	default:
		v.learned = &pass{ridge: newRidge(ridgeFeatures)}
	}
	p := newPanel(e.d, origin, e.weekCells())
	if p.level <= 0 {
		return v
	}
	e.answerFitted(v.learned, p)
	v.panel = p
	v.usual = e.combine(v.learned, p)
	v.learned.cal.learned(e.d.perDay).apply(v.usual)
	v.q = v.usual
	if v.regime = e.watch(v.learned, origin, v.usual); v.regime.days > 0 {
		v.q = v.regime.both(v.usual, v.learned.belief.odds(&v.regime), e.d.perDay)
	}
	v.odd = e.oddOf(v.learned, origin, v.usual, v.regime)
	return v
}

// oddOf is the regime that paths hold: that of the last days, or of the last hours.
func (e *engine) oddOf(s *pass, origin int, usual []quad, r regime) regime {
	if t := e.today(s, origin, usual); t.odds > r.odds || r.days <= 1 && t.odds > 0.5 {
		return t
	}
	return r
}
