package optimizer

import "slices"

// pattern is the pattern of powers that did not come from the pricer.
func (u *unit) pattern(kw []float64) uint64 {
	switch q := u.pricer.(type) {
	case *cyclePricer:
		for i := q.lo; i <= q.hi; i++ {
			if len(spans(kw)) > 0 && fits(kw, u.l.Cycle.ProfileKW, i, u.l.Cycle.Running) {
				return uint64(i + 1)
			}
		}
		return 0
	case *modulatingPricer:
		return 0
	}
	return patternOf(kw)
}

// pricerIsRigid tells whether one pattern is one schedule.
func (u *unit) pricerIsRigid() bool {
	switch u.pricer.(type) {
	case *variablePricer, *modulatingPricer:
		return false
	}
	return true
}

// heldSchedule is a schedule of the pattern the unit is held to.
func (u *unit) heldSchedule() schedule {
	for i := range u.cols {
		if u.cols[i].pattern == *u.fixed {
			return u.cols[i].schedule
		}
	}
	return u.cols[0].schedule
}

// heaviest is the pattern with the most weight.
func heaviest(u *unit, w []float64) (uint64, float64) {
	sum := make(map[uint64]float64, 4)
	var best uint64
	top := -1.0
	for i, x := range w {
		if x <= 0 {
			continue
		}
		p := u.cols[i].pattern
		sum[p] += x
		if sum[p] > top+1e-12 {
			best, top = p, sum[p]
		}
	}
	return best, top
}

// cost is what a block's adders cost for so many kWh.
func (b *blockRow) cost(kwh float64) float64 {
	var c float64
	for k, w := range b.widths {
		x := min(kwh, w)
		c += x * b.adders[k]
		if kwh -= x; kwh <= 0 {
			break
		}
	}
	return c
}

// powersIn lists the powers above 0 a unit can draw in a slot, and how much
// of a continuous range lies on top of them.
func (u *unit) powersIn(t int) (levels []float64, soft float64) {
	switch q := u.pricer.(type) {
	case *cyclePricer:
		for i, x := range q.l.Cycle.ProfileKW {
			if s := t - i; s >= q.lo && s <= q.hi && x > 0 {
				if !slices.Contains(levels, x) {
					levels = append(levels, x)
				}
			}
		}
	case *onOffPricer:
		if t >= q.from && t < q.to || t < q.hold {
			levels = append(levels, q.l.OnOff.KW)
		}
	case *thermalPricer:
		levels = append(levels, q.l.Thermal.KW)
	case *variablePricer:
		if t >= q.from && t < q.to || t < q.hold {
			lo := q.l.Variable.least()
			levels = append(levels, lo)
			soft = max(0, q.l.Variable.MaxKW-lo)
		}
	case *modulatingPricer:
		soft = q.l.Thermal.KW
	}
	return levels, soft
}
