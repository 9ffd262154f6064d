package master

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// BatteryBand is the band of the charge after each slot, widened where the
// charge at the start or the power leaves no other way.
func BatteryBand(p *model.Problem) (lo, hi []float64) {
	b, h := p.Battery, p.Hours()
	lo, hi = make([]float64, p.N), make([]float64, p.N)
	up, down := b.SoC0, b.SoC0
	top := max(b.SoCMin, b.SoCMax)
	for t := range p.N {
		up += b.EffC * b.MaxChargeKW * h
		down -= b.MaxDischargeKW * h / b.EffD
		lo[t], hi[t] = min(b.SoCMin, up), max(top, down)
		up, down = min(up, hi[t]), max(down, lo[t])
	}
	last := p.N - 1
	lo[last] = min(max(lo[last], b.SoCEnd), up, hi[last])
	return lo, hi
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

// SettleBattery keeps rounding errors of the charge from adding up, and begins in time to
// be within the band where powers of another forecast would leave too much for the end.
func SettleBattery(p *model.Problem, kw []float64) {
	b, h := p.Battery, p.Hours()
	lo, hi := BatteryBand(p)
	for t := p.N - 2; t >= 0; t-- {
		lo[t] = min(max(lo[t], lo[t+1]-b.EffC*b.MaxChargeKW*h-chargeTol), hi[t])
		hi[t] = max(min(hi[t], hi[t+1]+b.MaxDischargeKW*h/b.EffD+chargeTol), lo[t])
	}
	soc := b.SoC0
	for t, x := range kw {
		x = min(max(x, -b.MaxDischargeKW), b.MaxChargeKW)
		next := soc + b.Inflow(x)*h
		if c := min(max(next, lo[t]), hi[t]); c != next {
			next = c
			if d := next - soc; d >= 0 {
				x = d / (b.EffC * h)
			} else {
				x = d * b.EffD / h
			}
		}
		kw[t] = x
		soc = next
	}
}
