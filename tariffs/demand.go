package tariffs

import (
	"cmp"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// windowEnd is the end of the earliest demand interval under way at an
// instant; the segment's end where demand is not charged.
func (b *book) windowEnd(at time.Time) time.Time {
	if len(b.seg.v.demand) == 0 {
		return b.seg.end
	}
	end := b.seg.end.Unix()
	for i := range b.seg.v.demand {
		c := &b.seg.v.demand[i]
		end = min(end, c.window(at, b.seg.offset)+c.interval)
	}
	if end == b.seg.end.Unix() {
		return b.seg.end
	}
	return time.Unix(end, 0).UTC()
}

// window is the start of the averaging interval at falls in, in Unix seconds.
// The intervals are laid from the hour of the meter's clock, which is offset
// seconds before UTC there.
func (c *demandCharge) window(at time.Time, offset int64) int64 {
	return floorDiv(at.Unix()+offset, c.interval)*c.interval - offset
}

// demand adds energy of [from, to), which lies in one interval of each charge,
// to the intervals under way.  The mean demand of the interval so far can only
// rise, so the charge is up to date at every moment.
func (b *book) demand(m *Month, from time.Time, e, q units.Energy) {
	s := &b.seg
	for i := range s.v.demand {
		c := &s.v.demand[i]
		if !listed(c.Seasons, s.season) || !listed(c.Periods, s.period) {
			continue
		}
		start := c.window(from, s.offset)
		p := m.peak(s.v.doc.From, c.name)
		if p.Start.IsZero() || p.Start.Unix() != start {
			p.Start, p.Active, p.Reactive = time.Unix(start, 0).UTC(), 0, 0
		}
		p.Active += e
		p.Reactive += q
		if c.raise(p, c.mean(p), s.day) {
			b.settleDemand(m, s.v, c, b.t.class(s.v, &b.acc, m), m.Closed)
		}
	}
}

// Paid is the demand up to which what is drawn at an instant adds nothing to what the charge that a peak is of has come
// to; ok is false where that charge does not count what is drawn then.  Of the mean of several days it is
// what the day has come to, or the least of them that counts once there are as many.
func (t *Tariff) Paid(p Peak, at time.Time) (d units.Power, ok bool) {
	s := t.segment(at)
	for i := range s.v.demand {
		c := &s.v.demand[i]
		if c.name != p.Name || s.v.doc.From != p.Version {
			continue
		}
		if d = p.Highest; c.MeanOf > 1 {
			d = 0
			for i, x := range p.Days {
				if x.Day == s.day || i == c.MeanOf-1 {
					d = max(d, x.Highest)
				}
			}
		}
		return d, listed(c.Seasons, s.season) && listed(c.Periods, s.period)
	}
	return 0, false
}

// raise takes in the demand of the interval under way, and tells whether the month's
// is higher by it.
func (c *demandCharge) raise(p *Peak, d units.Power, day Date) bool {
	if d <= 0 {
		return false
	}
	highest := d
	if c.MeanOf > 1 {
		highest = c.take(p, d, day)
	}
	if highest <= p.Highest {
		return false
	}
	p.Highest, p.At = highest, p.Start
	return true
}

// take is the month's demand with that of a day among its highest: the mean, in which
// the days to come count as nothing, so that it only rises.
func (c *demandCharge) take(p *Peak, d units.Power, day Date) units.Power {
	i := slices.IndexFunc(p.Days, func(x DayPeak) bool { return x.Day == day })
	switch {
	case i >= 0:
		p.Days[i].Highest = max(p.Days[i].Highest, d)
	case len(p.Days) < c.MeanOf:
		p.Days = append(p.Days, DayPeak{day, d})
	case p.Days[len(p.Days)-1].Highest < d:
		p.Days[len(p.Days)-1] = DayPeak{day, d}
	}
	slices.SortStableFunc(p.Days, func(a, b DayPeak) int { return cmp.Compare(b.Highest, a.Highest) })
	var sum units.Power
	for _, x := range p.Days {
		sum += x.Highest
	}
	return sum / units.Power(c.MeanOf)
}

// ended is the demand of a month that is over: the mean of as many days as there are.
func (p *Peak) ended() units.Power {
	if len(p.Days) == 0 {
		return p.Highest
	}
	var sum units.Power
	for _, x := range p.Days {
		sum += x.Highest
	}
	return sum / units.Power(len(p.Days))
}

// mean is the demand of the interval under way, in mW or mVA.
func (c *demandCharge) mean(p *Peak) units.Power {
	whole := time.Duration(c.interval) * time.Second
	e := p.Active
	if c.Unit == KVA {
		switch {
		case p.Reactive == 0 && c.AssumeFactor > 0:
			e = e.Part(int64(hundred), int64(c.AssumeFactor))
		case p.Reactive > 0 && c.MeanOf <= 1 && (e+p.Reactive).Mean(whole) <= p.Highest:
			return 0 // not even at its most, the sum of both, is it a new highest
		default:
			e = units.Energy(apparent(int64(e), int64(p.Reactive)))
		}
	}
	return e.Mean(whole)
}

func (m *Month) peak(v Date, name string) *Peak {
	for i := range m.Peaks {
		if m.Peaks[i].Version == v && m.Peaks[i].Name == name {
			return &m.Peaks[i]
		}
	}
	m.Peaks = append(m.Peaks, Peak{Version: v, Name: name})
	return &m.Peaks[len(m.Peaks)-1]
}

// settleDemand brings a demand charge up to date; what hangs on other months, and the
// least demand, count from the month's end on.
func (b *book) settleDemand(m *Month, v *version, c *demandCharge, class int, ended bool) {
	amount := units.Money(0)
	if classListed(c.Classes, v, class) {
		amount = b.t.demandCost(&b.acc, m, v, c, ended)
	}
	b.set(m.line(v.doc.From, &c.component), &c.component, amount, 0, b.period)
}

// demandCost is what a demand charge comes to on the month so far.
func (t *Tariff) demandCost(acc *Account, m *Month, v *version, c *demandCharge, ended bool) units.Money {
	var d units.Power
	for i := range m.Peaks {
		if m.Peaks[i].Version == v.doc.From && m.Peaks[i].Name == c.name {
			if d = m.Peaks[i].Highest; ended {
				d = m.Peaks[i].ended()
			}
		}
	}
	sum, n := c.past(acc, m.Start)
	if ended {
		d = max((sum+max(d, c.AtLeast))/n, c.ratchet(acc, m.Start))
	} else {
		d /= n
	}
	amount := t.days(v, c, m, c.priced(d))
	if c.MostPerKWh > 0 {
		used, _ := m.activeReactive(v, nil, nil)
		amount = min(amount, c.MostPerKWh.Cost(used))
	}
	return amount
}

// priced is what a demand costs, in a whole month or in a day of it.
func (c *demandCharge) priced(d units.Power) units.Money {
	d = max(0, d-c.Free)
	if len(c.Steps) == 0 {
		return perKW(c.Price, d)
	}
	if !c.EachKW {
		return c.Steps[c.step(d)].Price
	}
	var sum units.Money
	var from units.Power
	for i, s := range c.Steps {
		if i == len(c.Steps)-1 || d <= s.To {
			return sum + perKW(s.Price, d-from)
		}
		sum += perKW(s.Price, s.To-from)
		from = s.To
	}
	return sum
}

// step is the index of the step that a demand is in.
func (c *demandCharge) step(d units.Power) int {
	for i, s := range c.Steps {
		if d <= s.To {
			return i
		}
	}
	return len(c.Steps) - 1
}

// days is an amount of a demand charge for the days of the month on which v is in force.
func (t *Tariff) days(v *version, c *demandCharge, m *Month, amount units.Money) units.Money {
	from, until, next := t.cover(v, m, false)
	if c.Per != PerDay {
		return units.Money(units.MulDiv(int64(amount), int64(max(0, until-from)), int64(next-m.Start)))
	}
	return amount * units.Money(v.cal.daysIn(c.Seasons, from, until))
}

// past is the sum of the demands of the months before the one that starts with start
// that are averaged with it, each at its least, and how many are averaged in all.
func (c *demandCharge) past(acc *Account, start Date) (sum, n units.Power) {
	n = 1
	c.before(acc, start, c.MeanMonths-1, func(d units.Power) {
		sum += max(d, c.AtLeast)
		n++
	})
	return sum, n
}

// ratchet is the least demand by that of past months.
func (c *demandCharge) ratchet(acc *Account, start Date) units.Power {
	if c.Ratchet == 0 {
		return 0
	}
	over := c.RatchetOver
	if over == 0 {
		over = 11
	}
	var highest units.Power
	c.before(acc, start, over, func(d units.Power) { highest = max(highest, d) })
	return units.Power(units.MulDiv(int64(highest), int64(c.Ratchet), int64(hundred)))
}

// before calls do with the demand of each of so many months before the one that starts
// with start, the last first.
func (c *demandCharge) before(acc *Account, start Date, over int, do func(units.Power)) {
	for i := len(acc.Months) - 1; i >= 0 && over > 0; i-- {
		m := &acc.Months[i]
		if m.Start >= start {
			continue
		}
		over--
		var d units.Power
		for j := range m.Peaks {
			if m.Peaks[j].Name == c.name {
				d = max(d, m.Peaks[j].ended())
			}
		}
		do(d)
	}
	for i := len(acc.Past) - 1; i >= 0 && over > 0; i-- {
		over--
		var d units.Power
		for _, p := range acc.Past[i].Peaks {
			if p.Name == c.name {
				d = max(d, p.Highest)
			}
		}
		do(d)
	}
}
