package bound

import (
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer/internal/effort"
	"github.com/keeplit/keeplit/optimizer/internal/master"
	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Mixtures is what one search leaves of a tightener for the next.
type Mixtures struct {
	N     int
	loads map[string]memorised // the battery is ""
	slots [][]remembered
	mu    []float64
	rho   float64

	creditFrom, creditTo int // rows of mu that are money for money
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

// NewMixtures takes down what a tightener knows.
func NewMixtures(q *Tightener) Mixtures {
	m := Mixtures{N: q.N, loads: make(map[string]memorised, len(q.Pi)), mu: slices.Clone(q.Mix.mu), rho: q.Mix.rho}
	m.creditFrom = len(q.Master.Blocks)
	m.creditTo = m.creditFrom + len(q.Master.Credit)
	name := func(i int) string {
		if i < len(q.Master.Units) {
			return q.Master.Units[i].Load.ID
		}
		return ""
	}
	for i := range q.Pi {
		l := memorised{pi: slices.Clone(q.Mix.pi[i])}
		if i < len(q.kinds) {
			l.kinds = q.kinds[i]
		}
		for k := range q.Mix.Loads[i].all {
			c := &q.Mix.Loads[i].all[k]
			if c.Weight == 0 && c.idle > longIdle {
				continue
			}
			s := remembered{kw: make([]float64, q.N), weight: c.Weight}
			c.Onto(s.kw, 1, i, q)
			l.schedules = append(l.schedules, s)
		}
		m.loads[name(i)] = l
	}
	for t := range q.slots {
		var all []remembered
		for k := range q.Mix.slots[t].all {
			c := &q.Mix.slots[t].all[k]
			if c.Weight == 0 && c.idle > longIdle {
				continue
			}
			s := remembered{weight: c.Weight}
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

// Recall makes a tightener that starts from the mixtures and from the plan in force,
// and the duals that go with it; nil where they do not fit the problem.
func (mem *Mixtures) Recall(s *effort.Effort, of *master.Programme, start *model.Plan) (*Tightener, []float64) {
	if mem.N != of.Problem.N || len(of.Demand) > 0 || len(of.Group) > 0 {
		return nil, nil
	}
	y := make([]float64, of.Rows)
	for t := range of.Problem.N {
		y[t] = of.Problem.ImportPrice[t] * of.Hours
	}
	q := New(s, of, y)
	if q == nil {
		return nil, nil
	}
	q.Mix = newMixer(q)
	m := q.Mix
	if len(mem.mu) == len(q.mu) {
		copy(q.mu, mem.mu)
		copy(m.mu, mem.mu)
		m.rho = mem.rho
	}
	index := make(map[string]int, len(q.Pi))
	for i := range q.Pi {
		id := ""
		if i < len(of.Units) {
			id = of.Units[i].Load.ID
		}
		index[id] = i
		l, known := mem.loads[id]
		if !known {
			continue
		}
		n := q.N
		for from := 0; from < len(q.Pi[i]); from += n {
			k := from / n
			if i < len(q.kinds) && q.kinds[i] != nil {
				if k = slices.Index(l.kinds, q.kinds[i][k]); k < 0 {
					continue
				}
			}
			if (k+1)*n <= len(l.pi) {
				copy(q.Pi[i][from:from+n], l.pi[k*n:])
				copy(m.pi[i][from:from+n], l.pi[k*n:])
			}
		}
		if i == len(of.Units) { // how far the battery is charged has changed
			continue
		}
		for _, sc := range l.schedules {
			m.learn(i, sc)
		}
	}
	for i, u := range of.Units {
		m.learn(i, remembered{kw: start.Loads[u.Load.ID].KW})
		if len(m.Loads[i].all) == 0 {
			m.learn(i, remembered{kw: u.Pricer.Best(q.Pi[i][:q.N], make([]float64, q.N)).KW})
		}
		m.Loads[i].balance()
	}
	for t := range q.slots {
		for _, r := range mem.slots[t] {
			q.learn(t, r, index)
		}
		m.slots[t].balance()
	}
	// The prices of the rows of credit are wanted by the local search.
	for k, b := range of.Blocks {
		y[b.Row] = q.mu[k]
	}
	for k, c := range of.Credit {
		y[c.Row] = q.mu[len(of.Blocks)+k]
	}
	return q, y
}

// Recount counts the prices in another unit of money, of which one of the old is so many.
func (mem *Mixtures) Recount(old float64) {
	for _, l := range mem.loads {
		for k := range l.pi {
			l.pi[k] *= old
		}
	}
	for k := range mem.mu {
		if k < mem.creditFrom || k >= mem.creditTo {
			mem.mu[k] *= old
		}
	}
	mem.rho *= old
}

// Shift moves the mixtures k slots on; there are more than k.
func (mem *Mixtures) Shift(k int) {
	move := func(xs []float64, last bool) []float64 {
		out := make([]float64, len(xs))
		for from := 0; from+mem.N <= len(xs); from += mem.N {
			copy(out[from:from+mem.N-k], xs[from+k:from+mem.N])
			for t := mem.N - k; t < mem.N && last; t++ {
				out[from+t] = xs[from+mem.N-1]
			}
		}
		return out
	}
	for id, l := range mem.loads {
		next := memorised{kinds: l.kinds, pi: move(l.pi, true)}
		for _, s := range l.schedules {
			next.schedules = append(next.schedules, remembered{kw: move(s.kw, false), weight: s.weight})
		}
		mem.loads[id] = next
	}
	mem.slots = slices.Clone(mem.slots[k:])
	for range k {
		mem.slots = append(mem.slots, nil)
	}
}

// on tells whether a place is that of a variable load's being on.
func (q *Tightener) on(w place) bool {
	return int(w.at) >= q.N && (int(w.unit) >= len(q.kinds) || q.kinds[w.unit] == nil)
}

// learn adds a schedule to the mixture of load i where it is still permitted.
func (m *mixer) learn(i int, r remembered) {
	q := m.q
	u := q.Master.Units[i]
	if len(r.kw) != q.N || !u.Load.Permits(q.Master.Problem, r.kw) {
		return
	}
	c := choice{cost: u.Pricer.Cost(r.kw), Weight: r.weight}
	for t, x := range r.kw {
		if x <= 0 {
			continue
		}
		at := t
		if q.kinds[i] != nil {
			at += max(0, slices.Index(q.kinds[i], x)) * q.N
		}
		c.at, c.x = append(c.at, int32(at)), append(c.x, x)
	}
	if k := q.needs[i]; k >= 0 {
		c.use = make([]float64, len(q.mu))
		for t, x := range r.kw {
			c.use[k] += x
			if x > 0 && !q.isLoose(i, t) {
				c.at, c.x = append(c.at, int32(q.N+t)), append(c.x, 1)
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
	m.Loads[i].recall(c, mostSchedules)
}

// learn adds remembered powers to the choices of slot t.
func (q *Tightener) learn(t int, r remembered, index map[string]int) {
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
			if i < len(q.kinds) && q.kinds[i] != nil && q.kinds[i][int(w.at)/q.N] != r.kw[k] {
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
	c := choice{use: make([]float64, len(q.mu)), Weight: r.weight}
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
	q.Mix.slots[t].recall(c, mostChoices)
}

// recall adds a choice with its weight.
func (m *mixture) recall(c choice, most int) {
	weight := c.Weight
	c.Weight = 0
	first := len(m.all) == 0
	k := m.add(c, most)
	if first {
		m.all[k].Weight = 0
	}
	m.all[k].Weight += weight
}

// balance makes the weights add up to 1.
func (m *mixture) balance() {
	var sum float64
	for k := range m.all {
		sum += m.all[k].Weight
	}
	if sum > 0 {
		for k := range m.all {
			m.all[k].Weight /= sum
		}
	} else if len(m.all) > 0 {
		m.all[0].Weight = 1
	}
	if math.IsNaN(sum) {
		m.all = nil
	}
}
