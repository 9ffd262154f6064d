package master

import (
	"math"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

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

// supply makes the segments of each slot and their columns.
func (m *Programme) supply(o Outlook) {
	n := m.Problem.N
	m.Slots, m.ZMin = make([][]segment, n), make([]float64, n)
	for t := range n {
		m.ZMin[t] = m.least(o, t)
		m.Slots[t] = m.segments(o, t)
		m.LP.B[t] = -m.ZMin[t]
		m.atLeast(o, t)
	}
	for t := range m.Slots {
		for i := range m.Slots[t] {
			m.segmentColumn(t, &m.Slots[t][i])
		}
	}
}

// least is the least that loads and battery can draw together in a slot: what the
// battery gives, or as much as would use all the sun where that is less.
func (m *Programme) least(o Outlook, t int) float64 {
	z := 0.0
	if b := m.Problem.Battery; b != nil {
		z = -b.MaxDischargeKW
	}
	for s := range o.Base {
		z = min(z, o.PV[s][t]-o.Base[s][t])
	}
	return z
}

// atLeast adds to the constant what a slot costs at its least draw, where the segments
// begin.
func (m *Programme) atLeast(o Outlook, t int) {
	for s := range o.Base {
		x := max(m.ZMin[t]+o.Base[s][t]-o.PV[s][t], -m.Problem.ExportLimitKW)
		if x < 0 {
			m.Const += o.Weight[s] * x * m.Hours * model.At(m.Problem.ExportPrice, t)
		}
	}
}

// piece is a stretch of one scenario's supply in a slot, up to a draw of loads and
// battery.
type piece struct {
	to, slope  float64 // kW; money per kW through the slot
	draw       bool    // counts as import
	shed, over bool
}

// pieces is the supply of one scenario: sun beyond what may be exported is left unused,
// the rest of it is kept from export, the grid gives up to the limit, then base is shed,
// and beyond that is what must not be.
func (m *Programme) pieces(o Outlook, s, t int) [5]piece {
	p, h := m.Problem, m.Hours
	limit := math.Inf(1)
	if p.SiteLimitKW != nil {
		limit = max(0, p.SiteLimitKW[t])
	}
	r := o.Base[s][t] - o.PV[s][t]
	return [5]piece{
		{to: -p.ExportLimitKW - r},
		{to: -r, slope: model.At(p.ExportPrice, t) * h},
		{to: limit - r, slope: p.ImportPrice[t] * h, draw: true},
		{to: limit - r + o.Base[s][t], slope: p.ShedPenalty * h, shed: true},
		{to: math.Inf(1), slope: m.Big, over: true, draw: true},
	}
}

// segments is the convex cost, expected over the scenarios, of what loads and battery
// draw together in a slot: wherever a piece of one of the scenarios ends, a segment does.
func (m *Programme) segments(o Outlook, t int) (out []segment) {
	pieces := make([][5]piece, len(o.Base))
	var cuts []float64
	for s := range o.Base {
		pieces[s] = m.pieces(o, s, t)
		for _, q := range pieces[s] {
			if q.to > m.ZMin[t]+thinnest/1000 && !math.IsInf(q.to, 1) {
				cuts = append(cuts, q.to)
			}
		}
	}
	cuts = append(cuts, math.Inf(1))
	sort.Float64s(cuts)
	from := m.ZMin[t]
	for _, to := range cuts {
		if to-from < thinnest {
			continue
		}
		out = append(out, expected(o, pieces, from, to))
		from = to
	}
	return out
}

// expected is the segment between two draws, in which no piece ends.
func expected(o Outlook, pieces [][5]piece, from, to float64) segment {
	g := segment{Length: to - from}
	if len(pieces) > 1 {
		g.spend = make([]float64, len(pieces))
	}
	mid := from + 1
	if !math.IsInf(to, 1) {
		mid = (from + to) / 2
	}
	for s := range pieces {
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
	return g
}

// segmentColumn adds the column of a segment: it serves the slot, and counts in each row
// that looks at imports.
func (m *Programme) segmentColumn(t int, g *segment) {
	ind, val := []int32{int32(t)}, []float64{1}
	for _, b := range m.Blocks {
		if t < b.From || t >= b.To {
			continue
		}
		if x := g.Share(b.Scenario); x > 0 {
			ind, val = append(ind, b.Row), append(val, m.Hours*x)
		}
	}
	if g.Draw > 0 && !g.Over {
		for _, d := range m.Demand {
			for k, sl := range d.Groups {
				if t >= sl.From && t < sl.To {
					ind, val = append(ind, d.rows[k]), append(val, g.Draw/sl.Slots)
				}
			}
		}
	}
	for _, c := range m.Credit {
		if x := g.Share(c.scen); x > 0 && t <= c.UpTo {
			ind, val = append(ind, c.Row), append(val, m.Hours*m.Problem.ImportPrice[t]*x)
		}
	}
	g.Col = m.LP.Add(g.Slope, g.Length, ind, val)
}

// Share is the part of the segment that counts as import in a scenario (-1:
// in expectation).
func (g *segment) Share(scen int) float64 {
	if scen < 0 || g.spend == nil {
		return g.Draw
	}
	return g.spend[scen]
}

// Balance sets the sun used and the base shed in a slot where loads and
// battery draw z and at least shed is to be shed.
func Balance(p *model.Problem, plan *model.Plan, t int, z, shed float64) {
	pv := model.At(p.PVKW, t)
	shed = min(shed, p.BaseKW[t])
	x := p.BaseKW[t] - pv + z - shed
	if x < -p.ExportLimitKW {
		d := min(pv, -p.ExportLimitKW-x)
		pv -= d
		x += d
	}
	if p.SiteLimitKW != nil {
		if over := x - max(0, p.SiteLimitKW[t]); over > 0 {
			shed = min(p.BaseKW[t], shed+over)
		}
	}
	plan.PVUsedKW[t], plan.ShedKW[t] = pv, shed
}
