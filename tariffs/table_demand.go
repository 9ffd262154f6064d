package tariffs

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// demands adds the demand charges.  Where the mean of several days is charged, each day
// has a table of its own.
func (f *filler) demands() {
	v := f.t.versionOn(f.t.dayOf(f.slots[f.first].Start))
	for i := range v.demand {
		c := &v.demand[i]
		if !classListed(c.Classes, v, f.class) {
			continue
		}
		d := demandFiller{filler: f, v: v, c: c}
		for j := range f.m.Peaks {
			if p := &f.m.Peaks[j]; p.Version == v.doc.From && p.Name == c.name {
				d.peak = p
			}
		}
		if d.capped() {
			continue
		}
		if c.MeanOf <= 1 {
			d.fill(f.first, f.last, 0)
			continue
		}
		for first := f.first; first < f.last; {
			day := f.t.dayOf(f.slots[first].Start)
			last := first + 1
			for last < f.last && f.t.dayOf(f.slots[last].Start) == day {
				last++
			}
			d.fill(first, last, day)
			first = last
		}
	}
}

// demandAtEnd is what the month's end adds to a demand charge where no more is drawn.
func (f *filler) demandAtEnd(v *version, c *demandCharge) units.Money {
	if !classListed(c.Classes, v, f.class) {
		return 0
	}
	return c.total(f.t.demandCost(&f.acc, &f.m, v, c, true)) - c.total(f.t.demandCost(&f.acc, &f.m, v, c, false))
}

// demandFiller fills the tables of one demand charge.
type demandFiller struct {
	*filler
	v    *version
	c    *demandCharge
	peak *Peak // the month's; nil before there is one
}

// capped tells whether the charge is at the most that the month's kWh let it be, as far
// as is foreseen: then each kWh costs so much more, and demand nothing.
func (f *demandFiller) capped() bool {
	c := f.c
	if c.MostPerKWh == 0 {
		return false
	}
	f.tab.Approximate = true
	d := f.likely(0, 0)
	sum, n := c.past(&f.acc, f.m.Start)
	if f.t.days(f.v, c, &f.m, c.priced((sum+d)/n)) < c.MostPerKWh.Cost(max(f.total, f.m.Import())) {
		return false
	}
	for i := f.first; i < f.last; i++ {
		f.tab.Import[i] += c.withTax(c.MostPerKWh)
	}
	return true
}

// others are the day's highest so far and what the demand of the day adds to for the mean
// of the month's highest days: the sum of the n-1 highest of the others.  below it
// is that of a day that does not count.
func (f *demandFiller) others(day Date) (own, sum, below units.Power) {
	if f.peak == nil {
		return 0, 0, 0
	}
	if f.c.MeanOf <= 1 {
		return f.peak.Highest, 0, 0
	}
	n := 0
	for _, x := range f.peak.Days {
		switch {
		case x.Day == day:
			own = x.Highest
		case n < f.c.MeanOf-1:
			sum += x.Highest
			n++
		default:
			below = max(below, x.Highest)
		}
	}
	return own, sum, below
}

// likely is what the month's demand comes to in any case: what it has been, what the
// last month's was, and the least that is charged.
func (f *demandFiller) likely(paid, sum units.Power) units.Power {
	c := f.c
	d := max((sum+paid)/f.n(), c.AtLeast, c.ratchet(&f.acc, f.m.Start))
	if f.peak != nil {
		d = max(d, f.peak.Highest)
	}
	c.before(&f.acc, f.m.Start, 1, func(last units.Power) { d = max(d, last) })
	return d
}

func (f *demandFiller) n() units.Power { return units.Power(max(1, f.c.MeanOf)) }

// fill adds the tables for the slots [first, last), where the mean of several days is
// charged all of one day.
func (f *demandFiller) fill(first, last int, day Date) {
	c := f.c
	own, sum, below := f.others(day)
	paid := max(own, below)
	before, months := c.past(&f.acc, f.m.Start)
	// A kW of the slots raises the demand that is charged by so much less.
	share := int64(f.n() * months)
	// least is the slots' demand from which on that is more than d.
	least := func(d units.Power) units.Power {
		return f.n()*(months*min(d, math.MaxInt64/1_000_000)-before) - sum
	}
	paid = max(paid, f.n()*c.AtLeast-sum, least(max(c.Free, c.ratchet(&f.acc, f.m.Start))))
	perKW := func(price units.Money) units.Money {
		return c.total(f.t.days(f.v, c, &f.m, price).Part(1, share))
	}
	if len(c.Steps) == 0 {
		f.add(first, last, paid, perKW(c.Price))
		return
	}
	at := c.step(max(0, (before+f.likely(paid, sum))/months-c.Free))
	edge := func(i int) units.Power { return least(c.Steps[i].To + c.Free) }
	if !c.EachKW {
		f.tab.Approximate = true
		if at+1 < len(c.Steps) {
			// The rise at the step's end, over a tenth of the way there.
			width := max(edge(at)/10, units.Kilowatt/2)
			lump := f.t.days(f.v, c, &f.m, max(0, c.Steps[at+1].Price-c.Steps[at].Price)).Part(1, int64(months))
			f.add(first, last, max(paid, edge(at)), c.total(lump.Part(int64(units.Kilowatt), int64(width))))
		}
		return
	}
	// What is paid now, and not what the month will come to: each kW has its own price.
	at = c.step(max(0, (before+max(0, (paid+sum)/f.n()))/months-c.Free))
	f.add(first, last, paid, perKW(c.Steps[at].Price))
	for i := at; i+1 < len(c.Steps); i++ {
		rise := c.Steps[i+1].Price - c.Steps[i].Price
		if rise < 0 {
			f.tab.Approximate = true // falling: the price of the step that the month is in stands for them
			return
		}
		f.add(first, last, max(paid, edge(i)), perKW(rise))
	}
}

// factor is how many kW a kVA was in the month so far; as assumed where no reactive energy
// was measured.
func (f *demandFiller) factor() float64 {
	if f.c.Unit != KVA {
		return 1
	}
	active, reactive := f.m.activeReactive(f.v, nil, nil)
	switch {
	case reactive > 0 && active > 0:
		return float64(powerFactor(active, reactive)) / 1e9
	case reactive == 0 && f.c.AssumeFactor > 0:
		return float64(f.c.AssumeFactor) / float64(hundred)
	}
	return 1
}

// add is a new table in the memory of an old one.
func (f *demandFiller) add(first, last int, highest units.Power, price units.Money) {
	c := f.c
	n := len(f.tab.Demands)
	if n < cap(f.tab.Demands) {
		f.tab.Demands = f.tab.Demands[:n+1]
	} else {
		f.tab.Demands = append(f.tab.Demands, DemandTable{})
	}
	d := &f.tab.Demands[n]
	*d = DemandTable{
		Name: c.name, First: first, Last: last, Applies: d.Applies, Price: price, Unit: c.Unit,
		Interval: time.Duration(c.interval) * time.Second, Highest: highest, OfDays: max(1, c.MeanOf),
	}
	if d.Unit == "" {
		d.Unit = KW
	}
	offset := f.t.segment(f.slots[first].Start).offset
	d.Grid = time.Unix(c.window(f.slots[0].Start, f.t.segment(f.slots[0].Start).offset), 0).UTC()
	d.Factor = f.factor()
	if p := f.peak; p != nil && !p.Start.IsZero() {
		if p.Start.Unix() == c.window(f.slots[first].Start, offset) {
			d.Start, d.Active = p.Start, p.Active
		}
	}
	d.Applies = f.applies(d.Applies, first, last, c.Seasons, c.Periods, false)
}
