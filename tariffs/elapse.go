package tariffs

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Elapse books what falls due in (from, to]: the charges of each local day and
// each billing month that ends in it, and the charges of a month's beginning
// once [from, to) reaches into the month.
//
// Each instant must be elapsed once; call it after Consume for the same
// interval.
func (t *Tariff) Elapse(acc Account, from, to time.Time) (Account, []Item) {
	if !to.After(from) {
		return acc, nil
	}
	b := book{t: t, acc: acc, shared: true}
	b.elapse(from, to)
	return b.acc, b.items
}

func (b *book) elapse(from, to time.Time) {
	for at := from; ; {
		day := b.t.dayOf(at)
		start, next := b.t.cycle.at(day)
		b.from, b.to, b.period = at, at, ""
		b.begin(start, day)
		end := units.NextLocalMidnight(at, b.t.loc)
		if end.After(to) {
			return
		}
		b.to = end
		b.endDay(day, start)
		if b.t.dayOf(end) >= next { // not the day after: a zone that moves over the date line skips one
			b.endMonth(start)
		}
		if !end.Before(to) {
			return
		}
		at = end
	}
}

// begin books what is due with the beginning of the month.
func (b *book) begin(start, day Date) {
	v := b.t.versionOn(day)
	if !v.due(DueMonthStart) {
		return
	}
	mi := b.month(start, day)
	m := &b.acc.Months[mi]
	if m.Start != start || m.begun(v) {
		return
	}
	m = b.own(mi)
	class := b.t.class(v, &b.acc, m)
	for i := range v.fixed {
		c := &v.fixed[i]
		if c.Due == DueMonthStart {
			l := m.line(v.doc.From, &c.component)
			l.Count = 1
			b.settleFixed(m, v, c, l, class)
		}
	}
}

// beginAll books what is due with a month's beginning under versions that are in force on days
// of it that no load touches: as what is due with its end is.
func (b *book) beginAll(m *Month) {
	start := m.Start
	for i := range b.t.versions {
		if v := &b.t.versions[i]; v.due(DueMonthStart) {
			if from, until, _ := b.t.cover(v, m, false); from < until {
				b.begin(start, from)
			}
		}
	}
}

func (v *version) due(d Due) bool {
	for i := range v.fixed {
		if v.fixed[i].Due == d {
			return true
		}
	}
	return false
}

// begun tells whether the month's beginning has been charged under v.
func (m *Month) begun(v *version) bool {
	for i := range v.fixed {
		if v.fixed[i].Due != DueMonthStart {
			continue
		}
		for j := range m.Lines {
			if m.Lines[j].Version == v.doc.From && m.Lines[j].Name == v.fixed[i].name && m.Lines[j].Count > 0 {
				return true
			}
		}
		return false
	}
	return true
}

// endDay books a day's charges.
func (b *book) endDay(day, start Date) {
	v := b.t.versionOn(day)
	mi := b.month(start, day)
	if !v.due(DueDay) {
		return
	}
	m := b.own(mi)
	class := b.t.class(v, &b.acc, m)
	for i := range v.fixed {
		c := &v.fixed[i]
		if c.Due == DueDay {
			l := m.line(v.doc.From, &c.component)
			l.Count++
			b.settleFixed(m, v, c, l, class)
		}
	}
}

// endMonth books a month's charges.
func (b *book) endMonth(start Date) {
	mi := b.month(start, start)
	if b.acc.Months[mi].Start == start && !b.acc.Months[mi].Closed {
		b.close(mi)
	}
}

func (b *book) close(mi int) {
	m := b.own(mi)
	m.Closed = true
	if b.whole {
		b.beginAll(m)
	}
	buys := b.buys(m)
	if buys {
		b.bought(m)
	}
	b.settleEnd(m)
	if buys {
		b.rebated(m)
	}
}

// settleFixed brings a day or month charge up to date for its count and class.
func (b *book) settleFixed(m *Month, v *version, c *fixedCharge, l *Line, class int) {
	var amount units.Money
	if classListed(c.Classes, v, class) && l.Count > 0 {
		if c.Due == DueDay {
			amount = c.amount * units.Money(l.Count)
		} else {
			days, of := b.t.coverage(v, m, c.Prorate)
			amount = c.amount.Part(days, of)
		}
	}
	b.set(l, &c.component, amount, 0, "")
}

// coverage is how many of the month's days v is in force on, from the first
// one the account was there where seen is set, and how many days there are.
func (t *Tariff) coverage(v *version, m *Month, seen bool) (days, of int64) {
	from, until, next := t.cover(v, m, seen)
	return max(0, int64(until-from)), int64(next - m.Start)
}

// cover are the first day of the month on which v is in force, the day after the last,
// and the next month's first.
func (t *Tariff) cover(v *version, m *Month, seen bool) (from, until, next Date) {
	_, next = t.cycle.at(m.Start)
	from, until = max(m.Start, v.from), next
	if seen {
		from = max(from, m.Seen)
	}
	for i := range t.versions {
		if w := t.versions[i].from; w > v.from {
			until = min(until, w)
		}
	}
	return from, until, next
}

// settleEnd brings the charges of the month's end up to date.
func (b *book) settleEnd(m *Month) {
	b.period = ""
	for vi := range b.t.versions {
		v := &b.t.versions[vi]
		if days, _ := b.t.coverage(v, m, false); days == 0 {
			continue
		}
		class := b.t.class(v, &b.acc, m)
		for i := range v.fixed {
			if c := &v.fixed[i]; c.Due == DueMonth || c.Due == "" {
				l := m.line(v.doc.From, &c.component)
				l.Count = 1
				b.settleFixed(m, v, c, l, class)
			}
		}
		for i := range v.demand {
			b.settleDemand(m, v, &v.demand[i], class, true)
		}
		for i := range v.react {
			c := &v.react[i]
			e, q := m.activeReactive(v, c.Seasons, c.Periods)
			free := e.Part(int64(c.Free), int64(hundred))
			over := max(0, q-free)
			l := m.line(v.doc.From, &c.component)
			b.set(l, &c.component, c.Price.Cost(over), over-l.Energy, "")
		}
		if v.doc.Factor != nil {
			b.settleFactor(m, v)
		}
	}
	for vi := range b.t.versions {
		v := &b.t.versions[vi]
		if days, of := b.t.coverage(v, m, false); v.doc.Minimum != nil && days > 0 {
			b.settleMinimum(m, v, days, of)
		}
	}
}

// activeReactive are the month's energies under v in the named periods.
func (m *Month) activeReactive(v *version, seasons, periods []string) (active, reactive units.Energy) {
	for i := range m.Cells {
		c := &m.Cells[i]
		if c.Version == v.doc.From && listed(seasons, c.Season) && listed(periods, c.Period) {
			active += c.Import
			reactive += c.Reactive
		}
	}
	return active, reactive
}

// settleFactor books the surcharge for a low power factor.
func (b *book) settleFactor(m *Month, v *version) {
	f := v.doc.Factor
	e, q := m.activeReactive(v, nil, nil)
	var share int64 // in billionths
	if pf, threshold := powerFactor(e, q), int64(f.Threshold)*perRate; pf < threshold {
		step := int64(orRate(f.Step, hundred/100)) * perRate
		below := threshold - pf
		if f.Whole {
			below -= below % step
		}
		share = units.MulDiv(int64(f.Surcharge)*perRate, below, step)
	}
	var base units.Money
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.Version != v.doc.From {
			continue
		}
		if (len(f.On) == 0 && (l.Kind == KindEnergy || l.Kind == KindDemand)) || slices.Contains(f.On, l.Name) {
			base += l.basis(v)
		}
	}
	l := m.line(v.doc.From, &v.factor)
	b.set(l, &v.factor, base.Part(share, billion), 0, "")
}

// basis is the line's amount as the document's prices are.
func (l *Line) basis(v *version) units.Money {
	if v.doc.TaxIncluded {
		return l.Amount + l.Tax
	}
	return l.Amount
}

// settleMinimum books what is lacking to the least bill.
func (b *book) settleMinimum(m *Month, v *version, days, of int64) {
	x := v.doc.Minimum
	var base units.Money
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.Version != v.doc.From || l.Kind == KindMinimum {
			continue
		}
		if (len(x.On) == 0 && l.Kind != KindExport && l.Kind != KindRebate && l.Kind != KindDebt) || slices.Contains(x.On, l.Name) {
			base += l.basis(v)
		}
	}
	least := x.Amount
	if x.PerKW {
		least = perKW(least, b.t.doc.Contracted)
	}
	least = least.Part(days, of)
	if !classListed(x.Classes, v, b.t.class(v, &b.acc, m)) {
		least = 0
	}
	l := m.line(v.doc.From, &v.minimum)
	b.set(l, &v.minimum, max(0, least-base), 0, "")
}

const (
	billion = 1_000_000_000
	perRate = billion / int64(hundred) // billionths in one of a Rate
)

// powerFactor is e / sqrt(e² + q²) in billionths; all of them where there is no
// energy.
func powerFactor(e, q units.Energy) int64 {
	s := apparent(int64(e), int64(q))
	if s == 0 {
		return billion
	}
	return units.MulDiv(int64(e), billion, s)
}

// apparent is sqrt(p² + q²) rounded down, exactly, in 128 bits.
func apparent(p, q int64) int64 {
	if q == 0 {
		return p
	}
	ph, pl := bits.Mul64(magnitude(p), magnitude(p))
	qh, ql := bits.Mul64(magnitude(q), magnitude(q))
	lo, carry := bits.Add64(pl, ql, 0)
	hi, _ := bits.Add64(ph, qh, carry)
	r := uint64(math.Hypot(float64(p), float64(q)))
	for {
		h, l := bits.Mul64(r, r)
		if h < hi || (h == hi && l <= lo) {
			break
		}
		r--
	}
	for {
		h, l := bits.Mul64(r+1, r+1)
		if h > hi || (h == hi && l > lo) {
			return int64(min(r, math.MaxInt64))
		}
		r++
	}
}
