package forecast

import (
	"math"
	"slices"
)

// A regime is a stretch of days quite unlike what was forecast: nobody is
// home, or new people are.  Whether it lasts cannot be known from the load, so
// the answer holds both: that it stays, and that the usual returns.
type regime struct {
	days  int     // whole days it has lasted; 0 is no alarm
	ratio float64 // its energy over what was forecast
	stays []quad  // by cell from the origin, should it last
}

const (
	alarmDays  = 6   // how many days are looked back on
	alarmFirst = 3.0 // typical errors the last day must be off by
	alarmEach  = 2.0 // and each day before it, to the same side
	leastError = 0.12
)

// chance is the probability that the regime lasts k more days.  It follows the
// rule of succession, by which what has lasted n days lasts as long again in
// one case of two, but the first day counts for nothing: single odd days are
// many, and the usual returns after them.
func (r *regime) chance(k float64) float64 {
	return float64(r.days-1) / (float64(r.days) + k)
}

// lasts is for how many more days it lasts in the case u in [0, 1): the inverse
// of chance, at most a month.
func (r *regime) lasts(u float64) float64 {
	return math.Max(0, math.Min(30, float64(r.days-1)/(1-u)-float64(r.days)))
}

// watch compares the last days with what was forecast for them.
func (e *engine) watch(s *pass, origin int) regime {
	var none regime
	perDay := e.d.perDay
	typical := e.typicalDayError(s, origin)
	if typical == 0 {
		return none
	}
	for n := alarmDays; n >= 1; n-- {
		from := origin - n*perDay
		m := latestBefore(s.paths, from)
		if m == nil || m.p.origin+len(m.given) < origin || from-m.p.origin > 2*perDay {
			continue
		}
		side, off, sum, expected := 0.0, true, 0.0, 0.0
		for k := range n {
			y, q, ok := e.dayOf(m, from+k*perDay, origin)
			if !ok || q <= 0 {
				off = false
				break
			}
			x := (y/q - 1) / typical
			limit := alarmEach
			if k == n-1 {
				limit = alarmFirst
			}
			if math.Abs(x) < limit || x*side < 0 {
				off = false
				break
			}
			side = x
			sum += y
			expected += q
		}
		if off {
			r := regime{days: n, ratio: sum / expected}
			r.stays = e.stays(origin, n)
			return r
		}
	}
	return none
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
	known := 0
	for c := from; c < from+e.d.perDay; c++ {
		i := c - m.p.origin
		if v := e.d.at(c, now); v == v && i < len(m.given) {
			y += v
			q += float64(m.given[i].mean)
			known++
		}
	}
	return y, q, known*4 > e.d.perDay*3
}

// typicalDayError is the scale of the relative errors of past forecasts of a
// day: 1.28 of it to either side hold 80 %.  Zero is not known.
func (e *engine) typicalDayError(s *pass, now int) float64 {
	var off []float64
	for i := range s.paths {
		m := &s.paths[i]
		if m.p.origin+e.d.perDay > now-7*e.d.perDay {
			break
		}
		if y, q, ok := e.dayOf(m, m.p.origin, now); ok && q > 0 {
			off = append(off, math.Abs(y/q-1))
		}
	}
	if len(off) < 14 {
		return 0
	}
	slices.Sort(off)
	return max(leastError, sortedQuantile(off, 0.8)/1.28)
}

// stays is the forecast if the last n days go on: their own values at about
// the same time of day.
func (e *engine) stays(origin, n int) []quad {
	d := e.d
	out := make([]quad, e.weekCells())
	var g gatherer
	reach := max(1, d.perDay/16) // an hour and a half
	for i := range out[:d.perDay] {
		g.unsort = g.unsort[:0]
		for b := 1; b <= n; b++ {
			for o := -reach; o <= reach; o++ {
				c := origin + i - b*d.perDay + o
				if c < origin-n*d.perDay {
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
	return out
}

// both mixes what is expected if the regime stays with what is expected if the
// usual returns.
func (r *regime) both(usual []quad, perDay int) []quad {
	out := make([]quad, len(usual))
	for i := range out {
		p := r.chance((float64(i) + 0.5) / float64(perDay))
		a, b := &r.stays[min(i, len(r.stays)-1)], &usual[i]
		q := &out[i]
		q.mean = float32(p)*a.mean + float32(1-p)*b.mean
		q.q10 = mixedQuantile(a, b, p, 0.1)
		q.q50 = mixedQuantile(a, b, p, 0.5)
		q.q90 = mixedQuantile(a, b, p, 0.9)
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
