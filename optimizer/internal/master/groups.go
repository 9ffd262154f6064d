package master

import "math"

// groupRow are the rows, one a slot, of a circuit or of loads that exclude each other.
type groupRow struct {
	first        int32 // row of slot 0
	limit        func(t int) float64
	slack, short []int32
}

// groupRows makes the rows of the circuits, then those of the exclusions, of which one
// load may be on.
func (m *Programme) groupRows() {
	for i := range m.Problem.Circuits {
		c := &m.Problem.Circuits[i]
		m.Group = append(m.Group, groupRow{first: m.rows(m.Problem.N), limit: c.At})
	}
	one := func(int) float64 { return 1 }
	for range m.Problem.Exclusions {
		m.Group = append(m.Group, groupRow{first: m.rows(m.Problem.N), limit: one})
	}
}

// groupColumns adds what each group leaves in a slot, and what it lacks.
func (m *Programme) groupColumns() {
	for i := range m.Group {
		g := &m.Group[i]
		for t := range int32(m.Problem.N) {
			m.LP.B[g.first+t] = g.limit(int(t))
			g.slack = append(g.slack, m.LP.Add(0, math.Inf(1), []int32{g.first + t}, []float64{1}))
			g.short = append(g.short, m.LP.Add(m.Big, math.Inf(1), []int32{g.first + t}, []float64{-1}))
		}
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
