package master

import "github.com/keeplit/keeplit/optimizer/internal/model"

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

// SettleBattery keeps rounding errors of the charge from adding up.
func SettleBattery(p *model.Problem, kw []float64) {
	b, h := p.Battery, p.Hours()
	lo, hi := BatteryBand(p)
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
