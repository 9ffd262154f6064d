package optimizer

import (
	"math"
	"slices"
)

// mixtures is what one search leaves of a tightener for the next.
type mixtures struct {
	n     int
	loads map[string]memorised // the battery is ""
	slots [][]remembered
	mu    []float64
	rho   float64
}

// memorised is what is known of one load.
type memorised struct {
	kinds     []float64
	pi        []float64
	schedules []remembered
}

// remembered is a schedule by slot, or a slot's powers by load.
type remembered struct {
	kw     []float64
	ids    []string
	weight float64
}

// newMixtures takes down what a tightener knows.
func newMixtures(q *tightener) mixtures {
	m := mixtures{n: q.n, loads: make(map[string]memorised, len(q.pi)), mu: slices.Clone(q.mix.mu), rho: q.mix.rho}
	name := func(i int) string {
		if i < len(q.m.units) {
			return q.m.units[i].l.ID
		}
		return ""
	}
	for i := range q.pi {
		l := memorised{pi: slices.Clone(q.mix.pi[i])}
		if i < len(q.kinds) {
			l.kinds = q.kinds[i]
		}
		for k := range q.mix.loads[i].all {
			c := &q.mix.loads[i].all[k]
			if c.weight == 0 && c.idle > 20 {
				continue
			}
			s := remembered{kw: make([]float64, q.n), weight: c.weight}
			c.onto(s.kw, 1, i, q)
			l.schedules = append(l.schedules, s)
		}
		m.loads[name(i)] = l
	}
	for t := range q.slots {
		var all []remembered
		for k := range q.mix.slots[t].all {
			c := &q.mix.slots[t].all[k]
			if c.weight == 0 && c.idle > 20 {
				continue
			}
			s := remembered{weight: c.weight}
			for j, x := range c.x {
				w := q.slots[t].who[c.at[j]]
				if q.on(w) {
					continue
				}
				s.ids, s.kw = append(s.ids, name(int(w.unit))), append(s.kw, x)
			}
			all = append(all, s)
		}
		m.slots = append(m.slots, all)
	}
	return m
}

// recall makes a tightener that starts from the mixtures and from the plan in force,
// and the duals that go with it; nil where they do not fit the problem.
func (mem *mixtures) recall(s *effort, of *master, start *Plan) (*tightener, []float64) {
	if mem.n != of.p.N || len(of.demand) > 0 || len(of.group) > 0 {
		return nil, nil
	}
	y := make([]float64, of.rows)
	for t := range of.p.N {
		y[t] = of.p.ImportPrice[t] * of.h
	}
	q := newTightener(s, of, y)
	if q == nil {
		return nil, nil
	}
	q.mix = newMixer(q)
	m := q.mix
	if len(mem.mu) == len(q.mu) {
		copy(q.mu, mem.mu)
		copy(m.mu, mem.mu)
		m.rho = mem.rho
	}
	index := make(map[string]int, len(q.pi))
	for i := range q.pi {
		id := ""
		if i < len(of.units) {
			id = of.units[i].l.ID
		}
		index[id] = i
		l, known := mem.loads[id]
		if !known {
			continue
		}
		n := q.n
		for from := 0; from < len(q.pi[i]); from += n {
			k := from / n
			if i < len(q.kinds) && q.kinds[i] != nil {
				if k = slices.Index(l.kinds, q.kinds[i][k]); k < 0 {
					continue
				}
			}
			if (k+1)*n <= len(l.pi) {
				copy(q.pi[i][from:from+n], l.pi[k*n:])
				copy(m.pi[i][from:from+n], l.pi[k*n:])
			}
		}
		if i == len(of.units) { // how far the battery is charged has changed
			continue
		}
		for _, sc := range l.schedules {
			m.learn(i, sc)
		}
	}
	for i, u := range of.units {
		m.learn(i, remembered{kw: start.Loads[u.l.ID].KW})
		if len(m.loads[i].all) == 0 {
			m.learn(i, remembered{kw: u.pricer.best(q.pi[i][:q.n], make([]float64, q.n)).kw})
		}
		m.loads[i].balance()
	}
	for t := range q.slots {
		for _, r := range mem.slots[t] {
			q.learn(t, r, index)
		}
		m.slots[t].balance()
	}
	// The prices of the rows of credit are wanted by the local search.
	for k, b := range of.blocks {
		y[b.row] = q.mu[k]
	}
	for k, c := range of.credit {
		y[c.row] = q.mu[len(of.blocks)+k]
	}
	return q, y
}

// shift moves the mixtures k slots on; there are more than k.
func (m *mixtures) shift(k int) {
	move := func(xs []float64, last bool) []float64 {
		out := make([]float64, len(xs))
		for from := 0; from+m.n <= len(xs); from += m.n {
			copy(out[from:from+m.n-k], xs[from+k:from+m.n])
			for t := m.n - k; t < m.n && last; t++ {
				out[from+t] = xs[from+m.n-1]
			}
		}
		return out
	}
	for id, l := range m.loads {
		next := memorised{kinds: l.kinds, pi: move(l.pi, true)}
		for _, s := range l.schedules {
			next.schedules = append(next.schedules, remembered{kw: move(s.kw, false), weight: s.weight})
		}
		m.loads[id] = next
	}
	m.slots = slices.Clone(m.slots[k:])
	for range k {
		m.slots = append(m.slots, nil)
	}
}

// on tells whether a place is that of a variable load's being on.
func (q *tightener) on(w place) bool {
	return int(w.at) >= q.n && (int(w.unit) >= len(q.kinds) || q.kinds[w.unit] == nil)
}

// learn adds a schedule to the mixture of load i where it is still permitted.
func (m *mixer) learn(i int, r remembered) {
	q := m.q
	u := q.m.units[i]
	if len(r.kw) != q.n || !u.l.permits(q.m.p, r.kw) {
		return
	}
	c := choice{cost: u.pricer.cost(r.kw), weight: r.weight}
	for t, x := range r.kw {
		if x <= 0 {
			continue
		}
		at := t
		if q.kinds[i] != nil {
			at += max(0, slices.Index(q.kinds[i], x)) * q.n
		}
		c.at, c.x = append(c.at, int32(at)), append(c.x, x)
	}
	if k := q.needs[i]; k >= 0 {
		c.use = make([]float64, len(q.mu))
		for t, x := range r.kw {
			c.use[k] += x
			if x > 0 {
				c.at, c.x = append(c.at, int32(q.n+t)), append(c.x, 1)
			}
		}
	}
	if q.kinds[i] != nil { // by place, as note does
		order := make([]int, len(c.at))
		for k := range order {
			order[k] = k
		}
		slices.SortFunc(order, func(a, b int) int { return int(c.at[a] - c.at[b]) })
		at, x := make([]int32, len(order)), make([]float64, len(order))
		for k, j := range order {
			at[k], x[k] = c.at[j], c.x[j]
		}
		c.at, c.x = at, x
	}
	m.loads[i].recall(c, 80)
}

// learn adds remembered powers to the choices of slot t.
func (q *tightener) learn(t int, r remembered, index map[string]int) {
	sl := &q.slots[t]
	need := sl.need
	x := make([]float64, len(sl.who))
	for k, id := range r.ids {
		i, ok := index[id]
		if !ok {
			return
		}
		found := false
		for j, w := range sl.who {
			if int(w.unit) != i {
				continue
			}
			if q.on(w) {
				x[j] = 1
				continue
			}
			if i < len(q.kinds) && q.kinds[i] != nil && q.kinds[i][int(w.at)/q.n] != r.kw[k] {
				continue
			}
			x[j], found = r.kw[k], true
		}
		if !found {
			return
		}
		need += r.kw[k]
	}
	if need < 0 {
		return
	}
	c := choice{use: make([]float64, len(q.mu)), weight: r.weight}
	for j, kw := range x {
		if kw != 0 {
			c.at, c.x = append(c.at, int32(j)), append(c.x, kw)
		}
	}
	for i := range sl.segs {
		g := &sl.segs[i]
		kw := min(need, g.length)
		c.cost += kw * g.slope
		for k, a := range g.coef {
			c.use[k] += a * kw
		}
		if need -= kw; need <= 0 {
			break
		}
	}
	q.mix.slots[t].recall(c, 30)
}

// recall adds a choice with its weight.
func (m *mixture) recall(c choice, most int) {
	weight := c.weight
	c.weight = 0
	first := len(m.all) == 0
	k := m.add(c, most)
	if first {
		m.all[k].weight = 0
	}
	m.all[k].weight += weight
}

// balance makes the weights add up to 1.
func (m *mixture) balance() {
	var sum float64
	for k := range m.all {
		sum += m.all[k].weight
	}
	if sum > 0 {
		for k := range m.all {
			m.all[k].weight /= sum
		}
	} else if len(m.all) > 0 {
		m.all[0].weight = 1
	}
	if math.IsNaN(sum) {
		m.all = nil
	}
}
