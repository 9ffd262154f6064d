package master

import "github.com/keeplit/keeplit/optimizer/internal/model"

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
