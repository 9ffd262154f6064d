package forecast

import (
	"math"
	"slices"
)

// runOutDoubt is how many past weeks weigh as much as the belief that the
// paths are right as they are.
const runOutDoubt = 40.0

// alikeDays is for how many days forecasts made one after the other err alike: as many
// as the longest credit lasts that is looked at here.
const alikeDays = 4

// readLevels are the shares of paths at which the 10, 50 and 90 % quantiles of
// a run-out time are to be read.  They are those at which past weeks' run-outs
// would have fallen before the quantile as often as it says: each past week is
// followed with the errors of the others, for credits of half a day to four
// days, and the share of paths that end before the week itself did is noted.
func readLevels(d *days, now int, paths []errorPath, given []made) [3]float64 {
	out := levels()
	if len(paths) < 8 {
		return out
	}
	const credits = 4
	inDays := [credits]float64{0.5, 1, 2, 4}
	var shares []float64
	n := longDays * d.perDay
	y := make([]float64, n)
	q := make([]quad, n)
	unknown := make([]int, n+1) // how many cells before i are not known
	// Mean errors above and below the median, by cell.
	above, below := make([]float32, n), make([]float32, n)
	for _, p := range paths {
		for i := range n {
			if e := bounded(p.z[i]); e > 0 {
				above[i] += e / float32(len(paths))
			} else if e < 0 {
				below[i] += e / float32(len(paths))
			}
		}
	}
	errs := make([][]float32, len(paths)) // of each path, bounded; one that is not known is as the one before
	for j, p := range paths {
		errs[j] = make([]float32, n)
		last := float32(0)
		for i := range n {
			if e := bounded(p.z[i]); e == e {
				last = e
			}
			errs[j][i] = last
		}
	}
	up, down := make([]float32, n), make([]float32, n) // widths of the tails
	for m, p := range paths {
		g := given[m]
		unknown[0] = 0
		last := float32(0)
		for i := range n {
			y[i] = d.at(p.origin+i, now)
			q[i] = g.given[i]
			unknown[i+1] = unknown[i]
			if e := bounded(p.z[i]); y[i] == y[i] && e == e {
				last = e
				continue
			}
			// A slot in which it was dark went on as those before it.
			last *= 0.9
			y[i] = float64(max(0, q[i].q50+last*width(&q[i], last > 0)))
			unknown[i+1]++
		}
		var credit, end [credits]float64
		for k := range credit {
			credit[k] = inDays[k] * g.p.level * float64(d.perDay)
		}
		crossings(y, credit[:], end[:])
		var b balance
		for i := range q {
			up[i], down[i] = width(&q[i], true), width(&q[i], false)
			b.add(up[i], down[i], above[i])
			b.add(up[i], down[i], below[i])
		}
		b.total(q, 1)
		k := b.stretch()
		var before, ties, count [credits]float64
		for j, other := range paths {
			if abs(other.origin-p.origin) < n || j == m {
				continue
			}
			var at [credits]float64
			followError(q, up, down, errs[j], k, credit[:], at[:])
			for k := range at {
				switch {
				case at[k] < end[k]:
					before[k]++
				case at[k] == end[k]:
					ties[k]++
				}
				count[k]++
			}
		}
		for k := range before {
			if count[k] >= 5 && !math.IsInf(end[k], 1) && unknown[int(end[k])]*4 <= int(end[k]) {
				shares = append(shares, (before[k]+0.5*ties[k]+0.5)/(count[k]+1))
			}
		}
	}
	if len(shares) < 4*8 {
		return out
	}
	slices.Sort(shares)
	weeks := float64(len(shares)) / credits
	for k, tau := range out {
		x := sortedQuantile(shares, tau)
		out[k] = outer(tau+(x-tau)*weeks/(weeks+runOutDoubt), weeks/alikeDays)
	}
	return out
}

// outer is at which share of n outcomes to read for one more to fall below with probability
// tau: the k-th least of n is passed with k/(n+1), and a share p is read at k = pn + 1/2.  Where
// n is small it goes half of the way to the outermost.
func outer(tau, n float64) float64 {
	return math.Max(tau/2, math.Min(tau+(tau-0.5)/n, (1+tau)/2))
}

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

// followError is crossings of the path that q takes, with tails up and down wide, with errors
// z, those above the median stretched.
func followError(q []quad, up, down, z []float32, stretch float32, credit, at []float64) {
	sum, k := 0.0, 0
	up, down, z = up[:len(q)], down[:len(q)], z[:len(q)]
	for i := range q {
		e, wide := z[i], down[i]
		if e > 0 {
			e *= stretch
			wide = up[i]
		}
		v := float64(max(0, q[i].q50+e*wide))
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
