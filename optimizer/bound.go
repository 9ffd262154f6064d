package optimizer

import (
	"math"
	"slices"
	"sort"
)

// tightener raises the lower bound above the linear programme's.  There each
// slot's supply sees the mean of the loads' mixtures; here it sees powers the
// loads can really draw.  Each load j gets a price pi[j][t] of its own in each
// slot (Lagrangian decomposition, Guignard and Kim 1987): the load's schedule
// pays it, the slot's supply earns it, and
//
//	L(pi, mu) = sum over j of min over schedules x: own(x) + pi[j]*x
//	          + sum over t of min over powers p:    cost_t(sum p; mu) - pi[.][t]*p
//	          + what blocks and credit cost at the prices mu of their rows
//
// is a lower bound for any pi and mu.  With all pi[j] and mu the duals of the
// linear programme it is at least that programme's bound.
type tightener struct {
	s     *effort
	m     *master
	n     int
	pi    [][]float64 // by unit, last: the battery; see levels
	kinds [][]float64 // by unit: the powers of a cycle that have prices of their own
	mu    []float64   // by row: blocks, credit, and the need of each variable load
	right []float64   // right sides of the rows
	needs []int       // by unit: the row of its need, -1: none
	konst float64     // everything that is settled at the master's duals
	slots []slotProblem
	other []otherColumn
	store *store

	powers [][]float64 // what the slots chose, by unit and slot
	sched  [][]float64 // what the schedules chose
	values []float64   // what the schedules cost, prices included
	arena  []combo
	front  [2][]combo
	sort   []stretchOf

	mix  *mixer
	best float64
}

// slotProblem is the supply of one slot and what may be drawn from it.
type slotProblem struct {
	need  float64    // supply wanted with every load off
	segs  []slotSeg  // the supply
	units []slotUnit // loads with powers of on and off
	vars  []softUnit // loads that are off or have any power between two
	soft  []softUnit // continuous powers
	who   []place    // the prices of all of these

	use  []float64 // what was chosen counts so much in each of the rows
	cost float64   // and costs so much at mu = 0
}

// slotSeg is a stretch of supply.
type slotSeg struct {
	length, slope float64   // slope: at mu = 0
	coef          []float64 // entries in rows
}

type slotUnit struct {
	unit   int
	levels []float64 // powers above 0, rising
	at     []int32   // where pi has their prices
}

// place is an entry of pi.
type place struct{ unit, at int32 }

type softUnit struct {
	unit        int
	least, most float64 // most: on top of least
}

// otherColumn is a variable of the master that is in none of the slots.
type otherColumn struct {
	cost, ub float64
	coef     []float64
}

// stretchOf is a stretch with where it comes from: a segment or, below 0, a
// continuous power that is not used.
type stretchOf struct {
	length, slope float64
	from          int
}

// combo is a choice of powers in one slot: their sum, what they earn, and how
// it came about.
type combo struct {
	kw, gain float64
	prev     int32
	level    int32 // 0: off
}

// mostSums is the number of sums of powers that a slot keeps apart.
const mostSums = 1000

// mostVars is the number of variable loads of which a slot tries all
// combinations of on and off.
const mostVars = 3

// newTightener starts from the duals y; nil where the problem is not of the
// kind it helps with.
func newTightener(s *effort, m *master, y []float64) *tightener {
	p := m.p
	n := p.N
	if len(m.units) > 16 || len(m.group) > 0 {
		return nil
	}
	q := &tightener{s: s, m: m, n: n, konst: m.konst, slots: make([]slotProblem, n)}
	for _, u := range m.units {
		// A load with several powers pays for each its own price: by their
		// mean alone a little of much would pass for much of a little.
		var kinds []float64
		prices := append([]float64(nil), y[:n]...)
		switch c := u.pricer.(type) {
		case *cyclePricer:
			for _, x := range c.l.Cycle.ProfileKW {
				if x > 0 && !slices.Contains(kinds, x) {
					kinds = append(kinds, x)
				}
			}
			for len(prices) < n*len(kinds) {
				prices = append(prices, y[:n]...)
			}
		case *variablePricer: // then the prices of being on
			prices = append(prices, make([]float64, n)...)
		}
		q.kinds, q.pi = append(q.kinds, kinds), append(q.pi, prices)
	}
	var discharge float64
	if b := p.Battery; b != nil {
		q.pi = append(q.pi, append([]float64(nil), y[:n]...))
		discharge = b.MaxDischargeKW
		q.store = newStore(n)
		q.store.lo, q.store.hi = batteryBand(p)
		q.store.start = b.SoC0
	}
	for i := range q.pi {
		for t := range q.pi[i] {
			q.pi[i][t] = max(0, q.pi[i][t])
		}
	}
	q.powers, q.sched = make([][]float64, len(q.pi)), make([][]float64, len(q.pi))
	for i := range q.pi {
		q.powers[i], q.sched[i] = make([]float64, len(q.pi[i])), make([]float64, len(q.pi[i]))
	}
	index := make(map[int32]int)
	row := func(price, right float64) int {
		q.mu, q.right = append(q.mu, price), append(q.right, right)
		return len(q.mu) - 1
	}
	for _, b := range m.blocks {
		index[b.row] = row(y[b.row], m.lp.b[b.row])
	}
	for _, c := range m.credit {
		index[c.row] = row(y[c.row], m.lp.b[c.row])
	}
	q.values = make([]float64, len(q.pi))
	for i, u := range m.units {
		q.needs = append(q.needs, -1)
		if v, ok := u.pricer.(*variablePricer); ok {
			q.needs[i] = row(-v.dearth(q.pi[i]), v.quota)
		}
	}
	for _, k := range q.needs {
		if k >= 0 { // what is not needed
			c := otherColumn{ub: q.right[k], coef: make([]float64, len(q.mu))}
			c.coef[k] = 1
			q.other = append(q.other, c)
		}
	}
	// The rows of demand stay at y.
	settled := append([]float64(nil), y...)
	for i := range n {
		settled[i] = 0
	}
	for r := range index {
		settled[r] = 0
	}
	first := n
	if p.Battery != nil {
		first = 2 * n
	}
	for i := first; i < m.rows-len(m.units); i++ {
		q.konst += settled[i] * m.lp.b[i]
	}
	coefs := func(j int32) (out []float64) {
		for k := m.lp.ptr[j]; k < m.lp.ptr[j+1]; k++ {
			if i, ok := index[m.lp.ind[k]]; ok {
				if out == nil {
					out = make([]float64, len(q.mu))
				}
				out[i] = m.lp.val[k]
			}
		}
		return out
	}
	most := q.mostOf()
	known := make(map[int32]bool)
	for t := range m.slots {
		sl := &q.slots[t]
		sl.need, sl.use = -m.zmin[t], make([]float64, len(q.mu))
		for i := range m.slots[t] {
			g := &m.slots[t][i]
			known[g.col] = true
			seg := slotSeg{length: g.length, slope: m.lp.reduced(g.col, settled), coef: coefs(g.col)}
			if i == len(m.slots[t])-1 {
				seg.length = math.Inf(1)
			}
			sl.segs = append(sl.segs, seg)
		}
	}
	for t := range m.chCol {
		known[m.chCol[t]], known[m.disCol[t]], known[m.socCol[t]], known[m.artCol[t]] = true, true, true, true
	}
	for j := range int32(m.lp.staticCols) {
		if known[j] {
			continue
		}
		c := otherColumn{cost: m.lp.reduced(j, settled), ub: m.lp.ub[j], coef: coefs(j)}
		if c.coef != nil {
			if limit, ok := most[j]; ok {
				c.ub = min(c.ub, limit)
			}
			q.other = append(q.other, c)
			continue
		}
		if c.cost < 0 {
			if math.IsInf(c.ub, 1) {
				if c.cost < -1e-7 {
					return nil
				}
				c.ub = 1e4
			}
			q.konst += c.cost * c.ub
		}
	}
	for i, u := range m.units {
		for t := range n {
			sl := &q.slots[t]
			levels, soft := u.powersIn(t)
			sort.Float64s(levels)
			at := []int32{int32(t)}
			if k := q.kinds[i]; k != nil {
				at = at[:0]
				for _, x := range levels {
					at = append(at, int32(slices.Index(k, x)*n+t))
				}
			}
			switch {
			case soft > 0 && len(levels) == 0:
				sl.soft = append(sl.soft, softUnit{unit: i, most: soft})
			case soft > 0 && len(sl.vars) < mostVars:
				sl.vars = append(sl.vars, softUnit{i, levels[0], soft})
				at = append(at, int32(n+t))
			case soft > 0: // any power: a relaxation
				sl.soft = append(sl.soft, softUnit{unit: i, most: levels[0] + soft})
			case len(levels) > 0:
				sl.units = append(sl.units, slotUnit{i, levels, at})
			default:
				continue
			}
			for _, k := range at {
				sl.who = append(sl.who, place{int32(i), k})
			}
		}
	}
	if b := p.Battery; b != nil {
		for t := range n {
			sl := &q.slots[t]
			sl.soft = append(sl.soft, softUnit{len(q.pi) - 1, -discharge, discharge + b.MaxChargeKW})
			sl.who = append(sl.who, place{int32(len(q.pi) - 1), int32(t)})
		}
	}
	return q
}

// mostOf bounds the variables of blocks and credit that the master leaves
// without a bound, for all plans that break no rule.
func (q *tightener) mostOf() map[int32]float64 {
	m := q.m
	most := make(map[int32]float64)
	for i := range m.blocks {
		b := &m.blocks[i]
		var e float64
		for t := b.from; t < b.to; t++ {
			for k := range m.slots[t] {
				if g := &m.slots[t][k]; !g.over {
					e += m.h * g.length * g.share(b.scen)
				}
			}
		}
		for _, c := range b.steps {
			most[c] = e
		}
	}
	for i := range m.credit {
		c := &m.credit[i]
		most[c.slack] = max(0, c.budget) // imports never earn credit
		most[c.short] = 0
	}
	return most
}

// battery is the charge's least cost at its prices.
func (q *tightener) battery() float64 {
	b, h := q.m.p.Battery, q.m.h
	pi := q.pi[len(q.pi)-1]
	var base float64
	for t := range q.n {
		base -= b.MaxDischargeKW * (pi[t] - b.Wear*h)
		down, up := h/b.EffD, b.EffC*h
		q.store.offers[t] = append(q.store.offers[t][:0], offer{b.MaxDischargeKW * down, (pi[t] - b.Wear*h) / down}, offer{b.MaxChargeKW * up, pi[t] / up})
		q.store.drift[t] = -b.MaxDischargeKW * down
	}
	v := q.store.value()
	flow := q.sched[len(q.pi)-1]
	q.store.follow(flow)
	for t, x := range flow {
		if d := x + q.store.drift[t]; d >= 0 {
			flow[t] = d / (b.EffC * h)
		} else {
			flow[t] = d * b.EffD / h
		}
	}
	q.s.spent += int64(q.n * q.n / 4)
	return v + base
}

// value is L at the present prices; what slots and loads choose at them is
// left in powers, sched and excess.
func (q *tightener) value(effort int) float64 {
	v := q.konst
	for k, x := range q.mu {
		v += x * q.right[k]
	}
	for i := range q.other {
		c := &q.other[i]
		d := c.cost
		for k, a := range c.coef {
			d -= a * q.mu[k]
		}
		if d < 0 {
			v += d * c.ub
		}
	}
	for t := range q.n {
		v += q.slot(t)
		if t&7 == 7 && q.s.over() {
			return math.Inf(-1)
		}
	}
	if q.store != nil {
		b := len(q.pi) - 1
		q.values[b] = q.battery()
		v += q.values[b]
	}
	for t := range q.m.on {
		q.m.on[t] = 0
	}
	for i, u := range q.m.units {
		if i&3 == 3 && q.s.over() {
			return math.Inf(-1)
		}
		switch p := u.pricer.(type) {
		case *thermalPricer:
			q.values[i] = p.relaxed(q.pi[i], q.m.on, effort, q.sched[i])
		case *variablePricer:
			theta := -q.mu[q.needs[i]]
			price, on := q.pi[i][:q.n], q.pi[i][q.n:]
			q.values[i], _ = p.relaxed(price, on, theta, q.sched[i][:q.n])
			q.values[i] += theta * p.quota
			for t, x := range q.sched[i][:q.n] {
				q.sched[i][q.n+t] = 0
				if x > 0 {
					q.sched[i][q.n+t] = 1
				}
			}
		case *cyclePricer:
			q.values[i] = q.cycle(i, p)
		default:
			sc := p.best(q.pi[i], q.m.on)
			copy(q.sched[i], sc.kw)
			q.values[i] = sc.total(q.pi[i], q.m.on)
		}
		v += q.values[i]
		q.s.spent += u.pricer.work()
	}
	return v - 1e-9*max(1, math.Abs(v))
}

// cycle is the cheapest start of a cycle with a price for each of its powers.
func (q *tightener) cycle(i int, p *cyclePricer) float64 {
	pi, profile := q.pi[i], p.l.Cycle.ProfileKW
	kind := make([]int, len(profile))
	for k, x := range profile {
		kind[k] = max(0, slices.Index(q.kinds[i], x)) * q.n
	}
	best, start := p.skip, -1
	if p.l.Cycle.Running {
		best = math.Inf(1)
	}
	for t := p.lo; t <= p.hi; t++ {
		sum := p.late(t)
		for k, x := range profile {
			if t+k < q.n {
				sum += x * pi[kind[k]+t+k]
			}
		}
		if sum < best {
			best, start = sum, t
		}
	}
	clear(q.sched[i])
	if start >= 0 {
		for k, x := range profile {
			if start+k < q.n {
				q.sched[i][kind[k]+start+k] = x
			}
		}
	}
	return best
}

// climb raises the bound by some rounds and reports whether more would pay; it
// ends once the bound reaches target.
func (q *tightener) climb(rounds int, target float64) bool {
	if q.mix == nil {
		q.mix = newMixer(q)
	}
	ok := q.mix.climb(rounds, target)
	q.best = q.mix.best
	return ok
}
