package tariffs

import (
	"cmp"
	"math"
	"slices"

	"github.com/keeplit/keeplit/internal/units"
)

// Cost is what the ledger will be charged over slots that follow each other for
// what is used in each, below zero where it is fed in: energy, blocks, demand and
// all that falls due by time, with taxes.  It is the sum of what Consume and Elapse
// say.  What is taken from purchases is not in it.
func (t *Tariff) Cost(acc Account, slots []units.Slot, used []units.Energy) units.Money {
	b := book{t: t, acc: acc, shared: true}
	for i, s := range slots {
		b.consume(Reading{From: s.Start, To: s.End(), Energy: used[i]})
		b.elapse(s.Start, s.End())
	}
	return Sum(b.items)
}

// Path is a table's view of one way that consumption may go: it counts what each ladder
// has used, and the highest demand so far.  Where the mean of the demands of several days
// is charged, demand is not in it.
type Path struct {
	tab    *Table
	slots  []units.Slot
	used   []units.Energy // by ladder
	demand []demandSoFar  // by demand window
}

// demandSoFar is how far a path has come in a demand window.
type demandSoFar struct {
	interval int64        // that the slot before lay in, counted from the grid
	held     units.Energy // imported in it
	highest  units.Power  // active power that is charged for so far
}

// Path is a path through the table's slots that has used nothing.
func (t *Table) Path(slots []units.Slot) *Path {
	return &Path{t, slots, make([]units.Energy, len(t.Ladders)), make([]demandSoFar, len(t.Demands))}
}

// Cost is what energy in a slot costs, below zero where it is fed in, with what falls due in
// it and with what it adds to the highest demand.  It is asked for each slot in turn; the
// first one begins the path anew.
func (p *Path) Cost(slot int, e units.Energy) units.Money {
	return p.Energy(slot, e) + p.Demand(slot, e)
}

// Energy is Cost without the demand; for a path it is the one or the other.
func (p *Path) Energy(slot int, e units.Energy) units.Money {
	if slot == 0 {
		clear(p.used)
	}
	t := p.tab
	if e < 0 {
		return t.Fixed[slot] + t.Export[slot].Cost(e)
	}
	cost := t.Fixed[slot] + t.Import[slot].Cost(e)
	for i := range t.Ladders {
		l := &t.Ladders[i]
		if !l.Counts(slot) {
			continue
		}
		p.used[i] += e
		for _, r := range l.Rungs {
			if above := min(p.used[i]-r.At, e); above > 0 {
				cost += r.Adder.Cost(above)
			}
		}
	}
	return cost
}

// Demand is what energy in a slot adds to the demand charges.  Of the interval that is under
// way as the first slot begins, what was drawn before is not in it.
func (p *Path) Demand(slot int, e units.Energy) (cost units.Money) {
	for i := range p.tab.Demands {
		d, so := &p.tab.Demands[i], &p.demand[i]
		if slot == 0 {
			*so = demandSoFar{interval: -1, highest: d.active(d.Highest)}
		}
		if d.OfDays > 1 || slot < d.First || slot >= d.Last || len(d.Applies) > 0 && !d.Applies[slot-d.First] {
			continue
		}
		s := p.slots[slot]
		if in := int64(s.Start.Sub(d.Grid) / d.Interval); in != so.interval {
			so.interval, so.held = in, 0
		}
		so.held += max(0, e)
		if mean := so.held.Mean(max(d.Interval, s.Len)); mean > so.highest {
			cost += d.charged(mean) - d.charged(so.highest)
			so.highest = mean
		}
	}
	return cost
}

// LeastFactor is the least power factor that a kVA is told by: a month in which only
// reactive energy was measured so far says nothing of what will be drawn.
const LeastFactor = 0.3

// PowerFactor is how many kW a unit of the charge is; 1 where kW are charged.
func (d *DemandTable) PowerFactor() float64 { return max(d.Factor, LeastFactor) }

// active is a demand in the charge's unit as active power.
func (d *DemandTable) active(demand units.Power) units.Power {
	return units.FromKW(demand.KW() * d.PowerFactor())
}

// charged is what a demand in active power costs.
func (d *DemandTable) charged(active units.Power) units.Money {
	return units.FromFloat(d.Price.Float() * active.KW() / d.PowerFactor())
}

// Counts tells whether energy used in a slot of the table counts on the ladder.
func (l *Ladder) Counts(slot int) bool {
	return slot >= l.First && slot < l.Last && (len(l.Applies) == 0 || l.Applies[slot-l.First])
}

// Buys is about what an amount buys where it is used evenly over the table's slots,
// the ladders of its first month going on for as long as it lasts.  Charges by time and
// demand are not in it.
func (t *Table) Buys(amount units.Money) units.Energy {
	var sum units.Price
	for _, p := range t.Import {
		sum += p
	}
	price := units.Price(units.Money(sum).Part(1, int64(max(1, len(t.Import)))))
	if price <= 0 || amount <= 0 {
		return 0
	}
	var rungs []Rung
	for i := range t.Ladders {
		l := &t.Ladders[i]
		if l.First > 0 {
			continue
		}
		// Of every kWh so much counts on the ladder.
		counts, all := int64(0), int64(l.Last-l.First)
		for slot := l.First; slot < l.Last; slot++ {
			if l.Counts(slot) {
				counts++
			}
		}
		if counts == 0 {
			continue
		}
		for _, r := range l.Rungs {
			rungs = append(rungs, Rung{r.At.Part(all, counts), units.Price(units.Money(r.Adder).Part(counts, all))})
		}
	}
	slices.SortFunc(rungs, func(a, b Rung) int { return cmp.Compare(a.At, b.At) })
	var bought units.Energy
	for _, r := range rungs {
		room := r.At - bought
		cost := price.Cost(room)
		if cost >= amount {
			break
		}
		amount -= cost
		bought += room
		price += r.Adder
	}
	return bought + min(price.Buys(amount), math.MaxInt64-bought)
}
