// Package bound raises the proven lower bound above the one of the linear programme, by
// Lagrangian decomposition; its mixtures of schedules are also what plans are drawn from.
package bound

import (
	"math"
	"slices"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Tightener raises the lower bound above the linear programme's.  There each
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
type Tightener struct {
	s      *effort.Effort
	Master *master.Programme
	N      int
	Pi     [][]float64 // by unit, last: the battery; see levels
	kinds  [][]float64 // by unit: the powers of a cycle that have prices of their own
	mu     []float64   // by row: blocks, credit, and the need of each variable load
	right  []float64   // right sides of the rows
	needs  []int       // by unit: the row of its need, -1: none
	konst  float64     // everything that is settled at the master's duals
	slots  []slotProblem
	other  []otherColumn
	store  *pricing.Store

	powers [][]float64 // what the slots chose, by unit and slot
	sched  [][]float64 // what the schedules chose
	values []float64   // what the schedules cost, prices included
	arena  []combo
	front  [2][]combo
	sort   []stretchOf

	Mix  *mixer
	Best float64
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

// New starts from the duals y; nil where the problem is not of the
// kind it helps with.
func New(s *effort.Effort, m *master.Programme, y []float64) *Tightener {
	p := m.Problem
	n := p.N
	if len(m.Units) > 16 || len(m.Group) > 0 {
		return nil
	}
	q := &Tightener{s: s, Master: m, N: n, konst: m.Const, slots: make([]slotProblem, n)}
	for _, u := range m.Units {
		// A load with several powers pays for each its own price: by their
		// mean alone a little of much would pass for much of a little.
		var kinds []float64
		prices := append([]float64(nil), y[:n]...)
		switch c := u.Pricer.(type) {
		case *pricing.Cycle:
			for _, x := range c.Load.Cycle.ProfileKW {
				if x > 0 && !slices.Contains(kinds, x) {
					kinds = append(kinds, x)
				}
			}
			for len(prices) < n*len(kinds) {
				prices = append(prices, y[:n]...)
			}
		case *pricing.Variable: // then the prices of being on
			prices = append(prices, make([]float64, n)...)
		}
		q.kinds, q.Pi = append(q.kinds, kinds), append(q.Pi, prices)
	}
	var discharge float64
	if b := p.Battery; b != nil {
		q.Pi = append(q.Pi, append([]float64(nil), y[:n]...))
		discharge = b.MaxDischargeKW
		q.store = pricing.NewStore(n)
		q.store.Lo, q.store.Hi = master.BatteryBand(p)
		q.store.Start = b.SoC0
	}
	for i := range q.Pi {
		for t := range q.Pi[i] {
			q.Pi[i][t] = max(0, q.Pi[i][t])
		}
	}
	q.powers, q.sched = make([][]float64, len(q.Pi)), make([][]float64, len(q.Pi))
	for i := range q.Pi {
		q.powers[i], q.sched[i] = make([]float64, len(q.Pi[i])), make([]float64, len(q.Pi[i]))
	}
	index := make(map[int32]int)
	row := func(price, right float64) int {
		q.mu, q.right = append(q.mu, price), append(q.right, right)
		return len(q.mu) - 1
	}
	for _, b := range m.Blocks {
		index[b.Row] = row(y[b.Row], m.LP.B[b.Row])
	}
	for _, c := range m.Credit {
		index[c.Row] = row(y[c.Row], m.LP.B[c.Row])
	}
	q.values = make([]float64, len(q.Pi))
	for i, u := range m.Units {
		q.needs = append(q.needs, -1)
		if v, ok := u.Pricer.(*pricing.Variable); ok {
			q.needs[i] = row(-v.Dearth(q.Pi[i]), v.Quota)
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
	for i := first; i < m.Rows-len(m.Units); i++ {
		q.konst += settled[i] * m.LP.B[i]
	}
	coefs := func(j int32) (out []float64) {
		for k := m.LP.Ptr[j]; k < m.LP.Ptr[j+1]; k++ {
			if i, ok := index[m.LP.Ind[k]]; ok {
				if out == nil {
					out = make([]float64, len(q.mu))
				}
				out[i] = m.LP.Val[k]
			}
		}
		return out
	}
	most := q.mostOf()
	known := make(map[int32]bool)
	for t := range m.Slots {
		sl := &q.slots[t]
		sl.need, sl.use = -m.ZMin[t], make([]float64, len(q.mu))
		for i := range m.Slots[t] {
			g := &m.Slots[t][i]
			known[g.Col] = true
			seg := slotSeg{length: g.Length, slope: m.LP.Reduced(g.Col, settled), coef: coefs(g.Col)}
			if i == len(m.Slots[t])-1 {
				seg.length = math.Inf(1)
			}
			sl.segs = append(sl.segs, seg)
		}
	}
	for t := range m.ChCol {
		known[m.ChCol[t]], known[m.DisCol[t]], known[m.SocCol[t]], known[m.ArtCol[t]] = true, true, true, true
	}
	for j := range int32(m.LP.StaticCols) {
		if known[j] {
			continue
		}
		c := otherColumn{cost: m.LP.Reduced(j, settled), ub: m.LP.UB[j], coef: coefs(j)}
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
	for i, u := range m.Units {
		for t := range n {
			sl := &q.slots[t]
			levels, soft := u.PowersIn(t)
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
			sl.soft = append(sl.soft, softUnit{len(q.Pi) - 1, -discharge, discharge + b.MaxChargeKW})
			sl.who = append(sl.who, place{int32(len(q.Pi) - 1), int32(t)})
		}
	}
	return q
}

// mostOf bounds the variables of blocks and credit that the master leaves
// without a bound, for all plans that break no rule.
func (q *Tightener) mostOf() map[int32]float64 {
	m := q.Master
	most := make(map[int32]float64)
	for i := range m.Blocks {
		b := &m.Blocks[i]
		var e float64
		for t := b.From; t < b.To; t++ {
			for k := range m.Slots[t] {
				if g := &m.Slots[t][k]; !g.Over {
					e += m.Hours * g.Length * g.Share(b.Scenario)
				}
			}
		}
		for _, c := range b.Steps {
			most[c] = e
		}
	}
	for i := range m.Credit {
		c := &m.Credit[i]
		most[c.Slack] = max(0, c.Budget) // imports never earn credit
		most[c.Short] = 0
	}
	return most
}

// battery is the charge's least cost at its prices.
func (q *Tightener) battery() float64 {
	b, h := q.Master.Problem.Battery, q.Master.Hours
	pi := q.Pi[len(q.Pi)-1]
	var base float64
	for t := range q.N {
		base -= b.MaxDischargeKW * (pi[t] - b.Wear*h)
		down, up := h/b.EffD, b.EffC*h
		q.store.Offers[t] = append(q.store.Offers[t][:0], pricing.Offer{Amount: b.MaxDischargeKW * down, Price: (pi[t] - b.Wear*h) / down}, pricing.Offer{Amount: b.MaxChargeKW * up, Price: pi[t] / up})
		q.store.Drift[t] = -b.MaxDischargeKW * down
	}
	v := q.store.Value()
	flow := q.sched[len(q.Pi)-1]
	q.store.Follow(flow)
	for t, x := range flow {
		if d := x + q.store.Drift[t]; d >= 0 {
			flow[t] = d / (b.EffC * h)
		} else {
			flow[t] = d * b.EffD / h
		}
	}
	q.s.Spent += int64(q.N * q.N / 4)
	return v + base
}

// Value is L at the present prices; what slots and loads choose at them is
// left in powers, sched and values.
func (q *Tightener) Value(effort int) float64 {
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
	for t := range q.N {
		v += q.slot(t)
		if t&7 == 7 && q.s.Over() {
			return math.Inf(-1)
		}
	}
	if q.store != nil {
		b := len(q.Pi) - 1
		q.values[b] = q.battery()
		v += q.values[b]
	}
	for t := range q.Master.On {
		q.Master.On[t] = 0
	}
	for i, u := range q.Master.Units {
		if i&3 == 3 && q.s.Over() {
			return math.Inf(-1)
		}
		switch p := u.Pricer.(type) {
		case *pricing.Thermal:
			q.values[i] = p.Relaxed(q.Pi[i], q.Master.On, effort, q.sched[i])
		case *pricing.Variable:
			theta := -q.mu[q.needs[i]]
			price, on := q.Pi[i][:q.N], q.Pi[i][q.N:]
			q.values[i], _ = p.Relaxed(price, on, theta, q.sched[i][:q.N])
			q.values[i] += theta * p.Quota
			for t, x := range q.sched[i][:q.N] {
				q.sched[i][q.N+t] = 0
				if x > 0 {
					q.sched[i][q.N+t] = 1
				}
			}
		case *pricing.Cycle:
			q.values[i] = q.cycle(i, p)
		default:
			sc := p.Best(q.Pi[i], q.Master.On)
			copy(q.sched[i], sc.KW)
			q.values[i] = sc.Total(q.Pi[i], q.Master.On)
		}
		v += q.values[i]
		q.s.Spent += u.Pricer.Work()
	}
	return v - 1e-9*max(1, math.Abs(v))
}

// cycle is the cheapest start of a cycle with a price for each of its powers.
func (q *Tightener) cycle(i int, p *pricing.Cycle) float64 {
	pi, profile := q.Pi[i], p.Load.Cycle.ProfileKW
	kind := make([]int, len(profile))
	for k, x := range profile {
		kind[k] = max(0, slices.Index(q.kinds[i], x)) * q.N
	}
	best, start := p.Skip, -1
	if p.Load.Cycle.Running {
		best = math.Inf(1)
	}
	for t := p.Lo; t <= p.Hi; t++ {
		sum := p.Late(t)
		for k, x := range profile {
			if t+k < q.N {
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
			if start+k < q.N {
				q.sched[i][kind[k]+start+k] = x
			}
		}
	}
	return best
}

// Climb raises the bound by some rounds and reports whether more would pay; it
// ends once the bound reaches target.
func (q *Tightener) Climb(rounds int, target float64) bool {
	if q.Mix == nil {
		q.Mix = NewMixer(q)
	}
	ok := q.Mix.climb(rounds, target)
	q.Best = q.Mix.best
	return ok
}
