package planning

import (
	"math"
	"slices"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// bill is what all consumption of a plan costs: energy, blocks, demand and
// fixed charges, without the prices of going short.
func bill(p *optimizer.Problem, plan *optimizer.Plan) units.Money {
	kw := slices.Clone(p.BaseKW)
	for _, l := range plan.Loads {
		for t, x := range l.KW {
			kw[t] += x
		}
	}
	total := 0.0
	for t := range kw {
		if p.PVKW != nil {
			kw[t] -= p.PVKW[t]
		}
		if kw[t] < 0 {
			total += kw[t] * p.Hours() * p.ExportPrice[t]
			kw[t] = 0
			continue
		}
		total += kw[t] * p.Hours() * p.ImportPrice[t]
	}
	for _, f := range p.FixedCharges {
		total += f.Amount
	}
	for _, b := range p.Blocks {
		used, at := 0.0, b.MTD
		for t := b.From; t < b.To; t++ {
			used += kw[t] * p.Hours()
		}
		for _, step := range b.Steps {
			room := used
			if step.UpTo != nil {
				room = min(used, max(0, *step.UpTo-at))
			}
			total += room * step.Adder
			used -= room
			at += room
		}
	}
	for _, d := range p.Demand {
		peak := d.FloorKW
		for t := 0; t+d.Interval <= len(d.Slots); t += d.Interval {
			mean := 0.0
			for _, slot := range d.Slots[t : t+d.Interval] {
				mean += kw[slot] / float64(d.Interval)
			}
			peak = max(peak, mean)
		}
		total += (peak - d.FloorKW) * d.PricePerKW
	}
	return units.FromFloat(total)
}

// costOf is the money that energy in a slot costs, by the tariff's table: to
// the letter, also over a month's end and where steps count the energy of some
// hours only.  It must be asked for each slot in turn, from the first one of
// each path on, as RunOut does: it counts what each ladder has used.
func costOf(t *tariffs.Table) func(slot int, cumulative, kwh float64) float64 {
	price, export, fixed := make([]float64, len(t.Import)), make([]float64, len(t.Import)), make([]float64, len(t.Import))
	for i := range price {
		price[i], export[i], fixed[i] = t.Import[i].Float(), t.Export[i].Float(), t.Fixed[i].Float()
	}
	type rung struct{ at, adder float64 }
	rungs := make([][]rung, len(t.Ladders))
	for i, l := range t.Ladders {
		for _, r := range l.Rungs {
			rungs[i] = append(rungs[i], rung{r.At.KWh(), r.Adder.Float()})
		}
	}
	used := make([]float64, len(t.Ladders))
	return func(slot int, _, kwh float64) float64 {
		if slot == 0 {
			clear(used)
		}
		if kwh < 0 {
			return export[slot]*kwh + fixed[slot]
		}
		cost := price[slot]*kwh + fixed[slot]
		for i := range t.Ladders {
			if !climbs(&t.Ladders[i], slot) {
				continue
			}
			used[i] += kwh
			for _, r := range rungs[i] {
				cost += r.adder * math.Min(math.Max(used[i]-r.at, 0), kwh)
			}
		}
		return cost
	}
}

// climbs tells whether energy used in the slot counts on the ladder.
func climbs(l *tariffs.Ladder, slot int) bool {
	return slot >= l.First && slot < l.Last && (len(l.Applies) == 0 || l.Applies[slot-l.First])
}

// buys is about what the balance buys at the prices ahead.
func buys(balance units.Money, o outlook) units.Energy {
	left := balance.Float()
	mean := 0.0
	for _, p := range o.table.Import {
		mean += p.Float()
	}
	mean /= float64(len(o.table.Import))
	if mean <= 0 {
		return 0
	}
	position, cost := 0.0, mean
	var bought float64
	type edge struct{ at, adder float64 }
	var edges []edge
	for _, l := range o.table.Ladders {
		if l.First > 0 {
			continue
		}
		// Of every kWh so much counts on the ladder.
		counts, all := 0.0, 0.0
		for t := l.First; t < l.Last; t++ {
			all++
			if climbs(&l, t) {
				counts++
			}
		}
		if counts == 0 {
			continue
		}
		for _, r := range l.Rungs {
			edges = append(edges, edge{r.At.KWh() * all / counts, r.Adder.Float() * counts / all})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return int(math.Copysign(1, a.at-b.at)) })
	for _, e := range edges {
		room := max(0, e.at-position)
		if room*cost >= left {
			break
		}
		left -= room * cost
		bought += room
		position += room
		cost += e.adder
	}
	return units.FromKWh(bought + left/cost)
}
