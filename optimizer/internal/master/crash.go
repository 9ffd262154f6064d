package master

import "github.com/keeplit/keeplit/optimizer/internal/lp"

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
			if group[i][t] <= g.limit(t) {
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
			mean := sl.HeldKW / sl.Slots
			for t := sl.From; t < sl.To; t++ {
				for q, g := range m.Slots[t] {
					if !g.Over {
						mean += used[t][q] * g.Draw / sl.Slots
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
