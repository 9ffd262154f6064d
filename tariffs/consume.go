package tariffs

import (
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
	whole  bool // each month that is touched bears its charges in full

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
		b.acc.Months = append(b.acc.Months, Month{Start: start, Seen: seen, Carried: b.acc.Carried})
		b.acc.Carried = nil
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
		_, next := b.t.cycle.at(last)
		found := b.t.leaves(&b.acc, &b.acc.Months[n-1], nil)
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
		b.acc.Months = append(b.acc.Months, Month{Start: next, Seen: next, Carried: found})
	}
}

// remember keeps what later months need of one that is dropped.
func (b *book) remember(m *Month) {
	const most = 24
	p := PastMonth{Start: m.Start, Import: m.Import(), Carried: m.Carried}
	for i := range m.Peaks {
		q := &m.Peaks[i]
		j := slices.IndexFunc(p.Peaks, func(x PastPeak) bool { return x.Name == q.Name })
		if j < 0 {
			p.Peaks = append(p.Peaks, PastPeak{q.Name, q.ended()})
		} else {
			p.Peaks[j].Highest = max(p.Peaks[j].Highest, q.ended())
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
	if e < 0 && (s.pushed < 0 || !b.t.overlay.Prices[s.pushed].Priced) {
		cell.Export -= e
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
	for i := range s.v.demand {
		if c := &s.v.demand[i]; c.MostPerKWh > 0 {
			b.settleDemand(m, s.v, c, b.t.class(s.v, &b.acc, m), m.Closed)
		}
	}
	if m.Closed {
		b.settleEnd(m)
	}
	if last := len(b.acc.Months) - 1; mi < last && s.v.doc.Classes != nil {
		b.settleAll(b.own(last), s, 0) // a past month has changed, so the class may have
	}
	b.carryOn(mi, s)
}

// cell is the month's cell for a segment; a new one keeps them in the order
// they first occurred.
func (m *Month) cell(s *segment) *Cell {
	for i := range m.Cells {
		c := &m.Cells[i]
		if c.Version == s.v.doc.From && c.Period == s.period && c.Season == s.season && c.Pushed == (s.pushed >= 0) && (!s.v.daily || c.Day == s.day) {
			return c
		}
	}
	m.Cells = append(m.Cells, Cell{Version: s.v.doc.From, Season: s.season, Period: s.period, Pushed: s.pushed >= 0})
	if s.v.daily {
		m.Cells[len(m.Cells)-1].Day = s.day
	}
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

// pushed tells whether prices received at run time ruled some of the month.
func (m *Month) pushed() bool {
	for i := range m.Cells {
		if m.Cells[i].Pushed {
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
		case !export && c.replaced:
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
	if v.doc.Classes != nil && !m.pushed() { // another class takes the energy over
		if e = -l.Energy; active {
			e += c.energyOf(m, v)
		}
	}
	b.set(l, &c.component, amount, e, b.period)
}
