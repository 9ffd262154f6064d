package credit

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Path is what one possible future costs, slot by slot, all charges included.
type Path []units.Money

// Need is the credit that a path needs so that it is never spent up to the end
// of slot n-1: the highest point of its running sum.  Pay for exported energy
// lowers the sum but not what was needed before it.
func (p Path) Need(n int) units.Money {
	var sum, most units.Money
	for _, c := range p[:min(n, len(p))] {
		sum += c
		most = max(most, sum)
	}
	return most
}

// End is the slot in which left is spent, and whether it is within the path.
func (p Path) End(left units.Money) (int, bool) {
	if left <= 0 {
		return 0, true
	}
	for i, c := range p {
		if left -= c; left <= 0 {
			return i, true
		}
	}
	return 0, false
}

// RunOut is when credit ends over a number of equally likely paths.
type RunOut struct {
	Ends  []time.Time // in order, one for each path that ends; the start of the slot it ends in
	Paths int         // how many paths there are
}

// RunsOut is the distribution of when left is spent, the paths' first slot
// beginning at start.
func RunsOut(left units.Money, start time.Time, slot time.Duration, paths []Path) RunOut {
	r := RunOut{Paths: len(paths)}
	for _, p := range paths {
		if i, ok := p.End(left); ok {
			r.Ends = append(r.Ends, start.Add(time.Duration(i)*slot))
		}
	}
	slices.SortFunc(r.Ends, time.Time.Compare)
	return r
}

// At is the instant by which the credit has ended with a chance of percent (0
// to 100), and whether it has within the paths: 50 is the median, 10 early.
func (r RunOut) At(percent int) (time.Time, bool) {
	if r.Paths == 0 {
		return time.Time{}, false
	}
	i := max(0, (percent*r.Paths+99)/100-1)
	if i >= len(r.Ends) {
		return time.Time{}, false
	}
	return r.Ends[i], true
}

// NeedFor is the credit that is enough up to the end of slot n-1 in percent of
// the paths.
func NeedFor(paths []Path, n, percent int) units.Money {
	if len(paths) == 0 {
		return 0
	}
	needs := make([]units.Money, len(paths))
	for i, p := range paths {
		needs[i] = p.Need(n)
	}
	slices.Sort(needs)
	return needs[min(len(needs)-1, max(0, (percent*len(needs)+99)/100-1))]
}

// SmallestTopUp is the least top-up, in whole steps, after which the account
// has more credit of its own than need: what debts, purchase charges and used
// emergency credit take from it is reckoned by the rules themselves.  It is 0
// where there is enough already, and ok is false where no top-up that the
// account may take is enough.
func (e *Engine) SmallestTopUp(a Account, at time.Time, need, step units.Money, due ...Due) (amount units.Money, ok bool) {
	if step <= 0 {
		step = units.One / 100
	}
	if a.Available() > need {
		return 0, true
	}
	enough := func(n int64) bool {
		p := e.book(a, at)
		p.due = due
		p.pay(&Result{Bought: units.Money(n) * step}, "")
		return p.Available() > need
	}
	limit := int64(greatest / step)
	if e.doc.MaximumBalance > 0 {
		limit = int64(max(0, (e.doc.MaximumBalance-a.Available())/step))
	}
	// Double until it is enough, then halve: the rules take a share, never more
	// than all of what is added.
	low, high := int64(0), int64(1)
	for high < limit && !enough(high) {
		low, high = high, 2*high
	}
	high = min(high, limit)
	if high == 0 || !enough(high) {
		return 0, false
	}
	for high-low > 1 { // low is not enough, high is
		if middle := (low + high) / 2; enough(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return units.Money(high) * step, true
}
