package planning

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// bearable is how much darkness, counted as in ahead, a load takes at most where its energy is
// what is used in a day without loads: the most important one; each class below it bears
// a little less, fallOff of the one above.  What nobody would have given up without a plan is
// given up where the dark is days long, and not for an hour of it.
const (
	bearable    = 0.25
	fallOff     = 0.84
	mostClasses = 5
	// underWay is by how much more is borne for what runs already: it is not broken
	// off for a price that went up by a hair.
	underWay = 1.5
	// dearer is what a day's money counts in darkness where a load runs at a dearer hour so
	// that it is lighter: who buys little and often has no money for that either.
	dearer = 1.0
	// pulled is what must be gained in darkness for a load to run before or after people
	// look at what is left, and not when it is cheapest.  Futures are few: less is chance.
	pulled = 0.01
	// wellBought is how likely something is bought in time for what is given up not to be told
	// as short: the plan after the purchase has it run.
	wellBought = 0.5
	// mostSteps is in how many steps a job is given up.
	mostSteps = 6
)

// needed is a job as what can be given up of it: a programme, or slots.
type needed struct {
	job    int
	n      int // parts that it has
	always bool
	worth  float64  // of a part, in darkness; it is served for half of that
	to     int      // the step by which it must be done
	sides  [2][]put // where parts would run up to the look and after it, the cheapest first
}

// put is where a part would run.
type put struct {
	slot int // the first
	cost float64
}

// chosen is what is served of a job, and how much of that before the look.
type chosen struct{ served, early int }

// afford gives up what takes more light than it is worth: the jobs that are left, which
// the optimizer need not weigh against credit any more, and what is short.  And what is left
// runs before the next look of those who buy, or after it, where that is the lighter.
//
// Of each job so much is served as is best with this credit and with any more, of two that
// follow each other the greater: so more credit never gives up more, although who has a
// little less may buy sooner.
func (s *Rules) afford(b *Brief, o outlook, jobs []job, a *ahead) (kept []job, short []lack, awaits []Awaited) {
	if a == nil {
		return jobs, nil, nil
	}
	cut := a.cut(o)
	all := s.needed(o, jobs, a, cut)
	left := (b.Left + b.Lends).Float() - s.running(b, o)
	served := make([]int, len(all))
	for i, x := range all {
		served[i] = x.n
	}
	levels, free := credits(), true
	var below []chosen // at the credit before
	for i, level := range levels {
		if i+1 < len(levels) && levels[i+1]*a.day <= left {
			continue
		}
		best, light := a.best(o, all, level*a.day, nil)
		for k := range below { // what a single one gives up is chance
			served[k] = min(served[k], max(below[k].served, best[k].served))
		}
		below, free = best, free && light
	}
	if free {
		return jobs, nil, nil
	}
	choice, _ := a.best(o, all, left, served)
	for i, n := range all {
		j := jobs[n.job]
		c := choice[i]
		id := s.Loads[j.load].ID
		switch {
		case n.n <= c.served:
		case a.buys(left, n.to) < wellBought:
			short = append(short, j.lacks(c.served, n.n, ShortOfCredit))
		case !slices.ContainsFunc(awaits, func(x Awaited) bool { return x.Load == id }):
			by := sort.Search(n.to, func(step int) bool { return a.buys(left, step) >= wellBought })
			awaits = append(awaits, Awaited{id, a.at[min(by, len(a.at)-1)]})
		}
		if c.served == 0 && n.n > 0 {
			continue
		}
		if n.n > 0 && c.early != n.cheapest(c.served) { // it is lighter at another hour
			kept = append(kept, j.split(cut, c.early, c.served-c.early)...)
			continue
		}
		kept = append(kept, j.only(c.served, n.n))
	}
	return kept, short, awaits
}

// credits are those for which it is asked what is served, in days without loads.
func credits() []float64 {
	out := []float64{0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.15, 1.3, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6}
	for day := 7.0; day < 60; day *= 1.15 {
		out = append(out, day)
	}
	return out
}

// cut is the first slot after the next look; 0 where nothing can be put before it.
func (a *ahead) cut(o outlook) int {
	if a.look.IsZero() {
		return 0
	}
	i := slices.IndexFunc(o.slots, func(x units.Slot) bool { return !x.Start.Before(a.look) })
	return max(0, i)
}

// best is what is best served of each job with so much credit, in the order in which they
// are asked, and whether all can be had for no light at all.  Where served is given, so
// much is, and only the time is chosen.
func (a *ahead) best(o outlook, all []needed, left float64, served []int) (best []chosen, free bool) {
	l := newLaid(a.step(o.slots[len(o.slots)-1].End()))
	best = make([]chosen, len(all))
	none, _ := a.judge(left, l)
	if served == nil {
		for i, x := range all {
			best[i] = chosen{x.n, x.cheapest(x.n)}
			a.lay(o, &l, x, best[i], 1)
		}
		if dark, _ := a.judge(left, l); dark < none+1e-6 {
			return best, true
		}
		for i, x := range all {
			a.lay(o, &l, x, best[i], -1)
		}
	}
	dark, worth := none, 0.0
	for i, x := range all {
		score, at := worth-dark, chosen{}
		step := (x.n + mostSteps - 1) / mostSteps
		try := func(c chosen, margin float64) { // margin is what more must be had than with the last one
			if c.early < 0 || c.early > c.served || c.early > len(x.sides[0]) || c.served-c.early > len(x.sides[1]) {
				return
			}
			a.lay(o, &l, x, c, 1)
			d, w := a.judge(left, l)
			if gain := w - d - x.worth/2*float64(c.served); gain > score+margin || margin < 0 {
				score, at = gain, c
			}
			a.lay(o, &l, x, c, -1)
		}
		tryEarly := func(n int, first float64) { // n parts, with each number of them before the look
			free := x.cheapest(n)
			try(chosen{n, free}, first)
			if len(x.sides[0]) == 0 || len(x.sides[1]) == 0 {
				return
			}
			for k := 0; k <= n; k = min(k+step, max(n, k+1)) {
				if k != free {
					try(chosen{n, k}, pulled)
				}
			}
		}
		switch {
		case served != nil:
			if served[i] > 0 {
				tryEarly(served[i], -1)
			}
		case x.always:
			try(chosen{x.n, x.cheapest(x.n)}, -1)
		default:
			for n := min(step, x.n); n > 0 && n <= x.n; n = min(n+step, max(x.n, n+1)) {
				tryEarly(n, 0)
			}
		}
		best[i] = at
		a.lay(o, &l, x, at, 1)
		dark, worth = a.judge(left, l)
	}
	return best, false
}

// step is the first step that does not begin before an instant.
func (a *ahead) step(at time.Time) int {
	i, _ := slices.BinarySearchFunc(a.at, at, time.Time.Compare)
	return i
}

// cheapest is how many of n parts are before the look where each runs when it is cheapest,
// and of equal ones early.
func (x *needed) cheapest(n int) int {
	early, late := 0, 0
	for early+late < n {
		switch {
		case early == len(x.sides[0]) && late == len(x.sides[1]):
			return early
		case late == len(x.sides[1]), early < len(x.sides[0]) && x.sides[0][early].cost <= x.sides[1][late].cost:
			early++
		default:
			late++
		}
	}
	return early
}

// lay adds what is served of a job to what is laid, or takes it away with sign -1.
func (a *ahead) lay(o outlook, l *laid, x needed, c chosen, sign float64) {
	place := func(p put, cheapest float64) {
		at := o.slots[p.slot].Start
		i, found := slices.BinarySearchFunc(a.at, at, time.Time.Compare)
		if !found {
			i = max(0, i-1)
		}
		if i < len(l.cost) {
			l.put(i, x.to, sign*p.cost, sign*(x.worth-dearer*(p.cost-cheapest)/a.day))
		}
	}
	e, t := 0, 0
	for range c.served { // beside those that would be the cheapest
		least := math.Inf(1)
		if e < len(x.sides[0]) {
			least = x.sides[0][e].cost
		}
		if t < len(x.sides[1]) && x.sides[1][t].cost < least {
			least = x.sides[1][t].cost
			t++
		} else {
			e++
		}
		k := e + t - 1
		switch {
		case k < c.early:
			place(x.sides[0][k], least)
		case k-c.early < len(x.sides[1]):
			place(x.sides[1][k-c.early], least)
		}
	}
}

// only is the job with so many of its parts.
func (j job) only(n, of int) job {
	if v := j.job.Variable; v != nil && n < of {
		return j.most(n)
	}
	if j.job.OnOff != nil && n < of {
		l := *j.job.OnOff
		l.NeedSlots = min(n, l.NeedSlots)
		l.MinOn = min(l.MinOn, max(1, l.NeedSlots))
		if l.InitOn {
			l.Hold = min(l.Hold, l.NeedSlots)
		}
		l.MaxStarts = min(l.MaxStarts, l.NeedSlots)
		j.job.OnOff = &l
	}
	return j
}

// needed are what the jobs ask for, in the order in which they are served: what is never
// shed, then by importance, then the soonest.
func (s *Rules) needed(o outlook, jobs []job, a *ahead, cut int) []needed {
	var above []int // priorities, the most important first
	for _, l := range s.Loads {
		if l.Defer && !l.Essential && !slices.Contains(above, l.Priority) {
			above = append(above, l.Priority)
		}
	}
	slices.Sort(above)
	mean := 0.0
	for t := range o.slots {
		mean += o.price(&o.table, t).Float() / float64(len(o.slots))
	}
	var out []needed
	for i, j := range jobs {
		l, k := s.Loads[j.load], j.asks()
		class := min(max(0, slices.Index(above, l.Priority)), mostClasses-1)
		kwh := 0.0
		for _, kw := range k.kw {
			kwh += kw * s.Slot.Hours()
		}
		n := needed{job: i, n: len(k.kw), always: l.Essential || j.must, to: min(k.to, len(o.slots))}
		if k.whole {
			n.n, n.to = 1, n.to-len(k.kw)+1
		}
		n.to = a.step(o.slots[max(n.to, 1)-1].End())
		n.sides[0], n.sides[1] = o.puts(k, 0, cut), o.puts(k, cut, len(o.slots))
		if j.later || k.whole && len(n.sides[0])+len(n.sides[1]) == 0 {
			// A plan to come may find a better hour for it, or it fits only about the look.
			n.sides = [2][]put{o.puts(k, 0, len(o.slots)), nil}
		}
		// What its hours are too short for, the optimizer tells.
		n.n = min(n.n, len(n.sides[0])+len(n.sides[1]))
		if n.n > 0 {
			n.worth = max(1e-6, 2*bearable*kwh/float64(n.n)*math.Pow(fallOff, float64(class))*mean/a.day)
			if j.on() {
				n.worth *= underWay
			}
		}
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(x, y needed) int {
		if x.always != y.always {
			if x.always {
				return -1
			}
			return 1
		}
		p, q := jobs[x.job], jobs[y.job]
		return cmp.Or(cmp.Compare(s.Loads[p.load].Priority, s.Loads[q.load].Priority), cmp.Compare(p.asks().to, q.asks().to), cmp.Compare(x.job, y.job))
	})
	return out
}

// puts are where what is asked for can run within [from, to), the cheapest first and of
// equal ones the soonest: of a programme one, else the slots.
func (o outlook) puts(a asked, from, to int) []put {
	from, to = max(from, a.from), min(to, a.to, len(o.slots))
	cost := func(t int, kw float64) float64 {
		bought := max(0, o.mid[t]+kw) - max(0, o.mid[t]) // the rest is sun that is over
		return o.price(&o.table, t).Cost(units.FromKW(bought).Over(o.slots[t].Len)).Float()
	}
	var out []put
	for t := from; t < to && len(a.kw) > 0; t++ {
		switch {
		case !a.whole && !a.isShut(t):
			out = append(out, put{t, cost(t, a.kw[0])})
		case a.whole && t+len(a.kw) <= to:
			sum := 0.0
			for i, kw := range a.kw {
				sum += cost(t+i, kw)
			}
			out = append(out, put{t, sum})
		}
	}
	slices.SortStableFunc(out, func(x, y put) int { return cmp.Compare(x.cost, y.cost) })
	if a.whole && len(out) > 1 {
		out = out[:1]
	}
	return out
}

// running is what that costs which runs whatever the plan says.
func (s *Rules) running(b *Brief, o outlook) (sum float64) {
	for _, l := range s.Loads {
		until := b.owed(l.ID).Committed
		for t, slot := range o.slots {
			if part := share(slot, b.Now, until); part > 0 {
				sum += o.price(&o.table, t).Cost(b.owed(l.ID).power(l).Over(time.Duration(part * float64(slot.Len)))).Float()
			}
		}
	}
	return sum
}
