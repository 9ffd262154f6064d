package planning

import (
	"math"
	"slices"
	"time"
)

// worth is what credit that is spent on loads costs in light.  Many futures are
// followed, in which the base load alone runs, because the plans to come can drop
// every load, and credit is bought as it is usual here.  What a unit of credit costs
// that is spent at an instant is how long the next darkness after it will be: it
// makes that one longer.  Short ones can be borne, and the price is low; long ones
// cannot.  A purchase in between halves it, for who buys sees what is left.
//
// Prices have no unit: a darkness is told in what a day without loads costs, so 1 is
// a day of it for certain.  They do not rise with the credit, nor from one mark to the
// next, by construction.
type worth struct {
	marks []time.Time // instants of spending, the first of them now
	left  []float64   // credit, in the account's unit, ascending from 0
	price [][]float64 // by mark and by left
}

const (
	worthPaths = 48
	worthDays  = 35 // more than from one pay to the next
	nearSteps  = 24 // of nearStep each
	nearStep   = 2 * time.Hour
	farStep    = 6 * time.Hour
	// mended is what is left of a price where something is bought before the darkness.
	mended = 0.5
	// recourse is in how many days a darkness is half the matter for what is spent now:
	// the plans to come can drop loads in its place.
	recourse = 1.0
	// mostBuys is after how many purchases nothing is left of it.
	mostBuys = 5
)

// levels are the credits for which prices are worked out, in days without loads.
func levels() []float64 {
	return []float64{0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1, 1.4, 2, 3, 4.5, 6.5, 9, 12, 16, 20, 25, 30, 35, 45, 60}
}

// ahead is what the futures of worth have in common.
type ahead struct {
	at       []time.Time // where steps begin
	prob     [][bands]float64
	friendly []bool
	upTo     [bands - 1]float64 // of the Bands, in the account's unit
	cost     [][]float64        // by path and step
	chance   [][]float64        // by path and step, from 0 to 1
	marks    int
	day      float64
	habit    habit
}

// worth works the prices out for credits up to left; nil where nothing is known of
// what is ahead.
func (s *Rules) worth(b *Brief, v *vista) *worth {
	a := s.ahead(b, v)
	if a == nil {
		return nil
	}
	w := &worth{marks: a.at[:a.marks], price: make([][]float64, a.marks)}
	top := (b.Left + b.Lends).Float()
	sum, held := make([]float64, a.marks), make([]int, a.marks)
	for _, level := range levels() {
		if n := len(w.left); n > 0 && w.left[n-1] > top {
			break
		}
		w.left = append(w.left, level*a.day)
		clear(sum)
		for p := range a.cost {
			a.follow(p, level*a.day, sum, held)
		}
		for k := range sum {
			price := sum[k] / a.day / float64(len(a.cost))
			if n := len(w.price[k]); n > 0 {
				price = min(price, w.price[k][n-1])
			}
			if k > 0 {
				price = min(price, w.price[k-1][len(w.left)-1])
			}
			w.price[k] = append(w.price[k], price)
		}
	}
	return w
}

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
	n := min(worthPaths, len(paths.Paths))
	a := &ahead{cost: make([][]float64, n), chance: make([][]float64, n)}

	var ends []int // slots up to a step's end
	end := b.Now.Truncate(nearStep)
	for i := range nearSteps + (worthDays-2)*4 {
		step := farStep
		if i < nearSteps {
			step = nearStep
		}
		a.at = append(a.at, end)
		end = end.Add(step)
		ends = append(ends, int((end.Sub(paths.Start)+s.Interval-1)/s.Interval))
	}
	a.at[0] = b.Now
	for a.marks < len(a.at) && a.at[a.marks].Before(b.Now.Add(s.Ahead)) {
		a.marks++
	}
	total := 0.0
	for p := range n {
		path := paths.Paths[p*len(paths.Paths)/n]
		cost, chance := make([]float64, len(a.at)), make([]float64, len(a.at))
		t := 0
		for i, to := range ends {
			for ; t < to; t++ {
				k, charge := t, due[t%perDay]
				for k >= len(path) {
					k -= back
				}
				if k == t {
					charge = fixed[t]
				}
				cost[i] += max(0, path[k])*in[k] + min(0, path[k])*out[k] + charge
			}
			total += cost[i]
			chance[i] = drawn(s.Seed, uint64(p), uint64(a.at[i].Unix()/int64(nearStep/time.Second)))
		}
		a.cost[p], a.chance[p] = cost, chance
	}
	a.day = total / float64(n) / (end.Sub(b.Now).Hours() / 24)
	if a.day <= 0 {
		return nil
	}
	a.habit = b.Purchases.habit(s.Zone, a.day)
	for i := range a.upTo {
		a.upTo[i] = bandUpTo(i) * a.habit.perDay
	}
	a.prob = make([][bands]float64, len(a.at))
	a.friendly = make([]bool, len(a.at))
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
			factor += a.habit.factor(at) * next.Sub(at).Hours() / 24
			at = next
		}
		for k := range a.prob[i] {
			a.prob[i][k] = 1 - math.Exp(-a.habit.bands[k]*factor)
		}
		a.friendly[i] = s.Friendly != nil && s.Friendly(from.Add(to.Sub(from)/2))
	}
	return a
}

// means are what a kWh costs in each slot, as the futures use on the mean, what one that
// is fed in earns, and what falls due in it by time.
func (v *vista) means() (in, out, fixed []float64) {
	in, out, fixed = make([]float64, len(v.slots)), make([]float64, len(v.slots)), make([]float64, len(v.slots))
	const little = 0.01 // kWh, where the mean tells of no import
	due, path := v.purse.path(&v.table), v.purse.path(&v.table)
	for t := range v.slots {
		mean := 0.0
		for _, p := range v.paths.Paths {
			mean += p[t]
		}
		mean = max(little, mean/float64(len(v.paths.Paths)))
		fixed[t] = due(t, 0, 0)
		in[t] = max(0, (path(t, 0, mean)-fixed[t])/mean)
		out[t] = max(0, (fixed[t]-due(t, 0, -little))/little)
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

// follow adds to sum, for each mark, how long the next darkness after it is in one
// path that begins with so much credit.  held has room for the marks.
func (a *ahead) follow(p int, left float64, sum []float64, held []int) {
	cost, chance := a.cost[p], a.chance[p]
	mark, buys := 0, 0                 // first mark that no darkness came after so far; purchases so far
	dark, darkBuys := -1, 0            // the step in which the darkness under way began
	lit := func(i int, long float64) { // it is over; nothing can be spent while it lasts
		for ; mark < a.marks && mark <= i; mark++ {
			soon := math.Exp2(-max(0, a.at[dark].Sub(a.at[mark]).Hours()) / 24 / recourse)
			sum[mark] += math.Pow(mended, float64(max(0, darkBuys-held[mark]))) * soon * long
		}
		dark = -1
	}
	if left <= 0 {
		dark = 0
	}
	for i, c := range cost {
		if i < a.marks {
			held[i] = buys
		} else if buys-held[a.marks-1] >= mostBuys {
			return
		}
		if dark >= 0 {
			c = max(0, c) // nothing is fed in while it is dark
		}
		was := left
		if left -= c; a.friendly[i] {
			left = max(left, min(was, 0)) // lent without darkness
		}
		if left <= 0 && dark < 0 && !a.friendly[i] {
			dark, darkBuys = i, buys
		}
		if chance[i] >= a.prob[i][a.band(left)] {
			continue
		}
		if dark >= 0 {
			if lit(i, -left); mark == a.marks {
				return
			}
		}
		left = max(left, 0) + a.habit.likely(a.at[i], drawn(uint64(i), uint64(p), math.Float64bits(chance[i])))
		buys++
	}
	if dark >= 0 {
		lit(a.marks, -left)
	}
}

func (a *ahead) band(left float64) int {
	for i, upTo := range a.upTo {
		if left <= upTo {
			return i
		}
	}
	return bands - 1
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

// at is the price of spending at a mark what leaves so much credit.
func (w *worth) at(mark int, left float64) float64 {
	price := w.price[mark]
	i, _ := slices.BinarySearch(w.left, left)
	switch {
	case i == 0:
		return price[0]
	case i == len(w.left):
		return price[i-1]
	}
	part := (left - w.left[i-1]) / (w.left[i] - w.left[i-1])
	return price[i-1] + part*(price[i]-price[i-1])
}
