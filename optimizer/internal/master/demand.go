package master

import "math"

// DemandRows are the rows of one demand window, one for each of its groups.
type DemandRows struct {
	Window int
	peak   int32
	Groups [][2]int // slots [from,to)
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
				r.rows = append(r.rows, m.rows(1))
			}
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
		for _, r := range d.rows {
			ind, val = append(ind, r), append(val, -1)
			m.LP.B[r] = w.FloorKW
		}
		d.peak = m.LP.Add(w.PricePerKW, math.Inf(1), ind, val)
		for _, r := range d.rows {
			d.slack = append(d.slack, m.LP.Add(0, math.Inf(1), []int32{r}, []float64{1}))
		}
	}
}
