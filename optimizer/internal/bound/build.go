package bound

import (
	"math"
	"slices"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Fits tells whether a problem is of the kind that the bound helps with.
func Fits(m *master.Programme) bool { return len(m.Units) <= mostUnits && len(m.Group) == 0 }

// New starts from the duals y; nil where the problem is not of the
// kind it helps with.
func New(s *effort.Effort, m *master.Programme, y []float64) *Tightener {
	n := m.Problem.N
	if !Fits(m) {
		return nil
	}
	q := &Tightener{s: s, Master: m, N: n, konst: m.Const, slots: make([]slotProblem, n)}
	q.firstPrices(y)
	k := q.keepRows(y)
	q.needRows()
	q.stay(k)
	q.supplyOf(k)
	if !q.otherColumns(k) {
		return nil
	}
	q.loose = make([][]bool, len(m.Units))
	for i := range m.Units {
		for t := range n {
			q.draws(i, t)
		}
	}
	if b := m.Problem.Battery; b != nil {
		last := len(q.Pi) - 1
		for t := range n {
			sl := &q.slots[t]
			sl.soft = append(sl.soft, softUnit{last, -b.MaxDischargeKW, b.MaxDischargeKW + b.MaxChargeKW})
			sl.who = append(sl.who, place{int32(last), int32(t)})
		}
	}
	return q
}

// firstPrices gives each load, and the battery, the prices of the slots.
func (q *Tightener) firstPrices(y []float64) {
	n := q.N
	for _, u := range q.Master.Units {
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
	if b := q.Master.Problem.Battery; b != nil {
		q.Pi = append(q.Pi, append([]float64(nil), y[:n]...))
		q.store = pricing.NewStore(n)
		q.store.Lo, q.store.Hi = master.BatteryBand(q.Master.Problem)
		q.store.Start = b.SoC0
	}
	q.powers, q.sched, q.values = make([][]float64, len(q.Pi)), make([][]float64, len(q.Pi)), make([]float64, len(q.Pi))
	for i := range q.Pi {
		for t := range q.Pi[i] {
			q.Pi[i][t] = max(0, q.Pi[i][t])
		}
		q.powers[i], q.sched[i] = make([]float64, len(q.Pi[i])), make([]float64, len(q.Pi[i]))
	}
}

// kept says which rows of the master have prices that move with mu, and holds the
// duals of those that stay at the master's: demand, as its peaks couple slots in a way
// that blending would not settle.
type kept struct {
	at      map[int32]int // by row of the master: its row of mu
	settled []float64     // duals; 0 for the rows of slots, and of mu
}

// keepRows gives blocks and credit rows of mu.
func (q *Tightener) keepRows(y []float64) kept {
	m := q.Master
	k := kept{at: make(map[int32]int), settled: append([]float64(nil), y...)}
	for _, b := range m.Blocks {
		k.at[b.Row] = q.row(y[b.Row], m.LP.B[b.Row])
	}
	for _, c := range m.Credit {
		k.at[c.Row] = q.row(y[c.Row], m.LP.B[c.Row])
	}
	for t := range q.N {
		k.settled[t] = 0
	}
	for r := range k.at {
		k.settled[r] = 0
	}
	return k
}

// row is a new row of mu.
func (q *Tightener) row(price, right float64) int {
	q.mu, q.right = append(q.mu, price), append(q.right, right)
	return len(q.mu) - 1
}

// needRows gives the need of each variable load a row of mu, with a column for what is
// not needed.
func (q *Tightener) needRows() {
	for i, u := range q.Master.Units {
		q.needs = append(q.needs, -1)
		if v, ok := u.Pricer.(*pricing.Variable); ok {
			q.needs[i] = q.row(-v.Dearth(q.Pi[i]), v.Quota)
		}
	}
	for _, k := range q.needs {
		if k >= 0 {
			c := otherColumn{ub: q.right[k], coef: make([]float64, len(q.mu))}
			c.coef[k] = 1
			q.other = append(q.other, c)
		}
	}
}

// stay adds what the rows whose prices stay are worth.
func (q *Tightener) stay(k kept) {
	m := q.Master
	first := q.N
	if m.Problem.Battery != nil {
		first = 2 * q.N // the charge is the store's
	}
	for i := first; i < m.Rows-len(m.Units); i++ {
		q.konst += k.settled[i] * m.LP.B[i]
	}
}

// coefs are a column's entries in the rows of mu, nil where it has none.
func (q *Tightener) coefs(k kept, j int32) (out []float64) {
	m := q.Master.LP
	for e := m.Ptr[j]; e < m.Ptr[j+1]; e++ {
		if i, ok := k.at[m.Ind[e]]; ok {
			if out == nil {
				out = make([]float64, len(q.mu))
			}
			out[i] = m.Val[e]
		}
	}
	return out
}

// supplyOf takes the supply of each slot over from the master; its last segment never
// ends.
func (q *Tightener) supplyOf(k kept) {
	m := q.Master
	for t := range m.Slots {
		sl := &q.slots[t]
		sl.need, sl.use = -m.ZMin[t], make([]float64, len(q.mu))
		for i := range m.Slots[t] {
			g := &m.Slots[t][i]
			seg := slotSeg{length: g.Length, slope: m.LP.Reduced(g.Col, k.settled), coef: q.coefs(k, g.Col)}
			if i == len(m.Slots[t])-1 {
				seg.length = math.Inf(1)
			}
			sl.segs = append(sl.segs, seg)
		}
	}
}

// otherColumns takes over the master's columns that are neither supply nor battery.
// Those that no row of mu sees are settled here and now; false: one of them would earn
// without an end.
func (q *Tightener) otherColumns(k kept) bool {
	m := q.Master
	known := make(map[int32]bool)
	for t := range m.Slots {
		for i := range m.Slots[t] {
			known[m.Slots[t][i].Col] = true
		}
	}
	for t := range m.ChCol {
		known[m.ChCol[t]], known[m.DisCol[t]], known[m.SocCol[t]], known[m.ArtCol[t]] = true, true, true, true
	}
	most := q.mostOf()
	for j := range int32(m.LP.StaticCols) {
		if known[j] {
			continue
		}
		c := otherColumn{cost: m.LP.Reduced(j, k.settled), ub: m.LP.UB[j], coef: q.coefs(k, j)}
		if c.coef != nil {
			if limit, ok := most[j]; ok {
				c.ub = min(c.ub, limit)
			}
			q.other = append(q.other, c)
			continue
		}
		if c.cost < 0 {
			ub, ok := m.Most(c.ub, c.cost)
			if !ok {
				return false
			}
			q.konst += c.cost * ub
		}
	}
	return true
}

// draws notes what unit i may draw in slot t, and where its prices stand.
func (q *Tightener) draws(i, t int) {
	sl := &q.slots[t]
	levels, soft := q.Master.Units[i].PowersIn(t)
	sort.Float64s(levels)
	at := []int32{int32(t)}
	if k := q.kinds[i]; k != nil {
		at = at[:0]
		for _, x := range levels {
			at = append(at, int32(slices.Index(k, x)*q.N+t))
		}
	}
	switch {
	case soft > 0 && len(levels) == 0:
		sl.soft = append(sl.soft, softUnit{unit: i, most: soft})
	case soft > 0 && len(sl.vars) < mostVars:
		sl.vars = append(sl.vars, softUnit{i, levels[0], soft})
		at = append(at, int32(q.N+t))
	case soft > 0: // any power: a relaxation
		if q.loose[i] == nil {
			q.loose[i] = make([]bool, q.N)
		}
		q.loose[i][t] = true
		sl.soft = append(sl.soft, softUnit{unit: i, most: levels[0] + soft})
	case len(levels) > 0:
		sl.units = append(sl.units, slotUnit{i, levels, at})
	default:
		return
	}
	for _, k := range at {
		sl.who = append(sl.who, place{int32(i), k})
	}
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
