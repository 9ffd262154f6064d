package model

import "math"

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
// t as the last) for being past the soft deadline.
func (l *Load) LatePrice(t int) float64 {
	d := l.Deadline
	if d == nil || t < d.Slot {
		return 0
	}
	if l.Cycle != nil {
		return d.LatePenalty * float64(t+1-d.Slot)
	}
	return d.LatePenalty
}

// Need is the number of slots wanted.
func (o *OnOff) Need() int { return max(0, o.NeedSlots+o.CarrySlots) }

// Need is the energy wanted, kWh.
func (v *Variable) Need() float64 { return max(0, v.NeedKWh+v.CarryKWh) }

// Least is the least power that counts as running, kW.
func (v *Variable) Least() float64 { return max(v.MinKW, 2*OnFrom) }
