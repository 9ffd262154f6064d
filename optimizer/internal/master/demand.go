package master

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// DemandRows are the rows of one demand window, one for each of its groups.
type DemandRows struct {
	Window int
	peak   int32
	Groups []model.Group
	rows   []int32
	slack  []int32
}

// demandRows makes a row of each group of slots that lies wholly in a window.
func (m *Programme) demandRows() {
	p := m.Problem
	for w, d := range p.Demand {
		if d.PricePerKW <= 0 {
			continue
		}
		r := DemandRows{Window: w, Groups: d.Groups(p.N)}
		for range r.Groups {
			r.rows = append(r.rows, m.rows(1))
		}
		if len(r.rows) > 0 {
			m.Demand = append(m.Demand, r)
		}
	}
}

// demandColumns adds the peak of each window, which all of its groups share.
func (m *Programme) demandColumns() {
	for i := range m.Demand {
		d := &m.Demand[i]
		w := m.Problem.Demand[d.Window]
		ind, val := []int32{}, []float64{}
		for k, r := range d.rows {
			ind, val = append(ind, r), append(val, -1)
			m.LP.B[r] = max(0, w.FloorKW-d.Groups[k].HeldKW/d.Groups[k].Slots)
		}
		d.peak = m.LP.Add(w.PricePerKW, math.Inf(1), ind, val)
		for _, r := range d.rows {
			d.slack = append(d.slack, m.LP.Add(0, math.Inf(1), []int32{r}, []float64{1}))
		}
	}
}

// Peak is the peak of a window at the programme's present point, its floor at least.
func (m *Programme) Peak(i int) float64 {
	d := &m.Demand[i]
	return m.Problem.Demand[d.Window].FloorKW + m.LP.Value(d.peak)
}
