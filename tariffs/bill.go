package tariffs

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Bill is what a load costs, divided in every way that is asked for.  Amounts
// are exact; Decimals says how many decimals to show.
type Bill struct {
	Currency   string
	Decimals   int
	From, To   time.Time
	Import     units.Energy
	Export     units.Energy
	Total      units.Money // with taxes
	Components []ComponentSum
	Taxes      []TaxSum
	Periods    []PeriodSum
	Days       []DaySum
	Months     []DaySum // by the first day of each billing month
	Warnings   []string
}

// ComponentSum is what one component comes to.
type ComponentSum struct {
	Name   string
	Kind   Kind
	Energy units.Energy
	Amount units.Money // before taxes
	Tax    units.Money
}

// TaxSum is what one tax comes to.
type TaxSum struct {
	Name   string
	Amount units.Money
}

// PeriodSum is what one period comes to.  Charges that belong to no period are
// under the name "fixed".
type PeriodSum struct {
	Season, Period string
	Import         units.Energy
	Export         units.Energy
	Amount         units.Money // with taxes
}

// DaySum is what one local day (or billing month) comes to.
type DaySum struct {
	Day    Date
	Import units.Energy
	Export units.Energy
	Amount units.Money // with taxes
}

// Bill reckons a load, by rising From, on top of an account, with all that
// falls due from its first instant to its last.  Charges that are taken from
// purchases are reckoned as if every month's purchases paid them in full, and
// a rebate as if just the bill were bought.
func (t *Tariff) Bill(acc Account, load []Reading) (Bill, Account) {
	return t.bill(acc, load, false)
}

// BillWhole is Bill with the day and the billing month in which the load ends
// taken as ended: every day the load touches is charged, and every month it
// touches bears its charges per month in full.  A part of a month is warned of.
func (t *Tariff) BillWhole(acc Account, load []Reading) (Bill, Account) {
	return t.bill(acc, load, true)
}

func (t *Tariff) bill(acc Account, load []Reading, whole bool) (Bill, Account) {
	s := sums{bill: Bill{Currency: t.doc.Currency, Decimals: t.Decimals()}}
	b := book{t: t, acc: acc.Clone(), quiet: true, sums: &s, whole: whole}
	if len(load) == 0 {
		return s.bill, b.acc
	}
	s.bill.From, s.bill.To = load[0].From, load[0].To
	elapsed := load[0].From
	var p pending
	for i := range load {
		r := &load[i]
		if r.To.After(s.bill.To) {
			s.bill.To = r.To
		}
		b.at(r.From)
		if r.To.After(b.seg.end) || !r.To.After(r.From) || (p.used && !p.within(&b.seg)) {
			p.flush(&b)
			b.at(r.From)
		}
		// The day's charges fall due before what follows the midnight is used.
		if !p.used && r.From.After(elapsed) && b.t.dayOf(elapsed) != b.seg.day {
			seg := b.seg
			b.elapse(elapsed, r.From)
			b.seg, elapsed = seg, r.From
		}
		if r.To.After(b.seg.end) || !r.To.After(r.From) {
			b.consume(*r)
			continue
		}
		p.add(&b, r)
	}
	p.flush(&b)
	b.elapse(elapsed, s.bill.To)
	if whole {
		b.end(s.bill.To)
	}
	for i := range b.acc.Months {
		if m := b.own(i); !m.Closed && b.buys(m) { // the closed ones were seen to
			b.bought(m)
			b.rebated(m)
		}
	}
	s.bill.Components = slices.DeleteFunc(s.bill.Components, func(c ComponentSum) bool {
		return c.Amount == 0 && c.Tax == 0 && c.Energy == 0 // of another class
	})
	s.bill.Warnings = t.Warnings(s.bill.From, s.bill.To)
	if whole {
		s.bill.Warnings = append(s.bill.Warnings, t.partial(s.bill.From, s.bill.To)...)
	}
	return s.bill, b.acc
}

// end books what is due at the end of the day and the month that end to lies in.
func (b *book) end(to time.Time) {
	last := to.Add(-1)
	if midnight := units.NextLocalMidnight(last, b.t.loc); midnight.After(to) {
		b.elapse(to, midnight)
	}
	b.at(last)
	b.from, b.to, b.period = last, to, ""
	mi := b.month(b.seg.month, b.seg.day)
	if b.acc.Months[mi].Start == b.seg.month && !b.acc.Months[mi].Closed {
		b.close(mi)
	}
}

// buys tells whether the bill reckons the month's charges on purchases.
func (b *book) buys(m *Month) bool {
	if b.sums == nil {
		return false
	}
	first, _ := b.t.cycle.at(b.t.dayOf(b.sums.bill.From))
	return m.Start >= first
}

// partial says which months a load from one instant to another only touches.
func (t *Tariff) partial(from, to time.Time) (w []string) {
	last := to.Add(-1)
	start, _ := t.cycle.at(t.dayOf(from))
	end, next := t.cycle.at(t.dayOf(last))
	say := func(month Date, ends string, at time.Time) {
		w = append(w, fmt.Sprintf("the billing month from %s is not whole: the load %s %s; its charges per month are in full", month, ends, at.In(t.loc).Format("2006-01-02 15:04")))
	}
	if from.After(start.Start(t.loc)) {
		say(start, "begins", from)
	}
	if to.Before(next.Start(t.loc)) {
		say(end, "ends", to)
	}
	return w
}

// pending gathers readings within one segment, so that they are settled once.
type pending struct {
	used     bool
	from, to time.Time
	start    time.Time // of the segment
	end      time.Time
	in, out  units.Energy
	reactive units.Energy
}

func (p *pending) within(s *segment) bool { return p.end.Equal(s.end) }

func (p *pending) add(b *book, r *Reading) {
	if !p.used {
		*p = pending{used: true, from: r.From, to: r.To, start: b.seg.start, end: b.seg.end}
	}
	if r.To.After(p.to) {
		p.to = r.To
	}
	if r.Energy >= 0 {
		p.in += r.Energy
	} else {
		p.out -= r.Energy
	}
	q := r.Reactive
	if q < 0 {
		q = -q
	}
	p.reactive += q
	if len(b.seg.v.demand) > 0 {
		b.demandOf(r, q)
	}
}

func (p *pending) flush(b *book) {
	if !p.used {
		return
	}
	p.used = false
	b.at(p.from)
	b.billed = true // the demand of these readings is in already
	b.charge(p.from, p.to, p.in, p.reactive)
	if p.out > 0 {
		b.charge(p.from, p.to, -p.out, 0)
	}
	b.billed = false
}

// demandOf adds a reading within the current segment to the demand intervals.
func (b *book) demandOf(r *Reading, q units.Energy) {
	b.from, b.to, b.period = r.From, r.To, b.seg.period
	m := b.own(b.month(b.seg.month, b.seg.day))
	e := max(r.Energy, 0)
	if r.From.Before(b.window) || !b.windowEnds.After(r.From) {
		b.window, b.windowEnds = r.From, b.windowEnd(r.From)
	}
	if !r.To.After(b.windowEnds) {
		b.demand(m, r.From, e, q)
		return
	}
	total := int64(r.To.Sub(r.From))
	var de, dq units.Energy
	for at := r.From; at.Before(r.To); {
		end := b.windowEnd(at)
		if end.After(r.To) {
			end = r.To
		}
		done := int64(end.Sub(r.From))
		pe, pq := e.Part(done, total), q.Part(done, total)
		b.demand(m, at, pe-de, pq-dq)
		de, dq, at = pe, pq, end
	}
}

// bought books the charges on purchases of a month as if its purchases paid them
// in full.
func (b *book) bought(m *Month) {
	from, to, period := b.from, b.to, b.period
	b.from, b.period = max(m.Start, m.Seen).Start(b.t.loc), ""
	if first := b.sums.bill.From; first.After(b.from) {
		b.from = first
	}
	b.to = b.from
	v := b.t.versionOn(max(m.Start, m.Seen))
	class := b.t.class(v, &b.acc, m)
	for i := range v.fixed {
		c := &v.fixed[i]
		if c.Due == DueFirstPurchase && classListed(c.Classes, v, class) {
			b.take(c, m.line(v.doc.From, &c.component), c.monthly(b.t, m)-m.taken(c), 1<<62)
		}
	}
	b.from, b.to, b.period = from, to, period
}

// rebated books a month's rebate as if its purchases paid just the bill: what is
// left of them after their charges, with the rebate, is all that the rest of the
// bill comes to.
func (b *book) rebated(m *Month) {
	v := b.t.versionOn(max(m.Start, m.Seen))
	r := v.doc.Rebate
	if r == nil {
		return
	}
	var base units.Money
	for i := range m.Lines {
		if l := &m.Lines[i]; !b.t.onPurchase(l) {
			base += l.Amount + l.Tax
		}
	}
	b.set(m.line(v.doc.From, &v.rebate), &v.rebate, -max(0, base).Part(int64(r.Rate), int64(hundred+r.Rate)), 0, "")
}

// onPurchase tells whether a line is taken from or given back on purchases.
func (t *Tariff) onPurchase(l *Line) bool {
	if l.Kind == KindRebate || l.Kind == KindDebt {
		return true
	}
	v := t.versionOf(l.Version)
	return v != nil && slices.ContainsFunc(v.fixed, func(c fixedCharge) bool {
		return c.name == l.Name && (c.Due == DueFirstPurchase || c.Due == DuePurchase)
	})
}

// Warnings are what is doubtful about the figures used from one instant to
// another: known to be out of date, not known to be in force, or made up.
func (t *Tariff) Warnings(from, to time.Time) []string {
	var w []string
	first, last := t.dayOf(from), t.dayOf(to.Add(-1))
	if v := &t.versions[0]; v.doc.From != 0 && first < v.doc.From {
		w = append(w, fmt.Sprintf("days before %s are charged as from then on", v.doc.From))
	}
	for i := range t.versions {
		v := &t.versions[i]
		begin, end := v.from, Date(1<<30)
		if i+1 < len(t.versions) {
			end = t.versions[i+1].from - 1
		}
		if first > end || last < begin {
			continue
		}
		if u := v.doc.Until; u != 0 && last > u && u < end {
			w = append(w, fmt.Sprintf("the prices of %q are known to %s; later days are charged alike", v.label(), u))
		}
		for _, d := range v.doc.Demand {
			if n := len(d.Steps); n > 0 && d.Steps[n-1].To != 0 {
				w = append(w, fmt.Sprintf("the steps of %q are known up to %g kW; more is charged as the last one", d.Name, d.Steps[n-1].To.KW()))
			}
		}
		c := v.doc.Current
		if c == "" {
			c = t.doc.Current
		}
		switch c {
		case CurrentNo:
			w = append(w, fmt.Sprintf("the prices of %q are known to be out of date", v.label()))
		case CurrentExample:
			w = append(w, fmt.Sprintf("the prices of %q are examples, not a published tariff", v.label()))
		case CurrentYes:
		default:
			w = append(w, fmt.Sprintf("the prices of %q are not known to be in force", v.label()))
		}
	}
	return w
}

func (v *version) label() string {
	switch {
	case v.doc.Name != "":
		return v.doc.Name
	case v.doc.From == 0:
		return "this document"
	}
	return "from " + v.doc.From.String()
}

// sums adds up what a book settles.
type sums struct {
	bill Bill
}

func (s *sums) add(b *book, l *Line, c *component, net units.Money, e units.Energy, dn, dt units.Money, period string) {
	s.bill.Total += dn + dt
	s.component(c, e, dn, dt)
	s.taxes(b, l, c, net, dt)
	day := b.t.dayOf(b.from)
	month, _ := b.t.cycle.at(day)
	daySum(&s.bill.Days, day).Amount += dn + dt
	daySum(&s.bill.Months, month).Amount += dn + dt
	season := b.seg.season
	if period == "" && c.kind != KindEnergy && c.kind != KindExport {
		season, period = "", "fixed"
	}
	s.period(season, period).Amount += dn + dt
}

func (s *sums) component(c *component, e units.Energy, dn, dt units.Money) {
	i := slices.IndexFunc(s.bill.Components, func(x ComponentSum) bool { return x.Name == c.name && x.Kind == c.kind })
	if i < 0 {
		s.bill.Components = append(s.bill.Components, ComponentSum{Name: c.name, Kind: c.kind})
		i = len(s.bill.Components) - 1
	}
	x := &s.bill.Components[i]
	x.Energy += e
	x.Amount += dn
	x.Tax += dt
}

func (s *sums) taxes(b *book, l *Line, c *component, net, dt units.Money) {
	left := dt
	v := b.t.versionOf(l.Version)
	for i := range c.taxes {
		d := c.taxOf(net, i) - c.taxOf(l.Amount, i)
		if i == len(c.taxes)-1 {
			d = left // where the prices hold the taxes, what rounding left over
		}
		left -= d
		name := v.doc.Taxes[c.taxes[i].index].Name
		j := slices.IndexFunc(s.bill.Taxes, func(x TaxSum) bool { return x.Name == name })
		if j < 0 {
			s.bill.Taxes = append(s.bill.Taxes, TaxSum{Name: name})
			j = len(s.bill.Taxes) - 1
		}
		s.bill.Taxes[j].Amount += d
	}
}

func (s *sums) period(season, period string) *PeriodSum {
	for i := range s.bill.Periods {
		if s.bill.Periods[i].Season == season && s.bill.Periods[i].Period == period {
			return &s.bill.Periods[i]
		}
	}
	s.bill.Periods = append(s.bill.Periods, PeriodSum{Season: season, Period: period})
	return &s.bill.Periods[len(s.bill.Periods)-1]
}

// daySum is the sum of a day; days come in rising order but for corrections.
func daySum(list *[]DaySum, d Date) *DaySum {
	l := *list
	i := len(l)
	for i > 0 && l[i-1].Day > d {
		i--
	}
	if i == 0 || l[i-1].Day != d {
		*list = slices.Insert(l, i, DaySum{Day: d})
		return &(*list)[i]
	}
	return &l[i-1]
}

// energy adds used energy to the sums.
func (s *sums) energy(seg *segment, e units.Energy) {
	in, out := max(e, 0), max(-e, 0)
	s.bill.Import += in
	s.bill.Export += out
	p := s.period(seg.season, seg.period)
	d, m := daySum(&s.bill.Days, seg.day), daySum(&s.bill.Months, seg.month)
	p.Import, d.Import, m.Import = p.Import+in, d.Import+in, m.Import+in
	p.Export, d.Export, m.Export = p.Export+out, d.Export+out, m.Export+out
}

// BillingMonth is [from, to) of the billing month that begins in month m of
// year y; where one lasts several months, of the one that m belongs to.
func (t *Tariff) BillingMonth(y int, m time.Month) (from, to time.Time) {
	start, next := t.cycle.at(DateOf(y, m, clampDay(y, m, t.cycle.day)))
	return start.Start(t.loc), next.Start(t.loc)
}

// MonthOf is [from, to) of the billing month that an instant lies in.
func (t *Tariff) MonthOf(at time.Time) (from, to time.Time) {
	start, next := t.cycle.at(t.dayOf(at))
	return start.Start(t.loc), next.Start(t.loc)
}

// MonthEnd is when the billing month that an instant is in ends.
func (t *Tariff) MonthEnd(at time.Time) time.Time {
	_, next := t.cycle.at(t.dayOf(at))
	return next.Start(t.loc)
}

// SplitAt divides a reading at an instant in proportion to time; one part is
// empty where the instant is not within it.
func (r Reading) SplitAt(at time.Time) (before, after Reading) {
	switch {
	case !at.After(r.From):
		return Reading{From: r.From, To: r.From}, r
	case !at.Before(r.To):
		return r, Reading{From: r.To, To: r.To}
	}
	done, total := int64(at.Sub(r.From)), int64(r.To.Sub(r.From))
	before = Reading{From: r.From, To: at, Energy: r.Energy.Part(done, total), Reactive: r.Reactive.Part(done, total)}
	return before, Reading{From: at, To: r.To, Energy: r.Energy - before.Energy, Reactive: r.Reactive - before.Reactive}
}
