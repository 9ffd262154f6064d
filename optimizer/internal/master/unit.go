package master

import (
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Pattern is the pattern of powers that did not come from the pricer.
func (u *Unit) Pattern(kw []float64) uint64 {
	switch q := u.Pricer.(type) {
	case *pricing.Cycle:
		for i := q.Lo; i <= q.Hi; i++ {
			if len(model.Spans(kw)) > 0 && model.Fits(kw, u.Load.Cycle.ProfileKW, i, u.Load.Cycle.Running) {
				return uint64(i + 1)
			}
		}
		return 0
	case *pricing.Modulating:
		return 0
	}
	return pricing.PatternOf(kw)
}

// PricerIsRigid tells whether one pattern is one schedule.
func (u *Unit) PricerIsRigid() bool {
	switch u.Pricer.(type) {
	case *pricing.Variable, *pricing.Modulating:
		return false
	}
	return true
}

// HeldSchedule is a schedule of the pattern the unit is held to.
func (u *Unit) HeldSchedule() pricing.Schedule {
	for i := range u.Cols {
		if u.Cols[i].Pattern == *u.Fixed {
			return u.Cols[i].Schedule
		}
	}
	return u.Cols[0].Schedule
}

// Heaviest is the pattern with the most weight.
func Heaviest(u *Unit, w []float64) (uint64, float64) {
	sum := make(map[uint64]float64, 4)
	var best uint64
	top := -1.0
	for i, x := range w {
		if x <= 0 {
			continue
		}
		p := u.Cols[i].Pattern
		sum[p] += x
		if sum[p] > top+1e-12 {
			best, top = p, sum[p]
		}
	}
	return best, top
}

// Cost is what a block's adders cost for so many kWh.
func (b *BlockRow) Cost(kwh float64) float64 {
	var c float64
	for k, w := range b.Widths {
		x := min(kwh, w)
		c += x * b.Adders[k]
		if kwh -= x; kwh <= 0 {
			break
		}
	}
	return c
}

// PowersIn lists the powers above 0 a unit can draw in a slot, and how much
// of a continuous range lies on top of them.
func (u *Unit) PowersIn(t int) (levels []float64, soft float64) {
	switch q := u.Pricer.(type) {
	case *pricing.Cycle:
		for i, x := range q.Load.Cycle.ProfileKW {
			if s := t - i; s >= q.Lo && s <= q.Hi && x > 0 {
				if !slices.Contains(levels, x) {
					levels = append(levels, x)
				}
			}
		}
	case *pricing.OnOff:
		if t >= q.From && t < q.To || t < q.Hold {
			levels = append(levels, q.Load.OnOff.KW)
		}
	case *pricing.Thermal:
		levels = append(levels, q.Load.Thermal.KW)
	case *pricing.Variable:
		if t >= q.From && t < q.To || t < q.Hold {
			lo := q.Load.Variable.Least()
			levels = append(levels, lo)
			soft = max(0, q.Load.Variable.MaxKW-lo)
		}
	case *pricing.Modulating:
		soft = q.Load.Thermal.KW
	}
	return levels, soft
}
