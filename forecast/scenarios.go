package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Scenarios are equally likely coherent paths of the base load.
type Scenarios struct {
	Start time.Time     // of the first slot
	Step  time.Duration // of every slot
	Paths [][]float64   // [path][slot] kWh
	// read are the shares of paths at which RunOut reads its quantiles; zero
	// is as they are.
	read readings
}

// Scenarios draws n paths for the slots that Forecast answers for.  A path
// takes its errors, in order, from one past forecast of the same site, so that
// slots that err together do so here: their sums are as uncertain as real sums
// are.  Equal arguments and data give equal paths.
func (f *Forecaster) Scenarios(at time.Time, horizon time.Duration, n int, seed uint64) Scenarios {
	return f.ScenariosIn(new([]float64), at, horizon, n, seed)
}

// ScenariosIn is Scenarios kept in room, which is grown where it is too small: they stand
// until room is used again.
func (f *Forecaster) ScenariosIn(room *[]float64, at time.Time, horizon time.Duration, n int, seed uint64) Scenarios {
	n = max(0, n)
	first, slots := f.span(at, horizon)
	return f.scenarios(f.look(first), room, first, slots, n, seed)
}

func (f *Forecaster) scenarios(o *outlook, room *[]float64, first int64, slots, n int, seed uint64) Scenarios {
	out := Scenarios{Start: time.Unix(first*f.hist.step, 0).UTC(), Step: f.opt.Step, Paths: make([][]float64, n)}
	if cap(*room) < n*slots {
		*room = make([]float64, n*slots)
	}
	flat := (*room)[:n*slots]
	for p := range out.Paths {
		out.Paths[p] = flat[p*slots : (p+1)*slots]
	}
	out.read = f.draw(o, first, slots, n, seed, func(p int) []float64 { return out.Paths[p] }, func(int) {})
	return out
}

// draw draws n paths, each into what in gives for it, and says when one is done.  It
// returns the shares of paths to read quantiles at, zero where as they are.
func (f *Forecaster) draw(o *outlook, first int64, slots, n int, seed uint64, in func(p int) []float64, done func(p int)) (read readings) {
	if n == 0 || slots == 0 {
		for p := range n { // of no length
			done(p)
		}
		return read
	}
	rng := rand.New(rand.NewPCG(seed, f.opt.Seed))
	cell := make([]int32, slots) // of each slot, from the origin
	for i := range cell {
		cell[i] = int32(max(0, f.cellOf(o.d, first+int64(i))-o.origin))
	}
	// Not the last slot's: where the clock is put back the horizon ends on a cell
	// before the greatest.
	cells := int(slices.Max(cell)) + 1
	q := make([]quad, cells)
	for i := range q {
		q[i] = o.cell(o.origin + i)
		if o.regime.days > 0 {
			q[i] = o.usual[o.index(o.origin+i, len(o.usual))]
		}
	}
	usable, _ := o.usablePaths(min(cells, longDays*o.d.perDay), o.origin)
	if len(usable) > 0 {
		if o.learned.read == (readings{}) {
			// By what was known when the last of them was made: it is the same whenever it is asked for.
			paths := o.learned.paths
			now := paths[len(paths)-1].p.origin
			whole, given := o.usablePaths(longDays*o.d.perDay, now)
			o.learned.read = readLevels(o.d, now, whole, given)
		}
		read = o.learned.read
	}
	k, base := float32(f.fine), o.d.base/float64(f.fine)
	order := rng.Perm(max(1, len(usable)))
	z := make([]float32, cells)
	up, down := make([]float32, cells), make([]float32, cells)
	for i := range q {
		up[i], down[i] = width(&q[i], true), width(&q[i], false)
	}
	var past, made balance
	for _, p := range usable {
		p.copyTo(z, o, 0)
		for i := range z {
			past.add(up[i], down[i], z[i])
		}
	}
	past.total(q, len(usable))
	for i := range up {
		made.add(up[i], down[i], drawnMean)
		made.add(up[i], down[i], -drawnMean)
	}
	made.total(q, 1)
	pastStretch, madeStretch := past.stretch(), made.stretch()
	most, perDay := o.mostOfADay(q), int(day/f.opt.Step)
	odd, told := &o.odd, f.told(first, slots)
	copied, odds := 0, o.learned.belief.ofPaths(odd)
	if odd.ratio > 1 && len(usable) > 0 {
		read = read.wary(odds)
	}
	for p := range n {
		path := in(p)
		stretch := pastStretch
		// Where there are few past weeks, some paths repeat them and the others are made up.
		if (p+1)*len(usable)/pathWeeks > copied && copied < len(usable)*longDays || len(usable) >= pathWeeks && p < len(usable)*longDays {
			usable[order[copied%len(usable)]].copyTo(z, o, copied/len(usable))
			copied++
		} else {
			stretch = madeStretch
			drawn(z, o.d.perDay, rng)
		}
		source := 7 * 86400 / f.hist.step * int64(1+p%4) // slots back to the weeks whose unevenness is taken
		level := float32(1)
		until := 0 // cells for which the unusual lasts on this path
		if odds > 0 {
			until = int(odd.lasts(rng.Float64(), odds) * float64(o.d.perDay))
			level = float32(math.Exp(odd.loose*rng.NormFloat64()) * math.Pow(odd.home, rng.Float64()))
		}
		for i, c := range cell {
			e := z[c]
			y := q[c].q50
			switch {
			case int(c) < until:
				a := &odd.stays[repeated(int(c), len(odd.stays), o.d.perDay)]
				y = (a.q50 + e*width(a, e > 0)) * level
			case e > 0:
				y += e * up[c] * stretch
			default:
				y += e * down[c]
			}
			if y = max(y, 0); k != 1 {
				y /= k
			}
			path[i] = float64(y)
		}
		for from := 0; from < slots; from += perDay {
			hold(path[from:min(from+perDay, slots)], most)
		}
		for i := range path {
			path[i] += base
		}
		if f.fine > 1 {
			f.roughen(path, cell, first, source)
		}
		told.path(path, p, seed)
		done(p)
	}
	return read
}

// pathWeeks is from how many past weeks on (that overlap) all paths are of the past;
// pathDays is how many days must have been known when one was forecast: the first
// ranges are guesses, and errors measured by them are not errors of later ones.
const (
	pathWeeks = 28
	pathDays  = 4
)

// balance finds by how much the errors above the median must be stretched for
// the paths to use, taken together, what the mean forecast says.
type balance struct{ mean, median, above, below float64 }

// add takes an error of z widths where the tails are up and down wide.
func (b *balance) add(up, down, z float32) {
	if z > 0 {
		b.above += float64(z * up)
	} else {
		b.below -= float64(z * down)
	}
}

// total takes the forecast that n paths were added for.
func (b *balance) total(q []quad, n int) {
	for i := range q {
		b.mean += float64(q[i].mean) * float64(n)
		b.median += float64(q[i].q50) * float64(n)
	}
}

// stretch is held to a half to one and a half: the rest is doubt in the mean.
func (b *balance) stretch() float32 {
	if b.above <= 0 {
		return 1
	}
	return float32(math.Max(0.5, math.Min(1.5, (b.mean-b.median+b.below)/b.above)))
}

// mostOfADay is the most that a day of a path may use, in kWh above base: as much as any day
// so far, and by the share of 3/n more where n days are known.  An odd day of the past,
// forecast by a home that stood empty, is many widths off; the same many widths of
// an ordinary forecast are more than the site can draw.
func (o *outlook) mostOfADay(q []quad) float64 {
	d, most := o.d, 0.0
	for c := d.perDay; c <= min(o.origin, len(d.v)); c += max(1, d.perDay/24) {
		if m, n := d.mean(c-d.perDay, c); n*4 > d.perDay*3 {
			most = max(most, m*float64(d.perDay))
		}
	}
	most *= 1 + 3/max(1, o.ownDays)
	for from := 0; from+d.perDay <= len(q); from += d.perDay {
		sum := 0.0
		for _, a := range q[from : from+d.perDay] {
			sum += float64(a.mean)
		}
		most = max(most, 1.5*sum)
	}
	return most
}

// hold scales a day that uses more than most.
func hold(path []float64, most float64) {
	sum := 0.0
	for _, x := range path {
		sum += x
	}
	if sum > most && most > 0 {
		for i := range path {
			path[i] *= most / sum
		}
	}
}

// roughen shares each cell's energy among its slots as it was shared back slots
// ago, or evenly where that is not known.
func (f *Forecaster) roughen(path []float64, cell []int32, first, back int64) {
	for from := 0; from < len(path); {
		to := from + 1
		for to < len(path) && cell[to] == cell[from] {
			to++
		}
		sum := 0.0
		for i := from; i < to; i++ {
			if x := f.hist.at(first + int64(i) - back); x >= 0 && int64(i) < back {
				sum += x
			} else {
				sum = math.NaN()
			}
		}
		if sum > 0 { // false where one is not known or is export
			total := path[from] * float64(to-from)
			for i := from; i < to; i++ {
				path[i] = total * f.hist.at(first+int64(i)-back) / sum
			}
		}
		from = to
	}
}

// usablePaths are the past errors that were known at a cell over most of n cells.
func (o *outlook) usablePaths(n, now int) (out []errorPath, given []made) {
	end := min(o.d.cells(), (now+o.d.perDay-1)/o.d.perDay*o.d.perDay) // of its day
	for i := range o.learned.paths {
		m := &o.learned.paths[i]
		if m.p.origin+n > end || o.d.daysKnown(m.p.origin) < pathDays {
			continue
		}
		p := m.errors(o.d, now)
		known := 0
		for _, z := range p.z[:min(n, len(p.z))] {
			if z != unknownError {
				known++
			}
		}
		if known*4 >= n*3 {
			out, given = append(out, p), append(given, *m)
		}
	}
	return out, given
}

// copyTo lays the errors over z so that the hours of the day agree, skipping
// rounds days more.  Where an error is not known the one before stands in.
func (p errorPath) copyTo(z []float32, o *outlook, rounds int) {
	shift := int(floorMod(int64(o.origin-p.origin), int64(o.d.perDay))) + rounds*o.d.perDay
	known := p.known(o.origin, o.d.perDay)
	last := float32(0)
	for i := range z {
		j := i + shift
		if known >= longDays*o.d.perDay {
			j = repeated(j, known, o.d.perDay)
		}
		for j >= known { // of less than a week the last day
			j -= o.d.perDay
		}
		if e := p.z[j].value(); e == e {
			last = e
		} else {
			last *= 0.9
		}
		z[i] = last
	}
}

// known is how many of the errors are of whole days that are over at a cell, of one at least.
func (p errorPath) known(now, perDay int) int {
	return max(1, min(len(p.z), now-p.origin)/perDay) * perDay
}

// The shares of drawn's errors that a day's slots have in common and that each has of
// its own.
const (
	drawnCommon = 0.57
	drawnOwn    = 0.8
	drawnMean   = 0.306 // of the errors to either side: 0.982/1.2816/sqrt(2 pi)
)

// drawn makes errors up where the past has none: independent ones, and a
// common one that changes from day to day.
func drawn(z []float32, perDay int, rng *rand.Rand) {
	const outer = 1.2816 // of a normal distribution's 90 % quantile
	common := rng.NormFloat64()
	for i := range z {
		if i > 0 && i%perDay == 0 {
			common = 0.8*common + math.Sqrt(1-0.64)*rng.NormFloat64()
		}
		z[i] = float32((drawnCommon*common + drawnOwn*rng.NormFloat64()) / outer)
	}
}
