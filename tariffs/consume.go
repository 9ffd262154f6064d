package tariffs

import (
	"math/bits"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Reading is energy measured over an interval.
type Reading struct {
	From, To time.Time
	Energy   units.Energy // active; negative is delivered to the grid
	Reactive units.Energy // reactive, as kvarh; its sign does not matter
}

// Consume charges energy measured over [from, to).  It is divided at period
// edges, local midnights, the month's reset, version changes and pushed prices
// in proportion to time.  Negative energy is export.  An interval that is empty
// or runs backwards is charged whole at from.
//
// Where both fall due over the same interval, call Consume before Elapse.
// Energy of the month before the current one is charged in that month, even
// when it is closed; energy from before that in the earliest month kept.
func (t *Tariff) Consume(acc Account, from, to time.Time, e units.Energy) (Account, []Item) {
	return t.ConsumeReading(acc, Reading{From: from, To: to, Energy: e})
}

// ConsumeReading is Consume with reactive energy, for tariffs on kVA, kvarh or
// power factor.
func (t *Tariff) ConsumeReading(acc Account, r Reading) (Account, []Item) {
	b := book{t: t, acc: acc, shared: true}
	b.items = make([]Item, 0, 4)
	b.consume(r)
	return b.acc, b.items
}

// book settles into an account and collects the items.
type book struct {
	t      *Tariff
	acc    Account
	shared bool // acc.Months is still the caller's and must be copied before a change
	owned  int  // months from this index on are not shared any more; only with !shared
	items  []Item
	quiet  bool // no items are wanted, only sums
	sums   *sums
	billed bool // demand is reckoned by the caller

	from, to time.Time // what the items are for
	period   string

	seg segment // the one last used; its v is nil before the first

	window, windowEnds time.Time // an instant and the end of the demand interval it is in
}

// unshare makes the list of months the book's own to change.
func (b *book) unshare() {
	if b.shared {
		b.acc.Months = append(make([]Month, 0, len(b.acc.Months)+1), b.acc.Months...)
		b.shared = false
		b.owned = len(b.acc.Months)
	}
}

// own makes month i and those after it the book's own to change.
func (b *book) own(i int) *Month {
	b.unshare()
	if i < b.owned {
		for j := i; j < b.owned; j++ {
			b.acc.Months[j] = b.acc.Months[j].clone()
		}
		b.owned = i
	}
	return &b.acc.Months[i]
}

// month is the index of the retained month that starts with start; months are
// begun up to it, and what is older is booked in the earliest one kept.
func (b *book) month(start, seen Date) int {
	if len(b.acc.Months) == 0 {
		b.acc.Months = make([]Month, 0, 2)
		b.shared, b.owned = false, 0
		b.acc.Months = append(b.acc.Months, Month{Start: start, Seen: seen})
		return 0
	}
	b.roll(start)
	for i := len(b.acc.Months) - 1; i > 0; i-- {
		if b.acc.Months[i].Start <= start {
			return i
		}
	}
	return 0
}

// roll begins months until start is one of them.  A month that is dropped
// unclosed, because nobody let its end elapse, is closed first.
func (b *book) roll(start Date) {
	for {
		n := len(b.acc.Months)
		last := b.acc.Months[n-1].Start
		if last >= start {
			return
		}
		b.carry(n - 1)
		_, next := monthAt(last, b.t.reset)
		if n == 2 {
			if !b.acc.Months[0].Closed {
				b.close(0)
			}
			b.own(0)
			b.remember(&b.acc.Months[0])
			b.acc.Months[0] = b.acc.Months[1]
			b.acc.Months = b.acc.Months[:1]
			b.owned = 0
		} else {
			b.unshare()
		}
		b.acc.Months = append(b.acc.Months, Month{Start: next, Seen: next})
	}
}

// remember keeps what later months need of one that is dropped.
func (b *book) remember(m *Month) {
	const most = 24
	p := PastMonth{Start: m.Start, Import: m.Import()}
	for i := range m.Peaks {
		q := &m.Peaks[i]
		j := slices.IndexFunc(p.Peaks, func(x PastPeak) bool { return x.Name == q.Name })
		if j < 0 {
			p.Peaks = append(p.Peaks, PastPeak{q.Name, q.Highest})
		} else {
			p.Peaks[j].Highest = max(p.Peaks[j].Highest, q.Highest)
		}
	}
	past := b.acc.Past
	if len(past) >= most {
		past = past[len(past)-most+1:]
	}
	b.acc.Past = append(slices.Clip(past), p)
}

func (b *book) consume(r Reading) {
	total := int64(r.To.Sub(r.From))
	if total <= 0 {
		b.at(r.From)
		b.charge(r.From, r.From, r.Energy, r.Reactive)
		return
	}
	var e, q units.Energy // charged so far
	for at := r.From; at.Before(r.To); {
		b.at(at)
		end := b.seg.end
		if n := b.windowEnd(at); n.Before(end) {
			end = n
		}
		if !end.Before(r.To) {
			b.charge(at, r.To, r.Energy-e, r.Reactive-q)
			return
		}
		done := int64(end.Sub(r.From))
		de, dq := r.Energy.Part(done, total)-e, r.Reactive.Part(done, total)-q
		b.charge(at, end, de, dq)
		e, q, at = e+de, q+dq, end
	}
}

// at makes seg the segment that holds t.
func (b *book) at(t time.Time) {
	if b.seg.v == nil || t.Before(b.seg.start) || !t.Before(b.seg.end) {
		b.seg = b.t.segment(t)
	}
}

// charge books energy that lies within the current segment.
func (b *book) charge(from, to time.Time, e, q units.Energy) {
	s := &b.seg
	b.from, b.to, b.period = from, to, s.period
	mi := b.month(s.month, s.day)
	m := b.own(mi)
	before := b.t.class(s.v, &b.acc, m)
	cell := m.cell(s)
	if e >= 0 {
		cell.Import += e
	}
	if q < 0 {
		q = -q
	}
	cell.Reactive += q
	exported := units.Energy(0)
	if e < 0 {
		exported = -e
		if s.pushed < 0 || !b.t.overlay.Prices[s.pushed].Priced {
			cell.Export += exported
		}
	}
	if b.sums != nil {
		b.sums.energy(s, e)
	}
	if !b.billed {
		b.demand(m, from, max(e, 0), q)
	}
	if m.oneVersion() && (!s.v.retro || b.t.class(s.v, &b.acc, m) == before) {
		b.settleEnergy(m, s.v, before, s, e)
	} else {
		b.settleAll(m, s, e)
	}
	if m.Closed {
		b.settleEnd(m)
	}
	if last := len(b.acc.Months) - 1; mi < last && s.v.doc.Classes != nil {
		b.settleAll(b.own(last), s, 0) // a past month has changed, so the class may have
	}
}

// cell is the month's cell for a segment; a new one keeps them in the order
// they first occurred.
func (m *Month) cell(s *segment) *Cell {
	for i := range m.Cells {
		c := &m.Cells[i]
		if c.Version == s.v.doc.From && c.Period == s.period && c.Season == s.season && c.Pushed == (s.pushed >= 0) {
			return c
		}
	}
	m.Cells = append(m.Cells, Cell{Version: s.v.doc.From, Season: s.season, Period: s.period, Pushed: s.pushed >= 0})
	return &m.Cells[len(m.Cells)-1]
}

func (m *Month) oneVersion() bool {
	for i := range m.Cells {
		if m.Cells[i].Version != m.Cells[0].Version {
			return false
		}
	}
	return true
}

// line is the month's line for a component.
func (m *Month) line(v Date, c *component) *Line {
	for i := range m.Lines {
		if m.Lines[i].Version == v && m.Lines[i].Name == c.name {
			return &m.Lines[i]
		}
	}
	m.Lines = append(m.Lines, Line{Version: v, Name: c.name, Kind: c.kind})
	return &m.Lines[len(m.Lines)-1]
}

// set brings a line to a new amount, as the document's prices are, and books
// the difference.
func (b *book) set(l *Line, c *component, amount units.Money, e units.Energy, period string) {
	net, taxes := c.split(amount)
	l.Energy += e
	dn, dt := net-l.Amount, taxes-l.Tax
	if dn == 0 && dt == 0 && e == 0 {
		return
	}
	if b.sums != nil {
		b.sums.add(b, l, c, net, e, dn, dt, period)
	}
	l.Amount, l.Tax = net, taxes
	if b.quiet {
		return
	}
	b.items = append(b.items, Item{Name: c.name, Kind: c.kind, Amount: dn, Tax: dt, Energy: e, Period: period, From: b.from, To: b.to})
}

// settleEnergy brings the energy charges that the segment's energy e falls
// under up to date, where nothing else can have changed.
func (b *book) settleEnergy(m *Month, v *version, class int, s *segment, e units.Energy) {
	for i := range v.energy {
		c := &v.energy[i]
		if !c.matches(s.season, s.period) {
			continue
		}
		b.settleCharge(m, v, i, class, s, e)
	}
}

// settleAll brings every energy and fixed charge of the month up to date: after
// a change of class, or where steps run on from one version to the next.
func (b *book) settleAll(m *Month, s *segment, e units.Energy) {
	for vi := range b.t.versions {
		v := &b.t.versions[vi]
		if !m.has(v.doc.From) {
			continue
		}
		class := b.t.class(v, &b.acc, m)
		for i := range v.energy {
			if v == s.v && v.energy[i].matches(s.season, s.period) {
				b.settleCharge(m, v, i, class, s, e)
			} else {
				b.settleCharge(m, v, i, class, s, 0)
			}
		}
		for i := range v.fixed {
			c := &v.fixed[i]
			if len(c.Classes) > 0 && c.Due != DueFirstPurchase && c.Due != DuePurchase {
				l := m.line(v.doc.From, &c.component)
				b.settleFixed(m, v, c, l, class)
			}
		}
	}
}

func (m *Month) has(v Date) bool {
	for i := range m.Cells {
		if m.Cells[i].Version == v {
			return true
		}
	}
	return false
}

// settleCharge brings energy charge i of v up to date after energy e of s.
func (b *book) settleCharge(m *Month, v *version, i, class int, s *segment, e units.Energy) {
	c := &v.energy[i]
	active := c.inClass(v, class)
	export := c.kind == KindExport
	if (export && e > 0) || (!export && e < 0) {
		e = 0
	}
	if export {
		e = -e
	}
	l := m.line(v.doc.From, &c.component)
	if e != 0 && s.pushed >= 0 {
		p := &b.t.overlay.Prices[s.pushed]
		switch {
		case export && p.Priced:
			if v.firstExport(i, s) {
				l.addExact(p.Export, e)
			} else {
				e = 0
			}
		case !export && v.replaced(c):
			if v.takesPushed(i, s.season, s.period, class) {
				l.addExact(b.t.pushedPrice(s.pushed, c, false), e)
			} else {
				e = 0
			}
		}
	}
	amount := l.pushedSum()
	if active {
		amount += c.cost(b.t, m, v, c)
	} else {
		e = 0
	}
	if export {
		amount = -amount
	}
	b.set(l, &c.component, amount, e, b.period)
}

// firstExport tells whether export charge i is the first one that applies.
func (v *version) firstExport(i int, s *segment) bool {
	for j := range i {
		if v.energy[j].kind == KindExport && v.energy[j].matches(s.season, s.period) {
			return false
		}
	}
	return true
}

// addExact adds p times e to the line's exact sum of pushed prices.
func (l *Line) addExact(p units.Price, e units.Energy) {
	const kwh = int64(units.KilowattHour)
	neg := (p < 0) != (e < 0)
	hi, lo := bits.Mul64(magnitude(int64(p)), magnitude(int64(e)))
	if hi >= uint64(kwh) {
		return // beyond any money: 2.5 million kWh at a million the kWh
	}
	q, r := bits.Div64(hi, lo, uint64(kwh))
	whole, rest := int64(q), int64(r)
	if neg {
		whole, rest = -whole, -rest
	}
	l.Exact += units.Money(whole)
	l.Rest += rest
	if l.Rest >= kwh {
		l.Exact, l.Rest = l.Exact+1, l.Rest-kwh
	} else if l.Rest < 0 {
		l.Exact, l.Rest = l.Exact-1, l.Rest+kwh
	}
}

// pushedSum is the exact sum rounded half to even.
func (l *Line) pushedSum() units.Money {
	if l.Rest == 0 {
		return l.Exact
	}
	const half = int64(units.KilowattHour) / 2
	if l.Rest > half || (l.Rest == half && l.Exact&1 == 1) {
		return l.Exact + 1
	}
	return l.Exact
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// matches tells whether the charge is on energy of this season and period.
func (e *EnergyCharge) matches(season, period string) bool {
	return listed(e.Seasons, season) && listed(e.Periods, period)
}

// inClass tells whether the charge is on customers of the class.
func (e *EnergyCharge) inClass(v *version, class int) bool { return classListed(e.Classes, v, class) }

func classListed(classes []string, v *version, class int) bool {
	return len(classes) == 0 || v.doc.Classes == nil || slices.Contains(classes, v.doc.Classes.List[class].Name)
}

func listed(list []string, name string) bool {
	if len(list) == 0 {
		return true
	}
	for i := range list {
		if list[i] == name {
			return true
		}
	}
	return false
}

// energyOf is the month's energy under one version that the charge is on.
func (c *energyCharge) energyOf(m *Month, v *version) units.Energy {
	var sum units.Energy
	skip := v.replaced(c)
	for i := range m.Cells {
		x := &m.Cells[i]
		if x.Version != v.doc.From || (skip && x.Pushed) || !c.matches(x.Season, x.Period) {
			continue
		}
		if c.kind == KindExport {
			sum += x.Export
		} else {
			sum += x.Import
		}
	}
	return sum
}

// energyBefore is the month's energy that the charge's steps count, under the
// versions before v; all of them where v is nil.
func (t *Tariff) energyBefore(m *Month, c *energyCharge, v *version) units.Energy {
	var sum units.Energy
	for i := range m.Cells {
		x := &m.Cells[i]
		if (v != nil && x.Version >= v.doc.From) || !c.matches(x.Season, x.Period) {
			continue
		}
		if c.kind == KindExport {
			sum += x.Export
		} else {
			sum += x.Import
		}
	}
	return sum
}

// scale is what the steps' limits are multiplied by in the month.
func (t *Tariff) scale(c *energyCharge, start Date) int64 {
	if c.Per != PerDay {
		return 1
	}
	_, next := monthAt(start, t.reset)
	return int64(next - start)
}

// cost is what the charge comes to on the month's energy under v.
func (e *EnergyCharge) cost(t *Tariff, m *Month, v *version, c *energyCharge) units.Money {
	own := c.energyOf(m, v)
	if len(e.Steps) == 0 {
		return e.Price.Cost(own)
	}
	scale := t.scale(c, m.Start)
	if e.Whole {
		return e.stepAt(t.energyBefore(m, c, nil), scale, false).Cost(own)
	}
	var before units.Energy
	if !m.oneVersion() {
		before = t.energyBefore(m, c, v)
	}
	return e.upTo(before+own, scale) - e.upTo(before, scale)
}

// upTo is what the first x of the month's energy comes to by the steps.
func (e *EnergyCharge) upTo(x units.Energy, scale int64) units.Money {
	var sum units.Money
	var from units.Energy
	for i := range e.Steps {
		s := &e.Steps[i]
		if i == len(e.Steps)-1 || x <= s.To*units.Energy(scale) {
			return sum + s.Price.Cost(x-from)
		}
		to := s.To * units.Energy(scale)
		sum += s.Price.Cost(to - from)
		from = to
	}
	return sum
}

// stepAt is the price of the step x has reached; with next, of the energy that
// follows x.
func (e *EnergyCharge) stepAt(x units.Energy, scale int64, next bool) units.Price {
	for i := range e.Steps {
		to := e.Steps[i].To * units.Energy(scale)
		if i == len(e.Steps)-1 || x < to || (x == to && !next) {
			return e.Steps[i].Price
		}
	}
	return 0
}

// marginal is the price of what follows x, as the document's prices are.
func (e *EnergyCharge) marginal(x units.Energy, scale int64) units.Price {
	if len(e.Steps) == 0 {
		return e.Price
	}
	return e.stepAt(x, scale, true)
}

// class is the index of the customer's class in the month under v.
func (t *Tariff) class(v *version, acc *Account, m *Month) int {
	cs := v.doc.Classes
	if cs == nil {
		return 0
	}
	if cs.By == ByPastAverage {
		return cs.average(acc, m.Start, foreseen{})
	}
	return cs.of(m.Import())
}

func (cs *Classes) of(e units.Energy) int {
	for i := range cs.List {
		if e <= cs.List[i].To {
			return i
		}
	}
	return len(cs.List) - 1
}

// average is the class by the mean of the months before the one that starts
// with start; coming is a month expected to end before then.
func (cs *Classes) average(acc *Account, start Date, coming foreseen) int {
	want := cs.Months
	if want == 0 {
		want = 3
	}
	var sum units.Energy
	n := 0
	if coming != (foreseen{}) {
		sum, n = coming.total, 1
	}
	for i := len(acc.Months) - 1; i >= 0 && n < want; i-- {
		if s := acc.Months[i].Start; s < start && s != coming.start {
			sum += acc.Months[i].Import()
			n++
		}
	}
	for i := len(acc.Past) - 1; i >= 0 && n < want; i-- {
		if acc.Past[i].Start < start {
			sum += acc.Past[i].Import
			n++
		}
	}
	if n == 0 {
		for i := range cs.List {
			if cs.List[i].Name == cs.Initial {
				return i
			}
		}
		return 0
	}
	return cs.of(sum / units.Energy(n))
}
