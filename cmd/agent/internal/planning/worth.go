package planning

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
)

// ahead are the futures in which it is seen what spending credit costs in light: the base
// load of each, and when how much is bought, with what is left.  Of the days after the
// plan's slots they hold no loads, because the plans to come can drop every one.
//
// Spending does not only bring the end of the credit nearer.  Who buys when little is left
// buys sooner, and may be dark for longer where just too much was left to buy and too
// little for the night.  So a future is followed with and without a load, and not asked
// what a unit of credit costs in it.
type ahead struct {
	at       []time.Time // where steps begin, the first of them now
	long     []float64   // days
	soon     []float64   // what a darkness counts that begins in the step
	friendly []bool
	prob     [][levels]float64 // of a purchase when the step begins
	paths    []way
	day      float64   // what a day costs without loads, in the account's unit
	near     int       // steps in which loads run; what comes after them is looked up
	levels   []uint8   // by credit in steps of levelStep days of the habit's
	perStep  float64   // the steps in a unit of credit
	look     time.Time // when people next look at what is left; zero: at any time
}

// way is one of the futures, by step.
type way struct {
	cost   []float64 // of the base load, in the account's unit
	chance []float64 // from 0 to 1: what is below the probability of a purchase is one
	buys   []float64 // how much that would be

	// What the darkness costs from the step far on, by credit in days without loads as in
	// beyond; where it is dark then, for how long still, and what it costs after that.
	far        []float64
	stays, new float64
}

const (
	worthPaths = 20
	worthDays  = 35 // more than from one pay to the next
	nearSteps  = 48 // at least, of nearStep each
	nearStep   = time.Hour
	farStep    = 6 * time.Hour
	levelStep  = 0.05
	// wont is how sure it is that something is bought in an hour in which nothing is left, where
	// people are taken to look at what is.
	wont = 0.3
	// anyDark is what a day of darkness costs whatever it is a part of; each day of it
	// costs 1 more than the one before.  Short ones can be borne, and long ones cannot: in an
	// hour of the night less is missed than a wash.
	anyDark = 0.04
	// recourse is in how many days a darkness is half the matter for what is spent now:
	// the plans to come can drop loads in its place.
	recourse = 1.0
)

// ahead lays out the steps; nil where there are no futures.
func (s *Rules) ahead(b *Brief, v *vista) *ahead {
	if time.Duration(len(v.slots))*s.Interval < 24*time.Hour {
		return nil
	}
	paths, slots := v.paths, v.slots
	in, out, fixed := v.means()
	perDay := int(24 * time.Hour / s.Interval)
	due := anyDay(fixed, perDay)
	back := len(slots) / perDay * perDay // beyond the paths the last days come again
	if week := 7 * perDay; back >= week {
		back = week
	}
	a := &ahead{paths: make([]way, min(worthPaths, len(paths.Paths)))}

	// Steps lie on the clock, so that the next plan sees the same ones.
	var ends []int // slots up to a step's end
	until := b.Now.Add(worthDays * 24 * time.Hour)
	end := b.Now.Truncate(nearStep)
	for end.Before(until) {
		step := nearStep
		if len(a.at) >= nearSteps && end.Equal(end.Truncate(farStep)) {
			step = farStep
		} else {
			a.near++
		}
		from := civil.Later(end, b.Now)
		a.at = append(a.at, from)
		end = end.Add(step)
		a.long = append(a.long, end.Sub(from).Hours()/24)
		a.soon = append(a.soon, math.Exp2(-from.Sub(b.Now).Hours()/24/recourse))
		a.friendly = append(a.friendly, s.Friendly != nil && s.Friendly(from.Add(end.Sub(from)/2)))
		ends = append(ends, int((end.Sub(paths.Start)+s.Interval-1)/s.Interval))
	}
	total := 0.0
	_, demand := v.purse.apart(&v.table)
	for p := range a.paths {
		path := paths.Paths[p*len(paths.Paths)/len(a.paths)]
		w := way{cost: make([]float64, len(a.at)), chance: make([]float64, len(a.at)), buys: make([]float64, len(a.at))}
		t := 0
		for i, to := range ends {
			for ; t < to; t++ {
				k, charge := t, due[t%perDay]
				for k >= len(path) {
					k -= back
				}
				if k == t {
					charge = fixed[t] + demand(t, path[k])
				}
				w.cost[i] += max(0, path[k])*in[k] + min(0, path[k])*out[k] + charge
			}
			total += w.cost[i]
		}
		a.paths[p] = w
	}
	s.chances(a)
	a.day = total / float64(len(a.paths)) / (end.Sub(b.Now).Hours() / 24)
	if a.day <= 0 {
		return nil
	}
	a.bought(b.Purchases.habit(s.Zone, s.Vendor, a.day), end)
	return a
}

// chances draws what is a purchase in which future: in each step of all of them together evenly
// from 0 to 1, so that as many buy as are likely to.
func (s *Rules) chances(a *ahead) {
	order, u := make([]int, len(a.paths)), make([]float64, len(a.paths))
	for i, at := range a.at {
		hour := uint64(at.Truncate(nearStep).Unix())
		for p := range order { // of so few, inserting is the soonest
			u[p] = drawn(s.Seed, uint64(p), hour)
			k := p
			for ; k > 0 && u[p] < u[order[k-1]]; k-- {
				order[k] = order[k-1]
			}
			order[k] = p
		}
		for rank, p := range order {
			a.paths[p].chance[i] = (float64(rank) + 0.5) / float64(len(order))
		}
	}
}

// bought lays out when how much is bought, up to the end of the last step.
func (a *ahead) bought(h habit, end time.Time) {
	a.perStep = 1 / (levelStep * h.perDay)
	last := levelUpTo()[levels-2]
	for i := range int(last/levelStep) + 2 {
		a.levels = append(a.levels, uint8(level((float64(i)-0.5)*levelStep)))
	}
	a.prob = make([][levels]float64, len(a.at))
	hourly := make([]float64, len(a.at))
	for i, from := range a.at {
		to := end
		if i+1 < len(a.at) {
			to = a.at[i+1]
		}
		factor := 0.0
		for at := from; at.Before(to); {
			next := at.Truncate(time.Hour).Add(time.Hour)
			if next.After(to) {
				next = to
			}
			factor += h.factor(at) * next.Sub(at).Hours() / 24
			at = next
		}
		hourly[i] = factor / a.long[i]
		for k := range a.prob[i] {
			a.prob[i][k] = 1 - math.Exp(-h.levels[k]*factor)
		}
	}
	for i := 1; i < min(25, len(a.at)) && a.look.IsZero(); i++ {
		if a.prob[i][0] >= wont && hourly[i] >= 1.2*hourly[i-1] {
			a.look = a.at[i]
		}
	}
	for i, at := range a.at {
		day, unix := at.In(h.zone).Day(), uint64(at.Unix())
		for p := range a.paths {
			w := &a.paths[p]
			if u := w.chance[i]; u < a.prob[i][0] { // else nothing is bought, whatever is left
				w.buys[i] = h.likely(day, drawn(unix, uint64(p), math.Float64bits(u)))
			}
		}
	}
	// Beyond the near steps no loads run.
	for p := range a.paths {
		w := &a.paths[p]
		for _, days := range beyond() {
			dark, _, _ := a.follow(w, a.near, len(w.cost), days*a.day, laid{})
			w.far = append(w.far, dark.cost+a.over(dark))
		}
		for i := a.near; i < len(w.cost); i++ {
			if w.chance[i] < a.prob[i][0] {
				dark, _, _ := a.follow(w, i, len(w.cost), w.buys[i], laid{})
				w.new = dark.cost + a.over(dark)
				break
			}
			w.stays += a.long[i]
		}
	}
}

// beyond are the credits, in days without loads, for which it is known what comes after the
// near steps.
func beyond() [20]float64 {
	return [...]float64{0, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 7, 9, 12, 16, 20, 25, 30, 36}
}

// means are what a kWh costs in each slot, as the futures use on the mean, what one that
// is fed in earns, and what falls due in it by time.  Demand is of each future alone.
func (v *vista) means() (in, out, fixed []float64) {
	in, out, fixed = make([]float64, len(v.slots)), make([]float64, len(v.slots)), make([]float64, len(v.slots))
	const little = 0.01 // kWh, where the mean tells of no import
	due, _ := v.purse.apart(&v.table)
	path, _ := v.purse.apart(&v.table)
	for t := range v.slots {
		mean := 0.0
		for _, p := range v.paths.Paths {
			mean += p[t]
		}
		mean = max(little, mean/float64(len(v.paths.Paths)))
		fixed[t] = due(t, 0)
		in[t] = max(0, (path(t, mean)-fixed[t])/mean)
		out[t] = max(0, (fixed[t]-due(t, -little))/little)
	}
	return in, out, fixed
}

// anyDay is what falls due in the slots of any day: the least that did in those of the
// days seen.  A month's charge is not of any day.
func anyDay(fixed []float64, perDay int) []float64 {
	out := slices.Clone(fixed[:perDay])
	for t, due := range fixed {
		out[t%perDay] = min(out[t%perDay], due)
	}
	return out
}

// laid are loads that run in the first steps: what they cost and what they are worth.
type laid struct {
	cost, worth []float64
	days        []needDay // the same, apart by when they must be done
}

// needDay is what must be done by the end of a step.  What is dark when it was to run, runs
// when there is light again before then, as it would if nobody planned.
type needDay struct {
	to          int // the step after the last one
	cost, worth []float64
}

// newLaid are no loads in so many steps.
func newLaid(n int) laid { return laid{cost: make([]float64, n), worth: make([]float64, n)} }

// put adds what runs in a step and must be done before another one.
func (l *laid) put(at, to int, cost, worth float64) {
	i := slices.IndexFunc(l.days, func(d needDay) bool { return d.to == to })
	if i < 0 {
		i = len(l.days)
		l.days = append(l.days, needDay{to, make([]float64, len(l.cost)), make([]float64, len(l.cost))})
	}
	l.cost[at] += cost
	l.worth[at] += worth
	l.days[i].cost[at] += cost
	l.days[i].worth[at] += worth
}

// waited is what was to run from one step up to another, and can still run in that one: what
// it costs and what it is worth.  Of the first step a part was lit.
func (l *laid) waited(from, at int, lit float64) (cost, worth float64) {
	for _, d := range l.days {
		if d.to <= at {
			continue
		}
		for i := from; i < min(at, len(d.cost)); i++ {
			cost += d.cost[i]
			worth += d.worth[i]
		}
		if from < len(d.cost) {
			cost -= lit * d.cost[from]
			worth -= lit * d.worth[from]
		}
	}
	return cost, worth
}

// darkness is what was dark of a future.
type darkness struct {
	cost       float64 // of those that are over
	long, soon float64 // of the one under way: its days, and what it counts
}

// over is what the darkness under way costs, were it over.
func (a *ahead) over(d darkness) float64 { return d.soon * (anyDark*d.long + d.long*d.long/2) }

// judge follows the futures from so much credit with loads, and tells on the mean what the
// darkness in them costs and what the loads are worth that run: in the dark none does, but it
// may when that is over.
func (a *ahead) judge(left float64, l laid) (dark, worth float64) {
	for p := range a.paths {
		w := &a.paths[p]
		d, gain, rest := a.follow(w, 0, a.near, left, l)
		worth += gain
		switch {
		case a.near == len(w.cost):
		case rest > 0 || d.long == 0:
			d.cost += a.beyond(w, rest)
		default:
			d.long += w.stays
			d.cost += w.new
		}
		dark += d.cost + a.over(d)
	}
	n := float64(len(a.paths))
	return dark / n, worth / n
}

// beyond is what the darkness after the near steps costs.
func (a *ahead) beyond(w *way, left float64) float64 {
	days := left / a.day
	all := beyond()
	for i := 1; i < len(all); i++ {
		if days < all[i] {
			return w.far[i-1] + (w.far[i]-w.far[i-1])*max(0, days-all[i-1])/(all[i]-all[i-1])
		}
	}
	return w.far[len(all)-1]
}

// follow goes along a future from one step to another.
func (a *ahead) follow(w *way, from, to int, left float64, l laid) (d darkness, worth, rest float64) {
	costs, chance, prob, friendly := w.cost[:to], w.chance[:to], a.prob[:to], a.friendly[:to]
	since, lit := -1, 0.0 // what waits was to run from then on, and what part of that step was lit
	for i := from; i < to; i++ {
		c := costs[i]
		if chance[i] < prob[i][a.level(left)] {
			if left += w.buys[i]; left > 0 && d.long > 0 {
				d.cost += a.over(d)
				d.long = 0
			}
		}
		gain := 0.0
		if i < len(l.cost) {
			c += l.cost[i]
			gain = l.worth[i]
		}
		if since >= 0 && (left > 0 || friendly[i]) {
			more, of := l.waited(since, i, lit)
			if room := max(0, left-c); !friendly[i] && more > room {
				more, of = room, of*room/more
			}
			c, gain, since = c+more, gain+of, -1
		}
		switch {
		case friendly[i]:
			left = max(left-c, min(left, 0)) // lent without darkness
			worth += gain
			continue
		case left > 0 && left > c:
			left -= c
			worth += gain
			continue
		}
		part := 1.0 // of the step that is dark
		if left > 0 {
			part, left = 1-left/c, 0
		}
		if since < 0 && i < len(l.cost) {
			since, lit = i, 1-part
		}
		if d.long == 0 {
			d.soon = a.soon[i]
		}
		d.long += part * a.long[i]
		worth += (1 - part) * gain
	}
	return d, worth, left
}

// buys is in what share of the futures something is bought before a step, where no loads run.
func (a *ahead) buys(left float64, before int) float64 {
	n := 0
	for p := range a.paths {
		w, left := &a.paths[p], left
		for i := range before {
			if w.chance[i] < a.prob[i][a.level(left)] && w.buys[i] > 0 {
				n++
				break
			}
			left -= w.cost[i]
		}
	}
	return float64(n) / float64(len(a.paths))
}

// level is the Level of so much credit.
func (a *ahead) level(left float64) int {
	if left <= 0 {
		return 0
	}
	return int(a.levels[min(int(left*a.perStep)+1, len(a.levels)-1)])
}

// drawn is a number from 0 to 1 that depends on these alone, so that one plan sees
// the same futures as the next one.
func drawn(a, b, c uint64) float64 {
	x := a
	for _, y := range [2]uint64{b, c} {
		x = (x ^ y) + 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return float64(x>>11) / (1 << 53)
}
