package planning

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
)

// bearable is the price in light, see worth, up to which the most important load is
// run; each class below it bears half as much.  Lights come before loads.  Of 0.1, 0.2 and
// 0.4 it is the one with which a home that buys 80 when it has less than 15 has all its hot
// water in the least darkness (TestAHomeThatBuysWhenItIsLow...).
const (
	bearable    = 0.2
	mostClasses = 5
	// underWay is by how much more is borne for what runs already: it is not broken
	// off for a price that went up by a hair.
	underWay = 1.5
)

// portion is what can be given up by itself: a programme, or a slot's worth of running.
type portion struct {
	job      int
	from, to int // the slots in which it may run
	cost     float64
	class    int // of importance, 0 the greatest
	always   bool
}

// afford gives up what takes more light than it is worth: the jobs that are left, which
// the optimizer need not weigh against credit any more, and what is short.
//
// Portions are asked about in the order of importance, and of one importance the
// soonest first, each with the credit that is left when it and all before it are run.
// That does not hang on what became of those before, and prices do not rise with the
// credit: so more credit never gives up more.
func (s *Rules) afford(b *Brief, o outlook, jobs []job, w *worth) (kept []job, short []optimizer.Shortfall) {
	if w == nil {
		return jobs, nil
	}
	portions := s.portions(b, o, jobs)
	served, begins := make([]int, len(jobs)), make([]int, len(jobs))
	free := (b.Left + b.Lends).Float() - s.running(b, o)
	for i, p := range portions {
		left := free - p.cost
		for _, before := range portions[:i] {
			if before.from < p.to { // else it runs after
				left -= before.cost
			}
		}
		bears := bearable * math.Ldexp(1, -p.class)
		if l := jobs[p.job].job.OnOff; l != nil && bool(l.InitOn) {
			bears *= underWay
		}
		from, ok := w.from(o, p.from, p.to, left, bears)
		if p.always {
			from, ok = p.from, true
		}
		if ok {
			served[p.job]++
			begins[p.job] = max(begins[p.job], from)
		}
	}
	for i, j := range jobs {
		a := askedBy(j.job)
		need := 1
		if !a.whole {
			need = len(a.kw)
		}
		if a.from >= a.to || a.whole && a.to-a.from < len(a.kw) {
			kept = append(kept, j) // its hours are too short: the optimizer says so
			continue
		}
		if missing := need - served[i]; missing > 0 {
			kind, unit := optimizer.ShortEnergy, "slots"
			if a.whole {
				kind, unit = optimizer.ShortSkip, "runs"
			}
			short = append(short, optimizer.Shortfall{Kind: kind, Load: j.job.ID, Slot: max(0, a.from), Amount: float64(missing), Unit: unit})
		}
		if served[i] > 0 {
			kept = append(kept, j.only(served[i], begins[i]))
		}
	}
	return kept, short
}

// only is the job with so many of its slots, in hours that begin with slot from.
func (j job) only(n, from int) job {
	waits := false
	switch {
	case j.job.Cycle != nil:
		c := *j.job.Cycle
		if from = min(from, c.LatestFinish-len(c.ProfileKW)); from > c.Earliest {
			c.Earliest, waits = from, true
		}
		j.job.Cycle = &c
	case j.job.OnOff != nil:
		l := *j.job.OnOff
		l.NeedSlots = min(n, l.NeedSlots)
		l.MinOn = min(l.MinOn, max(1, l.NeedSlots))
		after := func(from int) asked {
			return asked{from: from, to: l.To, shut: within(l.Shut, from, l.To)}
		}
		for from > l.From && after(from).room() < l.NeedSlots {
			from--
		}
		if from > l.From {
			l.From, l.Shut, waits = from, after(from).shut, true
		}
		j.job.OnOff = &l
	}
	if waits {
		j.opens, j.rests = false, time.Time{}
	}
	return j
}

// portions are what the jobs ask for, in the order in which they are served.
func (s *Rules) portions(b *Brief, o outlook, jobs []job) []portion {
	var above []int // priorities, the most important first
	for _, l := range s.Loads {
		if l.Defer && !l.Essential && !slices.Contains(above, l.Priority) {
			above = append(above, l.Priority)
		}
	}
	slices.Sort(above)
	var out []portion
	for i, j := range jobs {
		l, a := s.Loads[j.load], askedBy(j.job)
		class := min(max(0, slices.Index(above, l.Priority)), mostClasses-1)
		for _, cost := range o.costs(a) {
			out = append(out, portion{job: i, from: max(0, a.from), to: min(a.to, len(o.slots)), cost: cost, class: class, always: l.Essential})
		}
	}
	slices.SortStableFunc(out, func(x, y portion) int {
		if x.always != y.always {
			if x.always {
				return -1
			}
			return 1
		}
		p, q := s.Loads[jobs[x.job].load].Priority, s.Loads[jobs[y.job].load].Priority
		return cmp.Or(cmp.Compare(p, q), cmp.Compare(x.to, y.to), cmp.Compare(x.job, y.job))
	})
	return out
}

// costs is what is asked for costs where it is cheapest: of a programme in all, else of
// each slot.
func (o outlook) costs(a asked) []float64 {
	from, to := max(0, a.from), min(a.to, len(o.slots))
	cost := func(t int, kw float64) float64 {
		bought := max(0, o.mid[t]+kw) - max(0, o.mid[t]) // the rest is sun that is over
		return o.price(&o.table, t).Cost(units.FromKW(bought).Over(o.slots[t].Len)).Float()
	}
	if a.whole {
		best := math.Inf(1)
		for t := from; t+len(a.kw) <= to; t++ {
			sum := 0.0
			for i, kw := range a.kw {
				sum += cost(t+i, kw)
			}
			best = min(best, sum)
		}
		if math.IsInf(best, 1) {
			return nil
		}
		return []float64{best}
	}
	if len(a.kw) == 0 {
		return nil
	}
	var all []float64
	for t := from; t < to; t++ {
		if !a.isShut(t) {
			all = append(all, cost(t, a.kw[0]))
		}
	}
	slices.Sort(all)
	out := make([]float64, len(a.kw)) // of those that have no slot, the optimizer tells
	for i := range out {
		if len(all) > 0 {
			out[i] = all[min(i, len(all)-1)]
		}
	}
	return out
}

// running is what that costs which runs whatever the plan says.
func (s *Rules) running(b *Brief, o outlook) (sum float64) {
	for _, l := range s.Loads {
		until := b.owed(l.ID).Committed
		for t, slot := range o.slots {
			if part := share(slot, b.Now, until); part > 0 {
				sum += o.price(&o.table, t).Cost(l.Power.Over(time.Duration(part * float64(slot.Len)))).Float()
			}
		}
	}
	return sum
}

// from is the first slot of [from, to) from which the price of spending what leaves so
// much credit is bearable; false where it is in none.
func (w *worth) from(o outlook, from, to int, left, bears float64) (int, bool) {
	for k, mark := range w.marks {
		if k > 0 && !mark.Before(o.slots[max(0, to-1)].End()) {
			break
		}
		if w.at(k, left) > bears {
			continue
		}
		if k == 0 {
			return from, true
		}
		for from < to && o.slots[from].Start.Before(mark) {
			from++
		}
		return from, from < to
	}
	return 0, false
}
