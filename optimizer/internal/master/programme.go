// Package master is the linear programme over the schedules of all loads and everything
// that is continuous: supply, battery, blocks, demand and credit.
package master

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/lp"
	"github.com/keeplit/keeplit/optimizer/internal/model"
	"github.com/keeplit/keeplit/optimizer/internal/pricing"
)

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

// New builds the programme with no load schedules in it.
func New(p *model.Problem, o Outlook, big float64, pricers map[string]pricing.Pricer) *Programme {
	m := &Programme{Problem: p, Outlook: o, Hours: p.Hours(), Big: big, ban: banned * big}
	m.layout(o, pricers)
	m.supply(o)
	m.battery()
	m.blockColumns()
	m.fixed()
	m.demandColumns()
	m.creditColumns()
	m.groupColumns()
	m.LP.StaticCols = len(m.LP.Cost)
	m.price, m.On = make([]float64, p.N), make([]float64, p.N)
	return m
}

// layout numbers the rows, kind by kind in the order of the drawing above, and makes
// the units, whose own rows are the last.
func (m *Programme) layout(o Outlook, pricers map[string]pricing.Pricer) {
	p := m.Problem
	m.rows(p.N) // the balance of each slot
	m.rowSoC = p.N
	if p.Battery != nil {
		m.rows(p.N)
	}
	m.blockRows()
	m.demandRows()
	if p.Credit != nil {
		m.creditRows(o)
	}
	m.groupRows()
	first := m.rows(len(p.Loads))
	m.LP = lp.New(m.Rows)
	m.units(first, pricers)
}

// rows numbers so many rows more, and returns the first of them.
func (m *Programme) rows(n int) int32 {
	m.Rows += n
	return int32(m.Rows - n)
}

// fixed is what is charged whatever is decided.
func (m *Programme) fixed() {
	for _, f := range m.Problem.FixedCharges {
		m.Const += f.Amount
	}
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
			ub, ok := m.Most(m.LP.UB[j], d)
			if !ok {
				return math.Inf(-1)
			}
			sum += d * ub
		}
	}
	return sum
}

// Most is how much of a column a bound must reckon with whose cost, less than 0, is
// nothing but rounding where the column has no upper bound; false where it is more.
func (m *Programme) Most(ub, cost float64) (float64, bool) {
	if !math.IsInf(ub, 1) {
		return ub, true
	}
	return endless, cost > -rounding
}
