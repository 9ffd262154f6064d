package forecast

import (
	"math"
	"slices"
)

// A regime is a stretch of days quite unlike what was forecast: nobody is
// home, new people are, or a load that was not there.  Whether it is one, and lasts, cannot be
// known from a day or two, so the answer holds both: that it stays, and that the usual returns.
type regime struct {
	days  int     // whole days it has lasted; 0 is none
	odds  float64 // the chance that it is one and no odd days
	ratio float64 // its energy over what was forecast
	stays []quad  // by cell from the origin, should it last
	known float64 // the share of a season's days that were as those; all of them where those days go back to its usual
	home  float64 // the season's usual over the energy of those days where they go back to it, else 1
	loose float64 // how far off that may be as a whole, for the few days it is known of; of its logarithm
}

const (
	alarmDays   = 6    // how many days are looked back on
	alarmHazard = 0.1  // that one begins or ends on a day
	alarmWild   = 0.02 // the share of days that are like no other, and mean nothing
	alarmSpread = 0.8  // of the logarithm of a regime's energy over the usual
	alarmFade   = 0.7
	alarmMost   = 0.45 // a share of days of more is the usual
	alarmKnown  = 30
	alarmReturn = 6.0  // times as likely in the hours that have gone by is a return
	alarmBack   = 1.5  // times what is forecast is the usual of a season that is gone back to
	alarmLeast  = 0.05 // a chance of less is no answer's
	leastError  = 0.1
	seasonDays  = 90
)

// chances are the probabilities, for q10, q50 and q90, that it lasts k more days, if it is one.  By
// the rule of succession what has lasted n days lasts as long again in one case of two; odd days are many and
// weeks away few, so that here each day counts for as many as it is; but not at the end of the
// range that the usual lies at, which holds a return for longer.
func (r *regime) chances(k float64) [3]float64 {
	w := r.weight()
	n := float64(r.days) + w - float64(r.days*(r.days+1))/2
	plain, p := n/(n+k), math.Pow(w/(w+k), alarmFade)
	if r.ratio < 1 {
		return [3]float64{p, p, plain}
	}
	return [3]float64{plain, p, p}
}

// doubted are the odds that it is one, where those of each are multiplied by x.
func (r *regime) doubted(x float64) float64 { return x * r.odds / (1 - r.odds + x*r.odds) }

// lasts is for how many more days it lasts in the case u in [0, 1), of given odds that it is one:
// as chances say of the median, at most a month.
func (r *regime) lasts(u, odds float64) float64 {
	return math.Max(0, math.Min(30, r.weight()*(math.Pow(odds/(1-u), 1/alarmFade)-1)))
}

// weight is of as many days as it has lasted; who comes back to what was usual for most of a season
// stays.
func (r *regime) weight() float64 {
	n := float64(max(1, r.days))
	return n*(n+1)/2 + alarmKnown*max(0, r.known-alarmMost)
}

// partOfDay is which part of a day is looked back on within it.
const partOfDay = 2

// today compares the last hours with what was forecast for them, where more was used.  It is for the
// paths alone: hours are too often odd for slots to follow them, but credit that ends before
// it is said to is the dearer error.  Where the site has got used to less than is usual in a season, that it goes back
// to that is no surprise.
func (e *engine) today(s *pass, origin int, expected []quad) regime {
	n := e.d.perDay / partOfDay
	m := latestBefore(s.paths, origin-n)
	if m == nil || m.p.origin+len(m.given) < origin || origin-n-m.p.origin > 2*e.d.perDay {
		return regime{}
	}
	typical := e.typicalError(s, origin, n)
	y, q, ok := e.sumOf(m, origin-n, n, origin)
	if typical == 0 || !ok || !(y > q) || q <= 0 {
		return regime{}
	}
	off, all := offBy(y, q), 0.0
	for i := range regimeLevels {
		level := regimeLevel(i)
		all += regimeStep * wild(level) * likely(off-level, typical)
	}
	hazard := alarmHazard
	r := regime{ratio: math.Min(4, y/q), loose: typical, home: 1}
	if usual, now := e.seasonUsual(origin), dayMean(expected[:e.d.perDay]); now > 0 && usual > alarmBack*now && y*y*now > usual*q*q {
		hazard *= alarmReturn
		r.known, r.ratio = 1, usual/now
	}
	odds := hazard * all / likely(off, typical)
	r.odds = odds / (1 + odds)
	if r.odds < alarmLeast {
		return regime{}
	}
	r.stays = slices.Clone(expected)
	for i := range r.stays {
		r.stays[i].scale(float32(r.ratio))
	}
	return r
}

// watch compares the last days with what was forecast for them.  A regime may follow another:
// who comes home after a fortnight is neither away nor as the forecast that has got used to it.
func (e *engine) watch(s *pass, origin int, expected []quad) regime {
	typical := e.typicalDayError(s, origin)
	if typical == 0 {
		return regime{}
	}
	var all [alarmDays + 1]stretch
	for n := 1; n <= alarmDays; n++ {
		all[n] = e.stretch(s, origin, n, typical)
	}
	var odds [alarmDays + 1]float64 // of a regime that has lasted n days, against none
	best, none := 0, 1.0
	for n := 1; n <= alarmDays; n++ {
		before := 0.0 // another one, that ended then
		for j := n + 1; j <= alarmDays; j++ {
			before += alarmHazard * all[j].likelier[j-n]
		}
		odds[n] = alarmHazard * all[n].likelier[n] * (1 + before)
		none += alarmHazard * before
		if odds[n] > odds[best] {
			best = n
		}
	}
	if best == 0 {
		return regime{}
	}
	r := regime{days: best, ratio: all[best].ratio, loose: typical / math.Sqrt(float64(best))}
	sum := none
	for n := 1; n <= alarmDays; n++ {
		sum += odds[n]
		if (all[n].ratio > 1) == (r.ratio > 1) {
			r.odds += odds[n]
		}
	}
	if r.odds /= sum; !(r.odds >= alarmLeast) {
		return regime{}
	}
	e.stays(&r, origin, typical, expected)
	return r
}

// stretch is the last n days beside what was forecast before them.
type stretch struct {
	// likelier is how much likelier the first k of them are where a regime began with
	// them than where none has; zero where not known.
	likelier [alarmDays + 1]float64
	ratio    float64 // of their energy to what was forecast
}

func (e *engine) stretch(s *pass, origin, n int, typical float64) (out stretch) {
	perDay := e.d.perDay
	from := origin - n*perDay
	m := latestBefore(s.paths, from)
	if m == nil || m.p.origin+len(m.given) < origin || from-m.p.origin > 2*perDay {
		return stretch{}
	}
	var is [regimeLevels]float64
	for i := range is {
		is[i] = regimeStep * wild(regimeLevel(i))
	}
	usual, sum, expected := 1.0, 0.0, 0.0
	for k := range n {
		y, q, ok := e.dayOf(m, from+k*perDay, origin)
		if !ok || q <= 0 {
			return stretch{}
		}
		off := offBy(y, q)
		usual *= likely(off, typical)
		all := 0.0
		for i := range is {
			is[i] *= likely(off-regimeLevel(i), typical)
			all += is[i]
		}
		out.likelier[k+1] = all / usual
		sum += y
		expected += q
	}
	out.ratio = sum / expected
	return out
}

// The logarithms of a regime's energy over the usual that are gone through.
const (
	regimeLevels = 61
	regimeStep   = 0.1
)

func regimeLevel(i int) float64 { return regimeStep * float64(i-regimeLevels/2) }

// offBy is the logarithm of what a day used over what was forecast, which is held
// where it used nothing.
func offBy(y, q float64) float64 { return math.Log((y + 0.05*q) / (1.05 * q)) }

// likely is the density of a day that is off by x: mostly as days are, by a distribution of
// Student's with four degrees of freedom, and now and then a wild one.
func likely(x, typical float64) float64 {
	t := x / typical
	b := 1 + t*t/4
	usual := 0.375 / (b * b * math.Sqrt(b)) / typical
	return (1-alarmWild)*usual + alarmWild*wild(x)
}

// wild is the density of a day that is off by x and like no other, and of a regime's level.
func wild(x float64) float64 {
	return math.Exp(-x*x/(2*alarmSpread*alarmSpread)) / (alarmSpread * math.Sqrt(2*math.Pi))
}

// latestBefore is the last forecast made at or before a cell.
func latestBefore(paths []made, c int) *made {
	for i := len(paths) - 1; i >= 0; i-- {
		if paths[i].p.origin <= c {
			return &paths[i]
		}
	}
	return nil
}

// dayOf is what the day of cells from from on used and was forecast to use; ok
// is false where a quarter of it or more is not known.
func (e *engine) dayOf(m *made, from, now int) (y, q float64, ok bool) {
	return e.sumOf(m, from, e.d.perDay, now)
}

// sumOf is dayOf of n cells.
func (e *engine) sumOf(m *made, from, n, now int) (y, q float64, ok bool) {
	known := 0
	for c := from; c < from+n; c++ {
		i := c - m.p.origin
		if v := e.d.at(c, now); v == v && i < len(m.given) {
			y += v
			q += float64(m.given[i].mean)
			known++
		}
	}
	return y, q, known*4 > n*3
}

// typicalDayError is the scale of how past forecasts of a day were off: 1.53 of it to
// either side hold 80 %.  Zero is not known.
func (e *engine) typicalDayError(s *pass, now int) float64 { return e.typicalError(s, now, e.d.perDay) }

// typicalError is typicalDayError of n cells.
func (e *engine) typicalError(s *pass, now, n int) float64 {
	var off []float64
	for i := range s.paths {
		m := &s.paths[i]
		if m.p.origin+e.d.perDay > now-7*e.d.perDay {
			break
		}
		if y, q, ok := e.sumOf(m, m.p.origin, n, now); ok && q > 0 {
			off = append(off, math.Abs(offBy(y, q)))
		}
	}
	if len(off) < 14 {
		return 0
	}
	slices.Sort(off)
	return max(leastError, sortedQuantile(off, 0.8)/1.53)
}

// stays is the forecast if the last n days go on: their own values at about
// the same time of day, as far as those days are of a kind with the day to come; what is
// expected of one that is unlike them, as a Sunday is a Friday at an office, is scaled.
func (e *engine) stays(r *regime, origin int, typical float64, expected []quad) {
	d := e.d
	n, out := r.days, make([]quad, e.weekCells())
	r.stays = out
	var g gatherer
	reach := max(1, d.perDay/16) // an hour and a half
	level, _ := levelsBack(d, origin, windowDays)
	sim := kindSimilarity(d, origin, level)
	back := e.daysLike(r, origin, typical, &sim, expected)
	for i := range out[:d.perDay] {
		g.unsort = g.unsort[:0]
		for _, b := range back {
			for o := -reach; o <= reach; o++ {
				c := origin + i - b*d.perDay + o
				if b <= n && c < origin-n*d.perDay { // of the days before it
					c += d.perDay
				}
				x := d.at(c, origin)
				if x != x {
					continue
				}
				w := 1 - float32(abs(o))/float32(reach+1)
				g.unsort = append(g.unsort, sample{float32(x), 0, w})
			}
		}
		g.sort()
		q, ok := g.mix(g.all, []float32{1})
		if !ok && i > 0 {
			q = out[i-1]
		}
		out[i] = q
	}
	for i := d.perDay; i < len(out); i++ {
		out[i] = out[i-d.perDay]
	}
	alike := make([]float32, min(len(out), len(expected)))
	var used, usual float32 // of days as those
	for i := range alike {
		sum := 0.0
		for b := 1; b <= n; b++ {
			sum += sim[d.kind((origin+i)/d.perDay)][d.kind((origin+i%d.perDay-b*d.perDay)/d.perDay)]
		}
		alike[i] = float32(min(1, sum/float64(n)))
		used, usual = used+alike[i]*out[i].mean, usual+alike[i]*expected[i].mean
	}
	if !(usual > 0) {
		return
	}
	for i, own := range alike {
		q, scaled := &out[i], expected[i]
		q.scale(own)
		scaled.scale((1 - own) * used / usual)
		q.mean, q.q10, q.q50, q.q90 = q.mean+scaled.mean, q.q10+scaled.q10, q.q50+scaled.q50, q.q90+scaled.q90
	}
}

// daysLike are the last days and the last few before them that used about as much, as days back.
// It tells the regime how usual such days were in the season before.
func (e *engine) daysLike(r *regime, origin int, typical float64, sim *[kindCount][kindCount]float64, expected []quad) (back []int) {
	const few = 6
	d, n := e.d, r.days
	r.home = 1
	use, cells := d.mean(origin-n*d.perDay, origin)
	for b := 1; b <= n; b++ {
		back = append(back, b)
	}
	if cells == 0 || !(use > 0) {
		return back
	}
	kind := d.kind((origin - d.perDay/2) / d.perDay)
	like, all := 0.0, 0.0
	var used []float64 // on days of the kind
	for b := n + 1; b <= seasonDays && origin-b*d.perDay >= 0; b++ {
		y, cells := d.mean(origin-b*d.perDay, origin-(b-1)*d.perDay)
		if cells*4 < d.perDay*3 {
			continue
		}
		x := offBy(y, use) / typical
		s := sim[kind][d.kind((origin-b*d.perDay+d.perDay/2)/d.perDay)]
		w := s * math.Exp(-x*x/2)
		like, all = like+w, all+s
		if w > 0.5 && len(back) < n+few {
			back = append(back, b)
		}
		if s > 0.5 {
			used = append(used, y)
		}
	}
	if all < 14 || len(used) < 14 {
		return back
	}
	r.known = like / all
	slices.Sort(used)
	usual := used[len(used)/2]
	now := dayMean(expected[:d.perDay])
	// What was got used to was no usual, and what has come is nearer to that.
	if now > 0 && usual > alarmBack*now && use*use > usual*now {
		r.known, r.home = 1, math.Max(1, usual/use)
	}
	return back
}

// seasonUsual is the median of the days of a season, in kWh a cell, zero where few are known.
func (e *engine) seasonUsual(origin int) float64 {
	var days []float64
	for b := 1; b <= seasonDays && origin-b*e.d.perDay >= 0; b++ {
		if y, n := e.d.mean(origin-b*e.d.perDay, origin-(b-1)*e.d.perDay); n*4 > e.d.perDay*3 {
			days = append(days, y)
		}
	}
	if len(days) < 14 {
		return 0
	}
	slices.Sort(days)
	return days[len(days)/2]
}

// dayMean is what is expected of a cell of a day.
func dayMean(q []quad) (mean float64) {
	for _, a := range q {
		mean += float64(a.mean) / float64(len(q))
	}
	return mean
}

// both mixes what is expected if the regime stays with what is expected if the
// usual returns, by the odds that it is one, of the mean and of each quantile.
func (r *regime) both(usual []quad, odds [4]float64, perDay int) []quad {
	out := make([]quad, len(usual))
	for i := range out {
		p := r.chances((float64(i) + 0.5) / float64(perDay))
		a, b := &r.stays[min(i, len(r.stays)-1)], &usual[i]
		q := &out[i]
		q.mean = b.mean + float32(odds[0]*p[1])*(a.mean-b.mean)
		q.q10 = mixedQuantile(a, b, odds[1]*p[0], 0.1)
		q.q50 = max(q.q10, mixedQuantile(a, b, odds[2]*p[1], 0.5))
		q.q90 = max(q.q50, mixedQuantile(a, b, odds[3]*p[2], 0.9))
	}
	return out
}

// mixedQuantile is where a share tau of the mixture of a (with probability p)
// and b lies below, each taken as normal on either side of its median.
func mixedQuantile(a, b *quad, p, tau float64) float32 {
	lo := min(a.q10, b.q10)
	hi := max(a.q90, b.q90)
	for range 24 {
		m := (lo + hi) / 2
		if p*below(a, m)+(1-p)*below(b, m) < tau {
			lo = m
		} else {
			hi = m
		}
	}
	return (lo + hi) / 2
}

// below is the probability of less than x.
func below(q *quad, x float32) float64 {
	const outer = 1.2816
	w := width(q, x > q.q50)
	return 0.5 * math.Erfc(-float64((x-q.q50)/w)*outer/math.Sqrt2)
}
