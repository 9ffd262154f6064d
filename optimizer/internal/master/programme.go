// Package master is the linear programme over the schedules of all loads and everything
// that is continuous: supply, battery, blocks, demand and credit.
package master

import (
	"math"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/lp"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

// Unit is one load inside the master problem.
type Unit struct {
	Load   *model.Load
	Pricer pricing.Pricer
	Row    int32 // convexity row
	Cols   []colRef
	seen   map[uint64]int // hash of the powers -> index in cols
	Fixed  *uint64        // pattern the load is held to, nil: free
	onRows []int32        // first rows of the exclusion groups it belongs to
	kwRows []int32        // first rows of the circuits it belongs to
}

// colRef is a schedule with its column.
type colRef struct {
	pricing.Schedule
	Col    int32
	Banned bool
}

// segment is a stretch of a slot's supply at one marginal cost.
type segment struct {
	Col    int32
	Length float64
	Slope  float64   // money per kW
	Draw   float64   // share that counts as import, expected
	spend  []float64 // import by protected scenario, 0 or 1; nil: as draw
	Shed   bool
	Over   bool // beyond every limit, at a price that nothing is worth
}

// Programme is the linear programme over the loads' schedules and everything
// continuous: supply in each slot, battery, blocks, demand peaks and credit.
//
//	balance(t):  sum of segments - sum of loads - charge + discharge = -zmin(t)
//	soc(t):      soc(t) - soc(t-1) - effC*h*charge + h/effD*discharge - art = 0
//	block:       h * sum of import - sum of steps = 0
//	demand(g):   mean import of group g - peak + slack = floor
//	credit(k):   spent up to check k + slack - short = budget
//	convex(j):   sum of load j's schedules = 1
type Programme struct {
	Problem *model.Problem
	Outlook Outlook
	Hours   float64
	LP      *lp.Simplex
	Units   []*Unit
	Const   float64 // cost that no decision changes
	Slots   [][]segment
	ZMin    []float64
	Big     float64 // price of what must not be
	ban     float64 // price of a banned column
	rowSoC  int
	Rows    int

	ChCol, DisCol, SocCol, ArtCol []int32
	socLo                         []float64

	Demand []DemandRows
	Blocks []BlockRow
	Credit []creditRow
	Group  []groupRow

	price, On []float64 // scratch for pricing
}

// DemandRows are the rows of one demand window, one for each of its groups.
type DemandRows struct {
	Window int
	peak   int32
	Groups [][2]int // slots [from,to)
	rows   []int32
	slack  []int32
}

// BlockRow is the row of one billing period.
type BlockRow struct {
	Row      int32
	From, To int
	Scenario int // protected scenario whose import counts, -1: expected
	Steps    []int32
	Widths   []float64
	Adders   []float64
}

type creditRow struct {
	Row          int32
	UpTo         int // slots 0..upto are counted
	scen         int
	Budget       float64
	Slack, Short int32
	blocks       []int // blockRows that count
}

type groupRow struct {
	first        int32 // row of slot 0
	limit        float64
	slack, short []int32
}

// Outlook is how consumption and sun may turn out, and in which of these scenarios
// the credit must last: all but the worst that the chance limit allows to fail.
// Without scenarios it is the forecast itself, numbered 0.
type Outlook struct {
	Weight   []float64
	Base, PV [][]float64
	Protect  []int
}

// NewOutlook is the outlook in which every scenario is protected.
func NewOutlook(p *model.Problem) Outlook {
	if len(p.Scenarios) == 0 {
		pv := p.PVKW
		if pv == nil {
			pv = make([]float64, p.N)
		}
		return Outlook{Weight: []float64{1}, Base: [][]float64{p.BaseKW}, PV: [][]float64{pv}, Protect: []int{0}}
	}
	var o Outlook
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
		o.Weight = append(o.Weight, s.Weight/sum)
		o.Base = append(o.Base, s.BaseKW)
		o.PV = append(o.PV, pv)
		o.Protect = append(o.Protect, i)
	}
	return o
}

// New builds the programme with no load schedules in it.
func New(p *model.Problem, o Outlook, big float64, pricers map[string]pricing.Pricer) *Programme {
	m := &Programme{Problem: p, Outlook: o, Hours: p.Hours(), Big: big, ban: 10 * big}
	m.layout(o, pricers)
	m.supply(o)
	m.battery()
	m.money(o)
	m.LP.StaticCols = len(m.LP.Cost)
	m.price, m.On = make([]float64, p.N), make([]float64, p.N)
	return m
}

// layout counts the rows.
func (m *Programme) layout(o Outlook, pricers map[string]pricing.Pricer) {
	p := m.Problem
	m.rowSoC = p.N
	rows := p.N
	if p.Battery != nil {
		rows += p.N
	}
	row := func() int32 { rows++; return int32(rows - 1) }
	for _, b := range p.Blocks {
		if b.To > b.From && len(b.Steps) > 0 {
			m.Blocks = append(m.Blocks, newBlockRow(b, row(), b.From, b.To, -1))
		}
	}
	for w, d := range p.Demand {
		if d.PricePerKW <= 0 {
			continue
		}
		r := DemandRows{Window: w}
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
				r.Groups = append(r.Groups, [2]int{g, g + d.Interval})
				r.rows = append(r.rows, row())
			}
		}
		if len(r.rows) > 0 {
			m.Demand = append(m.Demand, r)
		}
	}
	if p.Credit != nil {
		for _, scen := range o.Protect {
			for _, c := range CreditChecks(p) {
				cr := creditRow{Row: row(), UpTo: c.Slot, scen: scen, Budget: c.Budget}
				for _, b := range p.Blocks {
					if b.From > c.Slot || b.To <= b.From || len(b.Steps) == 0 {
						continue
					}
					if b.To <= c.Slot+1 && len(o.Base) == 1 {
						for k := range m.Blocks {
							if m.Blocks[k].Scenario < 0 && m.Blocks[k].From == b.From && m.Blocks[k].To == b.To {
								cr.blocks = append(cr.blocks, k)
							}
						}
						continue
					}
					m.Blocks = append(m.Blocks, newBlockRow(b, row(), b.From, min(b.To, c.Slot+1), scen))
					cr.blocks = append(cr.blocks, len(m.Blocks)-1)
				}
				m.Credit = append(m.Credit, cr)
			}
		}
	}
	for _, c := range p.Circuits {
		g := groupRow{first: int32(rows), limit: c.LimitKW}
		rows += p.N
		m.Group = append(m.Group, g)
	}
	for range p.Exclusions {
		g := groupRow{first: int32(rows), limit: 1}
		rows += p.N
		m.Group = append(m.Group, g)
	}
	convex := rows
	rows += len(p.Loads)
	m.Rows = rows
	m.LP = lp.New(rows)

	order := make([]int, len(p.Loads))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return p.Loads[order[a]].ID < p.Loads[order[b]].ID })
	for k, i := range order {
		u := &Unit{Load: &p.Loads[i], Row: int32(convex + k), seen: map[uint64]int{}}
		for gi, c := range p.Circuits {
			if Contains(c.Loads, u.Load.ID) {
				u.kwRows = append(u.kwRows, m.Group[gi].first)
			}
		}
		for gi, g := range p.Exclusions {
			if Contains(g, u.Load.ID) {
				u.onRows = append(u.onRows, m.Group[len(p.Circuits)+gi].first)
			}
		}
		u.Pricer = pricers[u.Load.ID]
		m.LP.B[u.Row] = 1
		m.Units = append(m.Units, u)
	}
}

// Contains tells whether an id is among others.
func Contains(ids []string, id string) bool {
	for _, x := range ids {
		if x == id {
			return true
		}
	}
	return false
}

func newBlockRow(b model.Block, row int32, from, to, scen int) BlockRow {
	r := BlockRow{Row: row, From: from, To: to, Scenario: scen}
	have := b.MTD
	lower := 0.0
	for _, s := range b.Steps {
		up := math.Inf(1)
		if s.UpTo != nil {
			up = *s.UpTo
		}
		if w := up - max(lower, have); w > 0 {
			r.Widths = append(r.Widths, w)
			r.Adders = append(r.Adders, s.Adder)
		}
		lower = up
	}
	if len(r.Widths) == 0 || !math.IsInf(r.Widths[len(r.Widths)-1], 1) { // beyond the last step nothing is added
		r.Widths = append(r.Widths, math.Inf(1))
		r.Adders = append(r.Adders, 0)
	}
	return r
}

// CreditCheck is a slot after which the balance can be at its least.
type CreditCheck struct {
	Slot   int
	Budget float64 // what may be spent on imports up to and with the slot
}

// CreditChecks are the slots after which the balance must be looked at: it
// only rises by top-ups, so the last slot before each of them, the last slot
// of the obligation and the end are enough.
func CreditChecks(p *model.Problem) []CreditCheck {
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
	var out []CreditCheck
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
		out = append(out, CreditCheck{t, budget})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Slot < out[j].Slot })
	return out
}

// supply makes the segments of each slot: the convex cost, expected over the
// scenarios, of what loads and battery draw together.
func (m *Programme) supply(o Outlook) {
	p, h := m.Problem, m.Hours
	discharge := 0.0
	if p.Battery != nil {
		discharge = p.Battery.MaxDischargeKW
	}
	m.Slots = make([][]segment, p.N)
	m.ZMin = make([]float64, p.N)
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
		for s := range o.Base {
			zmin = min(zmin, o.PV[s][t]-o.Base[s][t])
		}
		m.ZMin[t] = zmin
		pieces := make([][]piece, len(o.Base))
		cuts := []float64{}
		for s := range o.Base {
			r := o.Base[s][t] - o.PV[s][t]
			ps := []piece{
				{to: -p.ExportLimitKW - r},
				{to: -r, slope: model.At(p.ExportPrice, t) * h},
				{to: limit - r, slope: p.ImportPrice[t] * h, draw: true},
				{to: limit - r + o.Base[s][t], slope: p.ShedPenalty * h, shed: true},
				{to: math.Inf(1), slope: m.Big, over: true, draw: true},
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
				m.Const += o.Weight[s] * x * h * model.At(p.ExportPrice, t)
			}
		}
		cuts = append(cuts, math.Inf(1))
		sort.Float64s(cuts)
		from := zmin
		for _, to := range cuts {
			if to-from < 1e-9 {
				continue
			}
			g := segment{Length: to - from}
			if len(o.Base) > 1 {
				g.spend = make([]float64, len(o.Base))
			}
			mid := from + 1
			if !math.IsInf(to, 1) {
				mid = (from + to) / 2
			}
			for s := range o.Base {
				for _, q := range pieces[s] {
					if mid > q.to {
						continue
					}
					g.Slope += o.Weight[s] * q.slope
					if q.draw {
						g.Draw += o.Weight[s]
						if g.spend != nil {
							g.spend[s] = 1
						}
					}
					g.Shed = g.Shed || q.shed
					g.Over = g.Over || q.over
					break
				}
			}
			m.Slots[t] = append(m.Slots[t], g)
			from = to
		}
		m.LP.B[t] = -zmin
	}
	// Columns.
	var ind []int32
	var val []float64
	for t := range m.Slots {
		for i := range m.Slots[t] {
			g := &m.Slots[t][i]
			ind, val = append(ind[:0], int32(t)), append(val[:0], 1)
			for _, b := range m.Blocks {
				if t < b.From || t >= b.To {
					continue
				}
				if x := g.Share(b.Scenario); x > 0 {
					ind, val = append(ind, b.Row), append(val, h*x)
				}
			}
			if g.Draw > 0 && !g.Over {
				for _, d := range m.Demand {
					for k, sl := range d.Groups {
						if t >= sl[0] && t < sl[1] {
							ind, val = append(ind, d.rows[k]), append(val, g.Draw/float64(sl[1]-sl[0]))
						}
					}
				}
			}
			for _, c := range m.Credit {
				if x := g.Share(c.scen); x > 0 && t <= c.UpTo {
					ind, val = append(ind, c.Row), append(val, h*p.ImportPrice[t]*x)
				}
			}
			g.Col = m.LP.Add(g.Slope, g.Length, ind, val)
		}
	}
}

// Share is the part of the segment that counts as import in a scenario (-1:
// in expectation).
func (g *segment) Share(scen int) float64 {
	if scen < 0 || g.spend == nil {
		return g.Draw
	}
	return g.spend[scen]
}

// battery adds the charge's columns.  The band of the charge is widened to
// what can be kept, so that the rows can always be satisfied.
func (m *Programme) battery() {
	b, h := m.Problem.Battery, m.Hours
	if b == nil {
		return
	}
	n := m.Problem.N
	lo, hi := BatteryBand(m.Problem)
	m.socLo = lo
	for t := range n {
		r := int32(m.rowSoC + t)
		m.ChCol = append(m.ChCol, m.LP.Add(0, b.MaxChargeKW, []int32{int32(t), r}, []float64{-1, -b.EffC * h}))
		m.DisCol = append(m.DisCol, m.LP.Add(b.Wear*h, b.MaxDischargeKW, []int32{int32(t), r}, []float64{1, h / b.EffD}))
		ind, val := []int32{r}, []float64{1}
		if t+1 < n {
			ind, val = append(ind, r+1), append(val, -1)
		}
		m.SocCol = append(m.SocCol, m.LP.Add(0, hi[t]-lo[t], ind, val))
		m.ArtCol = append(m.ArtCol, m.LP.Add(m.Big, math.Inf(1), []int32{r}, []float64{-1}))
		prev := b.SoC0
		if t > 0 {
			prev = lo[t-1]
		}
		m.LP.B[r] = prev - lo[t]
	}
}

// money adds the columns of blocks, demand, credit and groups.
func (m *Programme) money(o Outlook) {
	sx := m.LP
	for i := range m.Blocks {
		b := &m.Blocks[i]
		for k, w := range b.Widths {
			ind, val := []int32{b.Row}, []float64{-1}
			cost := 0.0
			if b.Scenario < 0 {
				cost = b.Adders[k]
			}
			for _, c := range m.Credit {
				for _, bi := range c.blocks {
					if bi == i {
						ind, val = append(ind, c.Row), append(val, b.Adders[k])
					}
				}
			}
			b.Steps = append(b.Steps, sx.Add(cost, w, ind, val))
		}
	}
	for _, f := range m.Problem.FixedCharges {
		m.Const += f.Amount
	}
	for i := range m.Demand {
		d := &m.Demand[i]
		w := m.Problem.Demand[d.Window]
		ind, val := []int32{}, []float64{}
		for _, r := range d.rows {
			ind, val = append(ind, r), append(val, -1)
			sx.B[r] = w.FloorKW
		}
		d.peak = sx.Add(w.PricePerKW, math.Inf(1), ind, val)
		for _, r := range d.rows {
			d.slack = append(d.slack, sx.Add(0, math.Inf(1), []int32{r}, []float64{1}))
		}
	}
	for i := range m.Credit {
		c := &m.Credit[i]
		sx.B[c.Row] = c.Budget
		c.Slack = sx.Add(0, math.Inf(1), []int32{c.Row}, []float64{1})
		c.Short = sx.Add(m.Big, math.Inf(1), []int32{c.Row}, []float64{-1})
	}
	for i := range m.Group {
		g := &m.Group[i]
		for t := range int32(m.Problem.N) {
			sx.B[g.first+t] = g.limit
			g.slack = append(g.slack, sx.Add(0, math.Inf(1), []int32{g.first + t}, []float64{1}))
			g.short = append(g.short, sx.Add(m.Big, math.Inf(1), []int32{g.first + t}, []float64{-1}))
		}
	}
}

// AddSchedule puts a schedule into the programme, once, and returns its index.
func (m *Programme) AddSchedule(u *Unit, s pricing.Schedule) int {
	key := hashPowers(s.KW)
	if i, ok := u.seen[key]; ok {
		return i
	}
	var ind []int32
	var val []float64
	for t, x := range s.KW {
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
	ind, val = append(ind, u.Row), append(val, 1)
	c := colRef{Schedule: s, Col: m.LP.Add(s.Own, math.Inf(1), ind, val)}
	if u.Fixed != nil && *u.Fixed != s.Pattern {
		c.Banned = true
		m.LP.Cost[c.Col] += m.ban
	}
	u.Cols = append(u.Cols, c)
	u.seen[key] = len(u.Cols) - 1
	return len(u.Cols) - 1
}

// onShare is how much of "on" a power counts for in an exclusion group.
func (u *Unit) onShare(x float64) float64 {
	if u.Load.Thermal != nil && u.Load.Thermal.Modulating {
		return x / u.Load.Thermal.KW
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

// Prices are what a unit pays per kW and for being on at the duals y.
func (m *Programme) Prices(u *Unit, y []float64) (price, on []float64) {
	n := m.Problem.N
	copy(m.price, y[:n])
	for _, r := range u.kwRows {
		for t := range n {
			m.price[t] -= y[int(r)+t]
		}
	}
	for t := range m.On {
		m.On[t] = 0
	}
	for _, r := range u.onRows {
		for t := range n {
			if u.Load.Thermal != nil && u.Load.Thermal.Modulating {
				m.price[t] -= y[int(r)+t] / u.Load.Thermal.KW
			} else {
				m.On[t] -= y[int(r)+t]
			}
		}
	}
	return m.price, m.On
}

// StaticBound is the Lagrangian value at the duals y of all but the loads.
func (m *Programme) StaticBound(y []float64) float64 {
	sum := m.Const
	convex := m.Rows - len(m.Units)
	for i := range convex {
		sum += y[i] * m.LP.B[i]
	}
	for j := range int32(m.LP.StaticCols) {
		if d := m.LP.Reduced(j, y); d < 0 {
			ub := m.LP.UB[j]
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

// Crash sets the basis to the point at which each unit runs the given
// schedule, the battery rests and everything else follows.
func (m *Programme) Crash(chosen []int) bool {
	sx := m.LP
	for j := range sx.Where {
		sx.Where[j] = lp.AtLower
	}
	n := m.Problem.N
	z := make([]float64, n)
	group := make([][]float64, len(m.Group))
	for i := range group {
		group[i] = make([]float64, n)
	}
	for k, u := range m.Units {
		c := u.Cols[chosen[k]]
		sx.Head[u.Row] = c.Col
		sx.Where[c.Col] = u.Row
		for t, x := range c.KW {
			z[t] += x
			if x > 0 {
				for i := range m.Group {
					for _, r := range u.kwRows {
						if r == m.Group[i].first {
							group[i][t] += x
						}
					}
					for _, r := range u.onRows {
						if r == m.Group[i].first {
							group[i][t] += u.onShare(x)
						}
					}
				}
			}
		}
	}
	used, ok := m.crashSupply(z)
	if !ok {
		return false
	}
	m.crashBattery()
	m.crashBlocks(used)
	m.crashDemand(used)
	m.crashCredit(used)
	for i := range m.Group {
		g := &m.Group[i]
		for t := range n {
			if group[i][t] <= g.limit {
				m.basic(g.first+int32(t), g.slack[t])
			} else {
				m.basic(g.first+int32(t), g.short[t])
			}
		}
	}
	return sx.Rebuild()
}

// basic makes a column basic in a row.
func (m *Programme) basic(row, col int32) {
	m.LP.Head[row], m.LP.Where[col] = col, row
}

// crashSupply takes what the loads draw from the supply, and returns how much of each
// segment that uses.
func (m *Programme) crashSupply(z []float64) (used [][]float64, ok bool) {
	// Supply, cheapest first; the segment that is partly used is basic.
	n := m.Problem.N
	used = make([][]float64, n)
	for t := range n {
		left := z[t] - m.ZMin[t]
		used[t] = make([]float64, len(m.Slots[t]))
		done := false
		for i := range m.Slots[t] {
			g := &m.Slots[t][i]
			if left > g.Length && i+1 < len(m.Slots[t]) {
				m.LP.Where[g.Col] = lp.AtUpper
				used[t][i] = g.Length
				left -= g.Length
				continue
			}
			used[t][i] = left
			m.basic(int32(t), g.Col)
			done = true
			break
		}
		if !done {
			return nil, false
		}
	}
	return used, true
}

// crashBattery lets the battery rest.
func (m *Programme) crashBattery() {
	if b := m.Problem.Battery; b != nil {
		soc := b.SoC0
		for t := range m.Problem.N {
			lo := m.socLo[t]
			if soc < lo { // charge from nowhere
				m.basic(int32(m.rowSoC+t), m.ArtCol[t])
				soc = lo
			} else {
				m.basic(int32(m.rowSoC+t), m.SocCol[t])
			}
		}
	}
}

// crashBlocks puts the energy on the steps of each billing period.
func (m *Programme) crashBlocks(used [][]float64) {
	for i := range m.Blocks {
		b := &m.Blocks[i]
		var e float64
		for t := b.From; t < b.To; t++ {
			for k, g := range m.Slots[t] {
				e += m.Hours * used[t][k] * g.Share(b.Scenario)
			}
		}
		for k, w := range b.Widths {
			if e > w {
				m.LP.Where[b.Steps[k]] = lp.AtUpper
				e -= w
				continue
			}
			m.basic(b.Row, b.Steps[k])
			break
		}
	}
}

// crashDemand sets the peak of each window to its highest group.
func (m *Programme) crashDemand(used [][]float64) {
	for i := range m.Demand {
		d := &m.Demand[i]
		best, peak := -1, m.Problem.Demand[d.Window].FloorKW
		for k, sl := range d.Groups {
			var mean float64
			for t := sl[0]; t < sl[1]; t++ {
				for q, g := range m.Slots[t] {
					if !g.Over {
						mean += used[t][q] * g.Draw / float64(sl[1]-sl[0])
					}
				}
			}
			if mean > peak {
				best, peak = k, mean
			}
			m.basic(d.rows[k], d.slack[k])
		}
		if best >= 0 {
			m.LP.Where[d.slack[best]] = lp.AtLower
			m.basic(d.rows[best], d.peak)
		}
	}
}

// crashCredit says of each check whether the credit lasts.
func (m *Programme) crashCredit(used [][]float64) {
	for i := range m.Credit {
		c := &m.Credit[i]
		var spent float64
		for t := 0; t <= c.UpTo; t++ {
			for k, g := range m.Slots[t] {
				spent += m.Hours * m.Problem.ImportPrice[t] * used[t][k] * g.Share(c.scen)
			}
		}
		for _, bi := range c.blocks {
			b := &m.Blocks[bi]
			var e float64
			for t := b.From; t < b.To; t++ {
				for k, g := range m.Slots[t] {
					e += m.Hours * used[t][k] * g.Share(b.Scenario)
				}
			}
			for k, w := range b.Widths {
				x := min(e, w)
				spent += x * b.Adders[k]
				e -= x
			}
		}
		if spent <= c.Budget {
			m.basic(c.Row, c.Slack)
		} else {
			m.basic(c.Row, c.Short)
		}
	}
}

// Weights are the values of a unit's schedules.
func (m *Programme) Weights(u *Unit, out []float64) []float64 {
	out = out[:0]
	for i := range u.Cols {
		out = append(out, m.LP.Value(u.Cols[i].Col))
	}
	return out
}

// Hold keeps a unit to one pattern, or frees it.
func (m *Programme) Hold(u *Unit, pattern *uint64) {
	u.Fixed = pattern
	for i := range u.Cols {
		c := &u.Cols[i]
		ban := pattern != nil && *pattern != c.Pattern
		if ban == c.Banned {
			continue
		}
		c.Banned = ban
		if ban {
			m.LP.Cost[c.Col] += m.ban
		} else {
			m.LP.Cost[c.Col] = c.Own
		}
	}
}
