package tariffs

import (
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
		if d := c.mean(p); d > p.Highest {
			p.Highest, p.At = d, p.Start
			b.settleDemand(m, s.v, c, b.t.class(s.v, &b.acc, m), m.Closed)
		}
	}
}

// mean is the demand of the interval under way, in mW or mVA.
func (c *demandCharge) mean(p *Peak) units.Power {
	whole := time.Duration(c.interval) * time.Second
	e := p.Active
	if c.Unit == KVA {
		switch {
		case p.Reactive == 0 && c.AssumeFactor > 0:
			e = e.Part(int64(hundred), int64(c.AssumeFactor))
		case p.Reactive > 0 && (e+p.Reactive).Mean(whole) <= p.Highest:
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

// settleDemand brings a demand charge up to date; the ratchet and the least
// demand count from the month's end on.
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
			d = m.Peaks[i].Highest
		}
	}
	if ended {
		d = max(d, c.floor(acc, m.Start))
	}
	days, of := t.coverage(v, m, false)
	return units.Money(units.MulDiv(int64(perKW(c.Price, max(0, d-c.Free))), days, of))
}

// floor is the least demand that is charged in the month that starts with
// start: by contract, and by the ratchet over past months.
func (c *demandCharge) floor(acc *Account, start Date) units.Power {
	d := c.AtLeast
	if c.Ratchet == 0 {
		return d
	}
	over := c.RatchetOver
	if over == 0 {
		over = 11
	}
	var highest units.Power
	for i := len(acc.Months) - 1; i >= 0 && over > 0; i-- {
		m := &acc.Months[i]
		if m.Start >= start {
			continue
		}
		over--
		for j := range m.Peaks {
			if m.Peaks[j].Name == c.name {
				highest = max(highest, m.Peaks[j].Highest)
			}
		}
	}
	for i := len(acc.Past) - 1; i >= 0 && over > 0; i-- {
		over--
		for j := range acc.Past[i].Peaks {
			if acc.Past[i].Peaks[j].Name == c.name {
				highest = max(highest, acc.Past[i].Peaks[j].Highest)
			}
		}
	}
	return max(d, units.Power(units.MulDiv(int64(highest), int64(c.Ratchet), int64(hundred))))
}
