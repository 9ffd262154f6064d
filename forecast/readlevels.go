package forecast

import (
	"math"
	"slices"
)

// readings are the shares of paths at which the 10, 50 and 90 % quantiles of a run-out time are
// to be read: of credits that last for days, and of those that last for more than a week.
// The zero value is as they are.
type readings struct{ short, long [3]float64 }

// Up to how many days a credit is short, and from how many on it is long; between them the
// shares pass over.
const (
	shortCredit = 4.0
	longCredit  = 9.0
)

// at are the shares for a credit that lasts so many days.
func (r readings) at(days float64) [3]float64 {
	if r == (readings{}) {
		return levels()
	}
	w := math.Max(0, math.Min(1, (days-shortCredit)/(longCredit-shortCredit)))
	out := r.short
	for k := range out {
		out[k] += w * (r.long[k] - out[k])
	}
	return out
}

// chance is the chance that stands behind a share of the paths that end within so many days: the
// share at which RunOut reads a quantile has the quantile's own.
func (r readings) chance(days, share float64) float64 {
	read := r.at(days)
	at, is := [5]float64{0, read[0], read[1], read[2], 1}, [5]float64{0, 0.1, 0.5, 0.9, 1}
	for k := 1; k < len(at); k++ {
		if share <= at[k] {
			if at[k] == at[k-1] {
				return is[k]
			}
			return is[k-1] + (is[k]-is[k-1])*(share-at[k-1])/(at[k]-at[k-1])
		}
	}
	return 1
}

// runOutDoubt is how many past weeks weigh as much as the belief that the
// paths are right as they are.
const runOutDoubt = 10.0

// The credits that past weeks are followed with, in days: the short ones, and the long ones.
const (
	shortCredits = 4
	credits      = 6
)

func creditDays() [credits]float64 { return [credits]float64{0.5, 1, 2, 4, 7, 12} }

// everyLong is of how many forecasts each is followed with the long credits: they overlap
// more than they differ.
const everyLong = 3

// readLevels are the shares of paths at which the 10, 50 and 90 % quantiles of
// a run-out time are to be read.  They are those at which past weeks' run-outs
// would have fallen before the quantile as often as it says: each past forecast is
// followed with the errors of the others, and the regime that was seen then, for credits of half a day to twelve
// days, and the share of paths that end before the credit itself did is noted.
func readLevels(d *days, now int, paths []errorPath, given []made) readings {
	out := readings{levels(), levels()}
	if len(paths) < 8 {
		return out
	}
	inDays := creditDays()
	var short, long []float64
	week, n := longDays*d.perDay, errorDays*d.perDay
	past := pastRunOuts{d: d, n: n, errs: make([][]float32, len(paths))}
	// Mean errors above and below the median, by cell.
	above, below := make([]float32, week), make([]float32, week)
	for _, p := range paths {
		for i := range week {
			if e := p.z[i].value(); e > 0 {
				above[i] += e / float32(len(paths))
			} else if e < 0 {
				below[i] += e / float32(len(paths))
			}
		}
	}
	for j, p := range paths { // of each path, bounded; one that is not known is as the one before
		past.errs[j] = make([]float32, n)
		known := p.known(now, d.perDay)
		last := float32(0)
		for i := range n {
			if e := p.z[repeated(i, known, d.perDay)].value(); e == e {
				last = e
			}
			past.errs[j][i] = last
		}
	}
	for m, p := range paths {
		g := &given[m]
		of, whole := shortCredits, week
		if day := d.first + int64(p.origin/d.perDay); p.origin+n <= now && floorMod(day, everyLong) == 0 {
			of, whole = credits, n
		}
		past.lay(p, g, whole, now)
		var credit, end [credits]float64
		for k := range of {
			credit[k] = inDays[k] * g.p.level * float64(d.perDay)
		}
		crossings(past.y, credit[:of], end[:of])
		var b balance
		for i := range week {
			b.add(past.up[i], past.down[i], above[i])
			b.add(past.up[i], past.down[i], below[i])
		}
		b.total(past.q[:week], 1)
		past.stretch = b.stretch()
		var before, ties, count [credits]float64
		for j, other := range paths {
			if abs(other.origin-p.origin) < week || j == m {
				continue
			}
			var at [credits]float64
			past.follow(g, j, credit[:of], at[:of])
			for k := range of {
				switch {
				case at[k] < end[k]:
					before[k]++
				case at[k] == end[k]:
					ties[k]++
				}
				count[k]++
			}
		}
		for k := range of {
			if count[k] < 5 {
				continue
			}
			share := (before[k] + 0.5*ties[k] + 0.5) / (count[k] + 1)
			ended := min(end[k], float64(len(past.y)))
			if known := past.unknown[int(ended)]*4 <= int(ended); k < shortCredits && known && !math.IsInf(end[k], 1) {
				short = append(short, share)
			} else if k >= shortCredits && known {
				long = append(long, share)
			}
		}
	}
	if len(short) < shortCredits*8 {
		return out
	}
	out.short = readAt(short, float64(len(short))/shortCredits)
	out.long = out.short
	if more := (credits - shortCredits) * 8 / everyLong; len(long) >= more {
		out.long = readAt(long, float64(len(long))/(credits-shortCredits)*everyLong)
	}
	return out
}

// readAt are the shares to read at where past run-outs fell at shares, of so many weeks.
func readAt(shares []float64, weeks float64) [3]float64 {
	out := levels()
	slices.Sort(shares)
	for k, tau := range out {
		x := sortedQuantile(shares, tau)
		out[k] = tau + (x-tau)*weeks/(weeks+runOutDoubt)
	}
	return out
}

// pastRunOuts follows a past forecast with the errors of others.
type pastRunOuts struct {
	d        *days
	n        int // cells of errors
	errs     [][]float32
	y        []float64 // what came
	unknown  []int     // how many cells before i are not known
	q, stays []quad    // what was given, and were the regime to last
	up, down []float32 // widths of q's tails
	stretch  float32   // of errors above the median
}

// lay takes a past forecast, of so many cells, and what came of it.
func (r *pastRunOuts) lay(p errorPath, g *made, whole, now int) {
	if cap(r.q) < r.n {
		r.y, r.unknown = make([]float64, r.n), make([]int, r.n+1)
		r.q, r.up, r.down = make([]quad, r.n), make([]float32, r.n), make([]float32, r.n)
	}
	r.y, r.q, r.stays = r.y[:whole], r.q[:whole], r.stays[:0]
	last := float32(0)
	for i := range whole {
		r.y[i] = r.d.at(p.origin+i, now)
		q := &r.q[i]
		*q = g.given[repeated(i, len(g.given), r.d.perDay)]
		r.up[i], r.down[i] = width(q, true), width(q, false)
		r.unknown[i+1] = r.unknown[i]
		if e := p.z[i].value(); r.y[i] == r.y[i] && e == e {
			last = e
			continue
		}
		// A slot in which it was dark went on as those before it.
		last *= 0.9
		r.y[i] = float64(max(0, q.q50+last*width(q, last > 0)))
		r.unknown[i+1]++
	}
	if g.odds > 0 {
		for i := range whole {
			r.stays = append(r.stays, g.odd.stays[repeated(i, len(g.odd.stays), r.d.perDay)])
		}
	}
}

// follow is when (in slots) each credit, which must rise, is used up on the path that the forecast takes
// with the errors of path j.  Where a regime was seen it lasts on as many paths and for as long as its odds
// say, spread evenly by the multiples of irrational numbers.
func (r *pastRunOuts) follow(g *made, j int, credit, at []float64) {
	until, level := 0, float32(1)
	if len(r.stays) > 0 {
		part := func(x float64) float64 { _, f := math.Modf(0.5 + x*float64(j)); return f }
		until = int(g.odd.lasts(part(0.6180339887), g.odds) * float64(r.d.perDay))
		if until > 0 {
			normal := math.Sqrt2 * math.Erfinv(2*part(0.7548776662)-1)
			level = float32(math.Exp(g.odd.loose*normal) * math.Pow(g.odd.home, part(0.5698402910)))
		}
	}
	sum, k := 0.0, 0
	z := r.errs[j][:len(r.q)]
	up, down := r.up[:len(z)], r.down[:len(z)]
	for i := range r.q {
		e := z[i]
		var y float32
		switch {
		case i < until:
			a := &r.stays[i]
			y = (a.q50 + e*width(a, e > 0)) * level
		case e > 0:
			y = r.q[i].q50 + e*r.stretch*up[i]
		default:
			y = r.q[i].q50 + e*down[i]
		}
		v := float64(max(0, y))
		for k < len(credit) && sum+v >= credit[k] && v > 0 {
			at[k] = float64(i) + (credit[k]-sum)/v
			k++
		}
		if k == len(credit) {
			return
		}
		sum += v
	}
	for ; k < len(credit); k++ {
		at[k] = math.Inf(1)
	}
}

// wary draws the least shares to carefulShare where it is likely that a regime of more use is on the paths: those of
// most weeks say little of the days after a change, and credit that ends before it is said to
// is the dearer error.
func (r readings) wary(odds float64) readings {
	for _, read := range []*[3]float64{&r.short, &r.long} {
		read[0] += odds * odds * (min(read[0], carefulShare) - read[0])
	}
	return r
}

const carefulShare = 0.03

// crossings are when (in slots) the sum of y reaches each credit; the credits
// must rise.
func crossings(y, credit, at []float64) {
	sum, k := 0.0, 0
	for i, v := range y {
		for k < len(credit) && sum+v >= credit[k] && v > 0 {
			at[k] = float64(i) + (credit[k]-sum)/v
			k++
		}
		if k == len(credit) {
			return
		}
		sum += v
	}
	for ; k < len(credit); k++ {
		at[k] = math.Inf(1)
	}
}
