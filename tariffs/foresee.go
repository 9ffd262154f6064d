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

// Path is a table's view of one way that consumption may go.  It counts what each
// ladder has used; demand is not in it.
type Path struct {
	tab  *Table
	used []units.Energy // by ladder
}

// Path is a path that has used nothing.
func (t *Table) Path() *Path { return &Path{t, make([]units.Energy, len(t.Ladders))} }

// Cost is what energy in a slot costs, below zero where it is fed in, with what falls due in
// it.  It is asked for each slot in turn; the first one begins the path anew.
func (p *Path) Cost(slot int, e units.Energy) units.Money {
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
