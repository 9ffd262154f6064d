package tariffs

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Stretch is use from the beginning of a billing month on.
type Stretch struct {
	Account  Account // as it was when the month began: Account.AsOf
	From, To time.Time
	Load     []Reading // within them; what is not there was not used
}

// padded is the load with its bounds, so that what falls due by time is in it.
func (s Stretch) padded() []Reading {
	out := []Reading{{From: s.From, To: s.From.Add(1)}}
	for _, r := range s.Load {
		if !r.From.Before(s.From) && !r.To.After(s.To) {
			out = append(out, r)
		}
	}
	return append(out, Reading{From: s.To.Add(-1), To: s.To})
}

// Change is why one stretch of use costs another amount than the one before:
// After = Before + Use + Price.
type Change struct {
	Before, After units.Money // with all that fell due in them
	Use           units.Money // because more, or less, was used, and at other hours; with the steps that this led to
	Price         units.Money // because prices, classes and charges are others
	UsedBefore    units.Energy
	UsedAfter     units.Energy
}

// Compare divides the difference between the costs of two stretches that begin
// with a billing month.  What the later one would have cost at the prices, in the
// class and on the dates of the earlier one tells the use from the prices: each
// day's use is laid on the same day of the earlier month.
func (t *Tariff) Compare(before, after Stretch) Change {
	var c Change
	if !before.From.Before(before.To) || !after.From.Before(after.To) {
		return c
	}
	old, _ := t.Bill(before.Account, before.padded())
	now, _ := t.Bill(after.Account, after.padded())
	like, _ := t.Bill(before.Account, t.moved(after, before).padded())
	c.Before, c.After, c.UsedBefore, c.UsedAfter = old.Total, now.Total, old.Import, now.Import
	c.Use = like.Total - c.Before
	c.Price = c.After - like.Total
	return c
}

// moved is a stretch on the dates of another, each reading at the same time of the
// clock of the same day from the beginning on; what would lie behind is on the last
// day.
func (t *Tariff) moved(s, to Stretch) Stretch {
	first, start, last := t.dayOf(s.From), t.dayOf(to.From), t.dayOf(to.To.Add(-1))
	out := Stretch{Account: to.Account, From: to.From, To: to.To}
	for _, r := range s.Load {
		day := t.dayOf(r.From)
		on := min(start+(day-first), last)
		end := (on + 1).Start(t.loc)
		if to.To.Before(end) {
			end = to.To
		}
		length := r.To.Sub(r.From)
		at := on.Start(t.loc).Add(r.From.Sub(day.Start(t.loc)))
		if at.Add(length).After(end) { // that day is shorter by an hour
			at = end.Add(-length)
		}
		r.From, r.To = at, at.Add(length)
		out.Load = append(out.Load, r)
	}
	slices.SortStableFunc(out.Load, func(a, b Reading) int { return a.From.Compare(b.From) })
	return out
}

// AsOf is what an account knew when the billing month that begins with a day began:
// the months before it.
func (a Account) AsOf(month Date) Account {
	var out Account
	for _, p := range a.Past {
		switch {
		case p.Start < month:
			out.Past = append(out.Past, p)
		case p.Start == month:
			out.Carried = cloneCarried(p.Carried)
		}
	}
	for i := range a.Months {
		switch m := &a.Months[i]; {
		case m.Start == month:
			out.Carried = cloneCarried(m.Carried)
		case m.Start < month:
			p := PastMonth{Start: m.Start, Import: m.Import(), Carried: cloneCarried(m.Carried)}
			for _, k := range m.Peaks {
				p.Peaks = append(p.Peaks, PastPeak{k.Name, k.Highest})
			}
			out.Past = append(out.Past, p)
		}
	}
	return out
}

// Limit is a limit that the month's use comes to, and what keeping within it saves.
type Limit struct {
	Name  string       // of the class, or of the charge, that lies behind it
	Class bool         // it is a class's
	Left  units.Energy // that may still be used within it
	Until time.Time    // the month's end
	// Saves is what a month that ends just within the limit costs less than one that
	// ends just above it, with the Months after it that hang on it.
	Saves  units.Money
	Months int
	// Beyond, where Saves is 0, is by how much more each kWh above it costs.
	Beyond units.Price
}

// mostLimit bounds the search for a limit.
const mostLimit = 1_000_000 * units.KilowattHour

// NextLimit is the next limit of the month under way: of a class, of a price that
// the whole month gets anew, or of a step.  usual is a usual month's use, which
// months to come are taken to have, evenly spread.
func (t *Tariff) NextLimit(acc Account, at time.Time, usual units.Energy) (Limit, bool) {
	s := t.segment(at)
	out := Limit{Until: s.next.Start(t.loc)}
	m, _ := t.monthAt(&acc, s.month)
	own := m.Import()
	var found bool
	take := func(left units.Energy, name string, class bool, months int) {
		if left >= 0 && left < mostLimit && (!found || left < out.Left) {
			out.Left, out.Name, out.Class, out.Months, found = left, name, class, months, true
		}
	}
	if cs := s.v.doc.Classes; cs != nil {
		now := cs.in(&acc, s.month, foreseen{}, own)
		for i := range cs.List {
			limit := cs.List[i].To
			if limit == 0 || i+1 >= len(cs.List) {
				break
			}
			name := cs.List[i+1].Name
			if cs.retro() && i >= now {
				take(limit-own, name, true, 0)
			}
			switch cs.By {
			case ByPastAverage:
				totals, n, want := cs.months(&acc, s.next, foreseen{start: s.month, total: own})
				var sum units.Energy
				for _, e := range totals[1:n] {
					sum += e
				}
				take(limit*units.Energy(min(n, want))-sum-own, name, true, 1)
			case ByPastMaximum:
				_, _, want := cs.months(&acc, s.month, foreseen{})
				take(limit-own, name, true, want)
			default: // by the month itself: above
			}
		}
	}
	for i := range s.v.energy {
		c := &s.v.energy[i]
		if c.kind != KindEnergy || c.daily || len(c.Periods) > 0 || len(c.Seasons) > 0 || len(c.Classes) > 0 {
			continue
		}
		for _, step := range c.Steps {
			if to := step.To + m.found(c); step.To > 0 && to > own {
				take(to-own, c.name, false, 0)
				break
			}
		}
	}
	if !found {
		return out, false
	}
	within := t.outcome(acc, at, out.Until, out.Left, usual, out.Months)
	above := t.outcome(acc, at, out.Until, out.Left+units.KilowattHour, usual, out.Months)
	far := t.outcome(acc, at, out.Until, out.Left+2*units.KilowattHour, usual, out.Months)
	each := far - above // what a kWh costs there
	// Hours and taxes are rounded each by itself: less than a hundredth of a kWh's price is that, and
	// no saving.
	if out.Saves = above - within - each; out.Saves <= each.Part(1, 100) {
		out.Saves = 0
		price, _ := t.PriceAt(acc, at)
		if out.Left > units.KilowattHour { // at the hours that are left, and not at this one
			price = units.Price(within - t.outcome(acc, at, out.Until, out.Left-units.KilowattHour, usual, out.Months))
		}
		if out.Beyond = units.Price(each) - price; out.Beyond <= 0 {
			return out, false
		}
	}
	return out, true
}

// outcome is what the rest of the month costs where so much is used in it, and the
// months after it at usual use, all evenly spread.
func (t *Tariff) outcome(acc Account, at, end time.Time, rest, usual units.Energy, months int) units.Money {
	load := even(nil, at, end, rest)
	for range months {
		from := end
		end = t.MonthEnd(from)
		load = even(load, from, end, usual)
	}
	bill, _ := t.Bill(acc, load)
	return bill.Total
}

// even adds energy spread over [from, to) by hours.
func even(load []Reading, from, to time.Time, e units.Energy) []Reading {
	total := int64(to.Sub(from))
	var done units.Energy
	for at := from; at.Before(to); {
		end := at.Truncate(time.Hour).Add(time.Hour)
		if end.After(to) {
			end = to
		}
		upTo := e.Part(int64(end.Sub(from)), total)
		load = append(load, Reading{From: at, To: end, Energy: upTo - done})
		done, at = upTo, end
	}
	return load
}
