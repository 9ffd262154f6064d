package tariffs

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Purchase books what a top-up of amount is charged with: the month's fixed
// charges, whole or in part, arrears, charges on every purchase, debt, and the
// rebate, in this order.  What is left of the amount after the items is credit.
// Charges never take more than the amount; the rest waits for the next
// purchase.
func (t *Tariff) Purchase(acc Account, at time.Time, amount units.Money) (Account, []Item) {
	b := book{t: t, acc: acc, shared: true, from: at, to: at}
	b.purchase(at, amount)
	return b.acc, b.items
}

// purchase is Purchase; it returns what is left.
func (b *book) purchase(at time.Time, amount units.Money) (left units.Money) {
	if amount <= 0 {
		return amount
	}
	b.from, b.to, b.period = at, at, ""
	s := b.t.segment(at)
	mi := b.month(s.month, s.day)
	m := b.own(mi)
	m.Purchases++
	m.Purchased += amount
	left = amount
	class := b.t.class(s.v, &b.acc, m)
	for i := range s.v.fixed {
		c := &s.v.fixed[i]
		l := m.line(s.v.doc.From, &c.component)
		switch c.Due {
		case DueFirstPurchase:
			left -= b.arrears(c, l, left)
			if classListed(c.Classes, s.v, class) {
				left -= b.take(c, l, b.t.dueNow(m, s.v, c)-m.taken(c), left)
			}
		case DuePurchase:
			if classListed(c.Classes, s.v, class) {
				due := c.amount
				if c.Share != 0 {
					due += amount.Part(int64(c.Share), int64(hundred))
				}
				left -= b.take(c, l, due, left)
			}
		default: // due with time
		}
	}
	if d := s.v.doc.Debt; d != nil && b.acc.Debt > 0 {
		left -= b.payDebt(m, s.v, s.day, amount, left)
	}
	if r := s.v.doc.Rebate; r != nil {
		back := left.Part(int64(r.Rate), int64(hundred))
		l := m.line(s.v.doc.From, &s.v.rebate)
		b.set(l, &s.v.rebate, l.Amount-back, 0, "")
		left += back
	}
	return left
}

// dueNow is how much of a first-purchase charge, before taxes, the month's
// purchases so far are to have paid.
func (t *Tariff) dueNow(m *Month, v *version, c *fixedCharge) units.Money {
	due := c.monthly(t, m)
	if c.SplitOver > 0 && m.Purchased < c.SplitOver {
		return due.Part(int64(m.Purchased), int64(c.SplitOver))
	}
	return due
}

// monthly is the charge for the month, by days where it is prorated.
func (c *fixedCharge) monthly(t *Tariff, m *Month) units.Money {
	if !c.Prorate {
		return c.amount
	}
	_, next := t.cycle.at(m.Start)
	return c.amount.Part(int64(next-max(m.Start, m.Seen)), int64(next-m.Start))
}

// taken is what the month has paid of a charge, as the document's prices are,
// under any version: a change in mid-month does not take it twice.
func (m *Month) taken(c *fixedCharge) units.Money {
	var sum units.Money
	for i := range m.Lines {
		if m.Lines[i].Name == c.name {
			sum += m.Lines[i].Exact
		}
	}
	return sum
}

// take books due, or as much of it as left pays for with taxes, and returns
// what was taken with taxes.  Exact keeps the part of the line that is for this
// month, so that arrears paid on the same line do not count for it.
func (b *book) take(c *fixedCharge, l *Line, due, left units.Money) units.Money {
	due = c.affordable(l, due, left)
	l.Exact += due
	return b.addTo(c, l, due)
}

// affordable is the most of due that left pays for on top of what the line has
// already, as the document's prices are.
func (c *fixedCharge) affordable(l *Line, due, left units.Money) units.Money {
	if due <= 0 || left <= 0 {
		return 0
	}
	fits := func(d units.Money) bool {
		return c.total(c.basis(l)+d)-l.Amount-l.Tax <= left
	}
	if fits(due) {
		return due
	}
	if c.included {
		return left
	}
	due = min(due, left.Part(grossUnit, c.gross)+1)
	for due > 0 && !fits(due) {
		due--
	}
	return due
}

// basis is the line's amount as the document's prices are.
func (c *component) basis(l *Line) units.Money {
	if c.included {
		return l.Amount + l.Tax
	}
	return l.Amount
}

// addTo books a further amount on a line.
func (b *book) addTo(c *fixedCharge, l *Line, amount units.Money) units.Money {
	if amount <= 0 {
		return 0
	}
	before := l.Amount + l.Tax
	b.set(l, &c.component, c.basis(l)+amount, 0, "")
	return l.Amount + l.Tax - before
}

// arrears takes what past months owe of the charge.
func (b *book) arrears(c *fixedCharge, l *Line, left units.Money) units.Money {
	i := slices.IndexFunc(b.acc.Arrears, func(a Arrear) bool { return a.Name == c.name })
	if i < 0 {
		return 0
	}
	pay := c.affordable(l, b.acc.Arrears[i].Amount, left)
	if pay <= 0 {
		return 0
	}
	b.acc.Arrears = slices.Clone(b.acc.Arrears)
	if b.acc.Arrears[i].Amount -= pay; b.acc.Arrears[i].Amount == 0 {
		b.acc.Arrears = slices.Delete(b.acc.Arrears, i, i+1)
	}
	if len(b.acc.Arrears) == 0 {
		b.acc.Arrears = nil // as it comes back from JSON
	}
	return b.addTo(c, l, pay)
}

// carry makes what month mi has not paid of its catch-up charges an arrear, as
// the next month begins.
func (b *book) carry(mi int) {
	m := &b.acc.Months[mi]
	_, next := b.t.cycle.at(m.Start)
	v := b.t.versionOn(next - 1)
	class := b.t.class(v, &b.acc, m)
	for i := range v.fixed {
		c := &v.fixed[i]
		if c.Due != DueFirstPurchase || !c.CatchUp || !classListed(c.Classes, v, class) {
			continue
		}
		owed := c.monthly(b.t, m) - m.taken(c)
		if owed <= 0 {
			continue
		}
		b.acc.Arrears = slices.Clone(b.acc.Arrears)
		j := slices.IndexFunc(b.acc.Arrears, func(a Arrear) bool { return a.Name == c.name })
		if j < 0 {
			b.acc.Arrears = append(b.acc.Arrears, Arrear{Name: c.name})
			j = len(b.acc.Arrears) - 1
		}
		a := &b.acc.Arrears[j]
		// So many months' charges are the most that is owed, whatever months it is of: a
		// rest of one month, however small, takes no month's place.
		more := owed
		if c.MaxMonths > 0 {
			more = min(owed, max(0, c.amount*units.Money(c.MaxMonths)-a.Amount))
		}
		if more > 0 {
			a.Months++
			a.Amount += more
		}
	}
}

// payDebt takes the debt's share of a purchase, within its cap.
func (b *book) payDebt(m *Month, v *version, day Date, amount, left units.Money) units.Money {
	d := v.doc.Debt
	start := m.Start
	switch d.Per {
	case PerDay:
		start = day
	case PerWeek:
		start = day - Date((day.Weekday()+6)%7)
	default: // the billing month
	}
	if b.acc.Paid.Start != start {
		b.acc.Paid = Paid{Start: start}
	}
	pay := min(amount.Part(int64(d.Share), int64(hundred)), left, b.acc.Debt)
	if d.Cap > 0 {
		pay = min(pay, d.Cap-b.acc.Paid.Amount)
	}
	if pay <= 0 {
		return 0
	}
	b.acc.Paid.Amount += pay
	b.acc.Debt -= pay
	l := m.line(v.doc.From, &v.debt)
	b.set(l, &v.debt, l.Amount+pay, 0, "")
	return pay
}
