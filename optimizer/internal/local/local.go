// Package local is the search around a plan: loads are taken out and put back where
// they are cheapest beside the others, or nudged by a slot, at the true cost of each
// slot.  It also says in words why a load runs when it does.
package local

import (
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Search is the search by removing a few loads and putting them back one by
// one, each exactly where it is cheapest beside the others.  Unlike the linear
// programme it sees each slot's true cost (sun left over, limits, peaks), not
// its mean over mixtures; prices that couple slots (blocks, credit, peaks) are
// carried as multipliers and settled by evaluating every candidate in full.
type Search struct {
	s     *effort.Effort
	m     *master.Programme
	p     *model.Problem
	h     float64
	Units []*master.Unit
	o     master.Outlook
	limit []float64
	table []slotTable

	KW   [][]float64 // by unit
	own  []float64
	bat  []float64
	z    []float64 // loads and battery together
	Cost float64

	noise float64   // how much costs are blurred
	tilt  []float64 // by slot: costs seem so many times as high
	seems []float64 // by slot: the same for a load with a free power, blurred

	store  *pricing.Store // the battery, nil without
	flow   []float64
	priced bool // they are priced so
	backed bool // loads are put back as if the battery answered them
	back   []hull
	worth  []float64       // by slot: what a kWh more of charge after it changes, in the plan made last
	after  []pricing.Worth // of that plan

	mult    []float64 // price of a kW of import through each slot beyond its import price
	Mu      float64   // scale of the credit's price
	MuRow   []float64 // credit's price by slot, before mu
	peaks   []float64 // by demand window: the peak aimed at
	held    bool      // the peaks aimed at stay what they are
	Real    float64   // the cost with the peaks as they are and nothing shed for them
	Promise float64   // and with what had better be shed
	seen    Snapshot  // the state that promises most while peaks are held
	dear    []dearPeak
	means   []float64

	crowd    []crowd  // circuits and exclusions
	crowdsOf [][]int  // by unit: those it belongs to
	kinks    [][]kink // by slot: demand price above a threshold
	groups   []master.DemandRows
	imp      []float64
	on       []float64
	zero     []float64
	checks   []master.CreditCheck
	Penalty  float64 // of credit that is short, as a multiple of it
	Short    float64 // by how much the credit falls short at worst, <= 0: not
	spare    float64 // what the tightest check leaves
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

// New makes a search over a programme; Load gives it a state.
func New(s *effort.Effort, m *master.Programme) *Search {
	p := m.Problem
	n := p.N
	l := &Search{
		s: s, m: m, p: p, h: m.Hours, Units: m.Units, o: m.Outlook, limit: make([]float64, n), table: make([]slotTable, n),
		KW: make([][]float64, len(m.Units)), own: make([]float64, len(m.Units)), z: make([]float64, n), bat: make([]float64, n),
		mult: make([]float64, n), MuRow: make([]float64, n), kinks: make([][]kink, n), imp: make([]float64, n), on: make([]float64, n), zero: make([]float64, n),
		groups: m.Demand, Mu: 1, Penalty: m.Big,
	}
	for t := range n {
		l.limit[t] = math.Inf(1)
		if p.SiteLimitKW != nil {
			l.limit[t] = max(0, p.SiteLimitKW[t])
		}
		tb := &l.table[t]
		z := m.ZMin[t]
		for _, g := range m.Slots[t] {
			tb.z, tb.slope, tb.draw = append(tb.z, z), append(tb.slope, g.Slope), append(tb.draw, g.Draw)
			z += g.Length
		}
		tb.cost, tb.mult = make([]float64, len(tb.z)), math.NaN()
	}
	if p.Credit != nil {
		l.checks = master.CreditChecks(p)
	}
	l.peaks = make([]float64, len(l.groups))
	l.dearPeaks()
	l.crowds()
	l.tilt, l.seems = make([]float64, n), make([]float64, n)
	if b := p.Battery; b != nil {
		l.store = pricing.NewStore(n)
		l.store.Lo, l.store.Hi = master.BatteryBand(p)
		l.store.Start = b.SoC0
		l.flow = make([]float64, n)
		l.back, l.worth, l.after = make([]hull, n), make([]float64, n), make([]pricing.Worth, n)
	}
	return l
}

// Load takes over a plan.
func (l *Search) Load(plan *model.Plan) {
	for t := range l.z {
		l.z[t] = 0
	}
	for i, u := range l.Units {
		l.KW[i] = append(l.KW[i][:0], plan.Loads[u.Load.ID].KW...)
		l.own[i] = u.Pricer.Cost(l.KW[i])
		for t, x := range l.KW[i] {
			l.z[t] += x
		}
	}
	for t := range l.bat {
		l.bat[t] = model.At(plan.BatteryKW, t)
		l.z[t] += l.bat[t]
	}
	l.Cost = l.Evaluate()
}

// Evaluate is the cost of the present state, every broken rule at the price
// of the impossible.
func (l *Search) Evaluate() float64 {
	sum := l.wear()
	for _, x := range l.own {
		sum += x
	}
	l.Short, l.spare = 0, math.Inf(1)
	var whole, held float64 // of the peaks' costs, beyond that in sum
	for s, w := range l.o.Weight {
		sum += w * l.scenario(s)
		for i := range l.groups {
			cost, all := l.peakCost(i)
			sum, whole = sum+w*cost, whole+w*(all-cost)
			if l.held {
				held += w * (l.heldCost(i) - cost)
			}
		}
	}
	for _, f := range l.p.FixedCharges {
		sum += f.Amount
	}
	if len(l.crowd) > 0 {
		sum += l.m.Big * l.crowded()
	}
	l.Promise = sum + l.Short*l.Penalty
	l.Real = l.Promise + whole
	return l.Promise + held
}

// wear is what the battery's discharge costs.
func (l *Search) wear() float64 {
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
func (l *Search) slot(s, t int, z float64) (cost, imp float64) {
	base := l.o.Base[s][t]
	x := base - l.o.PV[s][t] + z
	if x < 0 {
		return max(x, -l.p.ExportLimitKW) * l.h * model.At(l.p.ExportPrice, t), 0
	}
	if x > l.limit[t] {
		shed := min(x-l.limit[t], base)
		cost = shed * l.h * l.p.ShedPenalty
		if over := x - l.limit[t] - shed; over > pricing.Rounding {
			cost += over * l.m.Big
		}
		x -= shed
	}
	return cost + x*l.h*l.p.ImportPrice[t], x
}

// scenario is the cost of supply in one scenario; it notes how the credit
// fares.
func (l *Search) scenario(s int) float64 {
	p, h := l.p, l.h
	var sum float64
	for t, z := range l.z {
		cost, imp := l.slot(s, t, z)
		sum += cost
		l.imp[t] = imp
	}
	l.s.Spent += int64(3 * p.N)
	for i := range l.m.Blocks {
		if b := &l.m.Blocks[i]; b.Scenario < 0 {
			sum += l.blockCost(b, b.To-1)
		}
	}
	if len(l.checks) == 0 || !slices.Contains(l.o.Protect, s) {
		return sum
	}
	spent, k := 0.0, 0
	for t := 0; t < p.N && k < len(l.checks); t++ {
		spent += l.imp[t] * h * p.ImportPrice[t]
		for k < len(l.checks) && l.checks[k].Slot == t {
			all := spent
			for i := range l.m.Blocks {
				if b := &l.m.Blocks[i]; b.Scenario < 0 && b.From <= t {
					all += l.blockCost(b, t)
				}
			}
			over := all - l.checks[k].Budget - creditTol
			l.Short = max(l.Short, over)
			l.spare = min(l.spare, -over)
			k++
		}
	}
	return sum
}

// drawAt is the expected import in a slot at z.
func (l *Search) drawAt(t int, z float64) float64 {
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
func (l *Search) peak(i int) float64 {
	d := &l.groups[i]
	peak := l.p.Demand[d.Window].FloorKW
	for _, g := range d.Groups {
		peak = max(peak, l.mean(g))
	}
	return peak
}

// blockCost is what a block's adders cost up to and with a slot.
func (l *Search) blockCost(b *master.BlockRow, upto int) float64 {
	var e float64
	for t := b.From; t < b.To && t <= upto; t++ {
		e += l.imp[t] * l.h
	}
	return b.Cost(e)
}

// price sets the multipliers for the present imports, for loads that will add
// about extra kWh, of which unit is the first (noUnit: the battery).
func (l *Search) price(unit int, extra float64) {
	for t := range l.mult {
		l.mult[t] = l.Mu * l.MuRow[t] * l.p.ImportPrice[t]
		l.kinks[t] = l.kinks[t][:0]
	}
	for i := range l.m.Blocks {
		b := &l.m.Blocks[i]
		if b.Scenario >= 0 {
			continue
		}
		var e float64
		for t := b.From; t < b.To; t++ {
			e += l.drawAt(t, l.z[t]) * l.h
		}
		e += extra / 2
		adder := 0.0
		for k, w := range b.Widths {
			adder = b.Adders[k]
			if e -= w; e <= 0 {
				break
			}
		}
		for t := b.From; t < b.To; t++ {
			l.mult[t] += adder * (1 + l.Mu*l.MuRow[t])
		}
	}
	backed := l.backed && unit >= 0
	l.priced = backed
	for i := range l.groups {
		if backed || !l.isCycle(unit) {
			l.pricePeak(i, unit)
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
	if backed {
		l.priceBacked()
	}
	l.priceCrowds(unit)
}

// at is a slot's cost at draw z, multipliers included, up to a constant.
func (l *Search) at(t int, z float64) float64 {
	var c float64
	if l.priced {
		c = l.back[t].at(z)
	} else {
		tb := &l.table[t]
		i := len(tb.z) - 1
		for i > 0 && tb.z[i] > z {
			i--
		}
		c = tb.cost[i] + (z-tb.z[i])*(tb.slope[i]+l.h*l.mult[t]*tb.draw[i])
	}
	for _, k := range l.kinks[t] {
		if z > k.th {
			c += (z - k.th) * k.slope
		}
	}
	return c
}

func (l *Search) remove(i int) {
	for t, x := range l.KW[i] {
		l.z[t] -= x
		l.KW[i][t] = 0
	}
	l.own[i] = 0
}

// insert puts unit i where it is cheapest, or seems so where the costs are
// disturbed.
func (l *Search) insert(i int, disturbed bool) {
	u := l.Units[i]
	n := l.p.N
	cost := func(t int, kw float64) float64 {
		c := (l.at(t, l.z[t]+kw) - l.at(t, l.z[t])) * (1 + effort.TieBreak*l.s.Tie(i, t))
		if disturbed {
			c *= (1 + l.noise*(l.s.Rng.Float64()-0.5)) * l.tilt[t]
		}
		return c
	}
	l.s.Spent += u.Pricer.Work() + int64(4*n)
	var sc pricing.Schedule
	switch q := u.Pricer.(type) {
	case *pricing.Cycle:
		var start func(int) float64
		if !l.priced {
			start = l.startOf(q.Load.Cycle.ProfileKW)
		}
		sc = q.Beside(cost, start)
	case *pricing.OnOff:
		for t := q.From; t < q.To; t++ {
			l.on[t] = cost(t, q.Load.OnOff.KW)
		}
		for t := range q.Hold {
			l.on[t] = cost(t, q.Load.OnOff.KW)
		}
		sc = q.Best(l.zero, l.on)
	case *pricing.Thermal:
		for t := range n {
			l.on[t] = cost(t, q.Load.Thermal.KW)
		}
		sc = q.Best(l.zero, l.on)
	case *pricing.Variable:
		for t := range l.seems {
			l.seems[t] = 1 + effort.TieBreak*l.s.Tie(i, t)
			if disturbed {
				l.seems[t] *= (1 + l.noise*(l.s.Rng.Float64()-0.5)) * l.tilt[t]
			}
		}
		q.Beside.Open(func(t int, kw float64) float64 { return (l.at(t, l.z[t]+kw) - l.at(t, l.z[t])) * l.seems[t] }, l.cuts)
		if l.s.Rng.IntN(byMeanEvery) == 0 {
			sc = q.Beside.Exactly()
		} else { // runs elsewhere, from which the others may find a better plan
			sc = q.Beside.ByMean(l.s.Rng.Float64())
		}
	case *pricing.Modulating:
		for t := range n {
			q.Store.Offers[t] = l.offers(q.Store.Offers[t][:0], t, 0, q.Load.Thermal.KW, q.B, q.Late[t]/max(pricing.Rounding, q.Load.Thermal.KW))
		}
		q.Store.Value()
		sc = q.Follow()
	}
	copy(l.KW[i], sc.KW)
	l.own[i] = sc.Own
	for t, x := range sc.KW {
		l.z[t] += x
	}
}

// cuts lists the powers between two, on top of the present draw in slot t, at which
// the slope of its cost changes.
func (l *Search) cuts(t int, from, to float64, out []float64) []float64 {
	k := len(out)
	for _, z := range l.levels(t) {
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
func (l *Search) offers(out []pricing.Offer, t int, from, to, unit, extra float64) []pricing.Offer {
	x, end := l.z[t]+from, l.z[t]+to
	for x < end-pricing.Rounding/1000 {
		next := end
		for _, y := range l.levels(t) {
			if y > x+pricing.Rounding {
				next = min(next, y)
				break
			}
		}
		for _, k := range l.kinks[t] {
			if k.th > x+pricing.Rounding && k.th < next {
				next = k.th
			}
		}
		slope := (l.at(t, next)-l.at(t, x))/(next-x) + extra
		out = append(out, pricing.Offer{Amount: (next - x) * unit, Price: slope / unit})
		x = next
	}
	return out
}

// recharge plans the battery anew beside the loads.
func (l *Search) recharge() {
	b := l.p.Battery
	for t := range l.bat {
		l.z[t] -= l.bat[t]
		// Discharging at full power is the start; each kW less is inflow.
		less := l.offers(l.store.Offers[t][:0], t, -b.MaxDischargeKW, 0, l.h/b.EffD, -b.Wear*l.h)
		l.store.Offers[t] = l.offers(less, t, 0, b.MaxChargeKW, b.EffC*l.h, 0)
		l.store.Drift[t] = -b.MaxDischargeKW * l.h / b.EffD
	}
	l.store.Value()
	l.store.Follow(l.flow)
	for t, x := range l.flow {
		d := x + l.store.Drift[t]
		if d >= 0 {
			l.bat[t] = d / (b.EffC * l.h)
		} else {
			l.bat[t] = d * b.EffD / l.h
		}
		if math.Abs(l.bat[t]) < pricing.Rounding {
			l.bat[t] = 0
		}
	}
	master.SettleBattery(l.p, l.bat)
	for t, x := range l.bat {
		l.z[t] += x
	}
	l.s.Spent += int64(l.p.N * l.p.N / 4)
}

// softness orders units for insertion: free powers last.
func (l *Search) softness(i int) int {
	switch l.Units[i].Pricer.(type) {
	case *pricing.Modulating:
		return 2
	case *pricing.Variable:
		return 1
	}
	return 0
}

// Tight tells whether the credit has a price.
func (l *Search) Tight() bool {
	for _, x := range l.MuRow {
		if x > priceless {
			return true
		}
	}
	return false
}

// CreditPrice reads the price of credit from the duals of the linear
// programme.
func (l *Search) CreditPrice(y []float64) {
	for t := range l.MuRow {
		l.MuRow[t] = 0
		for i := range l.m.Credit {
			if c := &l.m.Credit[i]; t <= c.UpTo {
				l.MuRow[t] += max(0, -y[c.Row])
			}
		}
		l.MuRow[t] = min(l.MuRow[t], dearest)
	}
}
