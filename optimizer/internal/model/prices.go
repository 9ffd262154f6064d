package model

import (
	"math"
	"slices"
)

// Importance is the factor a load's priority puts on its shortfalls.
func (l *Load) Importance() float64 { return math.Ldexp(1, l.Priority) }

// SkipPrice is what leaving out a cycle costs.
func (l *Load) SkipPrice(hours float64) float64 {
	if l.PriceCap > 0 {
		var e float64
		for _, x := range l.Cycle.ProfileKW {
			e += x * hours
		}
		return l.PriceCap * e
	}
	return l.Cycle.SkipPenalty * l.Importance()
}

// ShortPrice is what a missing slot (on/off) or kWh (variable) costs.
func (l *Load) ShortPrice(hours float64) float64 {
	if l.OnOff != nil {
		if l.PriceCap > 0 {
			return l.PriceCap * l.OnOff.KW * hours
		}
		return l.OnOff.ShortPenalty * l.Importance()
	}
	if l.PriceCap > 0 {
		return l.PriceCap
	}
	return l.Variable.ShortPenalty * l.Importance()
}

// LatePrice is the price of power in slot t (for a cycle: of ending with slot
// t as the last) for being past the soft deadline, and its SlotCost.
func (l *Load) LatePrice(t int) float64 {
	sum := l.slotPrice(t)
	d := l.Deadline
	if d == nil || t < d.Slot {
		return sum
	}
	if l.Cycle != nil {
		return sum + d.LatePenalty*float64(t+1-d.Slot)
	}
	return sum + d.LatePenalty
}

// slotPrice is the SlotCost of power in slot t, for a cycle of ending with it.
func (l *Load) slotPrice(t int) float64 {
	if l.Cycle != nil {
		t -= len(l.Cycle.ProfileKW) - 1
	}
	if t < 0 {
		return 0 // it had begun before
	}
	return At(l.SlotCost, t)
}

// SlotCosts is the SlotCost of a schedule.
func (l *Load) SlotCosts(kw []float64) float64 {
	if l.SlotCost == nil {
		return 0
	}
	var sum float64
	for t, x := range kw {
		switch {
		case x <= OnFrom:
		case l.Cycle == nil:
			sum += l.SlotCost[t]
		default: // it began with the first slots of its profile, which may be without power
			first := slices.IndexFunc(l.Cycle.ProfileKW, func(x float64) bool { return x > OnFrom })
			return At(l.SlotCost, max(0, t-first))
		}
	}
	return sum
}

// Need is the number of slots wanted.
func (o *OnOff) Need() int { return max(0, o.NeedSlots+o.CarrySlots) }

// Need is the energy wanted, kWh.
func (v *Variable) Need() float64 { return max(0, v.NeedKWh+v.CarryKWh) }

// Least is the least power that counts as running, kW.
func (v *Variable) Least() float64 { return max(v.MinKW, 2*OnFrom) }
