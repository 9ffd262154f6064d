package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Told is what somebody has told of the use in a time.
type Told string

// What can be told.
const (
	Usual  Told = ""       // nothing
	Away   Told = "away"   // nobody is there
	Guests Told = "guests" // more people than usual are there
	Extra  Told = "extra"  // something uses energy on top of what is usual
	Outage Told = "outage" // there is no mains: laid on what is drawn, see Without, and not on what is used
)

// Expected is use that somebody has told of: from From until To it is not as usual.
type Expected struct {
	Told Told      `json:"told"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	KWh  float64   `json:"kwh,omitempty"` // Extra: on top, in all of the time
}

// Expect takes what is told of the time that forecasts and paths are asked for.  It holds
// until it is told again.  What is told is not what is learned: days under it are known by
// Observation.Told.
func (f *Forecaster) Expect(all []Expected) { f.expected = slices.Clone(all) }

// aside are slots that were measured in a time of which somebody had told that it is not as
// usual.  They are not learned as usual, but tell what an empty site uses, and how much
// guests use.
type aside struct{ empty, guests history }

// take notes a slot; it tells what is learned of it as usual.
func (a *aside) take(n int64, kwh float64, told Told) float64 {
	empty, guests := math.NaN(), math.NaN()
	usual := math.NaN()
	switch told {
	case Away:
		empty = kwh
	case Guests:
		guests = kwh
	case Extra:
	default:
		usual = kwh
	}
	for _, s := range []struct {
		h *history
		x float64
	}{{&a.empty, empty}, {&a.guests, guests}} {
		if was := s.h.at(n); s.x == s.x || was == was {
			s.h.set(n, s.x)
		}
	}
	return usual
}

func (a aside) clone() aside {
	a.empty.v, a.guests.v = slices.Clone(a.empty.v), slices.Clone(a.guests.v)
	return a
}

const (
	nightsBack = 28 // over which what a site uses by itself is taken
	leastNight = 3  // nights that must be known for it

	// How far off what a site uses by itself is taken to be from what it uses empty, of its
	// logarithm, until so many hours of it empty are known; and ever.
	emptyDoubt, emptyHours, emptyLeast = 0.35, 48, 0.1
	emptyShare                         = 0.35 // of the usual that an empty site uses of which no night is known

	// guestShare is what guests use on top, as a share, until days of some are known.
	guestShare, guestDays   = 0.3, 3
	guestDoubt, guestsLeast = 0.25, 0.1

	// extraHigh is how much more than told nine of ten stay below.
	extraHigh = 1.3

	// inhabited is the share of what a whole usual day has beyond what an empty one has, that
	// is used within a day where the site is plainly not empty; tells is what that is at least
	// beside an empty day's for anything to be told by it.
	inhabited = 0.5
	tells     = 0.2
)

// nightly is what the site uses by itself in a slot, in kWh: in the quieter half of the hours from
// midnight to five, in the median of the nights before a slot of the grid.  No sun shines then, and who
// is there sleeps.  noise is how far single slots are off it, as a share; ok is false where too
// few nights are known.
func (f *Forecaster) nightly(g int64) (level, noise float64, ok bool) {
	const until = 5 * 3600
	var nights []float64
	var night []float64
	squares, n := 0.0, 0
	end := func() {
		if int64(len(night))*f.hist.step*2 >= until {
			slices.Sort(night)
			half := night[:(len(night)+1)/2]
			sum := 0.0
			for _, x := range half {
				sum += x
			}
			mean := sum / float64(len(half))
			nights = append(nights, mean)
			for _, x := range night {
				if mean > 0 {
					squares, n = squares+(x/mean-1)*(x/mean-1), n+1
				}
			}
		}
		night = night[:0]
	}
	last := int64(math.MinInt64)
	for s := g - (nightsBack+1)*86400/f.hist.step; s < g; s++ {
		x := f.hist.at(s)
		if x != x {
			continue
		}
		d, sec := f.cal.local(s * f.hist.step)
		if d != last {
			end()
			last = d
		}
		if sec < until {
			night = append(night, max(0, x))
		}
	}
	end()
	if len(nights) < leastNight {
		return 0, 0, false
	}
	slices.Sort(nights)
	noise = 0.3
	if n > 0 {
		noise = min(0.8, max(0.15, math.Sqrt(squares/float64(n))))
	}
	return nights[len(nights)/2], noise, true
}

// byTime is what is usual at each time of the day, in kWh a slot: the mean of the days before
// a slot of the grid; not a number where none is known.
func (f *Forecaster) byTime(g int64) []float64 {
	perDay := 86400 / f.hist.step
	out := make([]float64, perDay)
	for i := range out {
		sum, n := 0.0, 0
		at := g - perDay + floorMod(int64(i)-g, perDay)
		for d := range int64(usualDays) {
			if x := f.hist.at(at - d*perDay); x == x {
				sum, n = sum+max(0, x), n+1
			}
		}
		out[i] = sum / float64(n)
	}
	return out
}

// toldFrom is the first slot of which what was told is looked at from a slot of the grid: what was usual before it is
// known as well to who is given no more than is kept.
func (f *Forecaster) toldFrom(g int64) int64 { return f.oldest(g) + (nightsBack+2)*86400/f.hist.step }

// inhabitedSlots are those of the slots in which nobody was to be there, before a slot of the grid, by
// which somebody plainly was: so much was used within a day before.  They are learned as any others.  Only
// what was before a slot tells of it.
func (f *Forecaster) inhabitedSlots(before int64) (out history) {
	h := &f.aside.empty
	out = history{step: h.step}
	perDay := 86400 / h.step
	last := int64(math.MinInt64 / 2)
	level, need := 0.0, math.Inf(1)
	over, sum := make([]float64, perDay), 0.0 // of each slot of the day that ends with this one
	set := func(g int64, x float64) {
		sum += x - over[floorMod(g, perDay)]
		over[floorMod(g, perDay)] = x
	}
	for g := max(h.first, f.toldFrom(before)); g < min(before, h.end()); g++ {
		x := h.at(g)
		if x != x {
			set(g, 0)
			continue
		}
		if g-last > perDay { // another time away
			level, need = f.dayBeyond(g)
		}
		last = g
		if set(g, max(0, x)-level); sum > need {
			out.set(g, x)
		}
	}
	return out
}

// dayBeyond is what an empty site uses in a slot by what was known before a slot of the grid, and by
// how much a day must be beyond a day of that for the site not to be empty; infinite where that
// cannot be told.
func (f *Forecaster) dayBeyond(g int64) (level, need float64) {
	level, _, ok := f.nightly(g)
	if !ok {
		return 0, math.Inf(1)
	}
	beyond := 0.0
	usual := f.byTime(g)
	for _, x := range usual {
		beyond += x - level
	}
	if !(beyond > tells*level*float64(len(usual))) {
		return level, math.Inf(1)
	}
	return level, inhabited * beyond
}

// NotEmpty tells whether the site is plainly not empty at an instant although somebody has told that
// nobody is there: what is usual is foreseen then until it is.
func (f *Forecaster) NotEmpty(at time.Time) bool {
	first, _ := f.span(at, 0)
	in := f.inhabitedSlots(first)
	return in.end() > first-86400/f.hist.step && in.lastKnown() == f.aside.empty.lastBefore(first)
}

// lastKnown is the last slot that is known, -1 where none is.
func (h *history) lastKnown() int64 { return h.lastBefore(h.end()) }

// lastBefore is the last slot known before one.
func (h *history) lastBefore(g int64) int64 {
	for n := min(g, h.end()) - 1; n >= h.first; n-- {
		if x := h.at(n); x == x {
			return n
		}
	}
	return -1
}

// emptied is what an empty site uses in a slot.
type emptied struct {
	level  float64 // kWh
	spread float64 // of the logarithm of the level
	noise  float64 // of a slot, beside it
}

// empty is what the site uses empty, by what is known before a slot of the grid: by what it uses by itself at
// night, and by what it used when it was empty before.
func (f *Forecaster) empty(g int64) (out emptied, ok bool) {
	level, noise, ok := f.nightly(g)
	in := f.inhabitedSlots(g)
	hours, sum := 0.0, 0.0
	slot := float64(f.hist.step) / 3600
	for n := max(f.aside.empty.first, f.toldFrom(g)); n < min(g, f.aside.empty.end()); n++ {
		if x, y := f.aside.empty.at(n), in.at(n); x == x && y != y {
			hours, sum = hours+slot, sum+max(0, x)*slot
		}
	}
	prior := float64(emptyHours)
	switch {
	case !ok && hours < emptyHours/2:
		return emptied{}, false
	case !ok:
		prior, noise = 0, 0.3
	}
	out.level = (level*prior + sum) / (prior + hours)
	out.spread = math.Sqrt(emptyDoubt*emptyDoubt*emptyHours/(emptyHours+hours) + emptyLeast*emptyLeast)
	out.noise = noise
	return out, true
}

// guests is by what share more is used with guests, and how far off that is, of the logarithm.
func (f *Forecaster) guests(g int64) (share, doubt float64) {
	h := &f.aside.guests
	perDay := 86400 / f.hist.step
	days, sum := 0.0, 0.0
	var usual []float64
	last := int64(math.MinInt64 / 2)
	for n := max(h.first, f.toldFrom(g)); n < min(g, h.end()); n++ {
		x := h.at(n)
		if x != x {
			continue
		}
		if n-last > perDay {
			usual = f.byTime(n)
		}
		last = n
		mean := 0.0
		for _, u := range usual {
			mean += u / float64(perDay)
		}
		if u := usual[floorMod(n, perDay)]; u == u && mean > 0 {
			days += 1 / float64(perDay)
			sum += (x - u) / mean / float64(perDay)
		}
	}
	share = min(2, max(0, (guestShare*guestDays+sum)/(guestDays+days)))
	return share, math.Sqrt(guestDoubt*guestDoubt*guestDays/(guestDays+days) + guestsLeast*guestsLeast)
}

// stretches are half-open times in Unix seconds, sorted and apart.
type stretches [][2]int64

// add joins a stretch to them.
func (s stretches) add(from, to int64) stretches {
	var out stretches
	for _, x := range s {
		switch {
		case x[1] < from || x[0] > to:
			out = append(out, x)
		default:
			from, to = min(from, x[0]), max(to, x[1])
		}
	}
	if from < to {
		out = append(out, [2]int64{from, to})
	}
	slices.SortFunc(out, func(a, b [2]int64) int { return int(a[0] - b[0]) })
	return out
}

// within is how much of [from, to) they cover, but for what others cover.
func (s stretches) within(from, to int64, but stretches) (sum int64) {
	for _, x := range s {
		a, b := max(from, x[0]), min(to, x[1])
		if a < b {
			sum += b - a - but.within(a, b, nil)
		}
	}
	return sum
}

// ahead is what is told of slots ahead.
type ahead struct {
	away, guests []float64 // share of each slot in which that holds
	extra        []float64 // kWh on top
	is           emptied
	share, doubt float64
}

// told is what is told of n slots of the grid from first on; nil where that is nothing.  Where both holds, that more
// people are there and that nobody is, they are; where the site is plainly not empty, what is told of it is not
// believed.
func (f *Forecaster) told(first int64, n int) *ahead {
	if len(f.expected) == 0 {
		return nil
	}
	step := f.hist.step
	var away, guests stretches
	out := &ahead{}
	begin, end := first*step, (first+int64(n))*step
	notEmpty := 0
	for _, e := range f.expected {
		from, to := held(e.From).Unix(), held(e.To).Unix()
		if to <= begin || from >= end || to <= from {
			continue
		}
		switch e.Told {
		case Away:
			if from < begin {
				if notEmpty == 0 {
					notEmpty = 1
					if f.NotEmpty(time.Unix(begin, 0)) {
						notEmpty = 2
					}
				}
				if notEmpty == 2 {
					continue
				}
			}
			away = away.add(from, to)
		case Guests:
			guests = guests.add(from, to)
		case Extra:
			if out.extra == nil {
				out.extra = make([]float64, n)
			}
			for i := range n {
				g := (first + int64(i)) * step
				if part := (stretches{{from, to}}).within(g, g+step, nil); part > 0 {
					out.extra[i] += e.KWh * float64(part) / float64(to-from)
				}
			}
		case Usual, Outage:
		}
	}
	if out.is, out.away = f.emptyAhead(first, n, away, guests); out.away == nil && guests == nil && out.extra == nil {
		return nil
	}
	if guests != nil {
		out.share, out.doubt = f.guests(first)
		out.guests = make([]float64, n)
		for i := range out.guests {
			g := (first + int64(i)) * step
			out.guests[i] = float64(guests.within(g, g+step, nil)) / float64(step)
		}
	}
	return out
}

// emptyAhead is in what share of each slot the site is empty, nil where in none.
func (f *Forecaster) emptyAhead(first int64, n int, away, guests stretches) (is emptied, share []float64) {
	if away == nil {
		return is, nil
	}
	is, ok := f.empty(first)
	if !ok {
		is = emptied{level: math.NaN(), spread: 2 * emptyDoubt, noise: 0.3}
	}
	step := f.hist.step
	share = make([]float64, n)
	for i := range share {
		g := (first + int64(i)) * step
		share[i] = float64(away.within(g, g+step, guests)) / float64(step)
	}
	return is, share
}

// outerTenth is of a normal distribution's 90 % quantile.
const outerTenth = 1.2816

// emptyLevel is what a slot uses empty, of which so much is usual.
func (a *ahead) emptyLevel(usual float64) float64 {
	switch {
	case usual < 0: // the sun goes on
		return usual
	case a.is.level != a.is.level:
		return emptyShare * usual
	}
	return a.is.level
}

// slots lays it on a forecast.
func (a *ahead) slots(all []Slot) {
	if a == nil {
		return
	}
	for i := range all {
		s := &all[i]
		if a.away != nil && a.away[i] > 0 {
			level := a.emptyLevel(s.Mean)
			wide := math.Exp(outerTenth * math.Hypot(a.is.spread, a.is.noise))
			lay := func(x *float64, to float64) { *x += a.away[i] * (to - *x) }
			if level >= 0 {
				lay(&s.Q10, level/wide)
				lay(&s.Q50, level)
				lay(&s.Q90, level*wide)
			}
			lay(&s.Mean, level)
		}
		if a.guests != nil && a.guests[i] > 0 {
			more := func(x *float64, by float64) { *x += a.guests[i] * max(0, *x) * by }
			more(&s.Mean, a.share)
			more(&s.Q50, a.share)
			more(&s.Q90, (1+a.share)*math.Exp(outerTenth*a.doubt)-1)
		}
		if a.extra != nil {
			s.Mean, s.Q50, s.Q90 = s.Mean+a.extra[i], s.Q50+a.extra[i], s.Q90+extraHigh*a.extra[i]
		}
		s.Q50 = max(s.Q10, s.Q50)
		s.Q90 = max(s.Q50, s.Q90)
	}
}

// path lays it on path p of those drawn by a seed, whose own errors in order are not touched by it.
func (a *ahead) path(path []float64, p int, seed uint64) {
	if a == nil {
		return
	}
	rng := rand.New(rand.NewPCG(seed, uint64(p)+0x746f6c64)) //nolint:gosec // a path's number is small
	by := func(spread float64) float64 { return math.Exp(spread*rng.NormFloat64() - spread*spread/2) }
	empty, guests, extra := by(a.is.spread), by(a.doubt), 1+(extraHigh-1)*rng.NormFloat64()/outerTenth
	for i := range path {
		if a.away != nil && a.away[i] > 0 {
			x := a.emptyLevel(path[i])
			if x > 0 {
				x *= empty * by(a.is.noise)
			}
			path[i] += a.away[i] * (x - path[i])
		}
		if a.guests != nil && a.guests[i] > 0 {
			path[i] += a.guests[i] * max(0, path[i]) * ((1+a.share)*guests - 1)
		}
		if a.extra != nil {
			path[i] += max(0, extra) * a.extra[i]
		}
	}
}
