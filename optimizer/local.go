package optimizer

import (
	"math"
	"slices"
)

// local is the search by removing a few loads and putting them back one by
// one, each exactly where it is cheapest beside the others.  Unlike the linear
// programme it sees each slot's true cost (sun left over, limits, peaks), not
// its mean over mixtures; prices that couple slots (blocks, credit, peaks) are
// carried as multipliers and settled by evaluating every candidate in full.
type local struct {
	s     *effort
	m     *master
	p     *Problem
	h     float64
	units []*unit
	o     outlook
	limit []float64
	table []slotTable

	kw   [][]float64 // by unit
	own  []float64
	bat  []float64
	z    []float64 // loads and battery together
	cost float64

	noise float64   // how much costs are blurred
	tilt  []float64 // by slot: costs seem so many times as high
	seems []float64 // by slot: the same for a load with a free power, blurred

	store *store // the battery, nil without
	flow  []float64

	mult    []float64 // price of a kW of import through each slot beyond its import price
	mu      float64   // scale of the credit's price
	muRow   []float64 // credit's price by slot, before mu
	peaks   []float64 // by demand window: the peak aimed at
	kinks   [][]kink  // by slot: demand price above a threshold
	groups  []demandRows
	imp     []float64
	on      []float64
	zero    []float64
	checks  []creditCheck
	penalty float64 // of credit that is short, as a multiple of it
	short   float64 // by how much the credit falls short at worst, <= 0: not
	spare   float64 // what the tightest check leaves
}

// slotTable is a slot's cost as a function of what loads and battery draw:
// from z[i] on each kW costs slope[i] and counts as draw[i] kW of import.
type slotTable struct {
	z, slope, draw []float64
	cost           []float64 // at z[i], multipliers included
	mult           float64   // the multiplier that cost is for
}

// kink adds slope to a slot's cost from import th on.
type kink struct{ th, slope float64 }

func newLocal(s *effort, m *master) *local {
	p := m.p
	n := p.N
	l := &local{
		s: s, m: m, p: p, h: m.h, units: m.units, o: m.o, limit: make([]float64, n), table: make([]slotTable, n),
		kw: make([][]float64, len(m.units)), own: make([]float64, len(m.units)), z: make([]float64, n), bat: make([]float64, n),
		mult: make([]float64, n), muRow: make([]float64, n), kinks: make([][]kink, n), imp: make([]float64, n), on: make([]float64, n), zero: make([]float64, n),
		groups: m.demand, mu: 1, penalty: m.big,
	}
	for t := range n {
		l.limit[t] = math.Inf(1)
		if p.SiteLimitKW != nil {
			l.limit[t] = max(0, p.SiteLimitKW[t])
		}
		tb := &l.table[t]
		z := m.zmin[t]
		for _, g := range m.slots[t] {
			tb.z, tb.slope, tb.draw = append(tb.z, z), append(tb.slope, g.slope), append(tb.draw, g.draw)
			z += g.length
		}
		tb.cost, tb.mult = make([]float64, len(tb.z)), math.NaN()
	}
	if p.Credit != nil {
		l.checks = creditChecks(p)
	}
	l.peaks = make([]float64, len(l.groups))
	l.tilt, l.seems = make([]float64, n), make([]float64, n)
	if b := p.Battery; b != nil {
		l.store = newStore(n)
		l.store.lo, l.store.hi = batteryBand(p)
		l.store.start = b.SoC0
		l.flow = make([]float64, n)
	}
	return l
}

// load takes over a plan.
func (l *local) load(plan *Plan) {
	for t := range l.z {
		l.z[t] = 0
	}
	for i, u := range l.units {
		l.kw[i] = append(l.kw[i][:0], plan.Loads[u.l.ID].KW...)
		l.own[i] = u.pricer.cost(l.kw[i])
		for t, x := range l.kw[i] {
			l.z[t] += x
		}
	}
	for t := range l.bat {
		l.bat[t] = at(plan.BatteryKW, t)
		l.z[t] += l.bat[t]
	}
	l.cost = l.evaluate()
}

// evaluate is the cost of the present state, every broken rule at the price
// of the impossible.
func (l *local) evaluate() float64 {
	sum := l.wear()
	for _, x := range l.own {
		sum += x
	}
	l.short, l.spare = 0, math.Inf(1)
	for s, w := range l.o.weight {
		sum += w * l.scenario(s)
	}
	for _, f := range l.p.FixedCharges {
		sum += f.Amount
	}
	return sum + l.short*l.penalty
}

// wear is what the battery's discharge costs.
func (l *local) wear() float64 {
	b := l.p.Battery
	if b == nil {
		return 0
	}
	var sum float64
	for _, x := range l.bat {
		sum += max(0, -x)
	}
	return sum * l.h * b.Wear
}

// slot is what z kW of loads and battery cost in a slot of a scenario, and what they import.
func (l *local) slot(s, t int, z float64) (cost, imp float64) {
	base := l.o.base[s][t]
	x := base - l.o.pv[s][t] + z
	if x < 0 {
		return max(x, -l.p.ExportLimitKW) * l.h * at(l.p.ExportPrice, t), 0
	}
	if x > l.limit[t] {
		shed := min(x-l.limit[t], base)
		cost = shed * l.h * l.p.ShedPenalty
		if over := x - l.limit[t] - shed; over > 1e-9 {
			cost += over * l.m.big
		}
		x -= shed
	}
	return cost + x*l.h*l.p.ImportPrice[t], x
}

// scenario is the cost of supply in one scenario; it notes how the credit
// fares.
func (l *local) scenario(s int) float64 {
	p, h := l.p, l.h
	var sum float64
	for t, z := range l.z {
		cost, imp := l.slot(s, t, z)
		sum += cost
		l.imp[t] = imp
	}
	l.s.spent += int64(3 * p.N)
	for i := range l.groups {
		w := p.Demand[l.groups[i].window]
		sum += w.PricePerKW * (l.peak(i) - w.FloorKW)
	}
	for i := range l.m.blocks {
		if b := &l.m.blocks[i]; b.scen < 0 {
			sum += l.blockCost(b, b.to-1)
		}
	}
	if len(l.checks) == 0 || !slices.Contains(l.o.protect, s) {
		return sum
	}
	spent, k := 0.0, 0
	for t := 0; t < p.N && k < len(l.checks); t++ {
		spent += l.imp[t] * h * p.ImportPrice[t]
		for k < len(l.checks) && l.checks[k].slot == t {
			all := spent
			for i := range l.m.blocks {
				if b := &l.m.blocks[i]; b.scen < 0 && b.from <= t {
					all += l.blockCost(b, t)
				}
			}
			over := all - l.checks[k].budget - 1e-7
			l.short = max(l.short, over)
			l.spare = min(l.spare, -over)
			k++
		}
	}
	return sum
}

// drawAt is the expected import in a slot at z.
func (l *local) drawAt(t int, z float64) float64 {
	tb := &l.table[t]
	var sum float64
	for i, from := range tb.z {
		if z <= from {
			break
		}
		to := z
		if i+1 < len(tb.z) {
			to = min(z, tb.z[i+1])
		}
		sum += (to - from) * tb.draw[i]
	}
	return sum
}

// peak is the highest group mean of a demand window, its floor at least.
func (l *local) peak(i int) float64 {
	d := &l.groups[i]
	peak := l.p.Demand[d.window].FloorKW
	for _, g := range d.groups {
		var e float64
		for t := g[0]; t < g[1]; t++ {
			e += l.imp[t]
		}
		peak = max(peak, e/float64(g[1]-g[0]))
	}
	return peak
}

// blockCost is what a block's adders cost up to and with a slot.
func (l *local) blockCost(b *blockRow, upto int) float64 {
	var e float64
	for t := b.from; t < b.to && t <= upto; t++ {
		e += l.imp[t] * l.h
	}
	return b.cost(e)
}

// price sets the multipliers for the present imports, for loads that will add
// about extra kWh.
func (l *local) price(extra float64) {
	for t := range l.mult {
		l.mult[t] = l.mu * l.muRow[t] * l.p.ImportPrice[t]
		l.kinks[t] = l.kinks[t][:0]
	}
	for i := range l.m.blocks {
		b := &l.m.blocks[i]
		if b.scen >= 0 {
			continue
		}
		var e float64
		for t := b.from; t < b.to; t++ {
			e += l.drawAt(t, l.z[t]) * l.h
		}
		e += extra / 2
		adder := 0.0
		for k, w := range b.widths {
			adder = b.adders[k]
			if e -= w; e <= 0 {
				break
			}
		}
		for t := b.from; t < b.to; t++ {
			l.mult[t] += adder * (1 + l.mu*l.muRow[t])
		}
	}
	for i := range l.groups {
		d := &l.groups[i]
		w := l.p.Demand[d.window]
		for _, g := range d.groups {
			k := float64(g[1] - g[0])
			var sum float64
			for t := g[0]; t < g[1]; t++ {
				l.imp[t] = l.drawAt(t, l.z[t])
				sum += l.imp[t]
			}
			for t := g[0]; t < g[1]; t++ {
				th := k*l.peaks[i] - (sum - l.imp[t])
				// the load may well run through the whole group
				th = min(th, max(l.peaks[i], l.imp[t]+(k*l.peaks[i]-sum)/k))
				l.kinks[t] = append(l.kinks[t], kink{l.z[t] + th - l.imp[t], w.PricePerKW / k})
			}
		}
	}
	for t := range l.table {
		tb := &l.table[t]
		if tb.mult == l.mult[t] {
			continue
		}
		tb.mult = l.mult[t]
		for i := 1; i < len(tb.z); i++ {
			tb.cost[i] = tb.cost[i-1] + (tb.z[i]-tb.z[i-1])*(tb.slope[i-1]+l.h*l.mult[t]*tb.draw[i-1])
		}
	}
}

// at is a slot's cost at draw z, multipliers included, up to a constant.
func (l *local) at(t int, z float64) float64 {
	tb := &l.table[t]
	i := len(tb.z) - 1
	for i > 0 && tb.z[i] > z {
		i--
	}
	c := tb.cost[i] + (z-tb.z[i])*(tb.slope[i]+l.h*l.mult[t]*tb.draw[i])
	for _, k := range l.kinks[t] {
		if z > k.th {
			c += (z - k.th) * k.slope
		}
	}
	return c
}

func (l *local) remove(i int) {
	for t, x := range l.kw[i] {
		l.z[t] -= x
		l.kw[i][t] = 0
	}
	l.own[i] = 0
}

// insert puts unit i where it is cheapest, or seems so where the costs are
// disturbed.
func (l *local) insert(i int, disturbed bool) {
	u := l.units[i]
	n := l.p.N
	cost := func(t int, kw float64) float64 {
		c := (l.at(t, l.z[t]+kw) - l.at(t, l.z[t])) * (1 + tieBreak*l.s.tie(i, t))
		if disturbed {
			c *= (1 + l.noise*(l.s.rng.Float64()-0.5)) * l.tilt[t]
		}
		return c
	}
	l.s.spent += u.pricer.work() + int64(4*n)
	var sc schedule
	switch q := u.pricer.(type) {
	case *cyclePricer:
		sc = q.beside(cost)
	case *onOffPricer:
		for t := q.from; t < q.to; t++ {
			l.on[t] = cost(t, q.l.OnOff.KW)
		}
		for t := range q.hold {
			l.on[t] = cost(t, q.l.OnOff.KW)
		}
		sc = q.best(l.zero, l.on)
	case *thermalPricer:
		for t := range n {
			l.on[t] = cost(t, q.l.Thermal.KW)
		}
		sc = q.best(l.zero, l.on)
	case *variablePricer:
		for t := range l.seems {
			l.seems[t] = 1 + tieBreak*l.s.tie(i, t)
			if disturbed {
				l.seems[t] *= (1 + l.noise*(l.s.rng.Float64()-0.5)) * l.tilt[t]
			}
		}
		q.beside.open(func(t int, kw float64) float64 { return (l.at(t, l.z[t]+kw) - l.at(t, l.z[t])) * l.seems[t] }, l.cuts)
		if l.s.rng.IntN(2) == 0 {
			sc = q.beside.exactly()
		} else { // runs elsewhere, from which the others may find a better plan
			sc = q.beside.byMean(l.s.rng.Float64())
		}
	case *modulatingPricer:
		for t := range n {
			q.store.offers[t] = l.offers(q.store.offers[t][:0], t, 0, q.l.Thermal.KW, q.b, q.late[t]/max(1e-9, q.l.Thermal.KW))
		}
		q.store.value()
		sc = q.follow()
	}
	copy(l.kw[i], sc.kw)
	l.own[i] = sc.own
	for t, x := range sc.kw {
		l.z[t] += x
	}
}

// cuts lists the powers between two, on top of the present draw in slot t, at which
// the slope of its cost changes.
func (l *local) cuts(t int, from, to float64, out []float64) []float64 {
	k := len(out)
	for _, z := range l.table[t].z {
		if x := z - l.z[t]; x > from && x < to {
			out = append(out, x)
		}
	}
	if len(l.kinks[t]) > 0 {
		for _, kk := range l.kinks[t] {
			if x := kk.th - l.z[t]; x > from && x < to {
				out = append(out, x)
			}
		}
		slices.Sort(out[k:])
	}
	return out
}

// offers lists the cost of drawing from..to kW on top of the present draw in
// slot t, in pieces of one slope; unit converts kW into the store's inflow.
func (l *local) offers(out []offer, t int, from, to, unit, extra float64) []offer {
	x, end := l.z[t]+from, l.z[t]+to
	for x < end-1e-12 {
		next := end
		for _, y := range l.table[t].z {
			if y > x+1e-9 {
				next = min(next, y)
				break
			}
		}
		for _, k := range l.kinks[t] {
			if k.th > x+1e-9 && k.th < next {
				next = k.th
			}
		}
		slope := (l.at(t, next)-l.at(t, x))/(next-x) + extra
		out = append(out, offer{(next - x) * unit, slope / unit})
		x = next
	}
	return out
}

// recharge plans the battery anew beside the loads.
func (l *local) recharge() {
	b := l.p.Battery
	for t := range l.bat {
		l.z[t] -= l.bat[t]
		// Discharging at full power is the start; each kW less is inflow.
		less := l.offers(l.store.offers[t][:0], t, -b.MaxDischargeKW, 0, l.h/b.EffD, -b.Wear*l.h)
		l.store.offers[t] = l.offers(less, t, 0, b.MaxChargeKW, b.EffC*l.h, 0)
		l.store.drift[t] = -b.MaxDischargeKW * l.h / b.EffD
	}
	l.store.value()
	l.store.follow(l.flow)
	for t, x := range l.flow {
		d := x + l.store.drift[t]
		if d >= 0 {
			l.bat[t] = d / (b.EffC * l.h)
		} else {
			l.bat[t] = d * b.EffD / l.h
		}
		if math.Abs(l.bat[t]) < 1e-9 {
			l.bat[t] = 0
		}
	}
	settleBattery(l.p, l.bat)
	for t, x := range l.bat {
		l.z[t] += x
	}
	l.s.spent += int64(l.p.N * l.p.N / 4)
}

// softness orders units for insertion: free powers last.
func (l *local) softness(i int) int {
	switch l.units[i].pricer.(type) {
	case *modulatingPricer:
		return 2
	case *variablePricer:
		return 1
	}
	return 0
}

// tight tells whether the credit has a price.
func (l *local) tight() bool {
	for _, x := range l.muRow {
		if x > 1e-6 {
			return true
		}
	}
	return false
}

// peakNow is a window's peak in the present state.
func (l *local) peakNow(i int) float64 {
	for t := range l.imp {
		l.imp[t] = l.drawAt(t, l.z[t])
	}
	return l.peak(i)
}

// creditPrice reads the price of credit from the duals of the linear
// programme.
func (l *local) creditPrice(y []float64) {
	for t := range l.muRow {
		l.muRow[t] = 0
		for i := range l.m.credit {
			if c := &l.m.credit[i]; t <= c.upto {
				l.muRow[t] += max(0, -y[c.row])
			}
		}
		l.muRow[t] = min(l.muRow[t], 1000)
	}
}
