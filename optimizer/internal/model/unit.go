package model

import (
	"math"
	"slices"
)

// Unit is the money that the Problem's prices are counted in for searching and for
// checking: a power of four that brings the mean import price to between 1/16 and 1/4.
// Tolerances and the prices of what must not be are made for such numbers; with the
// Unit they hold for a currency of which a kWh costs 0.0002, or 2,000.  It is 1 where
// power costs nothing.
func (p *Problem) Unit() float64 {
	var sum float64
	for _, x := range p.ImportPrice {
		sum += x
	}
	mean := sum / float64(len(p.ImportPrice))
	if !(mean > 0) || math.IsInf(mean, 0) {
		return 1
	}
	_, exp := math.Frexp(16 * mean) // 16*mean is from 2^(exp-1) to below 2^exp
	return math.Ldexp(1, 2*floorHalf(exp-1))
}

// floorHalf is half of k, rounded down.
func floorHalf(k int) int {
	return int(math.Floor(float64(k) / 2))
}

// moneyTol is the money that a check does not see.
func (p *Problem) moneyTol() float64 { return MoneyTol * p.Unit() }

// Counted is the Problem with all money in another unit: each price and amount divided
// by it.  Where the unit is a power of two nothing is rounded.
func (p *Problem) Counted(unit float64) *Problem {
	q := *p
	each := func(xs []float64) []float64 {
		out := slices.Clone(xs)
		for t := range out {
			out[t] /= unit
		}
		return out
	}
	q.ImportPrice, q.ExportPrice = each(p.ImportPrice), each(p.ExportPrice)
	q.ShedPenalty /= unit
	q.FixedCharges = slices.Clone(p.FixedCharges)
	for i := range q.FixedCharges {
		q.FixedCharges[i].Amount /= unit
	}
	q.Blocks = slices.Clone(p.Blocks)
	for i := range q.Blocks {
		q.Blocks[i].Steps = slices.Clone(q.Blocks[i].Steps)
		for k := range q.Blocks[i].Steps {
			q.Blocks[i].Steps[k].Adder /= unit
		}
	}
	q.Demand = slices.Clone(p.Demand)
	for i := range q.Demand {
		q.Demand[i].PricePerKW /= unit
	}
	if p.Credit != nil {
		c := *p.Credit
		c.Balance, c.MinBalance, c.EndReserve = c.Balance/unit, c.MinBalance/unit, c.EndReserve/unit
		c.TopUps = slices.Clone(c.TopUps)
		for i := range c.TopUps {
			c.TopUps[i].Amount /= unit
		}
		q.Credit = &c
	}
	if p.Battery != nil {
		b := *p.Battery
		b.Wear /= unit
		q.Battery = &b
	}
	q.Loads = slices.Clone(p.Loads)
	for i := range q.Loads {
		q.Loads[i] = q.Loads[i].counted(unit)
	}
	return &q
}

// counted is the load with its prices in another unit.
func (l Load) counted(unit float64) Load {
	l.PriceCap /= unit
	l.SlotCost = slices.Clone(l.SlotCost)
	for t := range l.SlotCost {
		l.SlotCost[t] /= unit
	}
	if l.Deadline != nil {
		d := *l.Deadline
		d.LatePenalty /= unit
		l.Deadline = &d
	}
	switch {
	case l.Cycle != nil:
		c := *l.Cycle
		c.SkipPenalty /= unit
		l.Cycle = &c
	case l.OnOff != nil:
		o := *l.OnOff
		o.StartCost, o.ShortPenalty = o.StartCost/unit, o.ShortPenalty/unit
		l.OnOff = &o
	case l.Variable != nil:
		v := *l.Variable
		v.StartCost, v.ShortPenalty = v.StartCost/unit, v.ShortPenalty/unit
		l.Variable = &v
	case l.Thermal != nil:
		h := *l.Thermal
		h.ComfortPenalty, h.EndPenalty = h.ComfortPenalty/unit, h.EndPenalty/unit
		l.Thermal = &h
	}
	return l
}
