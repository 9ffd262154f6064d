package tariffs

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Table is what an optimizer needs to know of a tariff over its horizon.  The
// cost of importing e[i] in slot i is
//
//	sum Import[i]*e[i]
//	+ for each ladder, for each rung, Adder * max(0, sum of e over the ladder's slots - At)
//	+ for each demand window, Price * max(0, highest mean demand - Highest)
//	+ sum Fixed[i]
//
// which is convex.  It is exact where the tariff is, where no slot lies across a
// local midnight (quarter hours never do) and the tariff does not change within
// a month of the horizon; Approximate says that the tariff is not convex and
// that the nearest safe convex cost stands in for it.
type Table struct {
	Import  []units.Price // with taxes, of the next kWh as the month stands at the slot's month
	Export  []units.Price // credit for the next kWh delivered
	Fixed   []units.Money // charges falling due in the slot, with taxes
	Pushed  []bool        // the price was received at run time
	Ladders []Ladder
	Demands []DemandTable

	// Approximate: steps fall, or the whole month is priced by its total.
	// Falling steps are priced at the step each slot is expected to reach.
	// A cliff that the month is expected to pass is taken as passed; one that
	// it is not expected to reach costs its lump over a tenth of the way there.
	Approximate bool
	Cliffs      []Cliff
}

// Ladder is a rise of the price after some energy.
type Ladder struct {
	Name        string
	First, Last int    // slots [First, Last), all in one billing month; in one local day where the steps begin anew each day
	Applies     []bool // by slot from First; empty means all
	Position    units.Energy
	Rungs       []Rung
}

// Rung adds to the price of every kWh after At, counted from the first slot of
// the ladder; Position is what the month had used before.
type Rung struct {
	At    units.Energy
	Adder units.Price // with taxes
}

// Cliff is a total at which the whole month is priced anew.
type Cliff struct {
	First, Last int          // slots
	At          units.Energy // from the first slot
	Lump        units.Money  // what the step over it costs, with taxes
}

// DemandTable is a demand charge over the slots of one billing month.
type DemandTable struct {
	Name        string
	First, Last int         // in one local day where the mean of several days is charged
	OfDays      int         // the mean of the highest of so many days is charged; 1: the highest alone
	Applies     []bool      // by slot from First; empty means all
	Price       units.Money // per kW (or kVA) with taxes: the part of the charge that hangs on these slots
	Unit        DemandUnit
	Interval    time.Duration
	Highest     units.Power  // demand that is paid for already, whatever comes
	Grid        time.Time    // begin of the interval that the table's first slot lies in: they follow each other from there
	Factor      float64      // kW of a kVA, as measured in the month, or as assumed; 1 where kW are charged
	Start       time.Time    // of the interval under way, zero where there is none
	Active      units.Energy // in it so far
}

// Table is the table for slots that follow each other.  expected is the import
// foreseen in each, used where blocks are not convex; nil where it is not known.
func (t *Tariff) Table(acc Account, slots []units.Slot, expected []units.Energy) Table {
	var tab Table
	t.FillTable(&tab, acc, slots, expected)
	return tab
}

// Expects tells whether the prices of a Table hang on the import that is expected: steps
// fall, a whole month is priced by its total, or by the class that months gone by make.
func (t *Tariff) Expects() bool {
	for i := range t.versions {
		v := &t.versions[i]
		if v.doc.Classes != nil || slices.ContainsFunc(v.energy, func(c energyCharge) bool { return c.Whole || c.CarryOver || !c.rising() }) {
			return true
		}
	}
	return false
}

// FillTable is Table into a table that has been used before; it allocates
// nothing where that one was as large.
func (t *Tariff) FillTable(tab *Table, acc Account, slots []units.Slot, expected []units.Energy) {
	n := len(slots)
	tab.Import = resize(tab.Import, n)
	tab.Export = resize(tab.Export, n)
	tab.Fixed = resize(tab.Fixed, n)
	tab.Pushed = resize(tab.Pushed, n)
	tab.Ladders = tab.Ladders[:0]
	tab.Demands = tab.Demands[:0]
	tab.Cliffs = tab.Cliffs[:0]
	tab.Approximate = false
	before := foreseen{}
	var found []Carried
	for first := 0; first < n; {
		f := filler{t: t, tab: tab, acc: acc, slots: slots, expected: expected, first: first, before: before, found: found}
		first = f.month()
		before = foreseen{f.m.Start, f.total}
		if t.carries && first < n {
			found = f.leaves()
		}
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// filler fills the slots of one billing month.
type filler struct {
	t           *Tariff
	tab         *Table
	acc         Account // by value: a pointer here would put the caller's on the heap
	slots       []units.Slot
	expected    []units.Energy
	first, last int

	before foreseen  // the month before, where it is in the table too
	found  []Carried // what that one is expected to leave

	m     Month // the month as it stands; without energy for one to come
	known bool  // m is a month of the account
	seg   segment
	class int
	total units.Energy // expected for the whole month
	today units.Energy // expected before the slot, within the table and its day
}

// foreseen is what a month is expected to come to.
type foreseen struct {
	start Date
	total units.Energy
}

func (f *filler) month() int {
	s := f.t.segment(f.slots[f.first].Start)
	f.seg = s
	end := s.next.Start(f.t.loc)
	f.last = f.first + 1
	for f.last < len(f.slots) && f.slots[f.last].Start.Before(end) {
		f.last++
	}
	f.m, f.known = f.t.monthAt(&f.acc, s.month)
	if !f.known {
		f.m.Seen = s.month
	}
	if f.first > 0 && f.t.carries {
		f.m.Carried = f.found
		f.tab.Approximate = true // what this month costs hangs on what the one before uses
	}
	f.foresee(end)
	f.class = f.expectedClass(s.v)
	f.prices()
	f.ladders()
	f.cliff()
	f.fixed(end)
	f.demands()
	return f.last
}

// foresee is the whole month's expected import: what it has used, what is
// foreseen in the table's slots, and the same pace (or, early in a month, that
// of the month before where it is more) for the rest.
func (f *filler) foresee(end time.Time) {
	used := f.m.Import()
	f.total = used
	start := f.slots[f.first].Start
	covered := f.slots[f.last-1].End().Sub(start)
	if f.expected != nil {
		var e units.Energy
		for i := f.first; i < f.last; i++ {
			e += f.expected[i]
		}
		f.total += e
		if rest := end.Sub(f.slots[f.last-1].End()); rest > 0 && covered > 0 {
			f.total += e.Part(int64(rest), int64(covered))
		}
		return
	}
	if gone := start.Sub(f.seg.month.Start(f.t.loc)); f.known && gone >= 3*24*time.Hour {
		f.total += used.Part(int64(end.Sub(start)), int64(gone))
		return
	}
	before := units.Energy(0)
	for i := range f.acc.Months {
		if f.acc.Months[i].Start < f.seg.month {
			before = f.acc.Months[i].Import()
		}
	}
	if n := len(f.acc.Past); before == 0 && n > 0 {
		before = f.acc.Past[n-1].Import
	}
	f.total = max(f.total, before)
}

// leaves is what the month is expected to leave to the one after it: the table's slots
// reach to its end.
func (f *filler) leaves() []Carried {
	return f.t.leaves(&f.acc, &f.m, func(c *energyCharge) (sum units.Energy) {
		if f.expected == nil {
			return f.total - f.m.Import()
		}
		var s segment
		for i := f.first; i < f.last; i++ {
			if at := f.slots[i].Start; s.v == nil || !at.Before(s.end) {
				s = f.t.segment(at)
			}
			if c.matches(s.season, s.period) && !(c.replaced && s.pushed >= 0) {
				sum += max(0, f.expected[i])
			}
		}
		return sum
	})
}

func (f *filler) expectedClass(v *version) int {
	cs := v.doc.Classes
	if cs == nil {
		return 0
	}
	return cs.in(&f.acc, f.seg.month, f.before, max(f.total, f.m.Import()))
}

// prices fills Import, Export and Pushed.
func (f *filler) prices() {
	var ahead units.Energy // expected before the slot, within this table
	today := f.seg.day
	f.today = 0
	for i := f.first; i < f.last; i++ {
		slot := &f.slots[i]
		e := units.Energy(0)
		if f.expected != nil {
			e = max(0, f.expected[i])
		}
		var in, out int64
		for at := slot.Start; at.Before(slot.End()); {
			if at.Before(f.seg.start) || !at.Before(f.seg.end) {
				v := f.seg.v
				f.seg = f.t.segment(at)
				if f.seg.day != today {
					today, f.today = f.seg.day, 0
				}
				if f.seg.v != v {
					f.class = f.expectedClass(f.seg.v)
				}
			}
			end := f.seg.end
			if end.After(slot.End()) {
				end = slot.End()
			}
			pi, po := f.price(ahead + e/2)
			if at.Equal(slot.Start) && end.Equal(slot.End()) {
				in, out = int64(pi), int64(po)
			} else {
				in += units.MulDiv(int64(pi), int64(end.Sub(at)), int64(slot.Len))
				out += units.MulDiv(int64(po), int64(end.Sub(at)), int64(slot.Len))
			}
			if f.seg.pushed >= 0 {
				f.tab.Pushed[i] = true
			}
			at = end
		}
		f.tab.Import[i], f.tab.Export[i] = units.Price(in), units.Price(out)
		ahead += e
		f.today += e
	}
}

// price is the import and export price in the current segment, after ahead is
// expected to have been used since the table's start.
func (f *filler) price(ahead units.Energy) (in, out units.Price) {
	s := &f.seg
	for i := range s.v.energy {
		c := &s.v.energy[i]
		if !c.matches(s.season, s.period) || !c.inClass(s.v, f.class) {
			continue
		}
		if c.kind == KindExport {
			if s.pushed >= 0 && f.t.overlay.Prices[s.pushed].Priced {
				if s.v.firstExport(i, s) {
					out += f.t.overlay.Prices[s.pushed].Export
				}
				continue
			}
			out += c.withTax(c.marginal(f.t.position(&f.m, c, s.day), f.t.limits(c, &f.m)))
			continue
		}
		if s.pushed >= 0 && c.replaced {
			if s.v.takesPushed(i, s.season, s.period, f.class) {
				in += f.t.pushedPrice(s.pushed, c, true)
			}
			continue
		}
		in += c.withTax(f.basePrice(c, ahead))
	}
	return in, out
}

// basePrice is the price a ladder starts from; for falling steps the price at
// the place expected, for a cliff the one the month is expected to end on.
func (f *filler) basePrice(c *energyCharge, ahead units.Energy) units.Price {
	if len(c.Steps) == 0 {
		return c.Price
	}
	ends := f.t.limits(c, &f.m)
	used := f.t.position(&f.m, c, f.seg.day)
	if c.daily {
		ahead = f.today
	}
	switch {
	case c.Whole:
		f.tab.Approximate = true
		return c.stepAt(max(used, f.total), ends, false)
	case !c.rising():
		f.tab.Approximate = true
		return c.stepAt(used+ahead, ends, true)
	default:
		return c.stepAt(used, ends, true)
	}
}

// rising tells whether no step is cheaper than the one before it.
func (e *EnergyCharge) rising() bool {
	for i := 1; i < len(e.Steps); i++ {
		if e.Steps[i].Price < e.Steps[i-1].Price {
			return false
		}
	}
	return true
}

// ladders adds the rungs of rising steps.
func (f *filler) ladders() {
	v := f.t.versionOn(f.t.dayOf(f.slots[f.first].Start))
	for i := range v.energy {
		c := &v.energy[i]
		if c.kind == KindExport || len(c.Steps) == 0 || c.Whole || !c.rising() || !c.inClass(v, f.class) {
			continue
		}
		if !c.daily {
			f.steps(c, f.first, f.last, f.t.energyBefore(&f.m, c, nil))
			continue
		}
		for first := f.first; first < f.last; {
			day := f.t.dayOf(f.slots[first].Start)
			last := first + 1
			for last < f.last && f.t.dayOf(f.slots[last].Start) == day {
				last++
			}
			f.steps(c, first, last, c.energyOn(&f.m, day))
			first = last
		}
	}
}

// steps is the ladder of a charge's steps over some of the slots, when they have
// counted used.
func (f *filler) steps(c *energyCharge, first, last int, used units.Energy) {
	ends := f.t.limits(c, &f.m)
	l := f.ladder(c.name, used)
	l.First, l.Last = first, last
	for j := range c.Steps[:len(c.Steps)-1] {
		at := ends.of(&c.Steps[j])
		if at <= used {
			continue
		}
		l.Rungs = append(l.Rungs, Rung{at - used, c.withTax(c.Steps[j+1].Price) - c.withTax(c.Steps[j].Price)})
	}
	if len(l.Rungs) == 0 {
		f.tab.Ladders = f.tab.Ladders[:len(f.tab.Ladders)-1]
		return
	}
	l.Applies = f.applies(l.Applies, first, last, c.Seasons, c.Periods, c.replaced)
}

// ladder is a new ladder in the memory of an old one.
func (f *filler) ladder(name string, used units.Energy) *Ladder {
	n := len(f.tab.Ladders)
	if n < cap(f.tab.Ladders) {
		f.tab.Ladders = f.tab.Ladders[:n+1]
	} else {
		f.tab.Ladders = append(f.tab.Ladders, Ladder{})
	}
	l := &f.tab.Ladders[n]
	*l = Ladder{Name: name, First: f.first, Last: f.last, Applies: l.Applies[:0], Position: used, Rungs: l.Rungs[:0]}
	return l
}

// applies marks the slots [first, last) that begin in the named seasons and periods and, with
// unpushed, have no price received at run time; all is an empty list.
func (f *filler) applies(mask []bool, first, last int, seasons, periods []string, unpushed bool) []bool {
	mask = mask[:0]
	unpushed = unpushed && slices.Contains(f.tab.Pushed[first:last], true)
	if len(seasons) == 0 && len(periods) == 0 && !unpushed {
		return mask
	}
	var s segment
	for i := first; i < last; i++ {
		if at := f.slots[i].Start; s.v == nil || !at.Before(s.end) {
			s = f.t.segment(at)
		}
		mask = append(mask, listed(seasons, s.season) && listed(periods, s.period) && !(unpushed && f.tab.Pushed[i]))
	}
	return mask
}

// cliff adds the nearest total above what is expected at which the whole month
// is priced anew.
func (f *filler) cliff() {
	v := f.t.versionOn(f.t.dayOf(f.slots[f.first].Start))
	if !v.retro {
		return
	}
	f.tab.Approximate = true
	used := f.m.Import()
	total := max(f.total, used)
	var at units.Energy
	nearer := func(to units.Energy) {
		if to >= total && to > 0 && (at == 0 || to < at) {
			at = to
		}
	}
	if cs := v.doc.Classes; cs.retro() {
		for i := range cs.List[:len(cs.List)-1] {
			nearer(cs.List[i].To)
		}
	}
	for i := range v.energy {
		if c := &v.energy[i]; c.Whole {
			for j := range c.Steps[:len(c.Steps)-1] {
				nearer(f.t.limits(c, &f.m).of(&c.Steps[j]))
			}
		}
	}
	if at == 0 {
		return
	}
	s := f.t.segment(f.slots[f.first].Start)
	const beyond = units.WattHour
	lump := f.costOf(v, &s, at+beyond) - f.costOf(v, &s, at)
	f.tab.Cliffs = append(f.tab.Cliffs, Cliff{f.first, f.last, at - used, lump})
	width := max(at/10, units.KilowattHour)
	l := f.ladder("cliff", used)
	l.Rungs = append(l.Rungs, Rung{at - used, units.Price(units.MulDiv(max(0, int64(lump)), int64(units.KilowattHour), int64(width)))})
}

// costOf is what a month of x comes to if all of it were used in the segment's
// season and period.
func (f *filler) costOf(v *version, s *segment, x units.Energy) units.Money {
	class := 0
	if cs := v.doc.Classes; cs != nil {
		class = cs.in(&f.acc, f.seg.month, f.before, x)
	}
	var sum units.Money
	for i := range v.energy {
		c := &v.energy[i]
		if c.kind == KindExport || !c.matches(s.season, s.period) || !c.inClass(v, class) {
			continue
		}
		ends := f.t.limits(c, &f.m)
		amount := c.Price.Cost(x)
		if len(c.Steps) > 0 {
			amount = c.upTo(x, ends)
		}
		if c.Whole {
			amount = c.stepAt(x, ends, false).Cost(x)
		}
		sum += c.total(amount)
	}
	for i := range v.fixed {
		c := &v.fixed[i]
		if len(c.Classes) > 0 && (c.Due == DueMonth || c.Due == "" || c.Due == DueMonthStart) && classListed(c.Classes, v, class) {
			sum += c.total(c.amount)
		}
	}
	return sum
}

// total is an amount with its taxes.
func (c *component) total(amount units.Money) units.Money {
	net, taxes := c.split(amount)
	return net + taxes
}

// fixed fills Fixed, in the slot in which, or at whose end, a charge is due.
func (f *filler) fixed(monthEnd time.Time) {
	v := f.t.versionOn(f.t.dayOf(f.slots[f.first].Start))
	if !f.m.begun(v) {
		for i := range v.fixed {
			if c := &v.fixed[i]; c.Due == DueMonthStart && classListed(c.Classes, v, f.class) {
				days, of := f.t.coverage(v, &f.m, c.Prorate)
				f.tab.Fixed[f.first] += c.total(c.amount.Part(days, of))
			}
		}
	}
	i := f.first
	for at := f.slots[f.first].Start; ; {
		end := units.NextLocalMidnight(at, f.t.loc)
		for i < f.last && f.slots[i].End().Before(end) {
			i++
		}
		if i == f.last {
			return
		}
		v = f.t.versionOn(f.t.dayOf(at))
		for j := range v.fixed {
			c := &v.fixed[j]
			if !classListed(c.Classes, v, f.class) {
				continue
			}
			switch {
			case c.Due == DueDay:
				f.tab.Fixed[i] += c.total(c.amount)
			case (c.Due == DueMonth || c.Due == "") && end.Equal(monthEnd) && !f.m.Closed:
				days, of := f.t.coverage(v, &f.m, c.Prorate)
				f.tab.Fixed[i] += c.total(c.amount.Part(days, of))
			}
		}
		if end.Equal(monthEnd) && !f.m.Closed {
			for j := range v.demand {
				f.tab.Fixed[i] += f.demandAtEnd(v, &v.demand[j])
			}
		}
		at = end
	}
}
