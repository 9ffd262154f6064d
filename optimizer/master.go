package optimizer

import (
	"math"
	"sort"
)

// unit is one load inside the master problem.
type unit struct {
	l      *Load
	pricer pricer
	row    int32 // convexity row
	cols   []colRef
	seen   map[uint64]int // hash of the powers -> index in cols
	fixed  *uint64        // pattern the load is held to, nil: free
	onRows []int32        // first rows of the exclusion groups it belongs to
	kwRows []int32        // first rows of the circuits it belongs to
}

// colRef is a schedule with its column.
type colRef struct {
	schedule
	col    int32
	banned bool
}

// segment is a stretch of a slot's supply at one marginal cost.
type segment struct {
	col    int32
	length float64
	slope  float64   // money per kW
	draw   float64   // share that counts as import, expected
	spend  []float64 // import by protected scenario, 0 or 1; nil: as draw
	shed   bool
	over   bool // beyond every limit, at a price that nothing is worth
}

// master is the linear programme over the loads' schedules and everything
// continuous: supply in each slot, battery, blocks, demand peaks and credit.
//
//	balance(t):  sum of segments - sum of loads - charge + discharge = -zmin(t)
//	soc(t):      soc(t) - soc(t-1) - effC*h*charge + h/effD*discharge - art = 0
//	block:       h * sum of import - sum of steps = 0
//	demand(g):   mean import of group g - peak + slack = floor
//	credit(k):   spent up to check k + slack - short = budget
//	convex(j):   sum of load j's schedules = 1
type master struct {
	p      *Problem
	o      outlook
	h      float64
	lp     *simplex
	units  []*unit
	konst  float64 // cost that no decision changes
	slots  [][]segment
	zmin   []float64
	big    float64 // price of what must not be
	ban    float64 // price of a banned column
	rowSoC int
	rows   int

	chCol, disCol, socCol, artCol []int32
	socLo                         []float64

	demand []demandRows
	blocks []blockRow
	credit []creditRow
	group  []groupRow

	price, on []float64 // scratch for pricing
}

type demandRows struct {
	window int
	peak   int32
	groups [][2]int // slots [from,to)
	rows   []int32
	slack  []int32
}

type blockRow struct {
	row      int32
	from, to int
	scen     int // protected scenario whose import counts, -1: expected
	steps    []int32
	widths   []float64
	adders   []float64
}

type creditRow struct {
	row          int32
	upto         int // slots 0..upto are counted
	scen         int
	budget       float64
	slack, short int32
	blocks       []int // blockRows that count
}

type groupRow struct {
	first        int32 // row of slot 0
	limit        float64
	slack, short []int32
}

// protectedScenarios are the scenarios in which the credit must last: all but
// the worst that the chance limit allows to fail.  Without scenarios it is the
// forecast itself, numbered 0.
type outlook struct {
	weight   []float64
	base, pv [][]float64
	protect  []int
}

func newOutlook(p *Problem) outlook {
	if len(p.Scenarios) == 0 {
		pv := p.PVKW
		if pv == nil {
			pv = make([]float64, p.N)
		}
		return outlook{weight: []float64{1}, base: [][]float64{p.BaseKW}, pv: [][]float64{pv}, protect: []int{0}}
	}
	var o outlook
	var sum float64
	for _, s := range p.Scenarios {
		sum += s.Weight
	}
	for i, s := range p.Scenarios {
		pv := s.PVKW
		if pv == nil {
			pv = p.PVKW
		}
		if pv == nil {
			pv = make([]float64, p.N)
		}
		o.weight = append(o.weight, s.Weight/sum)
		o.base = append(o.base, s.BaseKW)
		o.pv = append(o.pv, pv)
		o.protect = append(o.protect, i)
	}
	return o
}

// newMaster builds the programme with no load schedules in it.
func newMaster(p *Problem, o outlook, big float64, pricers map[string]pricer) *master {
	m := &master{p: p, o: o, h: p.Hours(), big: big, ban: 10 * big}
	m.layout(o, pricers)
	m.supply(o)
	m.battery()
	m.money(o)
	m.lp.staticCols = len(m.lp.cost)
	m.price, m.on = make([]float64, p.N), make([]float64, p.N)
	return m
}

// layout counts the rows.
func (m *master) layout(o outlook, pricers map[string]pricer) {
	p := m.p
	m.rowSoC = p.N
	rows := p.N
	if p.Battery != nil {
		rows += p.N
	}
	row := func() int32 { rows++; return int32(rows - 1) }
	for _, b := range p.Blocks {
		if b.To > b.From && len(b.Steps) > 0 {
			m.blocks = append(m.blocks, newBlockRow(b, row(), b.From, b.To, -1))
		}
	}
	for w, d := range p.Demand {
		if d.PricePerKW <= 0 {
			continue
		}
		r := demandRows{window: w}
		in := make([]bool, p.N)
		for _, t := range d.Slots {
			in[t] = true
		}
		for g := 0; g+d.Interval <= p.N; g += d.Interval {
			whole := true
			for t := g; t < g+d.Interval; t++ {
				whole = whole && in[t]
			}
			if whole {
				r.groups = append(r.groups, [2]int{g, g + d.Interval})
				r.rows = append(r.rows, row())
			}
		}
		if len(r.rows) > 0 {
			m.demand = append(m.demand, r)
		}
	}
	if p.Credit != nil {
		for _, scen := range o.protect {
			for _, c := range creditChecks(p) {
				cr := creditRow{row: row(), upto: c.slot, scen: scen, budget: c.budget}
				for _, b := range p.Blocks {
					if b.From > c.slot || b.To <= b.From || len(b.Steps) == 0 {
						continue
					}
					if b.To <= c.slot+1 && len(o.base) == 1 {
						for k := range m.blocks {
							if m.blocks[k].scen < 0 && m.blocks[k].from == b.From && m.blocks[k].to == b.To {
								cr.blocks = append(cr.blocks, k)
							}
						}
						continue
					}
					m.blocks = append(m.blocks, newBlockRow(b, row(), b.From, min(b.To, c.slot+1), scen))
					cr.blocks = append(cr.blocks, len(m.blocks)-1)
				}
				m.credit = append(m.credit, cr)
			}
		}
	}
	for _, c := range p.Circuits {
		g := groupRow{first: int32(rows), limit: c.LimitKW}
		rows += p.N
		m.group = append(m.group, g)
	}
	for range p.Exclusions {
		g := groupRow{first: int32(rows), limit: 1}
		rows += p.N
		m.group = append(m.group, g)
	}
	convex := rows
	rows += len(p.Loads)
	m.rows = rows
	m.lp = newSimplex(rows)

	order := make([]int, len(p.Loads))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return p.Loads[order[a]].ID < p.Loads[order[b]].ID })
	for k, i := range order {
		u := &unit{l: &p.Loads[i], row: int32(convex + k), seen: map[uint64]int{}}
		for gi, c := range p.Circuits {
			if contains(c.Loads, u.l.ID) {
				u.kwRows = append(u.kwRows, m.group[gi].first)
			}
		}
		for gi, g := range p.Exclusions {
			if contains(g, u.l.ID) {
				u.onRows = append(u.onRows, m.group[len(p.Circuits)+gi].first)
			}
		}
		u.pricer = pricers[u.l.ID]
		m.lp.b[u.row] = 1
		m.units = append(m.units, u)
	}
}

func contains(ids []string, id string) bool {
	for _, x := range ids {
		if x == id {
			return true
		}
	}
	return false
}

func newBlockRow(b Block, row int32, from, to, scen int) blockRow {
	r := blockRow{row: row, from: from, to: to, scen: scen}
	have := b.MTD
	lower := 0.0
	for _, s := range b.Steps {
		up := math.Inf(1)
		if s.UpTo != nil {
			up = *s.UpTo
		}
		if w := up - max(lower, have); w > 0 {
			r.widths = append(r.widths, w)
			r.adders = append(r.adders, s.Adder)
		}
		lower = up
	}
	if len(r.widths) == 0 || !math.IsInf(r.widths[len(r.widths)-1], 1) { // beyond the last step nothing is added
		r.widths = append(r.widths, math.Inf(1))
		r.adders = append(r.adders, 0)
	}
	return r
}

// creditCheck is a slot after which the balance can be at its least.
type creditCheck struct {
	slot   int
	budget float64 // what may be spent on imports up to and with the slot
}

// creditChecks are the slots after which the balance must be looked at: it
// only rises by top-ups, so the last slot before each of them, the last slot
// of the obligation and the end are enough.
func creditChecks(p *Problem) []creditCheck {
	c := p.Credit
	least := make(map[int]float64)
	need := func(t int, x float64) {
		if t < 0 || t >= p.N {
			return
		}
		if v, ok := least[t]; !ok || x > v {
			least[t] = x
		}
	}
	for _, u := range c.TopUps {
		if u.Slot-1 < c.UntilSlot {
			need(u.Slot-1, c.MinBalance)
		}
	}
	need(c.UntilSlot-1, c.MinBalance)
	need(p.N-1, c.EndReserve)
	var out []creditCheck
	for t, x := range least {
		budget := c.Balance - x
		for _, u := range c.TopUps {
			if u.Slot <= t {
				budget += u.Amount
			}
		}
		for _, f := range p.FixedCharges {
			if f.Slot <= t {
				budget -= f.Amount
			}
		}
		out = append(out, creditCheck{t, budget})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].slot < out[j].slot })
	return out
}

// supply makes the segments of each slot: the convex cost, expected over the
// scenarios, of what loads and battery draw together.
func (m *master) supply(o outlook) {
	p, h := m.p, m.h
	discharge := 0.0
	if p.Battery != nil {
		discharge = p.Battery.MaxDischargeKW
	}
	m.slots = make([][]segment, p.N)
	m.zmin = make([]float64, p.N)
	for t := range p.N {
		limit := math.Inf(1)
		if p.SiteLimitKW != nil {
			limit = max(0, p.SiteLimitKW[t])
		}
		// Pieces of each scenario: from, to (in z), slope.
		type piece struct {
			to, slope float64
			draw      bool
			shed      bool
			over      bool
		}
		zmin := -discharge
		for s := range o.base {
			zmin = min(zmin, o.pv[s][t]-o.base[s][t])
		}
		m.zmin[t] = zmin
		pieces := make([][]piece, len(o.base))
		cuts := []float64{}
		for s := range o.base {
			r := o.base[s][t] - o.pv[s][t]
			ps := []piece{
				{to: -p.ExportLimitKW - r},
				{to: -r, slope: at(p.ExportPrice, t) * h},
				{to: limit - r, slope: p.ImportPrice[t] * h, draw: true},
				{to: limit - r + o.base[s][t], slope: p.ShedPenalty * h, shed: true},
				{to: math.Inf(1), slope: m.big, over: true, draw: true},
			}
			pieces[s] = ps
			for _, q := range ps {
				if q.to > zmin+1e-12 && !math.IsInf(q.to, 1) {
					cuts = append(cuts, q.to)
				}
			}
			// the constant: the cost at zmin
			x := max(zmin+r, -p.ExportLimitKW)
			if x < 0 {
				m.konst += o.weight[s] * x * h * at(p.ExportPrice, t)
			}
		}
		cuts = append(cuts, math.Inf(1))
		sort.Float64s(cuts)
		from := zmin
		for _, to := range cuts {
			if to-from < 1e-9 {
				continue
			}
			g := segment{length: to - from}
			if len(o.base) > 1 {
				g.spend = make([]float64, len(o.base))
			}
			mid := from + 1
			if !math.IsInf(to, 1) {
				mid = (from + to) / 2
			}
			for s := range o.base {
				for _, q := range pieces[s] {
					if mid > q.to {
						continue
					}
					g.slope += o.weight[s] * q.slope
					if q.draw {
						g.draw += o.weight[s]
						if g.spend != nil {
							g.spend[s] = 1
						}
					}
					g.shed = g.shed || q.shed
					g.over = g.over || q.over
					break
				}
			}
			m.slots[t] = append(m.slots[t], g)
			from = to
		}
		m.lp.b[t] = -zmin
	}
	// Columns.
	var ind []int32
	var val []float64
	for t := range m.slots {
		for i := range m.slots[t] {
			g := &m.slots[t][i]
			ind, val = append(ind[:0], int32(t)), append(val[:0], 1)
			for _, b := range m.blocks {
				if t < b.from || t >= b.to {
					continue
				}
				if x := g.share(b.scen); x > 0 {
					ind, val = append(ind, b.row), append(val, h*x)
				}
			}
			if g.draw > 0 && !g.over {
				for _, d := range m.demand {
					for k, sl := range d.groups {
						if t >= sl[0] && t < sl[1] {
							ind, val = append(ind, d.rows[k]), append(val, g.draw/float64(sl[1]-sl[0]))
						}
					}
				}
			}
			for _, c := range m.credit {
				if x := g.share(c.scen); x > 0 && t <= c.upto {
					ind, val = append(ind, c.row), append(val, h*p.ImportPrice[t]*x)
				}
			}
			g.col = m.lp.add(g.slope, g.length, ind, val)
		}
	}
}

// share is the part of the segment that counts as import in a scenario (-1:
// in expectation).
func (g *segment) share(scen int) float64 {
	if scen < 0 || g.spend == nil {
		return g.draw
	}
	return g.spend[scen]
}

// battery adds the charge's columns.  The band of the charge is widened to
// what can be kept, so that the rows can always be satisfied.
func (m *master) battery() {
	b, h := m.p.Battery, m.h
	if b == nil {
		return
	}
	n := m.p.N
	lo, hi := batteryBand(m.p)
	m.socLo = lo
	for t := range n {
		r := int32(m.rowSoC + t)
		m.chCol = append(m.chCol, m.lp.add(0, b.MaxChargeKW, []int32{int32(t), r}, []float64{-1, -b.EffC * h}))
		m.disCol = append(m.disCol, m.lp.add(b.Wear*h, b.MaxDischargeKW, []int32{int32(t), r}, []float64{1, h / b.EffD}))
		ind, val := []int32{r}, []float64{1}
		if t+1 < n {
			ind, val = append(ind, r+1), append(val, -1)
		}
		m.socCol = append(m.socCol, m.lp.add(0, hi[t]-lo[t], ind, val))
		m.artCol = append(m.artCol, m.lp.add(m.big, math.Inf(1), []int32{r}, []float64{-1}))
		prev := b.SoC0
		if t > 0 {
			prev = lo[t-1]
		}
		m.lp.b[r] = prev - lo[t]
	}
}

// money adds the columns of blocks, demand, credit and groups.
func (m *master) money(o outlook) {
	sx := m.lp
	for i := range m.blocks {
		b := &m.blocks[i]
		for k, w := range b.widths {
			ind, val := []int32{b.row}, []float64{-1}
			cost := 0.0
			if b.scen < 0 {
				cost = b.adders[k]
			}
			for _, c := range m.credit {
				for _, bi := range c.blocks {
					if bi == i {
						ind, val = append(ind, c.row), append(val, b.adders[k])
					}
				}
			}
			b.steps = append(b.steps, sx.add(cost, w, ind, val))
		}
	}
	for _, f := range m.p.FixedCharges {
		m.konst += f.Amount
	}
	for i := range m.demand {
		d := &m.demand[i]
		w := m.p.Demand[d.window]
		ind, val := []int32{}, []float64{}
		for _, r := range d.rows {
			ind, val = append(ind, r), append(val, -1)
			sx.b[r] = w.FloorKW
		}
		d.peak = sx.add(w.PricePerKW, math.Inf(1), ind, val)
		for _, r := range d.rows {
			d.slack = append(d.slack, sx.add(0, math.Inf(1), []int32{r}, []float64{1}))
		}
	}
	for i := range m.credit {
		c := &m.credit[i]
		sx.b[c.row] = c.budget
		c.slack = sx.add(0, math.Inf(1), []int32{c.row}, []float64{1})
		c.short = sx.add(m.big, math.Inf(1), []int32{c.row}, []float64{-1})
	}
	for i := range m.group {
		g := &m.group[i]
		for t := range int32(m.p.N) {
			sx.b[g.first+t] = g.limit
			g.slack = append(g.slack, sx.add(0, math.Inf(1), []int32{g.first + t}, []float64{1}))
			g.short = append(g.short, sx.add(m.big, math.Inf(1), []int32{g.first + t}, []float64{-1}))
		}
	}
}

// addSchedule puts a schedule into the programme, once, and returns its index.
func (m *master) addSchedule(u *unit, s schedule) int {
	key := hashPowers(s.kw)
	if i, ok := u.seen[key]; ok {
		return i
	}
	var ind []int32
	var val []float64
	for t, x := range s.kw {
		if x > 0 {
			ind, val = append(ind, int32(t)), append(val, -x)
			for _, r := range u.kwRows {
				ind, val = append(ind, r+int32(t)), append(val, x)
			}
			for _, r := range u.onRows {
				ind, val = append(ind, r+int32(t)), append(val, u.onShare(x))
			}
		}
	}
	ind, val = append(ind, u.row), append(val, 1)
	c := colRef{schedule: s, col: m.lp.add(s.own, math.Inf(1), ind, val)}
	if u.fixed != nil && *u.fixed != s.pattern {
		c.banned = true
		m.lp.cost[c.col] += m.ban
	}
	u.cols = append(u.cols, c)
	u.seen[key] = len(u.cols) - 1
	return len(u.cols) - 1
}

// onShare is how much of "on" a power counts for in an exclusion group.
func (u *unit) onShare(x float64) float64 {
	if u.l.Thermal != nil && u.l.Thermal.Modulating {
		return x / u.l.Thermal.KW
	}
	return 1
}

func hashPowers(kw []float64) uint64 {
	h := uint64(14695981039346656037)
	for t, x := range kw {
		if x != 0 {
			h = (h ^ uint64(t+1)) * 1099511628211
			h = (h ^ math.Float64bits(x)) * 1099511628211
		}
	}
	return h
}

// prices are what a unit pays per kW and for being on at the duals y.
func (m *master) prices(u *unit, y []float64) (price, on []float64) {
	n := m.p.N
	copy(m.price, y[:n])
	for _, r := range u.kwRows {
		for t := range n {
			m.price[t] -= y[int(r)+t]
		}
	}
	for t := range m.on {
		m.on[t] = 0
	}
	for _, r := range u.onRows {
		for t := range n {
			if u.l.Thermal != nil && u.l.Thermal.Modulating {
				m.price[t] -= y[int(r)+t] / u.l.Thermal.KW
			} else {
				m.on[t] -= y[int(r)+t]
			}
		}
	}
	return m.price, m.on
}

// staticBound is the Lagrangian value at the duals y of all but the loads.
func (m *master) staticBound(y []float64) float64 {
	sum := m.konst
	convex := m.rows - len(m.units)
	for i := range convex {
		sum += y[i] * m.lp.b[i]
	}
	for j := range int32(m.lp.staticCols) {
		if d := m.lp.reduced(j, y); d < 0 {
			ub := m.lp.ub[j]
			if math.IsInf(ub, 1) {
				if d > -1e-7 {
					ub = 1e4 // no such value is ever worth more
				} else {
					return math.Inf(-1)
				}
			}
			sum += d * ub
		}
	}
	return sum
}

// crash sets the basis to the point at which each unit runs the given
// schedule, the battery rests and everything else follows.
func (m *master) crash(chosen []int) bool {
	sx := m.lp
	for j := range sx.where {
		sx.where[j] = atLower
	}
	n := m.p.N
	z := make([]float64, n)
	group := make([][]float64, len(m.group))
	for i := range group {
		group[i] = make([]float64, n)
	}
	for k, u := range m.units {
		c := u.cols[chosen[k]]
		sx.head[u.row] = c.col
		sx.where[c.col] = u.row
		for t, x := range c.kw {
			z[t] += x
			if x > 0 {
				for i := range m.group {
					for _, r := range u.kwRows {
						if r == m.group[i].first {
							group[i][t] += x
						}
					}
					for _, r := range u.onRows {
						if r == m.group[i].first {
							group[i][t] += u.onShare(x)
						}
					}
				}
			}
		}
	}
	basic := func(row int32, col int32) {
		sx.head[row] = col
		sx.where[col] = row
	}
	// Supply, cheapest first; the segment that is partly used is basic.
	used := make([][]float64, n)
	for t := range n {
		left := z[t] - m.zmin[t]
		used[t] = make([]float64, len(m.slots[t]))
		done := false
		for i := range m.slots[t] {
			g := &m.slots[t][i]
			if left > g.length && i+1 < len(m.slots[t]) {
				sx.where[g.col] = atUpper
				used[t][i] = g.length
				left -= g.length
				continue
			}
			used[t][i] = left
			basic(int32(t), g.col)
			done = true
			break
		}
		if !done {
			return false
		}
	}
	if b := m.p.Battery; b != nil {
		soc := b.SoC0
		for t := range n {
			lo := m.socLo[t]
			if soc < lo { // charge from nowhere
				basic(int32(m.rowSoC+t), m.artCol[t])
				soc = lo
			} else {
				basic(int32(m.rowSoC+t), m.socCol[t])
			}
		}
	}
	for i := range m.blocks {
		b := &m.blocks[i]
		var e float64
		for t := b.from; t < b.to; t++ {
			for k, g := range m.slots[t] {
				e += m.h * used[t][k] * g.share(b.scen)
			}
		}
		for k, w := range b.widths {
			if e > w {
				sx.where[b.steps[k]] = atUpper
				e -= w
				continue
			}
			basic(b.row, b.steps[k])
			break
		}
	}
	for i := range m.demand {
		d := &m.demand[i]
		best, peak := -1, m.p.Demand[d.window].FloorKW
		for k, sl := range d.groups {
			var mean float64
			for t := sl[0]; t < sl[1]; t++ {
				for q, g := range m.slots[t] {
					if !g.over {
						mean += used[t][q] * g.draw / float64(sl[1]-sl[0])
					}
				}
			}
			if mean > peak {
				best, peak = k, mean
			}
			basic(d.rows[k], d.slack[k])
		}
		if best >= 0 {
			sx.where[d.slack[best]] = atLower
			basic(d.rows[best], d.peak)
		}
	}
	for i := range m.credit {
		c := &m.credit[i]
		var spent float64
		for t := 0; t <= c.upto; t++ {
			for k, g := range m.slots[t] {
				spent += m.h * m.p.ImportPrice[t] * used[t][k] * g.share(c.scen)
			}
		}
		for _, bi := range c.blocks {
			b := &m.blocks[bi]
			var e float64
			for t := b.from; t < b.to; t++ {
				for k, g := range m.slots[t] {
					e += m.h * used[t][k] * g.share(b.scen)
				}
			}
			for k, w := range b.widths {
				x := min(e, w)
				spent += x * b.adders[k]
				e -= x
			}
		}
		if spent <= c.budget {
			basic(c.row, c.slack)
		} else {
			basic(c.row, c.short)
		}
	}
	for i := range m.group {
		g := &m.group[i]
		for t := range n {
			if group[i][t] <= g.limit {
				basic(g.first+int32(t), g.slack[t])
			} else {
				basic(g.first+int32(t), g.short[t])
			}
		}
	}
	return sx.rebuild()
}

// weights are the values of a unit's schedules.
func (m *master) weights(u *unit, out []float64) []float64 {
	out = out[:0]
	for i := range u.cols {
		out = append(out, m.lp.value(u.cols[i].col))
	}
	return out
}

// hold keeps a unit to one pattern, or frees it.
func (m *master) hold(u *unit, pattern *uint64) {
	u.fixed = pattern
	for i := range u.cols {
		c := &u.cols[i]
		ban := pattern != nil && *pattern != c.pattern
		if ban == c.banned {
			continue
		}
		c.banned = ban
		if ban {
			m.lp.cost[c.col] += m.ban
		} else {
			m.lp.cost[c.col] = c.own
		}
	}
}
