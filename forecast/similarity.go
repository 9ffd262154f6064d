package forecast

import (
	"math"
	"slices"
)

// blocks is how many parts of a day profiles are compared by.
const blocks = 12

// blockMeans are the means of the day of cells that ends before cell end, in
// blocks parts, over the given level.
func blockMeans(d *days, end int, level float64) (b [blocks]float64) {
	start := end - d.perDay
	for i := range b {
		m, n := d.mean(start+i*d.perDay/blocks, start+(i+1)*d.perDay/blocks)
		if n == 0 || start+i*d.perDay/blocks < 0 {
			b[i] = math.NaN()
			continue
		}
		b[i] = m / level
	}
	return b
}

// distance is the mean absolute difference of two profiles over the blocks
// both know, NaN where those are fewer than half.
func distance(a, b *[blocks]float64) float64 {
	sum, n := 0.0, 0
	for i := range a {
		if x := a[i] - b[i]; x == x {
			sum += math.Abs(x)
			n++
		}
	}
	if n*2 < blocks {
		return math.NaN()
	}
	return sum / float64(n)
}

// levelsBack is the level (mean kWh a cell) of each day back from the origin's
// day: the mean of the seven days around it, cut at the origin, so that a week
// weighs every weekday once.  Of the days beyond the window only those of a
// rare kind have one.  now is the level at the origin; after a gap it is that of the
// days before and after, as many as make two weeks: a few hours say little.
func levelsBack(d *days, origin, window int) (level []float64, now float64) {
	today := origin / d.perDay
	n := min(rareDays, today+1)
	for n > window && !rare(d.kind(today-n+1)) {
		n--
	}
	level = make([]float64, n)
	half := 3*d.perDay + d.perDay/2
	enough := min(2*d.perDay, int(d.known[max(0, min(origin, len(d.v)))]))
	enough = max(enough, (d.perDay+3)/4) // at first six hours are
	for b := range level {
		if b >= window && !rare(d.kind(today-b)) {
			continue
		}
		mid := (today-b)*d.perDay + d.perDay/2
		from, to := mid-half, mid+half
		if to > origin { // keep a whole week where there is one
			from, to = origin-7*d.perDay, origin
		}
		m, k := d.mean(from, to)
		if d.hasOwn(from, to) {
			m, k = d.usualAround(mid, half, origin)
		}
		if k < enough { // some hours of a week that was dark are not its level
			m = math.NaN()
		}
		level[b] = m
	}
	last, k1 := d.mean(origin-7*d.perDay, origin)
	before, k2 := d.mean(origin-14*d.perDay, origin-7*d.perDay)
	if k1 > 0 && k1+k2 < 7*d.perDay {
		from := d.back(origin, 7*d.perDay)
		last, k1 = d.mean(from, origin)
		before, k2 = d.mean(d.back(from, 7*d.perDay), from)
	}
	if d.hasOwn(origin-14*d.perDay, origin) {
		if x, k := d.usualAround(origin, 7*d.perDay, origin); k > 0 { // what comes before them comes back
			return level, x
		}
	}
	switch {
	case k1 == 0 && k2 == 0:
		end := d.lastKnown(origin) // a gap is no news: what was used before it goes on
		now, _ = d.mean(end-28*d.perDay, end)
	case k1 == 0:
		now = before
	case k2 == 0:
		now = last
	default:
		w1, w2 := 0.75*float64(k1), 0.25*float64(k2)
		now = (w1*last + w2*before) / (w1 + w2)
	}
	return level, now
}

// kindSimilarity learns how alike days of two kinds are: 1 where days of kind
// b differ from days of kind a no more than days of kind a among themselves.
// It needs no notion of a weekend: a shop's Monday may be its Sunday.
func kindSimilarity(d *days, origin int, level []float64) (sim [kindCount][kindCount]float64) {
	today := origin / d.perDay
	n := min(len(level), 120)
	profile := make([][blocks]float64, n)
	for b := 1; b < n; b++ {
		profile[b] = blockMeans(d, (today-b+1)*d.perDay, level[b])
	}
	var sum, count [kindCount][kindCount]float64
	var within, withinN, all, allN float64
	kind := make([]uint8, n)
	for b := range kind {
		kind[b] = d.kind(today - b)
	}
	for a := 1; a < n; a++ {
		for b := a + 1; b < min(n, a+29); b++ {
			x := distance(&profile[a], &profile[b])
			if x != x {
				continue
			}
			i, j := kind[a], kind[b]
			sum[i][j] += x
			count[i][j]++
			sum[j][i] += x
			count[j][i]++
			if i == j {
				within += x
				withinN++
			}
			all += x
			allN++
		}
	}
	// Rare days further back, each beside the days around it.
	for a := n; a < len(level); a++ {
		if !(level[a] > 0) {
			continue
		}
		i := d.kind(today - a)
		own := blockMeans(d, (today-a+1)*d.perDay, level[a])
		for b := max(n, a-14); b <= a+14; b++ {
			j := d.kind(today - b)
			if b == a || b < a && rare(j) {
				continue // each pair once
			}
			other := blockMeans(d, (today-b+1)*d.perDay, level[a])
			if x := distance(&own, &other); x == x {
				sum[i][j] += x
				count[i][j]++
				if i != j {
					sum[j][i] += x
					count[j][i]++
				}
			}
		}
	}
	for i := range sim {
		for j := range sim[i] {
			sim[i][j] = defaultSimilarity(i, j)
		}
	}
	if withinN < 3 || within == 0 {
		return sim
	}
	within /= withinN
	learn := func(i, j int) {
		const beta, doubt = 3.0, 3.0
		// Drawn to what is assumed until pairs have been seen.
		expect := within * (1 - math.Log(sim[i][j])/beta)
		x := (sum[i][j] + doubt*expect) / (count[i][j] + doubt)
		sim[i][j] = math.Exp(-beta * max(0, x/within-1))
		sim[j][i] = sim[i][j]
	}
	for i := range 7 {
		for j := range i {
			learn(i, j)
		}
	}
	// A holiday is assumed to be as unlike the other days as a Sunday is here, a
	// day between Christmas and New Year or with a name of the site's own half so.
	for j := range 7 {
		sim[holidayKind][j] = 0.9 * sim[sunday][j]
		for i := betweenKind; i < kindCount; i++ {
			sim[i][j] = 0.9 * (sim[sunday][j] + sim[midweek][j]) / 2
		}
	}
	for i := holidayKind; i < kindCount; i++ {
		for j := range i {
			learn(i, j)
		}
	}
	return sim
}

// defaultSimilarity is assumed before data tell: working days are alike, a
// holiday is like a Sunday.
func defaultSimilarity(a, b int) float64 {
	free := func(k int) int {
		if k >= 5 {
			return 1
		}
		return 0
	}
	switch {
	case a == b:
		return 1
	case a >= betweenKind || b >= betweenKind:
		return 0.5
	case free(a) == free(b):
		return 0.8
	}
	return 0.35
}

// analogWeights is how much the day that ended m days before the origin was
// like the one that has just ended, for m in [1, len).
func analogWeights(d *days, origin int, level []float64, now float64) []float64 {
	n := len(level)
	w := make([]float64, n)
	if n < 3 {
		return w
	}
	ctx := blockMeans(d, origin, now)
	dist := make([]float64, n)
	var sorted []float64
	for m := 1; m < n; m++ {
		past := blockMeans(d, origin-m*d.perDay, level[m])
		dist[m] = distance(&ctx, &past)
		if dist[m] == dist[m] {
			sorted = append(sorted, dist[m])
		}
	}
	if len(sorted) < 3 {
		return w
	}
	slices.Sort(sorted)
	h := sorted[min(len(sorted)-1, max(2, len(sorted)/6))]
	if h <= 0 {
		h = 1e-9
	}
	for m := 1; m < n; m++ {
		if dist[m] == dist[m] {
			w[m] = math.Exp(-dist[m]*dist[m]/(h*h)) * math.Exp2(-float64(m)/90)
		}
	}
	return w
}
